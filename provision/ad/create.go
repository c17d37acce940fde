package ad

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// missing is a pass over an account that has no object, or has lost it.
func (r *run) missing(ctx context.Context) (provision.Pass, error) {
	if !r.w.Enabled {
		return r.unneeded(ctx)
	}
	if !r.possible() {
		return r.nothing(), nil
	}
	return r.create(ctx)
}

// possible says whether an object can be made, or why not.
func (r *run) possible() bool {
	if r.w.Name == "" {
		r.say(match.Problem{Code: match.LoginNotUsable})
	}
	return r.w.Name != "" && r.w.Parent != "" // of the place want has spoken
}

// nothing is the pass over an account without an object. The Teams login that it
// had is remembered: one that is made anew gets it again.
func (r *run) nothing() provision.Pass {
	return provision.Pass{
		Object: r.job.Row.Object, Stamp: r.job.Row.Stamp, Wrote: r.wrote,
		Observed: provision.Observed{At: r.job.Now, UPN: r.job.Row.Observed.UPN, Problems: unique(r.problems), Ready: len(r.problems) == 0},
	}
}

// unneeded makes no object for somebody who may not sign in. A create whose
// reply was lost may have left one; that one is taken over, to be disabled.
func (r *run) unneeded(ctx context.Context) (provision.Pass, error) {
	r.problems = nil
	if r.job.Row.Name == "" {
		return r.nothing(), nil
	}
	found, err := r.holders(ctx, samName, r.job.Row.Name)
	if err != nil {
		return provision.Pass{}, err
	}
	for _, o := range found {
		if marked(o, r.job.Person) {
			return r.takeOver(o), nil
		}
	}
	return r.nothing(), nil
}

// create makes the object in one request. Whatever leaves doubt is looked up;
// no other name is tried.
func (r *run) create(ctx context.Context) (provision.Pass, error) {
	s, said := choose(r.job, r.w, known{}, r.layout)
	if s != deliver { // Windows makes no enabled account without a password
		s = scramble
	}
	said = append(said, r.w.NoUPN)
	stamp, err := r.newStamp()
	if err != nil {
		return provision.Pass{}, err
	}
	dn := "CN=" + ldapclient.EscapeDN(r.w.Name) + "," + r.w.Parent
	for made := false; ; {
		password, err := r.password(s)
		if err != nil {
			return provision.Pass{}, err
		}
		err = r.client.Add(ctx, dn, r.newObject(stamp, password))
		switch {
		case err == nil:
			r.wrote++
			r.secret = s
			r.say(said...) // of no interest where there is no object
			return r.created(ctx, dn, stamp)
		case !aboutAccount(err):
			return provision.Pass{}, err
		case badPassword(err) && s == deliver:
			s = scramble
			said = append(said, match.Problem{Code: match.ADPasswordRefused})
		case len(r.w.Mapped) > 0 && !errors.Is(err, ldapclient.ErrExists) && !errors.Is(err, ldapclient.ErrNotFound):
			// What the configuration asks for beside must not keep anybody from an account.
			r.w.Mapped, said = nil, append(said, refused("attributes", err))
		case errors.Is(err, ldapclient.ErrNotFound) && !made:
			made = true
			if err := r.makeOUs(ctx, r.w.Parent); err != nil {
				return provision.Pass{}, err
			}
		default:
			return r.inDoubt(ctx, err)
		}
	}
}

func (r *run) newObject(stamp string, password []byte) []ldapclient.Attribute {
	list := []ldapclient.Attribute{
		ldapclient.Texts("objectClass", "top", "person", "organizationalPerson", "user"),
		ldapclient.Texts("sAMAccountName", r.w.Name),
		ldapclient.Texts("userAccountControl", strconv.FormatUint(uint64(control(uacNormal, true, r.layout.expire)), 10)),
		ldapclient.Texts(r.layout.mark, r.job.Person.String()),
		ldapclient.Texts(r.layout.stamp, stamp),
		{Name: "unicodePwd", Values: [][]byte{password}},
	}
	if r.w.UPN != "" {
		list = append(list, ldapclient.Texts("userPrincipalName", r.w.UPN))
	}
	for _, t := range append(r.w.Texts[:len(r.w.Texts):len(r.w.Texts)], r.w.Mapped...) {
		list = append(list, ldapclient.Texts(t.attribute, t.value))
	}
	return list
}

// created goes on with the object that was just made.
func (r *run) created(ctx context.Context, dn, stamp string) (provision.Pass, error) {
	o, err := r.read(ctx, dn)
	if errors.Is(err, ldapclient.ErrNotFound) { // moved or gone already: look again
		pass := r.nothing()
		pass.Observed, pass.Again = r.job.Row.Observed, true
		return pass, nil
	}
	if err != nil {
		return provision.Pass{}, err
	}
	if o.Stamp != stamp {
		return r.takeOver(o), nil
	}
	list := compare(r.w, o, r.job, r.layout)
	o.PasswordSet = "" // as it was before there was an object
	return r.settle(ctx, o, stamp, list, known{})
}

// inDoubt finds out why an object was not made: because it is there already,
// made by a request whose reply was lost or by another worker, or because the
// name is somebody else's.
func (r *run) inDoubt(ctx context.Context, cause error) (provision.Pass, error) {
	found, err := r.byNames(ctx)
	if err != nil {
		return provision.Pass{}, err
	}
	own, err := r.own(ctx, found)
	if err != nil {
		return provision.Pass{}, err
	}
	if own != nil {
		return r.takeOver(*own), nil
	}
	r.say(whose(found, cause))
	return r.nothing(), nil
}

// byNames gives the objects that have the account's names.
func (r *run) byNames(ctx context.Context) ([]object, error) {
	found, err := r.holders(ctx, samName, r.w.Name)
	if err != nil || r.w.UPN == "" {
		return found, err
	}
	more, err := r.holders(ctx, principalName, r.w.UPN)
	return append(found[:len(found):len(found)], more...), err
}

// holders gives the objects that have a name.
func (r *run) holders(ctx context.Context, attribute, value string) ([]object, error) {
	if found, certain := r.seen.with(attribute, value); certain {
		return found, nil
	}
	return r.lookUp(ctx, attribute, value)
}

// own gives the object that has the person's mark, among those found or
// anywhere: of several the one with the reserved name, else the oldest.
func (r *run) own(ctx context.Context, found []object) (*object, error) {
	if own := ownOf(found, r.job.Person.String(), r.w.Name); own != nil {
		return own, nil
	}
	// Only now, because the mark is not indexed.
	claimed, err := r.lookUp(ctx, r.layout.mark, r.job.Person.String())
	return ownOf(claimed, r.job.Person.String(), r.w.Name), err
}

func ownOf(found []object, mark, name string) *object {
	found = slices.DeleteFunc(slices.Clone(found), func(o object) bool { return !strings.EqualFold(o.Mark, mark) })
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b object) int {
		if an, bn := strings.EqualFold(a.Name, name), strings.EqualFold(b.Name, name); an != bn {
			if an {
				return -1
			}
			return 1
		}
		return a.Created.Compare(b.Created)
	})
	return &found[0]
}

// whose says what it means that others have an account's names, or that none
// are seen who do.
func whose(found []object, cause error) match.Problem {
	switch {
	case len(found) > 0 && found[0].Mark == "" && !found[0].Guarded:
		return match.Problem{Code: match.ADUnowned}
	case len(found) > 0, errors.Is(cause, ldapclient.ErrExists): // one that we may not see, or a cn
		return match.Problem{Code: match.ADNameTaken}
	}
	return refused("create", cause)
}
