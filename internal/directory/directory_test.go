package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// feed is a Source in memory.
type feed struct {
	mu      sync.Mutex
	schools []person.School
	entries map[identity.PersonID]*Entry
	changes []Change
	base    uint64 // changes before it are forgotten
	fail    error
	loads   int
	woken   chan struct{}
}

func newFeed(entries ...*Entry) *feed {
	f := &feed{entries: map[identity.PersonID]*Entry{}, woken: make(chan struct{}, 1)}
	for _, e := range entries {
		f.entries[e.Person] = e
	}
	return f
}

func (f *feed) change(c Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, c)
	switch {
	case c.Entry != nil:
		f.entries[c.Entry.Person] = c.Entry
	case !c.Removed.IsZero():
		delete(f.entries, c.Removed)
	default:
		f.schools = c.Schools
	}
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

func (f *feed) setFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *feed) head() Position { return Position{Seq: f.base + uint64(len(f.changes))} }

func (f *feed) Load(_ context.Context, school func(person.School) error, entry func(*Entry) error) (Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return Position{}, f.fail
	}
	f.loads++
	for _, s := range f.schools {
		if err := school(s); err != nil {
			return Position{}, err
		}
	}
	for _, e := range f.entries {
		if err := entry(e); err != nil {
			return Position{}, err
		}
	}
	return f.head(), nil
}

func (f *feed) Since(_ context.Context, after Position) ([]Change, Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, after, f.fail
	}
	if after.Seq < f.base || after.Seq > f.head().Seq {
		return nil, after, ErrHistory
	}
	return slices.Clone(f.changes[after.Seq-f.base:]), f.head(), nil
}

func (f *feed) Rows(_ context.Context, upTo Position, most int) ([]Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fail != nil:
		return nil, f.fail
	case upTo.Seq < f.base || upTo.Seq > f.head().Seq || upTo.Row != [16]byte{}:
		return nil, ErrHistory
	}
	var rows []Position
	for seq := upTo.Seq - min(upTo.Seq, uint64(most)) + 1; seq <= upTo.Seq; seq++ {
		rows = append(rows, Position{Seq: seq})
	}
	return rows, nil
}

