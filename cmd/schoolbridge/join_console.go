package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/grants"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
)

// console are the pages of administration.
func (d *daemon) console() (web.Room, error) {
	c := d.config.Web.Admin
	holder, err := d.holder()
	if err != nil {
		return web.Room{}, err
	}
	o := console.Options{
		Rights: holder, Factors: d.db.Factors(), Grants: d.db.Rights(), People: administrated{d.db, d.config, d.people}, Trail: d.db.Audit(), Denials: d.trail,
		Issuer: issuer(d.config.Web.Public), Idle: c.Idle, Longest: c.Longest, Invitation: c.Invitation, Zone: d.config.Policy.TimeZone.Location(),
	}
	if d.ad != nil {
		repairs := repairsDesk{d.db.Duplicates(targetAD), workerOptions(d.config).Brakes[provision.Off]}
		o.Duplicates, o.Repairs = repairs, repairs
	}
	for _, g := range c.Groups {
		o.Groups = append(o.Groups, console.GroupRule{Group: g.Group, Role: rights.Role(g.Role)})
	}
	if c.BreakGlass {
		o.BreakGlass = &glass{db: d.db.BreakGlass(), places: newGlassPlaces()}
	}
	if err := d.tells(&o); err != nil {
		return web.Room{}, err
	}
	d.watches(&o)
	counted := newFigures(d.db, o.Zone, deadlines(d.config), d.log, time.Now)
	d.services = append(d.services, service{"statistics", counted.Run})
	o.Statistics, o.Problems, o.Deadlines = counted, problemLists{counted, o.Stories.(stories)}, deadlines(d.config)
	o.Cases = caseDesk{d}
	return console.New(o)
}

// issuer is what an authenticator app calls us: where it was met.
func issuer(public config.URL) string {
	if u, err := url.Parse(string(public)); err == nil {
		return u.Hostname()
	}
	return ""
}

// holder knows who may what.
func (d *daemon) holder() (*grants.Holder, error) {
	o := grants.Options{Store: d.db.Rights(), People: d.people, Zone: d.config.Policy.TimeZone.Location(), Logger: d.log}
	if d.ad == nil {
		return grants.New(o), nil
	}
	o.Groups = d.ad
	for i, g := range d.config.Web.Admin.Groups {
		name, err := d.ad.GroupName(g.Group)
		if err != nil {
			return nil, fmt.Errorf("web.administration.groups[%d].group: %w", i, err)
		}
		r := grants.Rule{Group: name.Of, Each: name.Each(), Role: rights.Role(g.Role)}
		for _, id := range g.Schools {
			r.Schools = append(r.Schools, person.SchoolID(id))
		}
		o.Rules = append(o.Rules, r)
	}
	return grants.New(o), nil
}

// administrated are the people and schools of the store as the console names them.
type administrated struct {
	db     *store.DB
	config *config.Config
	people *directory.Directory
}

// Find implements console.People. Whoever has no account administers nothing.
func (a administrated) Find(ctx context.Context, login string) (console.Person, error) {
	h, err := holderOf(ctx, a.db, a.config, login)
	if err == nil && h.Login == "" {
		err = identity.ErrNotFound
	}
	return administratorOf(h), err
}

// Get implements console.People.
func (a administrated) Get(ctx context.Context, id identity.PersonID) (console.Person, error) {
	h, err := a.db.Accounts().Get(ctx, id)
	return administratorOf(h), err
}

func administratorOf(h store.Holder) console.Person {
	return console.Person{ID: h.Person, Login: h.Login, FIO: person.JoinFIO(h.Last, h.First, h.Middle)}
}

// Schools implements console.People.
func (a administrated) Schools(context.Context) ([]person.School, error) {
	return a.people.Schools(), nil
}

// glass is the break-glass account as the console knows it.
type glass struct {
	db     *store.BreakGlass
	places *glassPlaces // of those who compute an argon2id hash
}

// Open implements console.BreakGlass.
func (g *glass) Open(ctx context.Context, password identity.Password, from string, now time.Time, line map[string]any) (console.Glass, error) {
	row, err := g.db.Find(ctx)
	if errors.Is(err, identity.ErrNotFound) { // nothing that could be guessed
		return console.Glass{}, console.ErrBreakGlass
	}
	if err != nil {
		return console.Glass{}, err
	}
	leave, err := g.places.enter(ctx, from, now)
	if err != nil {
		return console.Glass{}, err
	}
	right, err := auth.VerifyArgon2(row.Hash, foldGlass(string(password)))
	leave()
	if err == nil && !right {
		g.places.failed(from, now)
	}
	switch {
	case err != nil:
		return console.Glass{}, err
	case !right:
		if err := g.db.Fail(ctx, from, now, line); err != nil && !errors.Is(err, identity.ErrNotFound) {
			return console.Glass{}, err
		}
		return console.Glass{}, console.ErrBreakGlass
	}
	if err := g.db.Use(ctx, row.Made, from, now, line); err != nil {
		return console.Glass{}, err
	}
	return console.Glass{Made: row.Made, Used: now, From: from, Uses: row.Uses + 1}, nil
}

// Last implements console.BreakGlass.
func (g *glass) Last(ctx context.Context) (console.Glass, error) {
	row, err := g.db.Find(ctx)
	return console.Glass{Made: row.Made, Used: row.Used, From: row.From, Uses: row.Uses}, err
}
