package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// run is one pass under way.
type run struct {
	*Target
	job      provision.Job
	seen     *survey // what was read beforehand; nil: nothing
	w        wanted
	problems []match.Problem
	dropped  map[kind]bool // changes that were given up, with a problem
	secret   secret        // what was written of the password
	later    bool          // groups are not left in this pass: nobody has counted that yet
	wrote    int
}

func (r *run) say(problems ...match.Problem) {
	for _, p := range problems {
		if p.Code != "" {
			r.problems = append(r.problems, p)
		}
	}
}

// Bring makes one pass; see the package's comment for its way.
func (t *Target) Bring(ctx context.Context, job provision.Job) (provision.Pass, error) {
	r := &run{Target: t, job: job, dropped: map[kind]bool{}}
	pass, err := r.bring(ctx)
	if unreadable(err) {
		return r.unread(err), nil
	}
	if err != nil {
		return provision.Pass{}, fmt.Errorf("bring the account of person %s to its state: %w", job.Person, err)
	}
	return pass, nil
}

// unreadable says that an account's objects cannot be read, while others can.
func unreadable(err error) bool { return aboutAccount(err) || errors.Is(err, errObject) }

// unread is the pass over an account that cannot be read: all that was known
// stays.
func (r *run) unread(err error) provision.Pass {
	pass := provision.Pass{Object: r.job.Row.Object, Stamp: r.job.Row.Stamp, Observed: r.job.Row.Observed, Wrote: r.wrote}
	pass.Observed.At, pass.Observed.Ready, pass.Observed.Problems = r.job.Now, false, []match.Problem{refused("read", err)}
	return pass
}

func (r *run) bring(ctx context.Context) (provision.Pass, error) {
	var problems []match.Problem
	r.w, problems = want(r.job, r.layout)
	o, err := r.known(ctx)
	if errors.Is(err, errBehind) {
		return r.behind(), nil
	}
	if errors.Is(err, ldapclient.ErrNotFound) {
		r.say(problems...)
		return r.missing(ctx)
	}
	if err != nil {
		return provision.Pass{}, err
	}
	if p, stop := guard(r.job, o, r.layout); stop {
		r.say(p)
		return r.result(o, r.job.Row.Stamp, remembered(r.job.Row.Observed, o)), nil
	}
	if kept(o.Stamp) != r.job.Row.Stamp {
		return r.takeOver(o), nil
	}
	if err := r.meetRivals(ctx, &o); err != nil {
		return provision.Pass{}, err
	}
	r.say(problems...)
	r.w = r.w.keeping(r.job.Keep)
	if !r.w.Stay && r.w.leaves(o.Groups, r.layout) && !r.Foresee(r.job)[provision.Leave] {
		r.w.Stay, r.later = true, true
	}
	return r.change(ctx, o)
}

// read gives the object of a DN; ErrNotFound where there is none, or no name.
func (t *Target) read(ctx context.Context, dn string) (object, error) {
	if dn == "" {
		return object{}, ldapclient.ErrNotFound
	}
	entries, err := t.client.Search(ctx, ldapclient.Query{Base: dn, Scope: ldapclient.ScopeBase, Attributes: t.layout.attributes(), Limit: 1})
	if err != nil {
		return object{}, fmt.Errorf("read the account: %w", err)
	}
	if len(entries) == 0 {
		return object{}, ldapclient.ErrNotFound
	}
	return t.layout.see(entries[0])
}

// takeOver hands the object's stamp to the store and writes nothing: the next
// pass knows what is newest.
func (r *run) takeOver(o object) provision.Pass {
	return provision.Pass{Object: o.ID[:], SID: o.SID, Stamp: kept(o.Stamp), Observed: r.job.Row.Observed, Again: true, Wrote: r.wrote}
}

// change brings a known object to what is wanted.
func (r *run) change(ctx context.Context, o object) (provision.Pass, error) {
	k := remembered(r.job.Row.Observed, o)
	s, said := choose(r.job, r.w, k, r.layout)
	r.say(said...)
	if o.UPN == "" {
		r.say(r.w.NoUPN)
	}
	list := compare(r.w, o, r.job, r.layout)
	if len(list) == 0 && !s.written() {
		r.secret = s
		return r.result(o, o.Stamp, k), nil
	}
	stamp, err := r.modify(ctx, o, modification{list, s}, k)
	if errors.Is(err, ldapclient.ErrStamp) || errors.Is(err, ldapclient.ErrNotFound) {
		return r.overtaken(ctx, o, err)
	}
	if err != nil {
		return provision.Pass{}, err
	}
	return r.settle(ctx, o, stamp, list, k)
}

