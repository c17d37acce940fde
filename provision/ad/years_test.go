package ad_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
)

// TestYears lets people come, move, marry, leave and return over the years, in a
// store and a directory that know nothing of the test, and holds after every step
// what matching.md promises of one person and one account, against an oracle that
// knows the dates alone.
func TestYears(t *testing.T) {
	for seed := uint64(1); seed <= *seeds; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			y := newYears(t, seed)
			for step := range *steps {
				what := y.step()
				y.bring()
				if y.check(); t.Failed() {
					t.Fatalf("seed %d, step %d, %s: %s", seed, step, y.now.Format(time.DateOnly), what)
				}
			}
			y.must(y.db.Audit().Verify(t.Context(), nil))
			t.Logf("seed %d: until %s, %v", seed, y.now.Format(time.DateOnly), y.done)
		})
	}
}

var (
	seeds = flag.Uint64("years.seeds", 2, "how many random histories TestYears lets pass")
	steps = flag.Int("years.steps", 60, "how much happens in each")
)

const keptDays = 200

// years is a city of a few people, and what the oracle knows of them.
type years struct {
	t      *testing.T
	rand   *rand.Rand
	now    time.Time
	site   *site
	target *ad.Target
	db     *store.DB
	grace  int
	people []*citizen
	rows   map[string]*entered
	names  map[string]*citizen // every name that anybody ever had, folded
	next   int                 // number of a row
	done   map[string]int
}

// citizen is one person.
type citizen struct {
	profile   person.Profile
	id        identity.PersonID // zero: never activated
	guid      string            // of the one object
	upn       string
	suspended bool
	erased    bool
}

// entered is a row of a registry.
type entered struct {
	of     *citizen
	pupil  bool
	school person.SchoolID
	start  person.Date
	end    person.Date
	fio    string
	closed bool
	gone   bool
	bound  bool
}

func newYears(t *testing.T, seed uint64) *years {
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	y := &years{t: t, rand: rand.New(rand.NewPCG(seed, 2021)), now: time.Date(2021, 8, 1, 6, 0, 0, 0, time.UTC), rows: map[string]*entered{},
		names: map[string]*citizen{}, done: map[string]int{}, grace: int(seed%2) * 3}
	y.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), keys, store.Options{Now: func() time.Time { return y.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := y.db.Close(); err != nil {
			t.Error(err)
		}
	})
	y.site = newSimulated(t, seed%2 == 0)
	l := layout()
	l.Groups = nil
	l.Attributes = []ad.Mapping{{Attribute: "company", Value: "{school}"}}
	y.target, err = ad.New(y.site.as("CN=bridge,CN=Users,"+domain, "Zhuravl-Bridge-2021"), ad.Options{Layout: l, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	for i, school := range []person.School{{ID: "49", District: "ЮАО", Name: "Школа № 49"}, {ID: "7", District: "САО", Name: "Школа № 7"}} {
		y.put(0, string(school.ID), school, i)
	}
	// Two are namesakes; logins are near each other, and one is too long for AD.
	for i, login := range []string{"ivanovaa", "ivanova.a", "petrovi", "Sidorova", "verylongloginofaperson"} {
		last := []string{"Иванова", "Иванова", "Петрова", "Сидорова", "Длинная"}[i]
		y.people = append(y.people, &citizen{profile: person.Profile{Subject: identity.Subject("sub-" + login), Login: login, Last: last, First: "Анна", Middle: "Игоревна",
			SNILS: snilsOf(i), SNILSConfirmed: true, Phone: fmt.Sprintf("+7916555010%d", i), PhoneVerified: true, Trusted: true}})
	}
	return y
}

// snilsOf makes a СНИЛС with a right checksum: generated, nobody's.
func snilsOf(n int) string {
	digits := fmt.Sprintf("%09d", 910_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (9 - i)
	}
	return fmt.Sprintf("%s%02d", digits, sum%101%100)
}

func (y *years) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y *years) today() person.Date { return person.DateOf(y.now) }

func (y *years) put(kind person.RecordKind, key string, record any, salt int) {
	y.must(y.db.Registry().Apply(y.t.Context(), store.Chunk{Kind: kind, Rows: []store.Row{{Key: key, Digest: fmt.Appendf(nil, "%s %d", key, salt), Record: record}}}))
}

