package auth

import (
	"context"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// answer decides an MSCHAPv2 answer of somebody who was recognised. What may
// wait comes first; from then on all is judged as of one moment.
func (a *Authenticator) answer(ctx context.Context, c *identity.Credential, m *identity.MSCHAPv2, e *directory.Entry, now time.Time) identity.Verdict {
	if a.opt.NTOff {
		return rejected(identity.ReasonHashOff)
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
	}
	grant, closed := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	switch {
	case closed != "":
		return a.refuseAnswer(c, m, now, a.personKey(e), closed)
	case lost != "":
		return unavailable(lost)
	}
	t := a.guard.try(key(e.Person), false, e.Epoch, c)
	if !a.guard.admitAnswer(&t, now) {
		return unavailable(identity.ReasonThrottled)
	}
	if reason := a.fits(&k, m, now); reason != "" {
		if reason != identity.ReasonOldPassword && reason != identity.ReasonHashTooOld {
			a.guard.wrongAnswer(&t, now)
		}
		return rejected(reason)
	}
	a.guard.meet(&t)
	v := accepted(identity.ReasonKeptHash, grant, e, time.Unix(0, k.learnt))
	v.Voucher.Hash = true
	v.MSCHAPv2 = &identity.MSCHAPv2Success{Authenticator: mschap.AuthenticatorResponse(k.hash, challenge(m), m.Response)}
	v.MSCHAPv2.SendKey, v.MSCHAPv2.RecvKey = mschap.Keys(k.hash, m.Response)
	return v
}

func challenge(m *identity.MSCHAPv2) [8]byte {
	return mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name)
}

// fits gives "" where the answer fits a hash that counts. A right answer to one
// that is too old, and to the one before, cost nobody anything.
func (a *Authenticator) fits(k *kept, m *identity.MSCHAPv2, now time.Time) identity.Reason {
	asked := challenge(m)
	switch {
	case mschap.Check(k.hash, asked, m.Response) && k.reason == "":
		if a.hashes.tooOld(k.learnt, now) {
			return identity.ReasonHashTooOld
		}
		return ""
	case k.oldAt != 0 && mschap.Check(k.old, asked, m.Response):
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
	mschap.Check(mschap.Hash(k), challenge(m), m.Response)
	if a.hashes.failing(now) {
		return unavailable(reason)
	}
	a.guard.wrongAnswer(&t, now)
	return rejected(reason)
}