// overtaken finds out whether somebody was faster.
func (r *run) overtaken(ctx context.Context, o object, cause error) (provision.Pass, error) {
	now, err := r.read(ctx, ldapclient.GUID(o.ID[:]))
	if errors.Is(err, ldapclient.ErrNotFound) {
		o.Stamp = r.job.Row.Stamp
		return r.takeOver(o), nil
	}
	if err != nil {
		return provision.Pass{}, err
	}
	if now.Stamp == o.Stamp && now.Mark == o.Mark && now.UPN == o.UPN {
		// Nobody was: a value is there that we cannot see.
		r.say(refused("stamp", cause))
		return r.result(now, o.Stamp, remembered(r.job.Row.Observed, now)), nil
	}
	return r.takeOver(now), nil
}

// settle does what no stamp can guard, reads back, and says what came of it. o
// is the object as it was before.
func (r *run) settle(ctx context.Context, o object, stamp string, list []change, k known) (provision.Pass, error) {
	dn, err := r.move(ctx, o, list)
	if err != nil {
		return provision.Pass{}, err
	}
	for _, c := range list {
		if err := r.member(ctx, dn, c); err != nil {
			return provision.Pass{}, err
		}
	}
	now, err := r.read(ctx, ldapclient.GUID(o.ID[:]))
	if errors.Is(err, ldapclient.ErrNotFound) {
		o.Stamp = stamp
		return r.takeOver(o), nil
	}
	if err != nil {
		return provision.Pass{}, err
	}
	if now.Stamp != stamp {
		return r.takeOver(now), nil
	}
	now.Rivals = o.Rivals
	for _, c := range compare(r.w, now, r.job, r.layout) {
		if !r.dropped[c.kind] {
			r.say(match.Problem{Code: match.ADRefused, Arg: c.what()})
		}
	}
	if r.secret.written() {
		k = r.confirm(o, now)
	}
	return r.result(now, stamp, k), nil
}

// confirm says what we know of the password after a write: it is in place when
// our stamp is there and the directory's time of the last change has moved.
func (r *run) confirm(before, now object) known {
	moved := now.PasswordSet != before.PasswordSet && now.PasswordSet != "" && now.PasswordSet != "0"
	if !moved {
		r.secret = leaveIt
		r.say(match.Problem{Code: match.ADRefused, Arg: "unicodePwd"})
		return known{}
	}
	if p := waiting(r.job); p != nil && r.secret == deliver {
		return known{p.Epoch, p.Tag}
	}
	return known{}
}

// result is the pass over an object that was seen as o.
func (r *run) result(o object, stamp string, k known) provision.Pass {
	pass := provision.Pass{Object: o.ID[:], SID: o.SID, Stamp: kept(stamp), Wrote: r.wrote}
	pass.Observed = provision.Observed{
		At: r.job.Now, Name: o.Name, UPN: o.UPN, Display: o.Display, Place: o.DN, Groups: r.layout.known(o.Groups), Server: r.server(), Enabled: o.enabled(),
		Problems: unique(r.problems), Ready: len(r.problems) == 0 && r.job.Keep == provision.Drastic{},
		PasswordSet: o.PasswordSet, PasswordEpoch: k.epoch, PasswordTag: k.tag, Replaced: r.job.Row.Observed.Replaced,
	}
	if r.secret != leaveIt {
		pass.Observed.Replaced = r.job.Row.OthersBefore
	}
	// What was seen now is foreseen by the next pass, and the brake counts it. Without a
	// stamp of ours nothing of the account can be written.
	if r.later && isStamp(stamp) && r.w.leaves(o.Groups, r.layout) {
		pass.Again, pass.Observed.Ready = true, false
	}
	pass.Renamed = r.job.Row.Rename && strings.EqualFold(o.Name, r.job.Row.Name)
	if p := waiting(r.job); p != nil && (r.secret == deliver || r.secret == haveIt) {
		id := p.ID
		pass.Delivered = &id
	} else if p != nil && (refusedBefore(r.job) || slices.Contains(r.problems, match.Problem{Code: match.ADPasswordRefused})) {
		pass.Observed.PasswordRefused = p.ID[:]
	}
	return pass
}
