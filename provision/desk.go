package provision

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// SignIns is what the desk needs of sign-ins; the authenticator is behind it.
type SignIns interface {
	// Identify proves who somebody is at mos.ru, with an account here or
	// without. asked is when mos.ru was asked. What is accepted is not in the
	// audit trail until Report says what came of it.
	Identify(ctx context.Context, c identity.Credential) (profile person.Profile, asked time.Time, v identity.Verdict)
	// Report takes what came of a credential that Identify accepted.
	Report(c identity.Credential, v identity.Verdict, start time.Time)
	// Authenticate is a sign-in of somebody with an account.
	Authenticate(ctx context.Context, c identity.Credential) identity.Verdict
	// Learn takes over a password that mos.ru has confirmed, unless the
	// person's epoch has moved on.
	Learn(id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time)
	// Seen says that sign-ins on this replica know the person.
	Seen(id identity.PersonID) bool
}

// Statuses tells how far a person's accounts are; the store implements it.
type Statuses interface {
	Status(ctx context.Context, id identity.PersonID) ([]Status, error)
}

// DeskOptions are what a Desk may be told; the zero value is sensible.
type DeskOptions struct {
	// Wait is how long an answer may wait for the account to be ready
	// everywhere; 0: 4 s. What is not ready by then is pending.
	Wait time.Duration
	// AtOnce is how many answers may wait; those beyond leave at once. 0: 64.
	AtOnce int
	// Stopping, once closed, ends the waiting; nil: never.
	Stopping <-chan struct{}
	Now      func() time.Time
	Logger   *slog.Logger
}

// Desk is where people activate: one call takes somebody who typed a name and a
// password all the way, and says what came of it.
//
//	name, password ─► SignIns.Identify ─► Activator.Activate ─► Learn ─► wait for the targets ─► Answer
//
// Who comes from mos.ru's own page begins at Arrive (arrive.go). A Desk is safe
// for concurrent use.
type Desk struct {
	signIns   SignIns
	activator *Activator
	statuses  Statuses
	o         DeskOptions
	places    chan struct{} // of those who wait
}

// NewDesk joins its parts.
func NewDesk(s SignIns, a *Activator, statuses Statuses, o DeskOptions) *Desk {
	if o.Wait <= 0 {
		o.Wait = 4 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 64
	}
	return &Desk{s, a, statuses, o, make(chan struct{}, o.AtOnce)}
}

// Activate makes whoever the credential proves exactly one account. Repeated
// and concurrent calls give equal answers, but for how far the targets are.
func (d *Desk) Activate(ctx context.Context, c identity.Credential) Answer {
	return d.activate(ctx, c, "")
}

// activate takes the subject that it has to be, "" for anybody.
func (d *Desk) activate(ctx context.Context, c identity.Credential, who identity.Subject) Answer {
	start := d.o.Now()
	profile, asked, v := d.signIns.Identify(ctx, c)
	if v.Outcome == identity.Accepted && who != "" && profile.Subject != who {
		v = identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonReassigned}
		d.signIns.Report(c, v, start)
	}
	if v.Outcome != identity.Accepted {
		return refusal(v)
	}
	proof := c.Proof.(identity.Password)
	a, done := d.settle(ctx, c, Request{Profile: profile, Password: proof, Asked: asked, Source: c.Source}, v, start)
	if done.Login == "" { // nothing, or a parent
		return a
	}
	d.await(ctx, done, proof, asked)
	return d.complete(ctx, a, done.Person)
}

// settle writes what a proved person comes to, and tells the audit trail.
func (d *Desk) settle(ctx context.Context, c identity.Credential, r Request, v identity.Verdict, start time.Time) (Answer, person.Activated) {
	result, err := d.activator.Activate(ctx, r, d.o.Now())
	if err != nil {
		return d.unwritten(ctx, c, v, start, err), person.Activated{}
	}
	if result.Verdict.Decision != match.Match {
		a := undecided(result.Verdict)
		a.Profile = r.Profile
		code, _, _ := strings.Cut(a.Problem, "(")
		v.Outcome, v.Reason = identity.Rejected, identity.Reason(code)
		d.signIns.Report(c, v, start)
		return a, person.Activated{}
	}
	done := result.Activated
	v.Person, v.Login = done.Person, done.Login
	d.signIns.Report(c, v, start)
	a := Answer{State: StateActive, Login: done.Login, Person: done.Person, Profile: r.Profile, Roles: result.Verdict.Roles, Problems: result.Verdict.Problems}
	if done.Login == "" { // a parent
		a.Login = identity.Login(r.Profile.Login)
	}
	return a, done
}

