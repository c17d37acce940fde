package provision

import (
	"context"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Arrival is somebody whom mos.ru proved on its own page, without showing us the
// password.
type Arrival struct {
	Profile person.Profile
	Asked   time.Time // when the person signed in there, at the earliest
	Source  identity.Source
}

// Arrive says how somebody who came from mos.ru's page stands. Who has an account
// is active, and so is a parent, who needs none. Whom the rules would give one is
// asked for the password (StatePassword), and nothing is written until ActivateAs.
// Everybody else learns the reason, before a password was asked for in vain.
//
//	Arrive ─┬─ active ◄──────────────────┐
//	        ├─ refused, manual           │
//	        └─ password ─► ActivateAs ───┘
func (d *Desk) Arrive(ctx context.Context, who Arrival) Answer {
	start := d.o.Now()
	c := identity.Credential{Name: who.Profile.Login, Proof: identity.Referral{}, Channel: identity.ChannelWeb, Source: who.Source}
	v := identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonConfirmed}
	judged, err := d.activator.Judge(ctx, who.Profile, start)
	switch kind := judged.Provision.Kind; {
	case err != nil:
		return d.unwritten(ctx, c, v, start, err)
	case judged.Decision == match.Match && kind != match.ProvisionKeep && kind != match.ProvisionNone:
		d.signIns.Report(c, v, start)
		return Answer{State: StatePassword, Login: identity.Login(who.Profile.Login), Profile: who.Profile, Roles: judged.Roles, Problems: judged.Problems}
	}
	a, done := d.settle(ctx, c, Request{Profile: who.Profile, Asked: who.Asked, Source: who.Source}, v, start)
	if done.Login == "" {
		return a
	}
	return d.complete(ctx, a, done.Person)
}

// ActivateAs is Activate for somebody who has arrived: the password has to be of
// the same city account.
func (d *Desk) ActivateAs(ctx context.Context, who identity.Subject, c identity.Credential) Answer {
	return d.activate(ctx, c, who)
}

// Standing is how far the account of somebody is who was proved before; login is
// that of the answer then, "" for a parent.
func (d *Desk) Standing(ctx context.Context, id identity.PersonID, login identity.Login) Answer {
	a := Answer{State: StateActive, Login: login, Person: id}
	if login == "" {
		return a
	}
	return d.complete(ctx, a, id)
}