func (f *feed) Wait(ctx context.Context) error {
	select {
	case <-f.woken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func entry(n uint32, login string, more ...func(*Entry)) *Entry {
	e := &Entry{Login: identity.Login(login), UIDNumber: n, GIDNumber: n, State: StateActive, Names: []person.Name{{Kind: person.NameMosru, Text: login}}}
	e.Person[0], e.Person[1], e.Person[2] = byte(n), byte(n>>8), byte(n>>16)
	e.UUID = e.Person
	e.UUID[15] = 7
	for _, f := range more {
		f(e)
	}
	return e
}

func at(role person.Role, school, class string) func(*Entry) {
	return func(e *Entry) {
		e.Affiliations = append(e.Affiliations, Affiliation{Role: role, School: person.SchoolID(school), Class: class})
	}
}

func names(texts ...string) func(*Entry) {
	return func(e *Entry) {
		for _, t := range texts {
			e.Names = append(e.Names, person.Name{Kind: person.NameRetired, Text: t})
		}
	}
}

func loaded(t *testing.T, f *feed) *Directory {
	t.Helper()
	d := New(f, Options{})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func uids(s iter.Seq[*Entry]) (out []uint32) {
	for e := range s {
		out = append(out, e.UIDNumber)
	}
	return out
}

func TestLookups(t *testing.T) {
	d := loaded(t, newFeed(entry(100, "Belovas", names("belova-old")), entry(101, "orlovami", func(e *Entry) { e.GIDNumber = 5 })))
	for _, name := range []string{"belovas", "BELOVAS", "Belova-OLD"} {
		if e, ok := d.Lookup(name); !ok || e.UIDNumber != 100 {
			t.Errorf("Lookup(%q) = %v, %v", name, e, ok)
		}
	}
	if e, ok := d.Lookup("belova"); ok {
		t.Errorf("Lookup of a part found %v", e.Login)
	}
	two, _ := d.Lookup("orlovami")
	for what, found := range map[string]func() (*Entry, bool){
		"Get":    func() (*Entry, bool) { return d.Get(two.Person) },
		"ByUID":  func() (*Entry, bool) { return d.ByUID(101) },
		"ByGID":  func() (*Entry, bool) { return d.ByGID(5) },
		"ByUUID": func() (*Entry, bool) { return d.ByUUID(two.UUID) },
	} {
		if e, ok := found(); !ok || e != two {
			t.Errorf("%s = %v, %v", what, e, ok)
		}
	}
	if _, ok := d.ByGID(101); ok {
		t.Error("ByGID found a uidNumber whose gidNumber differs")
	}
	if _, ok := d.ByUID(99); ok {
		t.Error("ByUID found nobody's number")
	}
}

func TestChanges(t *testing.T) {
	f := newFeed(entry(100, "a1", names("old")), entry(101, "b1"))
	d := loaded(t, f)
	f.change(Change{Entry: entry(100, "a2")})
	f.change(Change{Removed: entry(101, "").Person})
	f.change(Change{Entry: entry(102, "c1")})
	if n, err := d.Step(t.Context()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for _, gone := range []string{"a1", "old", "b1"} {
		if _, ok := d.Lookup(gone); ok {
			t.Errorf("%q is still found", gone)
		}
	}
	if e, ok := d.Lookup("A2"); !ok || e.UIDNumber != 100 {
		t.Error("the new name is not found")
	}
	if got := uids(d.All(0)); !slices.Equal(got, []uint32{100, 102}) || d.Len() != 2 {
		t.Errorf("All = %v, Len = %d", got, d.Len())
	}
	if d.Seq() != 3 {
		t.Errorf("Seq = %d", d.Seq())
	}
}

func TestNameThatMovedStaysWithItsNewOwner(t *testing.T) {
	f := newFeed(entry(100, "a", names("shared")), entry(101, "b"))
	d := loaded(t, f)
	f.change(Change{Entry: entry(101, "b", names("shared"))})
	f.change(Change{Entry: entry(100, "a")})
	if _, err := d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, ok := d.Lookup("shared"); !ok || e.UIDNumber != 101 {
		t.Errorf("Lookup = %v, %v", e, ok)
	}
}

func TestAllSeesOneMomentAndPages(t *testing.T) {
	f := newFeed()
	for n := uint32(1); n <= 3*blockSize; n++ {
		f.entries[entry(n, "").Person] = entry(n, fmt.Sprint("p", n))
	}
	d := loaded(t, f)
	next, stop := iter.Pull(d.All(10))
	defer stop()
	if e, _ := next(); e.UIDNumber != 11 {
		t.Fatalf("the page starts at %d", e.UIDNumber)
	}
	for n := uint32(1); n <= 3*blockSize; n += 2 {
		f.change(Change{Removed: entry(n, "").Person})
	}
	for n := uint32(5000); n < 5000+2*blockSize; n++ {
		f.change(Change{Entry: entry(n, fmt.Sprint("q", n))})
	}
	if _, err := d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	for want := uint32(12); want <= 3*blockSize; want++ {
		if e, ok := next(); !ok || e.UIDNumber != want {
			t.Fatalf("the walk changed under way at %d: %v", want, e)
		}
	}
	if _, ok := next(); ok {
		t.Error("the walk grew")
	}
	got := uids(d.All(0))
	if len(got) != d.Len() || len(got) != 3*blockSize/2+2*blockSize || !slices.IsSorted(got) {
		t.Errorf("%d entries, Len %d, sorted %v", len(got), d.Len(), slices.IsSorted(got))
	}
}

func has(g *Group, e *Entry, day person.Date) bool {
	return slices.ContainsFunc(e.Affiliations, func(a Affiliation) bool { return g.Takes(a, day) })
}

func members(d *Directory, g *Group, day person.Date) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for e := range d.All(0) {
			if has(g, e, day) && !yield(e) {
				return
			}
		}
	}
}

func TestGroups(t *testing.T) {
	f := newFeed(
		entry(100, "teacher", at(person.RoleStaff, "1234", ""), at(person.RoleStaff, "77", ""), at(person.RoleParent, "99", "")),
		entry(101, "pupil", at(person.RolePupil, "1234", "5 А")),
		entry(102, "other", at(person.RolePupil, "1234", "5а")),
		entry(103, "left", func(e *Entry) {
			e.Affiliations = []Affiliation{{Role: person.RolePupil, School: "1234", Class: "5А", Closed: true}}
		}))
	f.schools = []person.School{{ID: "1234", Name: "Школа № 1"}, {ID: "Лицей", Name: "Лицей"}}
	d := loaded(t, f)
	day, _ := person.NewDate(2026, 11, 1)
	want := map[string]struct {
		gid     uint32
		members []uint32
	}{
		"staff":          {GIDStaff, []uint32{100}},
		"pupils":         {GIDPupils, []uint32{101, 102}},
		"school-1234":    {1_100_001_234, []uint32{100, 101, 102}},
		"school-77":      {1_100_000_077, []uint32{100}},
		"school-Лицей":   {0, nil},
		"school-1234-5а": {0, []uint32{101, 102}},
	}
	if len(d.Groups()) != len(want) {
		t.Errorf("%d groups", len(d.Groups()))
	}
	for _, g := range d.Groups() {
		w, ok := want[g.Name]
		if !ok || w.gid != 0 && w.gid != g.GID || w.gid == 0 && g.GID < gidHashed {
			t.Errorf("group %q has number %d", g.Name, g.GID)
		}
		if got := uids(members(d, g, day)); !slices.Equal(got, w.members) {
			t.Errorf("members of %q: %v, want %v", g.Name, got, w.members)
		}
		if found, ok := d.GroupByGID(g.GID); !ok || found != g {
			t.Errorf("GroupByGID(%d) = %v", g.GID, found)
		}
	}
	pupil, _ := d.Lookup("pupil")
	var of []string
	for _, g := range d.GroupsOf(pupil, day, nil) {
		of = append(of, g.Name)
	}
	if !slices.Equal(of, []string{"pupils", "school-1234", "school-1234-5а"}) {
		t.Errorf("GroupsOf = %v", of)
	}
	f.change(Change{Entry: entry(101, "pupil", at(person.RolePupil, "77", "1Б"))})
	if _, err := d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g, ok := d.Group("SCHOOL-77-1б"); !ok || !slices.Equal(uids(members(d, g, day)), []uint32{101}) {
		t.Errorf("the new class: %v", g)
	}
}

// A school whose identifier reads like a class of another school takes no
// pupils from there.
func TestGroupsWithNamesAlike(t *testing.T) {
	f := newFeed(
		entry(100, "pupil", at(person.RolePupil, "49", "x")), entry(101, "lyceum", at(person.RolePupil, "49-x", "1")),
		entry(102, "deep", at(person.RolePupil, "49", "x-1")))
	d := loaded(t, f)
	day, _ := person.NewDate(2026, 11, 1)
	for g := range slices.Values(d.Groups()) {
		for e := range d.All(0) {
			if listed := slices.Contains(d.GroupsOf(e, day, nil), g); listed != has(g, e, day) {
				t.Errorf("%s in %s (%v): GroupsOf says %v", e.Login, g.Name, g.School, listed)
			}
		}
	}
}

// A person changes in every way, and all that finds him follows.
func TestChangeOfOne(t *testing.T) {
	f := newFeed(entry(100, "a", names("x"), at(person.RolePupil, "49", "1А")), entry(200, "z", at(person.RoleStaff, "77", "")))
	d := loaded(t, f)
	before := d.groups()
	step := func(e *Entry) {
		t.Helper()
		e.Person, e.UUID = entry(100, "").Person, entry(100, "").UUID
		f.change(Change{Entry: e})
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		for what, found := range map[string]func() (*Entry, bool){
			"Lookup": func() (*Entry, bool) { return d.Lookup(string(e.Login)) }, "Get": func() (*Entry, bool) { return d.Get(e.Person) },
			"ByUID": func() (*Entry, bool) { return d.ByUID(e.UIDNumber) }, "ByGID": func() (*Entry, bool) { return d.ByGID(e.GIDNumber) },
			"ByUUID": func() (*Entry, bool) { return d.ByUUID(e.UUID) },
		} {
			if got, ok := found(); !ok || got != e {
				t.Errorf("%s finds %v", what, got)
			}
		}
		schools := map[person.SchoolID][]uint32{"49": nil, "77": {200}}
		for _, a := range e.Affiliations {
			schools[a.School] = append(schools[a.School], e.UIDNumber)
		}
		for id, want := range schools {
			slices.Sort(want)
			if got := uids(slices.Values(d.InSchool(id, 0))); !slices.Equal(got, want) {
				t.Errorf("in school %s: %v, want %v", id, got, want)
			}
		}
		if want := []uint32{min(e.UIDNumber, 200), max(e.UIDNumber, 200)}; d.Len() != 2 || !slices.Equal(uids(d.All(0)), want) {
			t.Errorf("%d: %v", d.Len(), uids(d.All(0)))
		}
	}
	step(entry(100, "b", names("x", "y"), at(person.RolePupil, "49", "1А")))
	if d.groups() != before {
		t.Error("groups are derived anew though none changed")
	}
	step(entry(100, "b", at(person.RolePupil, "49", "2А")))
	if _, ok := d.Lookup("x"); ok {
		t.Error("an old name still finds him")
	}
	if _, ok := d.Group("school-49-1а"); ok {
		t.Error("an empty class is still there")
	}
	step(entry(300, "b", at(person.RoleStaff, "77", "")))
	if _, ok := d.ByUID(100); ok {
		t.Error("the old number still finds him")
	}
	step(entry(300, "b", func(e *Entry) { e.GIDNumber = 7 }))
	step(entry(300, "b"))
	if _, ok := d.ByGID(7); ok {
		t.Error("the old group number still finds him")
	}
}

// Deriving the groups of a city takes long; nobody waits for it who can have
// those of a moment ago.
func TestGroupsAreDerivedByOne(t *testing.T) {
	f := newFeed(entry(100, "pupil", at(person.RolePupil, "49", "1А")))
	d := loaded(t, f)
	f.change(Change{Entry: entry(101, "new", at(person.RolePupil, "49", "2Б"))})
	if _, err := d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	deriving := &d.now.members.groups.mu
	deriving.Lock()
	if _, ok := d.Group("school-49-1а"); !ok {
		t.Error("the groups of before are gone")
	}
	if _, ok := d.Group("school-49-2б"); ok {
		t.Error("it was derived beside the one who derives")
	}
	deriving.Unlock()
	if _, ok := d.Group("school-49-2б"); !ok {
		t.Error("the new class is not there")
	}
}

func TestGroupNumbersNeverMeet(t *testing.T) {
	s := &groupSet{byGID: map[uint32]*Group{}}
	for i := range 3000 {
		s.sorted = append(s.sorted, &Group{Name: fmt.Sprintf("school-%d-1а", i), Kind: GroupClass})
	}
	taken := gidFor(s.sorted[0], 0)
	s.byGID[taken] = &Group{}
	s.number()
	if s.sorted[0].GID != gidFor(s.sorted[0], 1) || len(s.byGID) != 3001 {
		t.Errorf("number %d, %d numbers", s.sorted[0].GID, len(s.byGID))
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(entry(100, "a"))
		d := New(f, Options{})
		if !d.LastContact().IsZero() {
			t.Error("contact before the first load")
		}
		f.setFail(errors.New("down"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		time.Sleep(10 * time.Second)
		f.setFail(nil)
		<-d.Loaded()
		f.change(Change{Entry: entry(101, "b")})
		synctest.Wait()
		if _, ok := d.Lookup("b"); !ok {
			t.Fatal("a change did not arrive")
		}
		time.Sleep(time.Hour)
		if age := time.Since(d.LastContact()); age > 2*time.Second {
			t.Errorf("no contact for %v without changes", age)
		}
		f.setFail(errors.New("down"))
		time.Sleep(time.Hour)
		if age := time.Since(d.LastContact()); age < 59*time.Minute {
			t.Errorf("contact %v ago with the store down", age)
		}
		if _, ok := d.Lookup("a"); !ok {
			t.Error("the old state went away with the store")
		}
		if age := time.Since(d.Unbroken()); age < 2*time.Hour {
			t.Errorf("everybody was read %v ago, with no need", age)
		}
		f.mu.Lock()
		f.fail, f.base, f.changes = nil, 500, nil
		f.entries = map[identity.PersonID]*Entry{entry(102, "c").Person: entry(102, "c")}
		f.mu.Unlock()
		time.Sleep(5 * time.Second)
		if _, ok := d.Lookup("c"); !ok || d.Len() != 1 || d.Seq() != 500 {
			t.Errorf("not loaded anew: %d entries at %d", d.Len(), d.Seq())
		}
		if age := time.Since(d.Unbroken()); age > 5*time.Second {
			t.Errorf("the history is unbroken for %v", age)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
