package auth

import (
	"context"
	"crypto/subtle"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// answer decides an MSCHAPv2 answer of somebody who was recognised. Whoever may
// not try is told so before the store is read for a hash. That may wait: what was
// asked before it is asked again, and from then on all is judged as of one moment.
func (a *Authenticator) answer(ctx context.Context, c *identity.Credential, m *identity.MSCHAPv2, e *directory.Entry, now time.Time) identity.Verdict {
	if a.opt.NTOff {
		return rejected(identity.ReasonHashOff)
	}
	t, grant, no := a.mayAnswer(c, m, e, now)
	if no.Outcome != 0 {
		return no
	}
	k, waited, lost := a.keptHash(ctx, e, now)
	if waited {
		now = a.opt.Now()
		fresh, ok := a.opt.Directory.Get(e.Person)
		if !ok {
			return a.refuseAnswer(c, m, now, a.personKey(e), identity.ReasonUnknown)
		}
		if fresh.Epoch != e.Epoch {
			lost = identity.ReasonEpochMoved
		}
		e = fresh
		if t, grant, no = a.mayAnswer(c, m, e, now); no.Outcome != 0 {
			return no
		}
	}
	if lost != "" {
		return unavailable(lost)
	}
	asked := mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name)
	a.hashes.prepare(e.Person, &k)
	if reason := a.fits(&k, asked, m.Response, now, tells(e)); reason != "" {
		if reason != identity.ReasonOldPassword && reason != identity.ReasonHashTooOld {
			a.guard.wrongAnswer(&t, now)
		}
		return rejected(reason)
	}
	return a.fitted(e, &t, grant, &k, asked, m.Response)
}

// fitted admits somebody whose answer fits the kept hash.
func (a *Authenticator) fitted(e *directory.Entry, t *try, grant identity.Grant, k *kept, asked [8]byte, response [24]byte) identity.Verdict {
	a.guard.meet(t)
	v := accepted(identity.ReasonKeptHash, grant, e, time.Unix(0, k.learnt))
	v.Voucher.Hash = k.mark
	v.MSCHAPv2 = new(identity.MSCHAPv2Success)
	v.MSCHAPv2.Authenticator, v.MSCHAPv2.SendKey, v.MSCHAPv2.RecvKey = k.secret.Success(asked, response)
	return v
}

// withKeptHash admits somebody on a known device of hers whose password fits the
// kept hash, while mos.ru must not be asked any more: phones with an old password
// have used up her failures. An MSCHAPv2 answer would do as much, and as few
// guesses. Everybody else gets the verdict v.
func (a *Authenticator) withKeptHash(ctx context.Context, c *identity.Credential, e *directory.Entry, t *try, v identity.Verdict) identity.Verdict {
	if a.opt.NTOff {
		return v
	}
	k, _, lost := a.keptHash(ctx, e, a.opt.Now())
	now := a.opt.Now()
	fresh, ok := a.opt.Directory.Get(e.Person)
	if lost != "" || k.reason != "" || !ok || a.hashes.tooOld(k.learnt, now, tells(fresh)) || fresh.Epoch != k.epoch {
		return v
	}
	shown := mschap.NTHash(string(c.Proof.(identity.Password)))
	if subtle.ConstantTimeCompare(shown[:], k.hash[:]) == 0 {
		return v
	}
	grant, closed := pass(fresh, a.opt.Policy(), c.Channel, &c.Source, now)
	if closed != "" {
		return v
	}
	a.guard.meet(t)
	v = accepted(identity.ReasonKeptHash, grant, fresh, time.Unix(0, k.learnt))
	v.Voucher.Hash = k.mark
	return v
}

// mayAnswer asks the gates and the guard; a verdict without an outcome lets the
// answer be looked at.
func (a *Authenticator) mayAnswer(c *identity.Credential, m *identity.MSCHAPv2, e *directory.Entry, now time.Time) (t try, grant identity.Grant, no identity.Verdict) {
	grant, closed := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	if closed != "" {
		return t, grant, a.refuseAnswer(c, m, now, a.personKey(e), closed)
	}
	t = a.guard.try(key(e.Person), false, e.Epoch, c)
	if !a.guard.admitAnswer(&t, now) {
		no = unavailable(identity.ReasonThrottled)
	}
	return t, grant, no
}

// fits gives "" where the answer fits a hash that counts. A right answer to one
// that is too old, and to the one before, cost nobody anything.
func (a *Authenticator) fits(k *kept, asked [8]byte, response [24]byte, now time.Time, tells bool) identity.Reason {
	switch {
	case k.secret != nil && k.secret.Check(asked, response):
		if a.hashes.tooOld(k.learnt, now, tells) {
			return identity.ReasonHashTooOld
		}
		return ""
	case k.old != nil && mschap.Check(*k.old, asked, response):
		return identity.ReasonOldPassword
	case k.reason != "":
		return k.reason
	}
	return identity.ReasonHashDiffers
}

// refuseAnswer answers a name that nobody has or may use here as if a hash had
// been compared and had not fitted: the same limits, outcomes and arithmetic.
func (a *Authenticator) refuseAnswer(c *identity.Credential, m *identity.MSCHAPv2, now time.Time, k key, reason identity.Reason) identity.Verdict {
	if a.opt.NTOff {
		return rejected(reason)
	}
	t := a.guard.try(k, true, 0, c)
	if !a.guard.admitAnswer(&t, now) {
		return unavailable(reason)
	}
	a.hashes.phantom.Check(mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name), m.Response)
	if a.hashes.failing(now) {
		return unavailable(reason)
	}
	a.guard.wrongAnswer(&t, now)
	return rejected(reason)
}
