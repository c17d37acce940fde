package main

import (
	"context"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// accounts lets activation speak to the store.
type accounts struct{ *store.Accounts }

var _ provision.Store = accounts{}

// Evidence implements provision.Store.
func (a accounts) Evidence(ctx context.Context, p person.Profile) (provision.Evidence, error) {
	c, err := a.Candidates(ctx, p)
	if err != nil {
		return provision.Evidence{}, err
	}
	e := provision.Evidence{Registry: match.Registry{
		Schools: c.Schools, Employments: c.Employments, Enrolments: c.Enrolments, Cards: c.Cards,
	}}
	for _, b := range c.Bindings {
		e.Bindings = append(e.Bindings, match.Binding{
			Record: b.Record.ID, Kind: b.Record.Kind, Subject: b.Subject, FIO: person.JoinFIO(b.Last, b.First, b.Middle),
		})
	}
	return e, nil
}

// Activate implements provision.Store.
func (a accounts) Activate(ctx context.Context, act person.Activation, now time.Time) (person.Activated, error) {
	return a.Accounts.Activate(ctx, act, now)
}

// storedSchools gives the schools that the store has, so that an export which
// names them means the same without schools.csv.
func storedSchools(ctx context.Context, db *store.DB) ([]person.School, error) {
	return db.Directory().Schools(ctx)
}