// export writes a row into its registry.
func (y *years) export(key string) {
	r := y.rows[key]
	y.next++
	r.gone = false
	p := r.of.profile
	if r.pupil {
		status := "active"
		if r.closed {
			status = "closed"
		}
		y.put(person.RecordEnrolment, key, person.Enrolment{ID: person.RecordID(key), Last: p.Last, First: p.First, Middle: p.Middle, School: r.school, Class: "5А", Phone: p.Phone, Status: status}, y.next)
		return
	}
	y.put(person.RecordEmployment, key, person.Employment{ID: person.RecordID(key), FIO: r.fio, SNILS: p.SNILS, School: r.school, Start: r.start, End: r.end, Position: "учитель"}, y.next)
}

func fio(p person.Profile) string { return person.JoinFIO(p.Last, p.First, p.Middle) }

// active says that a row makes an account on a day.
func (r *entered) active(day person.Date) bool {
	if r.gone || r.closed {
		return false
	}
	return r.pupil || !r.start.After(day) && (r.end.IsZero() || !r.end.Before(day))
}

// leaving says that it ended within so many days before.
func (r *entered) leaving(day person.Date, grace int) bool {
	return !r.pupil && !r.gone && !r.end.IsZero() && r.end.Before(day) && !r.end.Before(day.AddDays(-grace)) && !r.start.After(r.end)
}

