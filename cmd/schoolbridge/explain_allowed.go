package main

import (
	"context"
	"errors"
	"slices"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

func (e *explainer) roles(entry *directory.Entry, r *explain.Report) {
	today := person.DateOf(e.now.In(e.table.Zone()))
	for _, a := range entry.Affiliations {
		r.Roles = append(r.Roles, explain.Role{Role: a.Role.String(), School: e.school(a.School), Class: a.Class,
			From: a.From.String(), To: a.To.String(), Active: a.ActiveOn(today)})
	}
}

// channels asks the gates for LDAP and for every school's Wi-Fi.
func (e *explainer) channels(entry *directory.Entry, r *explain.Report) {
	e.channel(entry, r, identity.ChannelLDAP, identity.Source{}, "")
	e.channel(entry, r, identity.ChannelWeb, identity.Source{}, "")
	for _, nas := range e.config.RADIUS.Clients { // rules may name one of a school's
		e.channel(entry, r, identity.ChannelWiFi, identity.Source{NAS: nas.Name, School: nas.School}, nas.Name)
	}
}

func (e *explainer) channel(entry *directory.Entry, r *explain.Report, channel identity.Channel, src identity.Source, where string) {
	answer := explain.Channel{Channel: channel.String(), Allowed: true, Where: where}
	for _, check := range auth.Gates(entry, e.table, channel, src, e.now) {
		if check.Gate == auth.GatePolicy {
			answer.Decided(check.Decision)
		} else if !check.OK {
			answer.Allowed, answer.Reason = false, check.Reason
			break
		}
	}
	r.Channels = append(r.Channels, answer)
}

// mschapv2 tells whether the kept hash serves. Where mos.ru tells of changes its
// age does not count, and only the daemon knows whether it tells just now.
func (e *explainer) mschapv2(ctx context.Context, entry *directory.Entry, r *explain.Report) error {
	v, err := e.db.Credentials().Verifier(ctx, entry.Person)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	m := &explain.MSCHAPv2{Reason: auth.HashReason(v, entry.Epoch), Confirmed: v.LearnAt, Ahead: v.LearnAt.After(e.now)}
	switch {
	case !e.config.Auth.NTHash:
		m.Reason = identity.ReasonHashOff
	case m.Reason == "" && (!e.config.Mosru.Events.On() || entry.Subject.Upstream() != "") && e.now.Sub(v.LearnAt) > e.config.Auth.NTMaxAge:
		m.Reason = identity.ReasonHashTooOld
	}
	r.MSCHAPv2 = m
	return nil
}

// targets tells how far the account is in Active Directory.
func (e *explainer) targets(ctx context.Context, id identity.PersonID, r *explain.Report) error {
	list, err := e.db.Targets().Status(ctx, id)
	if err != nil {
		return err
	}
	if len(list) == 0 && e.config.AD.On() && r.Account == "" {
		r.Targets = append(r.Targets, explain.Target{Target: targetAD, State: explain.TargetNone, Problems: []explain.Problem{}})
	}
	for _, s := range list {
		t := explain.Target{Target: s.Target, State: string(s.Progress()), Name: s.Name, Teams: s.UPN,
			Made: s.Object != [16]byte{}, Enabled: s.Enabled, Seen: s.Seen, Next: s.Next, PasswordWaits: s.Waiting, Problems: []explain.Problem{}}
		if s.Progress() == provision.Stuck && len(s.Problems) == 0 { // all else of it was brought
			t.State, t.Waits = explain.TargetPending, &explain.Waiting{For: explain.WaitsConsent, What: []string{}}
		}
		for _, p := range slices.Concat(s.Problems, s.Duplicates) {
			t.Problems = append(t.Problems, explain.ProblemAt(e.lang, r.Upstream, p))
		}
		if s.Target == targetAD {
			e.lookAD(ctx, id, r.Upstream, &t)
		}
		r.Targets = append(r.Targets, t)
	}
	return nil
}
