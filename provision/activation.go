// Package provision makes a person exactly one account. This package holds the
// use case of activation; its rooms are registry (reading exports), match (the
// pure rules) and, for each target, one that writes to it.
//
//	profile ─► candidates from the store ─► match.Decide ─► one transaction ─► change feed
//
// Start reading at Activator.Activate.
package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Evidence is what the store holds that may concern one profile.
type Evidence struct {
	Registry match.Registry
	Bindings []match.Binding
}

// Store is what activation needs of the store.
type Store interface {
	// Evidence gives the rows that a decision about the profile may need.
	Evidence(ctx context.Context, p person.Profile) (Evidence, error)
	// Activate writes binding, names and account in one transaction;
	// identity.ErrConflict where a record or a name is somebody else's.
	Activate(ctx context.Context, a person.Activation, now time.Time) (person.Activated, error)
}

// Activator activates people.
type Activator struct {
	store Store
	zone  *time.Location
}

// NewActivator gives an Activator whose days begin at midnight in zone.
func NewActivator(store Store, zone *time.Location) *Activator { return &Activator{store, zone} }

// Result is what an activation came to: the verdict with its reasons, and the
// account where there was a match.
type Result struct {
	Verdict   match.Verdict
	Activated person.Activated // zero unless Verdict.Decision is match.Match
}

// Activate decides who the profile is and, on a match, gives the person the one
// account. Repeating it, also at the same moment, gives equal results. Parents
// are bound and get no account.
func (a *Activator) Activate(ctx context.Context, p person.Profile, now time.Time) (Result, error) {
	var verdict match.Verdict
	// A conflict means that somebody else was faster or holds a name. The
	// second look sees whose the records are, and leaves out the ЭЖД logins: an
	// export may give one to two people, and that must stop neither.
	for _, withEZHD := range []bool{true, false} {
		evidence, err := a.store.Evidence(ctx, p)
		if err != nil {
			return Result{}, fmt.Errorf("activate: %w", err)
		}
		index := match.NewIndex(evidence.Registry)
		bindings := match.NewBindings(index, evidence.Bindings, nil)
		verdict = match.Decide(index, bindings, p, person.DateOf(now.In(a.zone)))
		if verdict.Decision != match.Match {
			return Result{Verdict: verdict}, nil
		}
		done, err := a.store.Activate(ctx, plan(p, verdict, evidence.Registry, withEZHD), now)
		if err == nil {
			return Result{verdict, done}, nil
		}
		if !errors.Is(err, identity.ErrConflict) {
			return Result{}, fmt.Errorf("activate: %w", err)
		}
	}
	return Result{Verdict: nameTaken(verdict)}, nil
}

// plan is what a match writes.
func plan(p person.Profile, v match.Verdict, r match.Registry, withEZHD bool) person.Activation {
	act := person.Activation{Profile: p, Records: v.Records}
	if v.Provision.Kind == match.ProvisionNone {
		return act // a parent: a role and no account
	}
	act.Login = identity.Login(strings.ToLower(p.Login))
	act.Names = []person.Name{{Kind: person.NameMosru, Text: p.Login}}
	if !withEZHD {
		return act
	}
	for _, login := range ezhdLogins(v, r) {
		act.Names = append(act.Names, person.Name{Kind: person.NameEZHD, Text: login})
	}
	return act
}

// ezhdLogins gives the ЭЖД logins of the matched records.
func ezhdLogins(v match.Verdict, r match.Registry) []string {
	var logins []string
	add := func(kind person.RecordKind, id person.RecordID, login string) {
		if login != "" && slices.Contains(v.Records, person.RecordRef{Kind: kind, ID: id}) && !slices.Contains(logins, login) {
			logins = append(logins, login)
		}
	}
	for _, e := range r.Employments {
		add(person.RecordEmployment, e.ID, e.EZHDLogin)
	}
	for _, e := range r.Enrolments {
		add(person.RecordEnrolment, e.ID, e.EZHDLogin)
	}
	return logins
}

// nameTaken turns a match into the case that a person has to decide: the login
// is another person's name, and no other name is ever tried.
func nameTaken(v match.Verdict) match.Verdict {
	v.Decision = match.Manual
	v.Roles = nil
	v.Provision = match.Provision{}
	v.Problems = append(v.Problems, match.Problem{Code: match.ADNameTaken})
	v.Reasons = append(v.Reasons, "логин mos.ru уже закреплён за другим человеком: решает куратор")
	return v
}
