package main

import (
	"context"
	"errors"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web/console"
)

// tells fills in what the console reads about people and the installation.
func (d *daemon) tells(o *console.Options) (err error) {
	o.Addresses, o.System = addresses{d}, system{d}
	told, err := newStories(d)
	o.Stories, o.Audit = told, trailDesk{told}
	return err
}

// system tells administrators how the installation is.
type system struct{ d *daemon }

var _ console.System = system{}

// State implements console.System.
func (s system) State(ctx context.Context) (console.State, error) {
	var state console.State
	_, checks := s.d.health.Ask(ctx)
	for _, c := range checks {
		state.Checks = append(state.Checks, console.Check{Name: c.Name, OK: c.OK, Needed: c.Needed, Reason: c.Reason})
	}
	for _, c := range s.d.expiry.List() {
		state.Certificates = append(state.Certificates, console.Certificate{Use: c.Use, Ends: c.Ends})
	}
	if s.d.worker != nil {
		o := s.d.worker.Outlook()
		state.Queue = &console.Queue{Accounts: o.Accounts, Due: o.Due, Waiting: o.Waiting, Passwords: o.Passwords, Oldest: o.Oldest, End: o.End}
		for _, n := range o.Held {
			state.Queue.Held += n
		}
	}
	return state, nil
}

// Settings implements console.System.
func (s system) Settings() []console.Setting {
	all := config.InForce(s.d.config, s.d.inForce())
	list := make([]console.Setting, 0, len(all))
	for _, x := range all {
		list = append(list, console.Setting{Path: x.Path, Value: x.Value, About: [2]string{x.About.RU, x.About.EN}, Default: x.Default, Secret: x.Secret, Waits: x.Waits})
	}
	return list
}

// inForce is the configuration that was taken last. What a reload cannot replace is
// in force as that of the start says.
func (d *daemon) inForce() *config.Config {
	if c := d.taken.Load(); c != nil {
		return c
	}
	return d.config
}

// addresses tells administrators who had an address.
type addresses struct{ d *daemon }

var _ console.Addresses = addresses{}

// Had implements console.Addresses.
func (a addresses) Had(ctx context.Context, view console.View, q console.AddressQuery) ([]console.Stay, error) {
	found, err := a.d.db.Journal().Find(ctx, journal.Query{Address: q.Address, Device: q.Device, At: q.At})
	if err != nil {
		return nil, err
	}
	v := &viewer{db: a.d.db, config: a.d.inForce(), lang: explain.Lang(view.Lang), now: view.At, people: map[identity.PersonID]store.Holder{}}
	covered := map[identity.PersonID]bool{}
	var list []console.Stay
	for _, s := range found {
		own := view.Scope.All() || view.Scope.Covers(person.SchoolID(s.Detail.School))
		seen, known := covered[s.Person]
		if !s.Person.IsZero() && !known {
			err := a.d.db.People().Covers(ctx, view.Scope, s.Person)
			if err != nil && !errors.Is(err, identity.ErrNotFound) {
				return nil, err
			}
			seen = err == nil
			covered[s.Person] = seen
		}
		if !own && !seen {
			continue
		}
		stay := console.Stay{School: s.Detail.School}
		if school, ok := a.d.people.School(person.SchoolID(s.Detail.School)); ok {
			stay.School = school.Name
		}
		switch {
		case seen:
			shown, err := v.shown(ctx, []*journal.Session{s})
			if err != nil {
				return nil, err
			}
			stay.Session, stay.Whose = shown[0], s.Person
		default:
			stay.Session, stay.Hidden = shownSession(s, v.lang), !s.Person.IsZero()
			stay.Session.Device = deviceSeen(stay.Hidden, stay.Session.Device)
			if stay.Hidden {
				stay.Session.Login, stay.Session.Person = "", ""
			}
		}
		list = append(list, stay)
	}
	return list, nil
}
