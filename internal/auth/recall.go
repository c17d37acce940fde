package auth

import (
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// Recall gives the verdict of a credential that memory alone accepts: mos.ru
// confirmed the password lately, or the answer fits the kept hash. It waits for
// nobody, so that a front-end can ask it where it must not wait. Everything else
// is Authenticate's: where Recall says false, nothing was counted or reported.
func (a *Authenticator) Recall(c identity.Credential) (identity.Verdict, bool) {
	start := a.opt.Now()
	e, _ := a.recognise(&c, start)
	if e == nil {
		return identity.Verdict{}, false
	}
	v, ok := a.recall(&c, e, start)
	if !ok {
		return identity.Verdict{}, false
	}
	v.Person, v.Login = e.Person, e.Login
	if v = a.bounded(&c, v); v.Outcome != identity.Accepted {
		return identity.Verdict{}, false
	}
	a.report(&c, &v, start)
	return v, true
}

// recall is Recall for somebody who was recognised. As to the guard it does what
// person and answer do for who is accepted.
func (a *Authenticator) recall(c *identity.Credential, e *directory.Entry, now time.Time) (v identity.Verdict, ok bool) {
	grant, closed := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	if closed != "" {
		return v, false
	}
	t := a.guard.try(key(e.Person), false, e.Epoch, c)
	switch proof := c.Proof.(type) {
	case identity.Password:
		if e.PasswordWanted || !a.guard.admit(&t, now) {
			return v, false
		}
		id := a.confirm.mac.over(t.key, e.Epoch, proof)
		recent := a.confirm.find(id, now, tells(e))
		if !recent.fresh || a.saver.owes(e.Person, id) {
			return v, false
		}
		return a.again(e, &t, grant, recent, now), true
	case identity.MSCHAPv2:
		k, _, good := a.hashes.recall(e, now)
		if a.opt.NTOff || !good || !a.guard.admitAnswer(&t, now) {
			return v, false
		}
		asked := mschap.Challenge(proof.PeerChallenge, proof.Challenge, proof.Name)
		a.hashes.prepare(e.Person, &k)
		if a.fits(&k, asked, proof.Response, now, tells(e)) != "" {
			return v, false
		}
		return a.fitted(e, &t, grant, &k, asked, proof.Response), true
	}
	return v, false
}
