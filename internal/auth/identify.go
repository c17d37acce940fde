package auth

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

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

// Identify proves who somebody is at home, with an account here or without: for
// activation. from is mos.ru's, of whose names any of the four kinds serves; the
// other homes bring theirs. The limits are
// those of a sign-in, so that the form is no better place to guess at. The
// verdict carries no grant; it is audited unless it is accepted, for then the
// caller decides what comes of it, and says so to Report.
func (a *Authenticator) Identify(ctx context.Context, c identity.Credential, from Profiler) (Identified, identity.Verdict) {
	start := a.opt.Now()
	who, believed, v := a.identify(ctx, &c, from, start)
	if v.Outcome == identity.Rejected || v.Outcome == identity.Unavailable { // how soon we know that we cannot tell would tell, too
		v.NotBefore = start.Add(a.usual())
	}
	if v.Outcome != identity.Accepted {
		a.reportAbout(&c, &v, believed, start)
	}
	return who, v
}

// reportAbout is report of somebody who typed a name that is only believed to be a
// person's: a phone, an e-mail, a СНИЛС. The line is that person's, as one of what
// anybody can cause with her name; where there were too many of those, nobody's.
func (a *Authenticator) reportAbout(c *identity.Credential, v *identity.Verdict, believed identity.PersonID, start time.Time) {
	of := refusalOf{device: c.Source.Addr.String(), reason: v.Reason}
	if v.Person.IsZero() && !believed.IsZero() && a.refusals.may(of, believed, start) {
		a.reportAs(AuditRefused, believed, c, v, start)
		return
	}
	a.report(c, v, start)
}

// Report audits and counts what came of somebody whom Identify proved.
func (a *Authenticator) Report(c identity.Credential, v identity.Verdict, start time.Time) {
	a.report(&c, &v, start)
}

// identify is Identify without its report; believed is whose the name seems to be.
func (a *Authenticator) identify(ctx context.Context, c *identity.Credential, from Profiler, now time.Time) (who Identified, believed identity.PersonID, v identity.Verdict) {
	if !wellFormed(c) {
		return who, believed, identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	if !a.inTouch(now) {
		return who, believed, unavailable(identity.ReasonCutOff)
	}
	proof := c.Proof.(identity.Password)
	if proof == "" {
		return who, believed, rejected(identity.ReasonEmptyPassword)
	}
	name, marked := a.bareName(c.Name)
	s, err := a.suspect(ctx, name, marked, c)
	if err != nil {
		a.opt.Logger.Error("auth: whose a name is cannot be read", "request", c.Source.Request, "error", err)
		return who, believed, unavailable(identity.ReasonCutOff)
	}
	if s.entry != nil {
		believed = s.entry.Person
	}
	if s.named {
		v.Person, v.Login = s.entry.Person, s.entry.Login
	}
	if !a.guard.admit(&s.try, now) {
		v.Outcome, v.Reason = identity.Unavailable, identity.ReasonThrottled
		return who, believed, v
	}
	m := a.tagger.marks(s.tags, proof, now)
	if a.guard.knownBad(&s.try, m, now) {
		v.Outcome, v.Reason = identity.Rejected, identity.ReasonKnownBad
		return who, believed, v
	}
	r := a.inquire(ctx, inquiry{from: from, suspect: s, name: name, proof: proof, marks: m})
	if r.Person.IsZero() {
		r.Person, r.Login = v.Person, v.Login
	}
	if r.Person.IsZero() {
		r.Upstream = s.home.name
	}
	return r.who, believed, r.Verdict
}

// inquiry is one question to mos.ru about somebody who activates.
type inquiry struct {
	suspect
	from  Profiler
	name  string // as typed, without domain and realm
	proof identity.Password
	marks Marks
}

// key is equal for equal questions under one epoch.
func (q inquiry) key() string {
	k := binary.BigEndian.AppendUint64(q.tags[:], q.marks.Today)
	return string(binary.BigEndian.AppendUint64(k, q.try.epoch))
}

// inquired is what an inquiry came to.
type inquired struct {
	who Identified
	identity.Verdict
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
		return inquired{Verdict: unavailable(identity.ReasonUpstreamDown)}
	}
}

func (a *Authenticator) inquiry(q inquiry) (r inquired) {
	asked := a.opt.Now()
	if reason := a.guard.reserve(&q.try, asked); reason != "" {
		r.Verdict = held(reason)
		return r
	}
	if reason := a.count(a.life, &q.try, q.marks); reason != "" {
		r.Verdict = held(reason)
		return r
	}
	asked = a.opt.Now()
	profile, err := a.profile(q)
	if reason := a.learnt(q.suspect, q.marks, q.proof, profile.Subject, err, asked); reason != "" {
		r.Outcome, r.Reason = identity.Rejected, reason
		return r
	}
	if r.Outcome, r.Reason = identified(err); r.Outcome == identity.Accepted {
		r.who = Identified{profile, asked}
		if q.entry != nil && q.entry.Subject == profile.Subject {
			r.Person, r.Login = q.entry.Person, q.entry.Login
		}
		if q.home == a.homes.all[0] {
			a.link(q.name, profile)
		}
	}
	return r
}

// learnt books mos.ru's answer. It gives LOGIN_REASSIGNED where the name is of
// somebody here and mos.ru answers with somebody else.
func (a *Authenticator) learnt(s suspect, m Marks, proof identity.Password, subject identity.Subject, err error, asked time.Time) identity.Reason {
	now := a.opt.Now()
	if s.entry == nil {
		a.book(&s.try, m, strangersAnswer(err), now)
		return ""
	}
	if err == nil && subject == s.entry.Subject {
		m = a.tagger.marks(s.try.key, proof, asked) // whatever was typed: it is this person's password
	}
	a.settle(s.entry, &s.try, m, result{subject: subject, err: err}, now)
	switch {
	case !s.named:
	case ended(err):
		a.confirm.drop(a.confirm.mac.over(s.try.key, s.entry.Epoch, proof))
		if a.begin() {
			go func() {
				defer a.work.Done()
				a.disown(s.entry, proof, asked)
			}()
		}
	case err == nil && subject != s.entry.Subject:
		return identity.ReasonReassigned
	}
	return ""
}

// profile asks within the bound of any upstream call. It goes on when the one
// who waits has gone: mos.ru counts the try all the same, and so must we, or
// whoever hangs up in time could lock somebody's city account.
func (a *Authenticator) profile(q inquiry) (p person.Profile, err error) {
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
	from := q.home.known
	if q.home == a.homes.all[0] {
		from = q.from
	}
	p, err = from.Profile(ctx, q.asked, q.proof)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: %w", identity.ErrUnreachable, err)
	}
	took := a.opt.Now().Sub(start)
	if errors.Is(err, identity.ErrWrongPassword) {
		q.home.delay.saw(took)
	}
	a.metrics.upstream(err, took)
	return p, err
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
	return answerClosed(err)
}

func identified(err error) (identity.Outcome, identity.Reason) {
	switch {
	case err == nil:
		return identity.Accepted, identity.ReasonConfirmed
	case errors.Is(err, identity.ErrWrongPassword):
		return identity.Rejected, identity.ReasonWrongPassword
	}
	v := unconfirmed(err)
	return v.Outcome, v.Reason
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
	mark := a.confirm.mac.over(key(id), epoch, proof)
	a.confirm.add(mark, asked)
	a.keep(e, mark, proof, asked)
}
