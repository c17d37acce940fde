package ad

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

const (
	domain  = "DC=obr,DC=example"
	base    = "OU=Schools," + domain
	old     = "OU=Old," + domain
	staff49 = "OU=staff,OU=49," + base
)

var (
	anna    = identity.PersonID{0xA1}
	noon    = time.Date(2024, 9, 2, 12, 0, 0, 0, moscow)
	schools = map[person.SchoolID]person.School{
		"49": {ID: "49", District: "ЮАО"}, "1050": {ID: "1050", District: " юао "}, "7": {ID: "7", District: "САО"}, "far": {ID: "far", District: "Марс"},
	}
)

func plainLayout() Layout {
	return Layout{Base: base, AdoptBases: []string{old}, OU: "OU={role},OU={school}", Groups: []string{"CN={role}-{school},OU=groups"}}
}

func date(t testing.TB, text string) person.Date {
	t.Helper()
	if text == "" {
		return person.Date{}
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return person.DateOf(at)
}

func teaches(school person.SchoolID) directory.Affiliation {
	d, _ := person.NewDate(2020, 9, 1)
	return directory.Affiliation{Role: person.RoleStaff, School: school, From: d}
}

func learns(school person.SchoolID) directory.Affiliation {
	return directory.Affiliation{Role: person.RolePupil, School: school, Class: "5А"}
}

func entry(affiliations ...directory.Affiliation) *directory.Entry {
	return &directory.Entry{
		Person: anna, Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна", State: directory.StateActive, Epoch: 1,
		Affiliations: affiliations,
	}
}

func password(n byte, clear string, epoch uint64) *provision.Password {
	return &provision.Password{ID: [16]byte{n}, Clear: identity.Password(clear), Epoch: epoch, Tag: []byte{n}, Until: noon.Add(time.Hour)}
}

// world is a directory, and one account's row in the store.
type world struct {
	t        testing.TB
	ad       *fake
	target   *Target
	entry    *directory.Entry
	row      provision.Row
	password *provision.Password
	errors   int
	now      func() time.Time // nil: noon
}

func newWorld(t testing.TB, l Layout) *world {
	t.Helper()
	f := newFake(domain, base, old)
	target, err := New(f, Options{Layout: l})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, ad: f, target: target, entry: entry(teaches("49")), row: provision.Row{Revision: 1, Name: "evann"}}
}

func (w *world) job() provision.Job {
	now := noon
	if w.now != nil {
		now = w.now()
	}
	return provision.Job{Person: anna, Entry: w.entry, Schools: schools, Row: w.row, Password: w.password, Now: now}
}

// save is the store's compare-and-swap.
func (w *world) save(revision uint64, p provision.Pass) error {
	if w.row.Revision != revision {
		return identity.ErrConflict
	}
	w.row.Object, w.row.Stamp, w.row.Observed = p.Object, p.Stamp, p.Observed
	w.row.Rename = w.row.Rename && !p.Renamed
	if p.Delivered != nil && w.password != nil && *p.Delivered == w.password.ID {
		w.password = nil
	}
	w.row.Revision++
	return nil
}

// trigger changes what is asked for.
func (w *world) trigger(change func()) {
	change()
	w.row.Revision++
}

// settle makes passes, as a worker does, until one says that it is done.
func (w *world) settle() provision.Pass {
	w.t.Helper()
	for range 12 {
		job := w.job()
		idle := w.together(job)
		p, err := w.target.Bring(w.t.Context(), job)
		if err == nil && w.ad.before == nil && w.ad.after == nil {
			w.sameAs(idle, job, p)
		}
		if err != nil {
			if !errors.Is(err, identity.ErrUnreachable) {
				w.t.Fatalf("bring: %v", err)
			}
			w.errors++
			continue
		}
		if w.save(job.Row.Revision, p) == nil && !p.Again {
			return p
		}
	}
	w.t.Fatalf("no end: row %+v\n%s", w.row, w.state())
	return provision.Pass{}
}

// together looks at the account as at many at once, whose plan is that of one.
func (w *world) together(job provision.Job) *provision.Pass {
	w.t.Helper()
	target := *w.target
	target.client = onlooker{w.target.client, w.ad}
	one, err := target.Plan(w.t.Context(), job)
	if err != nil {
		w.t.Fatal(err)
	}
	plans, err := target.PlanAll(w.t.Context(), []provision.Job{job})
	if err != nil || !reflect.DeepEqual(plans[0], one) {
		w.t.Errorf("planned alone %+v, together %+v, %v", one, plans, err)
	}
	passes, err := target.Idle(w.t.Context(), []provision.Job{job})
	if err != nil {
		w.t.Fatal(err)
	}
	return passes[0]
}

// sameAs: what was told without a pass is what the pass came to, and of an account
// with which all is well it is told.
func (w *world) sameAs(idle *provision.Pass, job provision.Job, p provision.Pass) {
	w.t.Helper()
	well := p.Observed.Ready && p.Wrote == 0 && !p.Again && len(job.Row.Object) > 0 && job.Entry != nil && p.Observed.Name != "" &&
		job.Row.Observed.Server == p.Observed.Server
	if idle == nil && well || idle != nil && !reflect.DeepEqual(*idle, p) {
		w.t.Errorf("the pass came to %+v, and without it was told %+v", p, idle)
	}
}

// state is everything in the directory that people would notice.
func (w *world) state() string {
	var lines []string
	for _, o := range w.ad.objects {
		var b strings.Builder
		fmt.Fprintf(&b, "%s password=%s", o.dn, hideRandom(o.password))
		for _, name := range slices.Sorted(maps.Keys(o.attrs)) {
			if !slices.Contains([]string{"objectguid", "whencreated", "pwdlastset", "admindescription"}, name) && len(o.attrs[name]) > 0 {
				fmt.Fprintf(&b, " %s=%s", name, strings.Join(slices.Sorted(slices.Values(o.attrs[name])), "|"))
			}
		}
		lines = append(lines, b.String())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func hideRandom(password string) string {
	if strings.HasPrefix(password, "aA1!") {
		return "(random)"
	}
	return password
}

func (w *world) account(sam string) *thing {
	w.t.Helper()
	for _, o := range w.ad.objects {
		if strings.EqualFold(strings.Join(o.attrs["samaccountname"], ""), sam) {
			return o
		}
	}
	w.t.Fatalf("no %s in:\n%s", sam, w.state())
	return nil
}

// owned counts the objects that carry the person's mark.
func (w *world) owned() int {
	n := 0
	for _, o := range w.ad.objects {
		if v := o.attrs["employeenumber"]; len(v) > 0 && v[0] == anna.String() {
			n++
		}
	}
	return n
}

func codes(problems []match.Problem) string {
	var list []string
	for _, p := range problems {
		list = append(list, p.String())
	}
	return strings.Join(list, " ")
}