// unwritten is the answer where the store did not serve.
func (d *Desk) unwritten(ctx context.Context, c identity.Credential, v identity.Verdict, start time.Time, err error) Answer {
	if ctx.Err() == nil { // else nobody waits for it any more
		d.o.Logger.Error("an activation cannot be written", "request", c.Source.Request, "error", err)
	}
	v.Outcome, v.Reason = identity.Unavailable, identity.ReasonCutOff
	d.signIns.Report(c, v, start)
	return refusal(v)
}

// Progress tells somebody with an account how far it is. The credential is
// checked as at any sign-in, and as there a refusal does not say why: mos.ru may
// not have been asked, and nobody who guesses shall learn who has an account
// and who has left.
func (d *Desk) Progress(ctx context.Context, c identity.Credential) Answer {
	v := d.signIns.Authenticate(ctx, c)
	switch {
	case v.Outcome == identity.Rejected:
		v.Reason = identity.ReasonWrongPassword
	case v.Outcome == identity.Unavailable && v.Reason != identity.ReasonCutOff:
		v.Reason = identity.ReasonUpstreamDown
	}
	if v.Outcome != identity.Accepted {
		return refusal(v)
	}
	return d.complete(ctx, Answer{State: StateActive, Login: v.Login}, v.Person)
}

// refusal is the answer to somebody whom mos.ru did not confirm.
func refusal(v identity.Verdict) Answer {
	a := Answer{State: StateRefused, Problem: string(v.Reason), NotBefore: v.NotBefore}
	if v.Outcome == identity.Unavailable {
		a.State = StateUnavailable
	}
	return a
}

// undecided is the answer where nothing was bound. It names the problem that is to
// be repaired first.
func undecided(v match.Verdict) Answer {
	a := Answer{State: StateRefused, Problem: string(match.NoSuchAccount), Problems: v.Problems}
	if v.Decision == match.Manual {
		a.State = StateManual
	}
	if p, ok := match.First(v.Problems); ok {
		a.Problem = p.String()
	}
	return a
}

// Await looks whether the account is ready after pollFirst, and then ever less
// often, up to pollLast: where the target is slow, many wait.
const (
	pollFirst = 50 * time.Millisecond
	pollLast  = 400 * time.Millisecond
)

// await waits until the account is known here and ready in its targets, or
// stuck there, at most as long as an answer may take. The password is learnt
// as soon as the person is known here. Each who waits asks the store again and
// again, so that not too many may.
func (d *Desk) await(ctx context.Context, done person.Activated, proof identity.Password, asked time.Time) {
	wait := d.o.Wait
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	default:
		wait = 0
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	learnt := false
	for pause := pollFirst; ; pause = min(pause*3/2, pollLast) {
		if d.signIns.Seen(done.Person) {
			if !learnt && done.Epoch != 0 {
				d.signIns.Learn(done.Person, done.Epoch, proof, asked)
				learnt = true
			}
			list, err := d.statuses.Status(ctx, done.Person)
			if err != nil || settled(list) {
				return
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-d.o.Stopping:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// settled says that no target has anything to do any more.
func settled(list []Status) bool {
	for _, s := range list {
		if s.Progress() == Pending {
			return false
		}
	}
	return true
}

// Progress says how far the account is.
func (s Status) Progress() Progress {
	switch {
	case s.Pending:
		return Pending
	case s.Ready:
		return Ready
	}
	return Stuck
}

// complete adds the logins and the targets.
func (d *Desk) complete(ctx context.Context, a Answer, id identity.PersonID) Answer {
	a.PC, a.WiFi = string(a.Login), string(a.Login)
	a.Targets = map[string]Progress{"wifi": Pending}
	if d.signIns.Seen(id) {
		a.Targets["wifi"] = Ready
	}
	list, err := d.statuses.Status(ctx, id)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		d.o.Logger.Error("the state of an account cannot be read", "person", id.String(), "error", err)
	}
	for _, s := range list {
		a.Targets[s.Target] = s.Progress()
		a.PC, a.Teams = s.Name, s.UPN
		if s.Progress() == Stuck {
			a.Problems = append(a.Problems, s.Problems...)
		}
		for _, p := range s.Duplicates {
			if !slices.Contains(a.Problems, p) {
				a.Problems = append(a.Problems, p)
			}
		}
	}
	return a
}