// of gives somebody's rows, in the order of their keys.
func (y *years) of(c *citizen, want func(*entered) bool) (keys []string) {
	for key, r := range y.rows {
		if r.of == c && want(r) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// step does one thing that happens in a city, and says what.
func (y *years) step() string {
	y.now = y.now.AddDate(0, 0, y.rand.IntN(25))
	c := y.people[y.rand.IntN(len(y.people))]
	all := func(*entered) bool { return true }
	steps := []struct {
		name string
		do   func()
	}{
		{"hired", func() { y.hire(c) }}, {"hired", func() { y.hire(c) }}, {"enrolled", func() { y.enrol(c) }},
		{"ended", func() { y.end(c, all) }}, {"withdrawn", func() { y.withdraw(c, all) }}, {"back in the registry", func() { y.again(c) }},
		{"signed in", func() { y.signIn(c) }}, {"signed in", func() { y.signIn(c) }}, {"signed in", func() { y.signIn(c) }},
		{"married", func() { y.marry(c) }}, {"renamed", func() { y.rename(c) }}, {"suspended or resumed", func() { y.turn(c) }},
		{"all left", func() {
			for range 4 {
				y.end(c, func(r *entered) bool { return r.active(y.today()) })
				y.withdraw(c, func(r *entered) bool { return r.pupil && !r.gone })
			}
		}},
		{"half a year", func() { y.now = y.now.AddDate(0, 6, 0) }},
	}
	s := steps[y.rand.IntN(len(steps))]
	s.do()
	y.done[s.name]++
	return fmt.Sprintf("%s: %s", c.profile.Login, s.name)
}

func (y *years) school() person.SchoolID { return []person.SchoolID{"49", "7"}[y.rand.IntN(2)] }

func (y *years) hire(c *citizen) {
	key := fmt.Sprintf("k%d", len(y.rows))
	y.rows[key] = &entered{of: c, school: y.school(), start: y.today().AddDays(y.rand.IntN(60) - 30), fio: fio(c.profile)}
	y.export(key)
}

// enrol makes the record that a school makes when none is live: two alike are
// AMBIGUOUS, which is another test's matter.
func (y *years) enrol(c *citizen) {
	if len(y.of(c, func(r *entered) bool { return r.pupil && r.active(y.today()) })) > 0 {
		return
	}
	key := fmt.Sprintf("p%d", len(y.rows))
	y.rows[key] = &entered{of: c, school: y.school(), pupil: true, fio: fio(c.profile)}
	y.export(key)
}

func (y *years) end(c *citizen, which func(*entered) bool) {
	for _, key := range y.of(c, which)[:min(1, len(y.of(c, which)))] {
		r := y.rows[key]
		if r.gone {
			return
		}
		r.closed = r.pupil
		if !r.pupil {
			r.end = y.today().AddDays(y.rand.IntN(25) - 5)
		}
		y.export(key)
	}
}

func (y *years) withdraw(c *citizen, which func(*entered) bool) {
	for _, key := range y.of(c, which)[:min(1, len(y.of(c, which)))] {
		kind := person.RecordEmployment
		if y.rows[key].pupil {
			kind = person.RecordEnrolment
		}
		y.must(y.db.Registry().Apply(y.t.Context(), store.Chunk{Kind: kind, Gone: []string{key}, Day: y.today()}))
		y.rows[key].gone = true
	}
}

func (y *years) again(c *citizen) {
	for _, key := range y.of(c, func(r *entered) bool { return r.gone })[:min(1, len(y.of(c, func(r *entered) bool { return r.gone })))] {
		if y.rows[key].pupil && !y.rows[key].closed && len(y.of(c, func(r *entered) bool { return r.pupil && r.active(y.today()) })) > 0 {
			continue
		}
		y.rows[key].fio = fio(c.profile)
		y.export(key)
	}
}

func (y *years) activator() *provision.Activator {
	return provision.NewActivator(y.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: y.target, Patience: time.Minute})
}

// signIn activates, whoever may.
func (y *years) signIn(c *citizen) {
	r, err := y.activator().Activate(y.t.Context(), provision.Request{Profile: c.profile, Password: "Zimorodok-2021-Dolgo", Asked: y.now}, y.now)
	y.must(err)
	may := len(y.of(c, func(r *entered) bool { return r.active(y.today()) && r.fio == fio(c.profile) })) > 0
	if holder := y.names[person.FoldName(c.profile.Login)]; c.id == (identity.PersonID{}) && holder != nil && holder != c {
		may = false // the login is a name that somebody else has, or had
	}
	if got := r.Verdict.Decision == match.Match; got != may {
		y.t.Errorf("signed in: %v, %v; the oracle says %v", got, r.Verdict.Problems, may)
	}
	if !may || y.t.Failed() {
		return
	}
	if c.id == (identity.PersonID{}) {
		c.id = r.Activated.Person
	}
	if c.id != r.Activated.Person {
		y.t.Errorf("another person than before")
	}
	c.erased = false
	y.claim(c, c.profile.Login, string(r.Activated.Login))
	for _, key := range y.of(c, func(r *entered) bool { return r.active(y.today()) && r.fio == fio(c.profile) }) {
		y.rows[key].bound = true
	}
}

// claim notes that names are somebody's for ever.
func (y *years) claim(c *citizen, names ...string) {
	for _, n := range names {
		if n = person.FoldName(n); n == "" {
			continue
		}
		if holder := y.names[n]; holder != nil && holder != c {
			y.t.Errorf("the name %s of %s went to %s", n, holder.profile.Login, c.profile.Login)
		}
		y.names[n] = c
	}
}

// marry changes the name at mos.ru, in the registries, and tells us by a sign-in.
func (y *years) marry(c *citizen) {
	c.profile.Last = []string{"Синицына", "Воробьёва", "Галкина"}[y.rand.IntN(3)]
	for _, key := range y.of(c, func(r *entered) bool { return !r.gone }) {
		y.rows[key].fio = fio(c.profile)
		y.export(key)
	}
	y.signIn(c)
}

func (y *years) rename(c *citizen) {
	if c.id == (identity.PersonID{}) || c.erased {
		return
	}
	to := []string{"ivanova.a", "petrovi", "sidorova", "golub", "voron", "chizh"}[y.rand.IntN(6)]
	_, err := y.db.Accounts().Rename(y.t.Context(), c.id, identity.Login(to), y.now, nil)
	if errors.Is(err, store.ErrNotMade) && c.guid == "" {
		return
	}
	if holder := y.names[to]; holder != nil && holder != c {
		if !errors.Is(err, identity.ErrConflict) {
			y.t.Errorf("renamed to a name of %s: %v", holder.profile.Login, err)
		}
		return
	}
	y.must(err)
	y.claim(c, to)
}

func (y *years) turn(c *citizen) {
	if c.id == (identity.PersonID{}) {
		return
	}
	c.suspended = !c.suspended
	do := y.db.Accounts().Resume
	if c.suspended {
		do = y.db.Accounts().Suspend
	}
	y.must(do(y.t.Context(), c.id, y.now, "test"))
}

// bring does what the daemon does in a day.
func (y *years) bring() {
	ctx := y.t.Context()
	y.must(y.db.TellDay(ctx, y.today()))
	_, err := provision.NewRematcher(y.db.Accounts(), y.activator(), nil).Pass(ctx, y.now)
	y.must(err)
	y.must(y.db.Accounts().NoteLeavers(ctx, y.today()))
	erased, err := y.db.Accounts().EraseLeavers(ctx, y.today().AddDays(-keptDays), y.now)
	y.must(err)
	y.done["erased"] += erased
	all := provision.Brake{Minimum: 100}
	w, err := provision.NewWorker(y.target, y.db.Targets(), provision.WorkerOptions{Target: "ad", Holder: "years", Zone: time.UTC, LeaveGrace: y.grace,
		Brakes: provision.Brakes{all, all, all}, Now: func() time.Time { return y.now }, Registerer: prometheus.NewRegistry()})
	y.must(err)
	_, err = w.Once(ctx)
	y.must(err)
	again, err := w.Once(ctx)
	y.must(err)
	if again.Wrote != 0 {
		y.t.Errorf("a second run writes to %d accounts", again.Wrote)
	}
}

// check holds the directory and the store against the oracle.
func (y *years) check() {
	entries, err := y.site.admin.Search(y.t.Context(), ldapclient.Query{Base: managed, Scope: ldapclient.ScopeSub, Filter: "(objectClass=user)"})
	y.must(err)
	objects := map[string][]ldapclient.Entry{}
	for _, e := range entries {
		objects[strings.ToLower(e.Text("employeeNumber"))] = append(objects[strings.ToLower(e.Text("employeeNumber"))], e)
	}
	known := 0
	for _, c := range y.people {
		if c.id == (identity.PersonID{}) {
			continue
		}
		own := objects[c.id.String()]
		known += len(own)
		if len(own) > 1 {
			y.t.Errorf("%s has %d accounts", c.profile.Login, len(own))
		}
		y.checkOne(c, own)
	}
	if known != len(entries) {
		y.t.Errorf("%d accounts in the directory, %d of people", len(entries), known)
	}
	for name, c := range y.names {
		if h, err := y.db.Accounts().Find(y.t.Context(), name); err != nil || h.Person != c.id {
			y.t.Errorf("the name %s is no longer %s's: %v", name, c.profile.Login, err)
		}
	}
}

func (y *years) checkOne(c *citizen, own []ldapclient.Entry) {
	h, err := y.db.Accounts().Get(y.t.Context(), c.id)
	y.must(err)
	c.erased = h.Subject == ""
	for _, ref := range h.Records {
		r := y.rows[string(ref.ID)]
		if r.of != c {
			y.t.Errorf("%s was given a record of %s", c.profile.Login, r.of.profile.Login)
		}
		r.bound = true
	}
	today := y.today()
	needed := func(r *entered) bool { return r.bound && r.active(today) }
	if len(y.of(c, needed)) == 0 {
		needed = func(r *entered) bool { return r.bound && r.leaving(today, y.grace) }
	}
	on := !c.suspended && !c.erased && len(y.of(c, needed)) > 0
	y.checkRecords(c)
	if len(own) == 0 {
		if on {
			y.t.Errorf("%s has no account", c.profile.Login)
		}
		return
	}
	o := own[0]
	y.claim(c, o.Text("sAMAccountName"))
	if guid := string(o.Bytes("objectGUID")); c.guid == "" {
		c.guid, c.upn = guid, o.Text("userPrincipalName")
	} else if guid != c.guid || o.Text("userPrincipalName") != c.upn {
		y.t.Errorf("%s: another account, or the Teams login went from %s to %s", c.profile.Login, c.upn, o.Text("userPrincipalName"))
	}
	if enabled := o.Text("userAccountControl") != "66050" && o.Text("userAccountControl") != "514"; enabled != on {
		y.t.Errorf("%s is enabled: %v, and should be: %v", c.profile.Login, enabled, on)
	}
	if !on {
		return
	}
	if o.Text("sn") != h.Last || o.Text("displayName") != h.Last+" Анна Игоревна" {
		y.t.Errorf("%s is shown as %s", c.profile.Login, o.Text("displayName"))
	}
	schools := map[string]bool{}
	for _, key := range y.of(c, needed) {
		schools[string(y.rows[key].school)] = true
	}
	if id := strings.TrimPrefix(strings.Split(o.DN, ",")[2], "OU="); !schools[id] || o.Text("company") != "Школа № "+id {
		y.t.Errorf("%s lies at %s, company %s; schools %v", c.profile.Login, o.DN, o.Text("company"), schools)
	}
	if string(h.Login) != strings.ToLower(o.Text("sAMAccountName")) && len(h.Login) <= person.SAMLimit {
		y.t.Errorf("%s is called %s, and in the directory %s", c.profile.Login, h.Login, o.Text("sAMAccountName"))
	}
}

// checkRecords: a row that came, or began, is the person's without a sign-in, if
// the ФИО is one under which we know the person.
func (y *years) checkRecords(c *citizen) {
	if c.erased {
		return
	}
	h, err := y.db.Accounts().Get(y.t.Context(), c.id)
	y.must(err)
	stored := person.JoinFIO(h.Last, h.First, h.Middle)
	as := len(y.of(c, func(r *entered) bool { return r.bound && r.fio == stored })) > 0
	for _, key := range y.of(c, func(r *entered) bool { return !r.bound && r.active(y.today()) && r.fio == stored }) {
		if as && h.State == directory.StateActive {
			y.t.Errorf("%s: the record %s is not the person's yet", c.profile.Login, key)
		}
	}
}
