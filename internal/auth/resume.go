package auth

import (
	"context"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// Resume repeats a success from its voucher: TLS session resumption. The person,
// the epoch and every gate are asked again, and what the success rests on must
// not be too old: a kept hash as for an MSCHAPv2 answer, else a confirmation as
// for a password. FULL_SIGN_IN_NEEDED says that the peer has to show the
// password again, and that nobody did anything wrong; every other rejection
// would meet a full sign-in too. The verdict is audited and counted as a
// sign-in's; its voucher is the one that came, for repeating a success makes it
// no younger.
func (a *Authenticator) Resume(ctx context.Context, v identity.Voucher, channel identity.Channel, src identity.Source) identity.Verdict {
	start := a.opt.Now()
	c := identity.Credential{Channel: channel, Source: src}
	verdict := a.bounded(&c, a.resume(ctx, v, &c, start))
	if verdict.Outcome == identity.Accepted {
		a.guard.recognise(key(verdict.Person), &c)
	}
	if verdict.Outcome == identity.Rejected && verdict.Reason != identity.ReasonFullSignIn {
		verdict.NotBefore = start.Add(a.usual())
	}
	c.Name = string(verdict.Login)
	a.report(&c, &verdict, start)
	return verdict
}

// Resumable says whether Resume would accept, and leaves no trace: front-ends
// ask it for a ticket that whoever sent it may only have overheard.
func (a *Authenticator) Resumable(ctx context.Context, v identity.Voucher, channel identity.Channel, src identity.Source) bool {
	c := identity.Credential{Channel: channel, Source: src}
	return a.resume(ctx, v, &c, a.opt.Now()).Outcome == identity.Accepted
}

func (a *Authenticator) resume(ctx context.Context, v identity.Voucher, c *identity.Credential, now time.Time) identity.Verdict {
	if !a.inTouch(now) {
		return unavailable(identity.ReasonCutOff)
	}
	e, ok := a.opt.Directory.Get(v.Person)
	if !ok {
		return rejected(identity.ReasonUnknown)
	}
	verdict := identity.Verdict{Person: e.Person, Login: e.Login}
	if reason := a.vouched(ctx, e, v, now); reason != "" {
		verdict.Outcome, verdict.Reason = identity.Unavailable, reason
		if reason == identity.ReasonFullSignIn {
			verdict.Outcome = identity.Rejected
		}
		return verdict
	}
	if e, ok = a.opt.Directory.Get(v.Person); !ok || e.Epoch != v.Epoch { // that may have waited
		verdict.Outcome, verdict.Reason = identity.Rejected, identity.ReasonFullSignIn
		return verdict
	}
	verdict.Grant, verdict.Reason = pass(e, a.opt.Policy(), c.Channel, &c.Source, a.opt.Now())
	if verdict.Reason != "" {
		verdict.Outcome = identity.Rejected
		return verdict
	}
	verdict.Outcome, verdict.Reason, verdict.Voucher = identity.Accepted, identity.ReasonResumed, v
	return verdict
}

// vouched says why a voucher counts no more, or cannot be judged now.
func (a *Authenticator) vouched(ctx context.Context, e *directory.Entry, v identity.Voucher, now time.Time) identity.Reason {
	switch {
	case e.Epoch != v.Epoch, v.At.IsZero(), v.Hash != 0 && a.opt.NTOff, v.Hash == 0 && !a.confirm.stands(v.At, now, tells(e)):
		return identity.ReasonFullSignIn
	case v.Hash == 0:
		return ""
	}
	k, _, lost := a.keptHash(ctx, e, now)
	switch {
	case lost != "" && lost != identity.ReasonEpochMoved:
		return lost
	case lost != "", k.mark != v.Hash, a.hashes.tooOld(v.At.UnixNano(), now, tells(e)), v.At.Sub(now) > time.Minute:
		return identity.ReasonFullSignIn
	}
	return ""
}
