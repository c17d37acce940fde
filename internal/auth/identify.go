package auth

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Profiler says all that mos.ru knows of the owner of a login and password.
// Errors are those of Upstream.
type Profiler interface {
	Profile(ctx context.Context, login string, password identity.Password) (person.Profile, error)
}

// Identified is what mos.ru said of somebody, and when it was asked: what
// happened to the password after that is not in it.
type Identified struct {
	Profile person.Profile
	Asked   time.Time
}

// Identify proves who somebody is on mos.ru, with an account here or without:
// for activation. Any of mos.ru's four kinds of names serves. The limits are
// those of a sign-in, so that the form is no better place to guess at. The
// verdict is audited; it carries no grant.
func (a *Authenticator) Identify(ctx context.Context, c identity.Credential, from Profiler) (Identified, identity.Verdict) {
	start := a.opt.Now()
	who, v := a.identify(ctx, &c, from, start)
	if v.Outcome == identity.Rejected {
		v.NotBefore = start.Add(a.delay.rejection())
	}
	a.report(&c, &v, start)
	return who, v
}

func (a *Authenticator) identify(ctx context.Context, c *identity.Credential, from Profiler, now time.Time) (who Identified, v identity.Verdict) {
	if !wellFormed(c) {
		return who, identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	proof := c.Proof.(identity.Password)
	if proof == "" {
		return who, rejected(identity.ReasonEmptyPassword)
	}
	name := a.bareName(c.Name)
	asked, t := name, a.guard.try(a.typedKey(name), true, 0, c)
	e, known := a.opt.Directory.Lookup(name)
	if known = known && e.MosruLogin != ""; known {
		v.Person, v.Login = e.Person, e.Login
		asked, t = e.MosruLogin, a.guard.try(key(e.Person), false, e.Epoch, c)
	}
	if !a.guard.admit(&t, now) {
		v.Outcome, v.Reason = identity.Unavailable, identity.ReasonThrottled
		return who, v
	}
	m := a.tagger.marks(t.key, proof, now)
	if a.guard.knownBad(&t, m, now) {
		v.Outcome, v.Reason = identity.Rejected, identity.ReasonKnownBad
		return who, v
	}
	q := inquiry{from: from, asked: asked, proof: proof, entry: e, try: t, marks: m}
	if !known {
		q.entry = nil
	}
	r := a.inquire(ctx, q)
	v.Outcome, v.Reason = r.outcome, r.reason
	return r.who, v
}

// inquiry is one question to mos.ru about somebody who activates.
type inquiry struct {
	from  Profiler
	asked string // the name that mos.ru is asked with
	proof identity.Password
	entry *directory.Entry // nil: nobody with an account here
	try   try
	marks marks
}

// key is equal for equal questions under one epoch.
func (q inquiry) key() string {
	k := binary.BigEndian.AppendUint64(q.try.key[:], q.marks.today)
	return string(binary.BigEndian.AppendUint64(k, q.try.epoch))
}

// inquired is what an inquiry came to.
type inquired struct {
	who     Identified
	outcome identity.Outcome
	reason  identity.Reason
}

// inquire asks once for all who ask the same at the same moment: somebody who
// presses the button again, or twice, is no guesser. As at a sign-in, the
// question goes on when the one who waits for it gives up.
func (a *Authenticator) inquire(ctx context.Context, q inquiry) inquired {
	answer := a.inquiries.DoChan(q.key(), func() (any, error) { return a.inquiry(q), nil })
	select {
	case r := <-answer:
		return r.Val.(inquired)
	case <-ctx.Done():
		return inquired{outcome: identity.Unavailable, reason: identity.ReasonUpstreamDown}
	}
}

func (a *Authenticator) inquiry(q inquiry) (r inquired) {
	r.outcome, r.reason = identity.Unavailable, a.guard.reserve(&q.try, a.opt.Now())
	if r.reason != "" {
		return r
	}
	asked := a.opt.Now()
	profile, err := a.profile(q.from, q.asked, q.proof)
	now := a.opt.Now()
	if q.entry == nil {
		a.guard.settle(&q.try, q.marks, strangersAnswer(err), now)
	} else {
		// A subject that is not the bound one counts as no answer.
		a.settle(q.entry, &q.try, q.marks, result{subject: profile.Subject, err: err}, now)
		if err == nil && profile.Subject != q.entry.Subject {
			r.outcome, r.reason = identity.Rejected, identity.ReasonReassigned
			return r
		}
	}
	r.outcome, r.reason = identified(err)
	r.who = Identified{Profile: profile, Asked: asked}
	return r
}

// profile asks within the bound of any upstream call.
func (a *Authenticator) profile(from Profiler, name string, proof identity.Password) (p person.Profile, err error) {
	if !a.begin() {
		return p, fmt.Errorf("%w: stopping", identity.ErrUnreachable)
	}
	defer a.work.Done()
	ctx, cancel := context.WithTimeout(a.life, a.opt.AskTimeout)
	defer cancel()
	defer func() {
		if broken := recover(); broken != nil {
			// The value may hold what was typed.
			err = fmt.Errorf("%w: panic", identity.ErrFault)
			a.opt.Logger.Error("auth: the upstream's client broke", "type", fmt.Sprintf("%T", broken), "stack", string(debug.Stack()))
		}
	}()
	start := a.opt.Now()
	p, err = from.Profile(ctx, name, proof)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: %w", identity.ErrUnreachable, err)
	}
	took := a.opt.Now().Sub(start)
	if errors.Is(err, identity.ErrWrongPassword) {
		a.delay.saw(took)
	}
	a.metrics.upstream(err, took)
	return p, err
}

// typedKey is the key of a name without an account here. What a device tried
// with it before the activation (and was refused without asking mos.ru) does
// not count in it.
func (a *Authenticator) typedKey(name string) (k key) {
	sum := a.phantom.over(key{}, 3, identity.Password(person.FoldName(name)))
	copy(k[:], sum[:])
	return k
}

// strangersAnswer is what mos.ru's answer about somebody without an account
// means to the guard.
func strangersAnswer(err error) answer {
	switch {
	case err == nil:
		return answerRight
	case errors.Is(err, identity.ErrWrongPassword):
		return answerWrong
	case errors.Is(err, identity.ErrLocked):
		return answerLocked
	case errors.Is(err, identity.ErrSecondFactor):
		return answerFactor
	}
	return answerNone
}

func identified(err error) (identity.Outcome, identity.Reason) {
	switch {
	case err == nil:
		return identity.Accepted, identity.ReasonConfirmed
	case errors.Is(err, identity.ErrWrongPassword):
		return identity.Rejected, identity.ReasonWrongPassword
	}
	return identity.Unavailable, upstreamReason(err)
}

// Learn takes over what mos.ru confirmed for an activation: the person who
// just typed the password need not wait for mos.ru at the first sign-in, and
// the methods that never show a password can check it. epoch is the one that
// the activation found; nothing is learnt once it has moved on.
func (a *Authenticator) Learn(id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time) {
	e, ok := a.opt.Directory.Get(id)
	if !ok || e.Epoch != epoch {
		return
	}
	a.confirm.add(a.confirm.mac.over(key(id), epoch, proof), asked)
	a.keep(e, proof, asked)
}
