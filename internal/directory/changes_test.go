package directory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/person"
)

// stamped gives an entry its change.
func stamped(e *Entry, seq uint64, at time.Time) *Entry {
	fresh := *e
	fresh.Seq, fresh.Created, fresh.Modified = seq, MomentOf(at.Add(-time.Hour)), MomentOf(at)
	return &fresh
}

// The indexes of changes find what a look at everybody finds.
func TestChangesFindWhatALookFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	base := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f := crowd(1500)
	seq := uint64(0)
	for id, e := range f.entries {
		seq++
		f.entries[id] = stamped(e, seq, base.Add(time.Duration(r.IntN(1000))*time.Second))
	}
	f.base = seq
	d := loaded(t, f)
	people := slices.Collect(d.All(0))
	check := func() {
		t.Helper()
		after, second := uint64(r.IntN(int(seq)+2)), base.Unix()+r.Int64N(1100)
		var changed, late int
		for e := range d.All(0) {
			if e.Seq > after {
				changed++
			}
			if touched(e) >= second {
				late++
			}
		}
		list, ok := d.Changed(after, changed, nil)
		if !ok || len(list) != changed || !slices.IsSortedFunc(list, func(a, b *Entry) int { return int(a.Seq) - int(b.Seq) }) || changed > 0 && list[0].Seq <= after {
			t.Fatalf("after %d: %d changed, %d found", after, changed, len(list))
		}
		if n := d.CountChanged(after); n < changed || n > changed+blockSize {
			t.Errorf("after %d: %d changed, counted %d", after, changed, n)
		}
		if changed > 0 {
			if _, ok := d.Changed(after, changed-1, nil); ok {
				t.Error("too many are taken for few")
			}
		}
		list, ok = d.ChangedAt(second, late, nil)
		if !ok || len(list) != late || slices.ContainsFunc(list, func(e *Entry) bool { return touched(e) < second }) {
			t.Fatalf("since %d: %d late, %d found", second, late, len(list))
		}
		if n := d.CountChangedAt(second); n < late {
			t.Errorf("since %d: %d late, counted %d", second, late, n)
		}
	}
	for range 300 {
		for range r.IntN(9) {
			seq++
			i := r.IntN(len(people))
			if r.IntN(10) == 0 {
				f.change(Change{Removed: people[i].Person})
				continue
			}
			people[i] = stamped(people[i], seq, base.Add(time.Duration(r.IntN(1000))*time.Second))
			f.change(Change{Entry: people[i]})
		}
		seq = max(seq, f.head().Seq)
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		check()
	}
}

func TestVersions(t *testing.T) {
	e := stamped(entry(100001, "a", at(person.RoleStaff, "7", "")), 1, time.Now())
	f := newFeed(e)
	f.base = 1
	d := loaded(t, f)
	step := func() {
		t.Helper()
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(after uint64, known bool, want ...string) {
		t.Helper()
		list, ok := d.Versions(after)
		var got []string
		for _, v := range list {
			got = append(got, v.Entry.Last)
		}
		if ok != known || !slices.Equal(got, want) {
			t.Errorf("after %d: %q, %v, want %q, %v", after, got, ok, want, known)
		}
	}
	change := func(last string) {
		fresh := stamped(e, f.head().Seq+1, time.Now())
		fresh.Last = last
		f.change(Change{Entry: fresh})
	}
	expect(0, false)
	expect(1, true)
	change("first")
	step()
	change("second")
	step()
	f.change(Change{Removed: e.Person})
	step()
	expect(1, true, "", "first", "second")
	expect(3, true, "second")
	expect(4, true)
	// Of two rows of one person in one step, only the outcome is seen.
	f.changes = append(f.changes, Change{}, Change{Entry: stamped(e, 6, time.Now())})
	if list, pos, _ := f.Since(t.Context(), d.pos); len(list) != 2 || pos.Seq != 6 {
		t.Fatal(list, pos)
	}
	d.history.read([]Change{{Entry: stamped(e, 6, time.Now())}}, 4, 6)
	expect(4, true)
	expect(5, false)
	expect(6, true)
	for range 2 * versionsKept {
		d.history.keep(e, 9)
	}
	if len(d.history.versions) > versionsKept+versionsKept/8 || d.history.known != 9 {
		t.Errorf("%d are kept, known from %d on", len(d.history.versions), d.history.known)
	}
}

func TestMarks(t *testing.T) {
	h := newHistory(nil, Position{})
	d := &Directory{history: h}
	row := func(seq uint64) Position { return Position{Seq: seq, Row: [16]byte{7: byte(seq), 8: 9}} }
	if mark, ok := d.Mark(0); !ok || mark != 0 {
		t.Errorf("the beginning has the mark %x, %v", mark, ok)
	}
	for seq := uint64(1); seq <= 2*rowsKept; seq++ {
		h.add([]Position{row(seq)}, row(seq))
	}
	if len(h.rows) > rowsKept+rowsKept/8 {
		t.Errorf("%d rows are kept", len(h.rows))
	}
	for seq, want := range map[uint64]bool{2 * rowsKept: true, rowsKept + 1: true, 2*rowsKept + 1: false, 5: false} {
		if mark, ok := d.Mark(seq); ok != want || ok && mark != seq&0xff {
			t.Errorf("%d has the mark %x, %v", seq, mark, ok)
		}
	}
	h.add(nil, row(2*rowsKept)) // read again
	h.add([]Position{row(9 * rowsKept)}, row(9*rowsKept))
	if _, ok := d.Mark(2 * rowsKept); ok || len(h.rows) != 1 {
		t.Error("a gap is bridged")
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(entry(100001, "a"))
		d := loaded(t, f)
		if err := d.Await(t.Context(), 0); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Await(short, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while nobody reads: %v", err)
		}
		done := make(chan error, 1)
		wait := func(seq uint64) {
			go func() { done <- d.Await(t.Context(), seq) }()
			synctest.Wait()
		}
		wait(1)
		f.change(Change{Entry: entry(100001, "b")})
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		// The feed's end is found, and the number is beyond it.
		wait(99)
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil || d.Seq() != 1 {
			t.Errorf("beyond the end: %v", err)
		}
		// A read that fails tells nothing.
		f.setFail(errors.New("down"))
		short, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { done <- d.Await(short, 99) }()
		synctest.Wait()
		if _, err := d.Step(t.Context()); err == nil {
			t.Error("it does not fail")
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the store fails: %v", err)
		}
	})
}

