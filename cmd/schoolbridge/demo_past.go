package main

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// demoDays is for how long the demo's schools have activated people before its first
// start.
const demoDays = 28

// demoNamed are the people of the demo's table: what they are when it begins is
// promised.
var demoNamed = []string{"orlovami", "belovas", "evann", "smirnovao", "kimv"}

func named(login string) bool { return slices.Contains(demoNamed, login) }

// arrival is somebody who activates, or tries to, at a moment of the past.
type arrival struct {
	who sample.Person
	at  time.Time
	by  identity.Password // typed; "": mos.ru's page told of somebody who left since
}

// demoClock is what the store and the worker go by while the past is made.
type demoClock struct{ now atomic.Pointer[time.Time] }

func (c *demoClock) set(now time.Time) { c.now.Store(&now) }
func (c *demoClock) read() time.Time   { return *c.now.Load() }

// past makes the days before the first start, by the ways that the daemon goes: each
// day has its activations, good ones and others, which the worker brings to Active
// Directory, and begins with the figures of the one before.
type past struct {
	demo      *demo
	db        *store.DB
	clock     *demoClock
	zone      *time.Location
	activator *provision.Activator
	worker    *provision.Worker
}

func (d *demo) newPast(c *config.Config, db *store.DB, target *ad.Target, clock *demoClock) (*past, error) {
	p := &past{demo: d, db: db, clock: clock, zone: c.Policy.TimeZone.Location()}
	named, err := names(c.AD.Names)
	if err != nil {
		return nil, err
	}
	p.activator = provision.NewActivator(db.Accounts(), p.zone, provision.ActivatorOptions{Target: targetAD, Finder: target, Names: named, Tries: db.Accounts()})
	o := workerOptions(c)
	o.Now = clock.read
	p.worker, err = provision.NewWorker(target, db.Targets(), o)
	return p, err
}

// live goes from day to day until now.
func (p *past) live(ctx context.Context, all []arrival) error {
	for len(all) > 0 {
		day := person.DateOf(all[0].at.In(p.zone))
		p.clock.set(day.Time(p.zone).Add(calendarDelay))
		if p.demo.now.Sub(p.clock.read()) < (demoDays+1)*24*time.Hour {
			if _, err := snapshot(ctx, p.db, day, false); err != nil {
				return err
			}
		}
		for ; len(all) > 0 && person.DateOf(all[0].at.In(p.zone)) == day; all = all[1:] {
			p.clock.set(all[0].at)
			if err := p.arrive(ctx, all[0]); err != nil {
				return err
			}
		}
		if err := p.settle(ctx); err != nil {
			return err
		}
	}
	p.clock.set(p.demo.now)
	return p.settle(ctx)
}

func (p *past) arrive(ctx context.Context, a arrival) error {
	result, err := p.activator.Activate(ctx, provision.Request{Profile: a.who.Profile, Password: a.by, Asked: a.at}, a.at)
	if err != nil {
		return err
	}
	if a.who.Activate && result.Verdict.Decision != match.Match {
		return errNotMatching(a.who, result.Verdict)
	}
	p.demo.remember(a.who, result.Verdict)
	return nil
}

// settle brings the accounts of the day.
func (p *past) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := p.worker.Once(ctx)
	return err
}

// arrivals are those who activated, or tried to, before the demo's first start, the
// first one first. People of the table do it as it says; of the others those whom the
// sample has activated, some more, and all whom the rules refuse or ask a curator
// about.
func (d *demo) arrivals(zone *time.Location) []arrival {
	var all []arrival
	var crowd []sample.Person
	for i, p := range d.people.People {
		switch password := identity.Password(p.Password); {
		case p.Profile.Subject == "" || named(p.Profile.Login) && !p.Activate:
		case !p.ActivateOn.IsZero(): // somebody who has left since
			all = append(all, arrival{p, p.ActivateOn.Time(zone).Add(12 * time.Hour), ""})
		case named(p.Profile.Login):
			all = append(all, arrival{p, d.now, password})
		case p.Activate || i%4 == 0 || d.odd[p.Profile.Subject]:
			crowd = append(crowd, p)
		}
	}
	for i, p := range crowd {
		all = append(all, arrival{p, d.wave(zone, i, len(crowd)), identity.Password(p.Password)})
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return a.at.Compare(b.at) })
	return all
}

// wave is when the i-th of n activates: few begin, most follow in the middle, some are
// late, and nobody does it at the weekend.
func (d *demo) wave(zone *time.Location, i, n int) time.Time {
	share := (float64(i) + 0.5) / float64(n)
	after := demoDays/2 + 3.5*math.Log(share/(1-share))
	day := d.now.In(zone).AddDate(0, 0, min(-1, max(0, int(after))-demoDays))
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, -1)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), 8+i%9, i*7%60, 0, 0, zone)
}

// oddPeople are the city accounts whom the rules do not simply take, by a dry run
// over the registry files.
func (d *demo) oddPeople(read *registry.Folder) (map[identity.Subject]bool, error) {
	r := match.Registry{Schools: read.Schools, Employments: read.Employments, Enrolments: read.Enrolments, Cards: read.Cards}
	index := match.NewIndex(r)
	var profiles []person.Profile
	for _, p := range d.people.People {
		if p.Profile.Subject != "" && !named(p.Profile.Login) {
			profiles = append(profiles, p.Profile)
		}
	}
	odd := map[identity.Subject]bool{}
	err := match.Run(index, match.NewBindings(index, nil, slices.Values(profiles)), slices.Values(profiles), person.DateOf(d.now), func(v match.Verdict) error {
		if v.Decision != match.Match && !v.Nobody {
			odd[v.Subject] = true
		}
		return nil
	})
	return odd, err
}
