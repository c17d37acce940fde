package main

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/radiussrv"
)

// endGrace is how long a NAS may take to end a session by its own clock before
// it is asked to.
const endGrace = time.Minute

// standing says whether a session may go on as it is: whether its person or
// thing would be admitted now, from there, and be given the same.
func (d *daemon) standing(s *journal.Stay, now time.Time) (journal.Standing, bool) {
	select {
	case <-d.people.Loaded():
	default:
		return journal.Standing{}, false // an empty directory knows nobody
	}
	client := d.clients.Load().Named(s.NAS)
	standing := journal.Standing{Closed: !takesRequests(client)}
	grant, reason := d.grantNow(s, now)
	given := s.Given()
	// Policy is not asked about a session of which it is not known what was given
	// where, or at a client that is gone; nor in the moment in which the NAS ends
	// a session by its own clock.
	settled := given.IsZero() || client == nil || !given.Until.IsZero() && now.Sub(given.Until).Abs() < endGrace
	switch {
	case reason != "" && !(byPolicy(reason) && settled):
		standing.Why = whyOf(reason)
		return standing, true
	case d.outlived(s):
		standing.Why = journal.WhyChanged
		return standing, true
	}
	standing.Bound = d.journal.Bound(grant.Role)
	if settled {
		return standing, true
	}
	if is := grant.Given(given.At, now); differs(given, is, client, now) {
		standing.Why, standing.Given = journal.WhyGrant, is
	}
	return standing, true
}

// takesRequests says that a NAS client can be asked at all, by the configuration.
func takesRequests(client *radiussrv.Client) bool {
	return client != nil && (client.DynamicPort != 0 || client.DynamicTunnel)
}

// differs says that the NAS is to be told what a session is given now: nothing
// where it can be told nothing, for whoever has something else may stay. Another
// end alone is told only to one that can change it while the session goes on, or
// once it has come.
func differs(was, is identity.Given, client *radiussrv.Client, now time.Time) bool {
	switch {
	case !takesRequests(client):
		return false
	case !was.Alike(is):
		return true
	case was.Ends(is), is.Until.IsZero():
		return false
	}
	return !client.NoCoA || now.Sub(is.Until) > endGrace
}

// grantOf asks every gate about a person as at a sign-in.
func (d *daemon) grantOf(e *directory.Entry, nas, ssid, school string, now time.Time) (identity.Grant, identity.Reason) {
	src := d.standsAt(nas, ssid, school)
	return auth.Standing(e, d.policy.Load(), identity.ChannelWiFi, &src, now)
}

// grantNow asks every gate about a session as at a sign-in: those of its person,
// or of the thing that signed in last, and whether the certificate still stands.
func (d *daemon) grantNow(s *journal.Stay, now time.Time) (identity.Grant, identity.Reason) {
	if b := s.Basis; b != nil {
		if grant, reason := d.basisNow(s, now); reason != "" || b.Thing() {
			return grant, reason
		}
	}
	e, ok := d.people.Get(s.Person)
	if !ok {
		return identity.Grant{}, identity.ReasonUnknown
	}
	return d.grantOf(e, s.NAS, s.SSID, s.School, now)
}

// basisNow asks about what a session's sign-in rested on that was no password.
func (d *daemon) basisNow(s *journal.Stay, now time.Time) (identity.Grant, identity.Reason) {
	if trust := d.eapTrust.Load(); trust != nil && s.Basis.Authority != "" {
		if reason := trust.Standing(s.Basis.Authority, s.Basis.Chain); reason != "" {
			return identity.Grant{}, reason
		}
	}
	src := d.standsAt(s.NAS, s.SSID, s.School)
	return d.inventory.Load().Standing(s.Basis, d.policy.Load(), &src, now)
}

// outlived says that a session is older than its person's password.
func (d *daemon) outlived(s *journal.Stay) bool {
	e, ok := d.people.Get(s.Person)
	return ok && !s.Basis.Thing() && s.Epoch != 0 && s.Epoch < e.Epoch
}

// standsAt is where a session is. The school is where the NAS stands by today's
// configuration.
func (d *daemon) standsAt(nas, ssid, school string) identity.Source {
	if client := d.clients.Load().Named(nas); client != nil {
		school = client.School
	}
	return identity.Source{NAS: nas, SSID: ssid, School: school}
}

// byPolicy says that a reason is the table's, not that of the person's account.
func byPolicy(reason identity.Reason) bool {
	return reason == identity.ReasonHours || reason == identity.ReasonRoleNotAllowed || reason == identity.ReasonSchoolNotAllowed
}

// whyOf says the reason of a gate in the journal's words.
func whyOf(reason identity.Reason) journal.Why {
	switch reason {
	case identity.ReasonSuspended:
		return journal.WhySuspended
	case identity.ReasonHours:
		return journal.WhyHours
	case identity.ReasonSchoolNotAllowed:
		return journal.WhySchool
	case identity.ReasonRoleNotAllowed:
		return journal.WhyRole
	case identity.ReasonNotActivated, identity.ReasonUnknown:
		return journal.WhyRemoved
	case identity.ReasonUnknownDevice, identity.ReasonUnknownMachine, identity.ReasonWrongAuthority, identity.ReasonNotValid:
		return journal.WhyUnlisted
	case identity.ReasonRevoked:
		return journal.WhyRevoked
	}
	return journal.WhyLeft
}

// disconnect asks a session's NAS to end it.
func (d *daemon) disconnect(ctx context.Context, s *journal.Session) (journal.Answer, error) {
	answer, err := d.radius.Disconnect(ctx, d.clients.Load().Named(s.NAS), nasSession(s))
	return journal.Answer{Done: answer.Done, Cause: answer.Cause}, nasError(err)
}

// change asks a session's NAS to give it what whoever signed in would be given now. A
// session that may not go on, or from which something is to be taken that no
// CoA-Request can take, has to end.
func (d *daemon) change(ctx context.Context, s *journal.Session) (journal.Answer, error) {
	now := time.Now()
	grant, reason := d.grantNow(journal.StayOf(s), now) // of nobody's: who comes back is given what is right
	at := s.Given.At
	if at.IsZero() {
		at = s.Began
	}
	is := grant.Given(at, now)
	if reason != "" || s.Given.Withdraws(is) || !is.Until.IsZero() && !is.Until.After(now) {
		return journal.Answer{}, journal.ErrNoChange
	}
	if grant.SessionTimeout = 0; !is.Until.IsZero() {
		grant.SessionTimeout = is.Until.Sub(now)
	}
	answer, err := d.radius.Change(ctx, d.clients.Load().Named(s.NAS), nasSession(s), grant)
	slight := s.Cut.Why == journal.WhyGrant && s.Given.Alike(is)
	return journal.Answer{Done: answer.Done, Cause: answer.Cause, Given: is, Slight: slight}, nasError(err)
}

// nasSession names a session to its NAS.
func nasSession(s *journal.Session) radiussrv.Session {
	return radiussrv.Session{
		Addr: s.Detail.Peer, NASAddr: s.Detail.NASAddr, NASIdentifier: s.Detail.NASIdentifier, SessionID: s.Key, Station: s.Detail.Station,
	}
}

func nasError(err error) error {
	switch {
	case errors.Is(err, radiussrv.ErrNotOffered):
		return journal.ErrNotOffered
	case errors.Is(err, radiussrv.ErrNoCoA):
		return journal.ErrNoChange
	case errors.Is(err, radiussrv.ErrAway):
		return journal.ErrAway
	case errors.Is(err, radiussrv.ErrForged):
		return journal.ErrForged
	}
	return err
}
