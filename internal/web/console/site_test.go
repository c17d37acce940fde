package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// The people of the tests, invented.
var (
	teacher  = Person{identity.PersonID{1}, "evann", "Еваннова Нина Николаевна"} // without rights
	admin49  = Person{identity.PersonID{2}, "orlovami", "Орлова Мария Игоревна"} // of school 49
	curator  = Person{identity.PersonID{3}, "kuratorp", "Кураторов Пётр Ильич"}
	operator = Person{identity.PersonID{4}, "operatora", "Операторова Анна Львовна"}
	auditor  = Person{identity.PersonID{5}, "auditoro", "Аудиторов Олег Ильич"}
	people   = []Person{teacher, admin49, curator, operator, auditor}
)

// holders has an administrator of each role.
var holders = map[rights.Role]Person{rights.School: admin49, rights.Curator: curator, rights.Operator: operator, rights.Auditor: auditor}

// desk is all that the console reads, in memory.
type desk struct {
	mu      sync.Mutex
	grants  []rights.Granted
	factors map[identity.PersonID]factor.Factor
	trail   []identity.AuditEntry
	denials []identity.AuditEntry
	lines   []map[string]any // of what was changed
	gone    map[identity.PersonID]bool
	glass   Glass
	broken  error
}

func (d *desk) Of(_ context.Context, id identity.PersonID) (rights.Rights, error) {
	var held []rights.Grant
	for _, g := range d.of(id) {
		held = append(held, g.Grant)
	}
	if d.gone[id] {
		held = nil
	}
	return rights.Of(held...), d.broken
}

func (d *desk) of(id identity.PersonID) (all []rights.Granted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.grants {
		if g.Person == id {
			all = append(all, g)
		}
	}
	return all
}

func (d *desk) Listed(_ context.Context, id identity.PersonID) (bool, error) {
	return len(d.of(id)) > 0, d.broken
}

// grants and factors share the names of some methods.
type keptGrants struct{ *desk }

func (d keptGrants) Of(_ context.Context, id identity.PersonID) ([]rights.Granted, error) {
	return d.of(id), d.broken
}

func (d keptGrants) Grant(_ context.Context, g rights.Granted, line map[string]any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.grants = slices.DeleteFunc(d.grants, func(o rights.Granted) bool { return o.Person == g.Person && o.Role == g.Role })
	d.desk.grants, d.lines = append(d.desk.grants, g), append(d.lines, line)
	return d.broken
}

func (d keptGrants) Revoke(_ context.Context, id identity.PersonID, role rights.Role, _ time.Time, line map[string]any) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.grants)
	d.desk.grants = slices.DeleteFunc(d.grants, func(o rights.Granted) bool { return o.Person == id && o.Role == role })
	d.lines = append(d.lines, line)
	return before - len(d.desk.grants), d.broken
}

func (d keptGrants) All(_ context.Context, after identity.PersonID, limit int) (all []rights.Granted, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.Clone(d.grants)
	slices.SortStableFunc(list, func(a, b rights.Granted) int { return bytes.Compare(a.Person[:], b.Person[:]) })
	for _, g := range list {
		if bytes.Compare(g.Person[:], after[:]) > 0 && (len(all) < limit || all[len(all)-1].Person == g.Person) {
			all = append(all, g)
		}
	}
	return all, d.broken
}

func (d *desk) Find(_ context.Context, id identity.PersonID) (factor.Factor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.factors[id], d.broken
}

func hash(meaning, code string) ([][]byte, error) {
	sum := sha256.Sum256([]byte(meaning + "\x00" + code))
	return [][]byte{sum[:]}, nil
}

func (d *desk) change(id identity.PersonID, line map[string]any, f func(*factor.Factor) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.factors[id]
	err := f(&kept)
	d.factors[id], d.lines = kept, append(d.lines, line)
	return err
}

func (d *desk) Enrol(_ context.Context, id identity.PersonID, e factor.Enrolment, now time.Time, line map[string]any) error {
	return d.change(id, line, func(f *factor.Factor) error { return f.Enrol(e, now, hash) })
}

func (d *desk) Take(_ context.Context, id identity.PersonID, code string, now time.Time, line map[string]any) (how factor.How, err error) {
	err = d.change(id, line, func(f *factor.Factor) error {
		how, err = f.Take(code, now, hash)
		return err
	})
	return how, err
}

func (d *desk) Invite(_ context.Context, id identity.PersonID, code string, expires, _ time.Time, line map[string]any) error {
	return d.change(id, line, func(f *factor.Factor) error { return f.Invite(code, expires, hash) })
}

// glassPassword opens the break-glass account.
const glassPassword = "ABCDE-FGHJK-MNPQR"

func (d *desk) Open(_ context.Context, p identity.Password, from string, now time.Time, line map[string]any) (Glass, error) {
	if string(p) != glassPassword || d.glass.Made.IsZero() {
		return Glass{}, ErrBreakGlass
	}
	d.glass.Used, d.glass.From, d.glass.Uses, d.lines = now, from, d.glass.Uses+1, append(d.lines, line)
	return d.glass, d.broken
}

func (d *desk) Last(context.Context) (Glass, error) {
	if d.glass.Made.IsZero() {
		return Glass{}, identity.ErrNotFound
	}
	return d.glass, d.broken
}

