package ad_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
)

const (
	realm   = "obr.example"
	netbios = "OBR"
	domain  = "DC=obr,DC=example"
	managed = "OU=Schools," + domain

	place  = "OU=staff,OU=49," + managed
	adopts = "OU=Old," + domain
)

var noon = time.Date(2024, 9, 2, 12, 0, 0, 0, time.UTC)

func layout() ad.Layout {
	return ad.Layout{Base: managed, AdoptBases: []string{adopts}, OU: "OU={role},OU={school}", Groups: []string{"CN={role}-{school},OU=groups"}}
}

// site is a domain controller with a target in front of it.
type site struct {
	t       *testing.T
	options func(name string, password identity.Password) ldapclient.Options
	admin   *ldapclient.Client
	target  *ad.Target // in the name of the service account
}

// as connects in somebody's name.
func (s *site) as(name string, password identity.Password) *ldapclient.Client {
	s.t.Helper()
	c, err := ldapclient.New(s.options(name, password))
	s.must(err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// bind signs somebody in.
func (s *site) bind(name string, password identity.Password) error {
	c, err := ldapclient.New(s.options(name, password))
	s.must(err)
	defer c.Close()
	_, err = c.Search(s.t.Context(), ldapclient.Query{Attributes: []string{"dnsHostName"}})
	return err
}

// furnish makes what an administrator does before the first pass: the service
// account of these domains may make no groups.
func (s *site) furnish(groups ...string) {
	s.t.Helper()
	for _, dn := range []string{"OU=groups," + managed, adopts} {
		s.must(s.admin.Add(s.t.Context(), dn, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")}))
	}
	for _, name := range groups {
		s.must(s.admin.Add(s.t.Context(), "CN="+name+",OU=groups,"+managed, []ldapclient.Attribute{
			ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", name)}))
	}
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) over(c ad.Client) *ad.Target {
	s.t.Helper()
	target, err := ad.New(c, ad.Options{Layout: layout()})
	s.must(err)
	return target
}

// account is one person's rows in the store.
type account struct {
	mu       sync.Mutex
	entry    *directory.Entry
	row      provision.Row
	password *provision.Password
}

func newAccount(t *testing.T, login string) *account {
	t.Helper()
	id, err := identity.NewPersonID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &account{entry: teacher(id, login, "49"), row: provision.Row{Revision: 1, Name: login}}
}

func teacher(id identity.PersonID, login string, school person.SchoolID) *directory.Entry {
	from, _ := person.NewDate(2020, 9, 1)
	return &directory.Entry{
		Person: id, Login: identity.Login(login), Last: "Еванова", First: "Нина", Middle: "Николаевна", State: directory.StateActive, Epoch: 1,
		Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: school, From: from}},
	}
}

func waits(n byte, clear string, epoch uint64) *provision.Password {
	return &provision.Password{ID: [16]byte{n}, Clear: identity.Password(clear), Epoch: epoch, Tag: []byte{n}, Until: noon.Add(time.Hour)}
}

func (a *account) job() provision.Job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return provision.Job{Person: a.entry.Person, Entry: a.entry, Row: a.row, Password: a.password, Now: noon,
		Schools: map[person.SchoolID]person.School{"49": {ID: "49", District: "ЮАО"}, "7": {ID: "7", District: "САО"}}}
}

func (a *account) save(revision uint64, p provision.Pass) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.row.Revision != revision {
		return false
	}
	a.row.Object, a.row.Stamp, a.row.Observed = p.Object, p.Stamp, p.Observed
	if p.Renamed {
		a.row.Rename = false
	}
	if p.Delivered != nil && a.password != nil && *p.Delivered == a.password.ID {
		a.password = nil
	}
	a.row.Revision++
	return true
}

func (a *account) trigger(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	a.row.Revision++
}

// settle makes passes until one says that it is done; answers that did not come
// are asked for again.
func (s *site) settle(target *ad.Target, a *account) provision.Pass {
	s.t.Helper()
	for range 200 {
		job := a.job()
		p, err := target.Bring(s.t.Context(), job)
		switch {
		case errors.Is(err, identity.ErrUnreachable):
		case err != nil:
			s.t.Fatal(err)
		case a.save(job.Row.Revision, p) && !p.Again:
			return p
		}
	}
	s.t.Fatal("no end")
	return provision.Pass{}
}

// owned gives the objects with the person's mark.
func (s *site) owned(a *account) []ldapclient.Entry {
	s.t.Helper()
	found, err := s.admin.Search(s.t.Context(), ldapclient.Query{Base: domain, Scope: ldapclient.ScopeSub,
		Filter: "(|(employeeNumber=" + a.entry.Person.String() + ")(displayName=Еванова Нина*))"})
	s.must(err)
	return found
}

// one checks the person's one object.
func (s *site) one(a *account) ldapclient.Entry {
	s.t.Helper()
	found := s.owned(a)
	if len(found) != 1 {
		s.t.Fatalf("%d objects", len(found))
	}
	return found[0]
}

func (s *site) ready(p provision.Pass) {
	s.t.Helper()
	if !p.Observed.Ready {
		s.t.Fatalf("not ready: %v", p.Observed.Problems)
	}
}

func problems(p provision.Pass) string {
	var list []string
	for _, problem := range p.Observed.Problems {
		list = append(list, problem.String())
	}
	return strings.Join(list, " ")
}

// refusesMark checks that Check will not have an attribute as the mark.
func (s *site) refusesMark(mark, why string) {
	s.t.Helper()
	l := layout()
	l.Mark = mark
	target, err := ad.New(s.admin, ad.Options{Layout: l})
	s.must(err)
	if err := target.Check(s.t.Context()); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "take employeeNumber") {
		s.t.Errorf("%s: %v", mark, err)
	}
}

// life is an account's way, one thing after another, in a domain whose password
// policy is as strict as Windows comes.
func life(t *testing.T, s *site) {
	ctx := t.Context()
	s.must(s.target.Check(ctx))
	for mark, why := range map[string]string{"msDS-cloudExtensionAttribute1": "of itself", "employeeID": "16 characters"} {
		s.refusesMark(mark, why)
	}
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)

	s.ready(s.settle(s.target, a))
	e := s.one(a)
	if e.Text("userAccountControl") != "66048" || e.Text("cn") != "evann" || !ldapclient.SameDN(ldapclient.Parent(e.DN), place) ||
		!slices.Equal(e.Texts("memberOf"), []string{"CN=staff-49,OU=groups," + managed}) {
		t.Errorf("%s: %q", e.DN, e.Attributes)
	}
	for _, name := range []string{"evann@uao.obr.mos.ru", netbios + `\evann`, "evann@" + realm} {
		s.must(s.bind(name, "Zimorodok-2021"))
	}
	p := s.settle(s.target, a)
	if p.Wrote != 0 {
		t.Errorf("a pass with nothing to do writes: %+v", p)
	}
	if sid := e.Bytes("objectSid"); !bytes.Equal(p.SID, sid) || len(sid) != 28 || !bytes.Equal(p.Object, e.Bytes("objectGUID")) {
		t.Errorf("is seen as %x, %x", p.Object, p.SID)
	}

	// The person may change neither mark nor stamp, though others' rights hold.
	own := s.as("evann@uao.obr.mos.ru", "Zimorodok-2021")
	for _, attribute := range []string{"employeeNumber", "adminDescription"} {
		err := own.Modify(ctx, e.DN, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(attribute, "x")}})
		if !errors.Is(err, ldapclient.ErrDenied) {
			t.Errorf("%s: %v", attribute, err)
		}
	}
	s.must(own.Modify(ctx, e.DN, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("telephoneNumber", "1")}}))

	// A new password, another school.
	a.trigger(func() {
		a.entry = teacher(a.entry.Person, "evann", "7")
		a.entry.Epoch, a.password = 2, waits(2, "Zimorodok-2022", 2)
	})
	s.ready(s.settle(s.target, a))
	s.must(s.bind("evann@uao.obr.mos.ru", "Zimorodok-2022"))
	if err := s.bind("evann@uao.obr.mos.ru", "Zimorodok-2021"); !errors.Is(err, ldapclient.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if e = s.one(a); !strings.Contains(e.DN, "OU=7,") || !slices.Equal(e.Texts("memberOf"), []string{"CN=staff-7,OU=groups," + managed}) {
		t.Errorf("%s: %q", e.DN, e.Texts("memberOf"))
	}

	// What the policy refuses waits, and holds nothing else up.
	a.trigger(func() {
		a.entry = teacher(a.entry.Person, "evann", "49")
		a.entry.Epoch, a.password = 3, waits(3, "abc", 3)
	})
	if p := s.settle(s.target, a); problems(p) != "AD_PASSWORD_REFUSED" || a.password == nil || !strings.Contains(p.Observed.Place, "OU=49,") {
		t.Errorf("%+v", p)
	}
	a.trigger(func() { a.password = nil })
	if p := s.settle(s.target, a); problems(p) != "AD_PASSWORD_STALE" {
		t.Errorf("%+v", p)
	}

	// Suspended, back again, gone.
	for _, step := range []struct {
		change   func()
		control  string
		password identity.Password // of now; none opens a disabled account
	}{
		{func() { a.entry.State = directory.StateSuspended }, "66050", "Zimorodok-2022"},
		{func() { a.entry.State = directory.StateActive; a.password = waits(4, "Zimorodok-2023", 3) }, "66048", "Zimorodok-2023"},
		{func() { a.entry.State = directory.StateSuspended }, "66050", "Zimorodok-2023"},
		{func() { a.entry.Epoch, a.password = 4, waits(5, "Zimorodok-2024", 4) }, "66050", "Zimorodok-2024"},
		{func() { a.entry.State, a.password = directory.StateActive, nil }, "66048", "Zimorodok-2024"}, // days later
		{func() { a.entry.Affiliations = nil; a.entry.Epoch, a.password = 5, waits(6, "Zimorodok-2025", 5) }, "66050", "Zimorodok-2025"},
	} {
		a.trigger(step.change)
		s.ready(s.settle(s.target, a))
		if got := s.one(a).Text("userAccountControl"); got != step.control {
			t.Errorf("userAccountControl %s, want %s", got, step.control)
		}
		if err := s.bind("evann@uao.obr.mos.ru", step.password); (step.control == "66048") != (err == nil) {
			t.Errorf("userAccountControl %s, sign-in: %v", step.control, err)
		}
	}
	if groups := s.one(a).Texts("memberOf"); len(groups) != 0 {
		t.Errorf("a leaver is member of %q", groups)
	}

	// A mark changed by hand ends it.
	a.trigger(func() { a.entry = teacher(a.entry.Person, "evann", "49"); a.password = waits(7, "Zimorodok-2026", 5) })
	s.must(s.admin.Modify(ctx, e.DN[:strings.Index(e.DN, ",")]+","+place, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("employeeNumber", "4711")}}))
	if p := s.settle(s.target, a); problems(p) != string(match.OwnerMarkChanged) || p.Wrote != 0 || p.Observed.Enabled {
		t.Errorf("%+v", p)
	}
}