// Groups change with what they show, and with nothing else.
func TestMovedGroups(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	e := stamped(entry(100001, "a", at(person.RolePupil, "7", "5А")), 1, now)
	other := stamped(entry(100002, "b", at(person.RoleStaff, "8", "")), 2, now)
	f := newFeed(e, other)
	f.schools = []person.School{{ID: "7", Name: "Школа № 7"}, {ID: "8", Name: "Школа № 8"}}
	f.base = 2
	d := New(f, Options{Now: func() time.Time { return now }})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := d.GroupStamp("school-7"); s.Seq != 2 || !s.At.Equal(now) {
		t.Errorf("after the load: %v", s)
	}
	if _, ok := d.MovedGroups(1); ok {
		t.Error("what was before the load is known")
	}
	if _, ok := d.MovedGroupsAt(now.Unix()); ok {
		t.Error("what was before the load is known by time")
	}
	seq := uint64(2)
	moved := func(what string, c Change, want ...string) {
		t.Helper()
		seq++
		now = now.Add(time.Hour)
		if c.Entry != nil {
			c.Entry = stamped(c.Entry, seq, now)
			if c.Entry.Person == e.Person {
				e = c.Entry
			}
		}
		f.change(c)
		if _, err := d.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, ok := d.MovedGroups(seq - 1)
		late, alsoOK := d.MovedGroupsAt(now.Unix())
		slices.Sort(got)
		slices.Sort(late)
		if !ok || !alsoOK || !slices.Equal(got, want) || !slices.Equal(late, want) {
			t.Errorf("%s: moved %q, by time %q, want %q", what, got, late, want)
		}
		for _, name := range want {
			if s := d.GroupStamp(name); s.Seq != seq || !s.At.Equal(now) {
				t.Errorf("%s: %s has %v", what, name, s)
			}
		}
	}
	with := func(change func(*Entry)) Change {
		fresh := *e
		change(&fresh)
		return Change{Entry: &fresh}
	}
	moved("an address", with(func(e *Entry) { e.Mail = "x@example.org" }))
	moved("a login", with(func(e *Entry) { e.Login = "c" }), "pupils", "school-7", "school-7-5а")
	moved("suspended", with(func(e *Entry) { e.State = StateSuspended }), "pupils", "school-7", "school-7-5а")
	moved("a class", with(func(e *Entry) { e.Affiliations = []Affiliation{{Role: person.RolePupil, School: "7", Class: "6А"}} }), "pupils", "school-7", "school-7-5а", "school-7-6а")
	soon := person.DateOf(now).AddDays(1)
	moved("a last day", with(func(e *Entry) {
		e.Affiliations = []Affiliation{{Role: person.RolePupil, School: "7", Class: "6А", To: soon}}
	}), "pupils", "school-7", "school-7-6а")
	now = now.Add(36 * time.Hour)
	moved("the day after", with(func(*Entry) {}), "pupils", "school-7", "school-7-6а")
	now = now.Add(200 * time.Hour)
	moved("nothing, days later", with(func(*Entry) {}), "pupils", "school-7", "school-7-6а") // the dates lie between
	moved("and again", with(func(*Entry) {}))
	moved("a school's name", Change{Schools: []person.School{{ID: "7", Name: "Лицей № 7"}, {ID: "8", Name: "Школа № 8"}}}, "school-7", "school-7-6а")
	moved("a parent's role", with(func(e *Entry) { e.Affiliations = []Affiliation{{Role: person.RoleParent, School: "8"}} }), "pupils", "school-7", "school-7-6а")
	moved("removed", Change{Removed: other.Person}, "school-8", "staff")
	for i := range 5000 { // the log stays short
		d.now.moves.mark(fmt.Sprint("group-", i%7), Stamp{Seq: uint64(100 + i)})
	}
	if n := len(d.now.moves.log); n > 2*len(d.now.moves.last)+blockSize {
		t.Errorf("the log has %d lines", n)
	}
	if got, _ := d.MovedGroups(5098); len(got) != 1 {
		t.Errorf("last moved: %q", got)
	}
}