func (d *desk) Audit(e identity.AuditEntry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.denials = append(d.denials, e)
}

func (d *desk) Append(_ context.Context, entries []identity.AuditEntry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken == nil {
		d.trail = append(d.trail, entries...)
	}
	return d.broken
}

// crowd knows the people of the tests.
type crowd struct{ *desk }

func (c crowd) Find(_ context.Context, login string) (Person, error) {
	for _, p := range people {
		if string(p.Login) == login {
			return p, nil
		}
	}
	return Person{}, identity.ErrNotFound
}

func (c crowd) Get(_ context.Context, id identity.PersonID) (Person, error) {
	for _, p := range people {
		if p.ID == id {
			return p, nil
		}
	}
	return Person{}, identity.ErrNotFound
}

func (c crowd) Schools(context.Context) ([]person.School, error) {
	return []person.School{{ID: "49", Name: "ГБОУ Школа № 49"}, {ID: "1050", Name: "ГБОУ Школа № 1050"}}, c.broken
}

// site is a frame with the console.
type site struct {
	*desk
	t     testing.TB
	f     *web.Frame
	room  web.Room
	shelf *webtest.Shelf
	clock webtest.Clock
	who   web.Record // whom the door lets in
	log   bytes.Buffer
}

// front brings the addresses that the layout leads to.
var front = web.Room{Table: map[string]web.Page{
	"GET /{$}": {Do: func(v *web.Visit) {
		if s, err := v.Found(); err != nil || s == nil {
			v.Fail(http.StatusForbidden)
			return
		}
		v.Fail(http.StatusNotFound)
	}},
	"GET /sign-in": {Do: func(v *web.Visit) { v.To(v.After("/")) }},
	"POST /sign-out": {Do: func(v *web.Visit) {
		if err := v.End(); err != nil {
			v.Broken("sign out", err)
			return
		}
		v.To("/")
	}},
}}

func newSite(t testing.TB, alter func(*Options), more ...part) *site {
	t.Helper()
	s := &site{t: t, desk: &desk{factors: map[identity.PersonID]factor.Factor{}, gone: map[identity.PersonID]bool{}}, shelf: &webtest.Shelf{}}
	s.clock.Set(time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC))
	s.glass.Made = s.clock.Now().Add(-time.Hour)
	for role, who := range holders {
		g := rights.Granted{Person: who.ID, Grant: rights.Grant{Role: role}, By: "uid 0", At: s.clock.Now()}
		switch role {
		case rights.School:
			g.Schools = []person.SchoolID{"49"}
		case rights.Curator:
			g.Schools = []person.SchoolID{"49", "1050"}
		}
		s.grants = append(s.grants, g)
		s.factors[who.ID] = factor.Factor{Secret: secret}
	}
	o := Options{Rights: s.desk, Factors: s.desk, Grants: keptGrants{s.desk}, People: crowd{s.desk}, Trail: s.desk, Denials: s.desk, BreakGlass: s.desk,
		Live: &air{}, Rolls: newRolls(), Issuer: "id.school.example", Groups: []GroupRule{{"CN=bridge-{school},OU=admins", rights.School}}}
	o.Duplicates, o.Repairs = nothingFound{}, nothingFound{}
	if alter != nil {
		alter(&o)
	}
	var err error
	if s.room, err = newRoom(o, append(parts(), more...)); err != nil {
		t.Fatal(err)
	}
	s.f, err = web.New(web.Options{Sessions: s.shelf, Secure: true, Now: s.clock.Now, Logger: slog.New(slog.NewTextHandler(&s.log, nil))},
		s.room, front, webtest.Door(func() web.Record { return s.who }))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// secret is what all apps of the tests share.
var secret = []byte("12345678901234567890")

// code is what an app shows now.
func (s *site) code() string {
	s.t.Helper()
	code, err := factor.Code(secret, s.clock.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// later is what it shows a minute later: each code counts once.
func (s *site) later() string {
	s.clock.Forward(time.Minute)
	return s.code()
}

// person is a browser of somebody who has signed in like everybody.
func (s *site) person(who Person) *webtest.Guest {
	s.t.Helper()
	s.who = web.Record{Person: who.ID, Login: who.Login, Profile: person.Profile{Subject: identity.Subject("sub-" + who.Login), Login: string(who.Login), First: "Имя"}}
	g := webtest.NewGuest(s.t, s.f)
	webtest.Goes(s.t, g.Get(webtest.DoorAddress), "/")
	return g
}

// inside is a browser of an administrator who has shown the second factor.
func (s *site) inside(who Person) *webtest.Guest {
	s.t.Helper()
	g := s.person(who)
	s.clock.Forward(time.Minute) // each code counts once
	webtest.Goes(s.t, g.Post("/console/sign-in", "code", s.code()), "/console")
	return g
}

// role is inside of somebody with a role.
func (s *site) role(r rights.Role) *webtest.Guest { return s.inside(holders[r]) }

// noted are the pages whose reading is in the trail, each with whom it was about.
func (s *site) noted() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.trail {
		_, page, _ := strings.Cut(string(e.Payload), `"page":"`)
		page, _, _ = strings.Cut(page, `"`)
		list = append(list, e.Kind+" "+page+" "+e.Person.String()[:2])
	}
	s.trail = nil
	return list
}
