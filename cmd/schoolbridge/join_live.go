package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/refusals"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision/census"
)

// watches gives the console the Wi-Fi as it is now and the lists around the
// switch-over.
func (d *daemon) watches(o *console.Options) {
	if d.journal != nil {
		o.Live = liveWifi{d}
	}
	o.Rolls = schoolRolls{d}
	o.Launch = console.Launch{PublicURL: strings.TrimSuffix(string(d.config.Web.Public), "/"), Networks: d.config.WiFi.SSIDs}
}

// liveWifi is the Wi-Fi as administrators see it.
type liveWifi struct{ d *daemon }

var _ console.Live = liveWifi{}

// Schools implements console.Live.
func (l liveWifi) Schools(scope rights.Scope) []console.LiveSchool {
	on, refused := l.d.journal.Live(), l.d.refusals.Schools(refusals.Hour)
	all := map[string]bool{}
	for id := range on {
		all[id] = true
	}
	for id := range refused {
		all[id] = true
	}
	var list []console.LiveSchool
	for id := range all {
		if scope.Covers(person.SchoolID(id)) {
			list = append(list, console.LiveSchool{ID: person.SchoolID(id), Name: l.name(id), On: on[id], Refused: refused[id]})
		}
	}
	return list
}

func (l liveWifi) name(id string) string {
	s, _ := l.d.people.School(person.SchoolID(id))
	return s.Name
}

// School implements console.Live.
func (l liveWifi) School(id person.SchoolID) console.LiveAt {
	at := console.LiveAt{LiveSchool: console.LiveSchool{ID: id, Name: l.name(string(id))}, Since: l.d.refusals.Since()}
	for _, c := range l.d.journal.Crowds(string(id)) {
		at.On += c.Sessions
		at.Places = append(at.Places, console.LivePlace{NAS: c.NAS, Unit: c.Unit, On: c.Sessions})
	}
	quarter, hour := l.d.refusals.Times(string(id), refusals.Quarter), l.d.refusals.Times(string(id), refusals.Hour)
	for _, c := range l.d.refusals.Causes(string(id), refusals.Day) {
		at.Refused += hour[c.Cause]
		at.Causes = append(at.Causes, console.LiveCause{NAS: c.NAS, Reason: c.Reason, Quarter: quarter[c.Cause], Hour: hour[c.Cause], Day: c.Times})
	}
	return at
}

// livePage is how many sessions the console shows at once.
const livePage = 50

// Present implements console.Live.
func (l liveWifi) Present(scope rights.Scope, id person.SchoolID, at *console.LivePlace, after string) (list []console.LiveStay, next string) {
	var place *journal.Place
	if at != nil {
		place = &journal.Place{School: string(id), NAS: at.NAS, Unit: at.Unit}
	}
	stays, more := l.d.journal.Present(string(id), place, positionOf(after), livePage)
	for _, s := range stays {
		x := console.LiveStay{Session: s.ID.String(), Device: s.Device, NAS: s.NAS, Unit: s.Unit, SSID: s.SSID, Began: s.Start()}
		x.Whose, x.Named, x.Hidden = l.whose(scope, s.Person)
		x.Device, x.Thing = deviceSeen(x.Hidden, x.Device), thingOf(s.Person, s.Basis)
		list = append(list, x)
	}
	if more {
		p := stays[len(stays)-1].Position()
		next = fmt.Sprintf("%d-%s", p.Began, p.ID)
	}
	return list, next
}

// positionOf reads the mark of a page; what is none is the first page.
func positionOf(mark string) journal.After {
	began, id, _ := strings.Cut(mark, "-")
	at, err := strconv.ParseInt(began, 10, 64)
	if err != nil {
		return journal.After{}
	}
	number, err := journal.ParseID(id)
	if err != nil {
		return journal.After{}
	}
	return journal.After{Began: at, ID: number}
}

// whose names somebody whom a scope covers: who has, had or will have a place at one
// of its schools.
func (l liveWifi) whose(scope rights.Scope, id identity.PersonID) (whose identity.PersonID, name string, hidden bool) {
	if id.IsZero() {
		return id, "", false
	}
	entry, ok := l.d.people.Get(id)
	if !scope.All() && (!ok || !slices.ContainsFunc(entry.Affiliations, func(a directory.Affiliation) bool { return scope.Covers(a.School) })) {
		return identity.PersonID{}, "", true
	}
	if !ok {
		return id, id.String(), false
	}
	return id, cmp.Or(person.JoinFIO(entry.Last, entry.First, entry.Middle), string(entry.Login)), false
}

// deviceSeen is what a page shows of a device's hardware address. It tells a person
// apart wherever the device goes, so that nobody reads that of a person whom he may
// not see; his own school's devices he takes off without it.
func deviceSeen(hidden bool, device string) string {
	if hidden {
		return ""
	}
	return device
}

