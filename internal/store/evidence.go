package store

import (
	"context"
	"fmt"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

var _ provision.Store = (*Accounts)(nil)

// Evidence implements provision.Store.
func (a *Accounts) Evidence(ctx context.Context, p person.Profile) (provision.Evidence, error) {
	c, err := a.Candidates(ctx, p)
	if err != nil {
		return provision.Evidence{}, err
	}
	e := provision.Evidence{
		Registry: match.Registry{Schools: c.Schools, Employments: c.Employments, Enrolments: c.Enrolments, Cards: c.Cards},
		Claims:   c.Claims, Accounts: c.Accounts,
	}
	for _, b := range c.Bindings {
		e.Bindings = append(e.Bindings, match.Binding{
			Record: b.Record.ID, Kind: b.Record.Kind, Subject: b.Subject, FIO: person.JoinFIO(b.Last, b.First, b.Middle),
		})
	}
	err = a.db.read(ctx, func(t *tx) error {
		e.Approved, e.Allotted = nil, provision.Allotment{}
		return t.decided(p, &e)
	})
	if err != nil {
		return provision.Evidence{}, fmt.Errorf("read what was decided: %w", err)
	}
	return e, nil
}