// thingOf says what else than a person is on.
func thingOf(whose identity.PersonID, basis *identity.Basis) string {
	switch {
	case !whose.IsZero() || !basis.Thing():
		return ""
	case basis.Device != "":
		return "device"
	}
	return "machine"
}

// Refused implements console.Live.
func (l liveWifi) Refused(scope rights.Scope, id person.SchoolID) (list []console.LiveRefusal) {
	for _, a := range l.d.refusals.Last(string(id)) {
		x := console.LiveRefusal{At: a.At, Device: a.Device, NAS: a.NAS, Unit: a.Unit, Reason: a.Reason, Times: a.Times}
		x.Whose, x.Named, x.Hidden = l.whose(scope, a.Person)
		x.Device = deviceSeen(x.Hidden, x.Device)
		list = append(list, x)
	}
	return list
}

// Stay implements console.Live.
func (l liveWifi) Stay(ctx context.Context, scope rights.Scope, id person.SchoolID, session string) (console.LiveStay, error) {
	number, err := journal.ParseID(session)
	if err != nil {
		return console.LiveStay{}, identity.ErrNotFound
	}
	s, err := l.d.db.Journal().Get(ctx, number)
	if err != nil {
		return console.LiveStay{}, err
	}
	if s.Detail.School != string(id) {
		return console.LiveStay{}, identity.ErrNotFound
	}
	shown := shownSession(s, explain.Russian)
	x := console.LiveStay{Session: shown.ID, Device: shown.Device, NAS: s.NAS, Unit: s.Unit, SSID: shown.SSID, Began: s.Began, Ended: s.Ended, Addresses: shown.Addresses, Cut: shown.Disconnect}
	x.Whose, x.Named, x.Hidden = l.whose(scope, s.Person)
	x.Device, x.Thing = deviceSeen(x.Hidden, x.Device), thingOf(s.Person, s.Basis)
	return x, nil
}

// Disconnect implements console.Live.
func (l liveWifi) Disconnect(ctx context.Context, session string) error {
	number, err := journal.ParseID(session)
	if err != nil {
		return identity.ErrNotFound
	}
	return l.d.db.Journal().AskDisconnect(ctx, []journal.ID{number}, journal.WhyAdministrator, time.Now())
}

// schoolRolls are the lists of schools' people.
type schoolRolls struct{ d *daemon }

var _ console.Rolls = schoolRolls{}

// Schools implements console.Rolls.
func (r schoolRolls) Schools(scope rights.Scope) []person.School {
	if !scope.All() {
		var list []person.School
		for _, id := range scope.Schools() {
			if s, ok := r.d.people.School(id); ok {
				list = append(list, s)
			}
		}
		return byName(list)
	}
	return byName(r.d.people.Schools())
}

func byName(list []person.School) []person.School {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b person.School) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)))
	})
	return list
}

// Roll implements console.Rolls.
func (r schoolRolls) Roll(ctx context.Context, id person.SchoolID, now time.Time) ([]census.Listed, error) {
	rows, err := r.d.db.Rolls().Rows(ctx, id, r.held(id))
	if err != nil {
		return nil, err
	}
	return census.Roll(person.DateOf(now.In(r.d.config.Policy.TimeZone.Location())), rows), nil
}

// held are the records at a school whose people have an account, as the directory knows
// them. Of one that several have by way of merged records the store says whose it is.
func (r schoolRolls) held(id person.SchoolID) map[person.RecordRef]identity.PersonID {
	held := map[person.RecordRef]identity.PersonID{}
	for _, e := range r.d.people.InSchool(id, 0) {
		for _, a := range e.Affiliations {
			if other, claimed := held[a.Record]; claimed && other != e.Person {
				held[a.Record] = identity.PersonID{}
			} else {
				held[a.Record] = e.Person
			}
		}
	}
	return held
}

// Deadlines implements console.Rolls.
func (r schoolRolls) Deadlines(ctx context.Context, id person.SchoolID) (census.Deadlines, error) {
	return r.d.db.Rolls().Deadlines(ctx, id)
}

// SetDeadlines implements console.Rolls.
func (r schoolRolls) SetDeadlines(ctx context.Context, id person.SchoolID, d census.Deadlines, now time.Time, line map[string]any) error {
	return r.d.db.Rolls().SetDeadlines(ctx, id, d, now, line)
}

// Account implements console.Rolls.
func (r schoolRolls) Account(id identity.PersonID) (identity.Login, time.Time) {
	entry, ok := r.d.people.Get(id)
	if !ok {
		return "", time.Time{}
	}
	return entry.Login, entry.Created.Time()
}
