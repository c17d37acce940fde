package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

var directoryTests = []test{
	{"DirectoryLoad", testDirectoryLoad},
	{"DirectoryOne", testDirectoryOne},
	{"DirectorySince", testDirectorySince},
	{"DirectoryMerge", testDirectoryMerge},
	{"DirectoryHistory", testDirectoryHistory},
	{"DirectoryRows", testDirectoryRows},
	{"TellDay", testTellDay},
	{"SchoolRenamed", testSchoolRenamed},
	{"DirectoryWait", testDirectoryWait},
	{"FeedOrder", testFeedOrder},
}

func testDirectoryLoad(t *testing.T, s *suite) {
	put(t, s.db, person.School{ID: "49", NSI: "00012345", Name: "Школа № 49", Founder: "ДОНМ", District: "uao"})
	profile, done := s.withOrlova(t)
	l := load(t, s.db.Directory())
	if len(l.schools) != 1 || l.schools[0] != (person.School{ID: "49", NSI: "00012345", Name: "Школа № 49", Founder: "ДОНМ", District: "uao"}) {
		t.Errorf("schools %+v", l.schools)
	}
	e := l.entries[done.Person]
	if e == nil {
		t.Fatal("the activated person is not loaded")
	}
	want := directory.Entry{
		Person: done.Person, Subject: profile.Subject, Login: "orlovami", MosruLogin: "orlovami",
		Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}, Last: "Орлова", First: "Мария", Middle: "Игоревна",
		Mail: "orlova@example.org", UIDNumber: done.UIDNumber, GIDNumber: done.UIDNumber, UUID: done.UUID,
		State: directory.StateActive, Epoch: 1, Created: directory.MomentOf(s.now), Modified: directory.MomentOf(s.now), Seq: l.at.Seq,
		Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: "49", From: date(t, "2015-09-01"), Record: employment("k1")}},
	}
	if !reflect.DeepEqual(*e, want) {
		t.Errorf("entry\n%+v, want\n%+v", *e, want)
	}
}

// testDirectoryOne: single reads say what Load says.
func testDirectoryOne(t *testing.T, s *suite) {
	put(t, s.db, person.School{ID: "49", Name: "Школа № 49"})
	_, done := s.withOrlova(t)
	d := s.db.Directory()
	all := load(t, d)
	schools, err := d.Schools(t.Context())
	check(t, err)
	if len(schools) != 1 || schools[0] != all.schools[0] {
		t.Errorf("schools %+v, want %+v", schools, all.schools)
	}
	entry, err := d.Entry(t.Context(), done.Person)
	check(t, err)
	if !reflect.DeepEqual(entry, all.entries[done.Person]) {
		t.Errorf("entry %+v, want %+v", entry, all.entries[done.Person])
	}
	if _, err := d.Entry(t.Context(), identity.PersonID{1}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody's entry: %v", err)
	}
}

func testDirectorySince(t *testing.T, s *suite) {
	other := s.open(t, s.keys)
	d := s.db.Directory()
	start := load(t, d)
	if start.at != (directory.Position{}) {
		t.Errorf("an empty feed is at %v", start.at)
	}
	_, done := s.withOrlova(t)
	put(t, other, person.School{ID: "49", Name: "Школа № 49"})
	changes, at := since(t, d, start.at)
	if len(changes) != 2 {
		t.Fatalf("changes %+v, want schools and a person", changes)
	}
	for _, c := range changes {
		if c.Entry != nil && c.Entry.Person != done.Person || c.Entry == nil && len(c.Schools) != 1 {
			t.Errorf("change %+v", c)
		}
	}
	// Nothing new.
	if changes, again := since(t, d, at); len(changes) != 0 || again != at {
		t.Errorf("nothing new, but %v", changes)
	}
	// Twice changed comes once, as it is now.
	check(t, other.Accounts().Suspend(t.Context(), done.Person, s.now, ""))
	check(t, other.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	changes, at2 := since(t, d, at)
	if len(changes) != 1 || changes[0].Entry == nil || changes[0].Entry.State != directory.StateActive || at2.Seq != at.Seq+2 {
		t.Errorf("two changes of one person: %+v at %d, before %d", changes, at2.Seq, at.Seq)
	}
	// A changed row of the registry reaches the person it is bound to.
	row, _ := orlova(t)
	row.End = date(t, "2026-08-31")
	put(t, other, row)
	changes, at3 := since(t, d, at2)
	if len(changes) != 1 || changes[0].Entry == nil || changes[0].Entry.Affiliations[0].To != row.End {
		t.Errorf("an ended employment came as %+v", changes)
	}
	check(t, other.Accounts().Remove(t.Context(), done.Person, s.now, ""))
	changes, _ = since(t, d, at3)
	if len(changes) != 1 || changes[0].Entry != nil || changes[0].Removed != done.Person {
		t.Errorf("a removal came as %+v", changes)
	}
}

func since(t *testing.T, d *store.Directory, after directory.Position) ([]directory.Change, directory.Position) {
	t.Helper()
	changes, at, err := d.Since(t.Context(), after)
	check(t, err)
	return changes, at
}

func testDirectoryMerge(t *testing.T, s *suite) {
	row, profile := belova(t)
	put(t, s.db, row)
	done := s.activate(t, s.db, activation(profile, enrolment("p1")))
	d := s.db.Directory()
	at := load(t, d).at
	affiliation := func() directory.Affiliation {
		t.Helper()
		changes, now := since(t, d, at)
		at = now
		if len(changes) != 1 || changes[0].Entry == nil || changes[0].Entry.Person != done.Person || len(changes[0].Entry.Affiliations) != 1 {
			t.Fatalf("changes %+v, want the pupil with one affiliation", changes)
		}
		return changes[0].Entry.Affiliations[0]
	}
	row.MergedTo = "p2" // which is not there yet
	put(t, s.db, row)
	if a := affiliation(); a.Record != enrolment("p1") || a.Closed || a.Class != "9Б" || a.Role != person.RolePupil {
		t.Errorf("merged into nothing: %+v", a)
	}
	target := person.Enrolment{ID: "p2", Last: "Белова", School: "50", Class: "9А"}
	put(t, s.db, target)
	if a := affiliation(); a.Record != enrolment("p2") || a.School != "50" || a.Class != "9А" || a.Closed {
		t.Errorf("merged: %+v", a)
	}
	target.Status, target.MergedTo = "closed", "p1" // a circle
	put(t, s.db, target)
	if a := affiliation(); a.Record != enrolment("p2") || !a.Closed {
		t.Errorf("merged into a closed record: %+v", a)
	}
	end(t, s.db, person.RecordEnrolment, s.now, "p2")
	if a := affiliation(); !a.Closed {
		t.Errorf("merged into a record that is gone: %+v", a)
	}
}

func testDirectoryHistory(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	d := s.db.Directory()
	at := load(t, d).at
	for _, bad := range []directory.Position{
		{Seq: at.Seq, Row: [16]byte{1}}, // a failover took history back
		{Seq: at.Seq + 1, Row: at.Row},  // from the future
		{Row: [16]byte{1}},
	} {
		if _, _, err := d.Since(t.Context(), bad); !errors.Is(err, directory.ErrHistory) {
			t.Errorf("position %v gave %v, want ErrHistory", bad, err)
		}
	}
	for range 5 {
		check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, ""))
		check(t, s.db.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	}
	end := load(t, d).at
	check(t, s.db.PruneFeed(t.Context(), 3))
	for _, old := range []directory.Position{{}, at} {
		if _, _, err := d.Since(t.Context(), old); !errors.Is(err, directory.ErrHistory) {
			t.Errorf("a pruned position gave %v, want ErrHistory", err)
		}
	}
	if _, now, err := d.Since(t.Context(), end); err != nil || now != end {
		t.Errorf("the end after pruning: %v, %v", now, err)
	}
	check(t, s.db.PruneFeed(t.Context(), 0))
	if _, now, err := d.Since(t.Context(), end); err != nil || now != end {
		t.Errorf("the end after pruning all: %v, %v", now, err)
	}
	// A row that fell out of the feed is noticed.
	check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, ""))
	check(t, s.db.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	check(t, s.Exec("DELETE FROM feed WHERE seq = ?", end.Seq+1))
	if _, _, err := d.Since(t.Context(), end); !errors.Is(err, directory.ErrHistory) {
		t.Errorf("a gap gave %v, want ErrHistory", err)
	}
}

// testDirectoryRows: the feed's rows lead to a position, and to no other.
func testDirectoryRows(t *testing.T, s *suite) {
	d := s.db.Directory()
	if rows, err := d.Rows(t.Context(), directory.Position{}, 5); err != nil || len(rows) > 0 {
		t.Errorf("of an empty feed: %v, %v", rows, err)
	}
	_, done := s.withOrlova(t)
	for range 3 {
		check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, ""))
		check(t, s.db.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	}
	at := load(t, d).at
	all, err := d.Rows(t.Context(), at, 100)
	check(t, err)
	if uint64(len(all)) != at.Seq || all[0].Seq != 1 || all[len(all)-1] != at || all[0].Row == all[1].Row {
		t.Errorf("rows %v up to %v", all, at)
	}
	last, err := d.Rows(t.Context(), at, 2)
	check(t, err)
	if !slices.Equal(last, all[len(all)-2:]) {
		t.Errorf("the last two are %v", last)
	}
	for _, other := range []directory.Position{{Seq: at.Seq, Row: all[0].Row}, {Seq: at.Seq + 1, Row: at.Row}} {
		if _, err := d.Rows(t.Context(), other, 2); !errors.Is(err, directory.ErrHistory) {
			t.Errorf("up to %v: %v", other, err)
		}
	}
}

// testTellDay: the calendar's changes are in the feed, once.
func testTellDay(t *testing.T, s *suite) {
	put(t, s.db, person.Employment{ID: "k2", FIO: "Кто То", School: "49", Start: date(t, "2026-10-01"), End: date(t, "2026-12-31")},
		person.Employment{ID: "k3", FIO: "Кто Ещё", School: "49", Start: date(t, "2026-10-02")},
		person.Employment{ID: "k4", FIO: "Никто", School: "49", Start: date(t, "2026-10-01")}) // who has no account
	of := map[identity.PersonID]string{}
	for _, key := range []string{"k2", "k3"} {
		profile := person.Profile{Subject: identity.Subject(key), Login: key, Last: key}
		of[s.activate(t, s.db, activation(profile, employment(key))).Person] = key
	}
	d := s.db.Directory()
	at := load(t, d).at
	told := func(day string, want ...string) {
		t.Helper()
		check(t, s.db.TellDay(t.Context(), date(t, day)))
		check(t, s.open(t, s.keys).TellDay(t.Context(), date(t, day))) // another replica
		var changes []directory.Change
		changes, at = since(t, d, at)
		var got []string
		for _, c := range changes {
			got = append(got, of[c.Entry.Person])
			if !c.Entry.Modified.Time().Equal(s.now) {
				t.Errorf("%s: modified %v", day, c.Entry.Modified)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s told of %q, want %q", day, got, want)
		}
	}
	told("2026-09-30")
	s.now = s.now.Add(time.Hour)
	told("2026-10-01", "k2")
	told("2026-10-02", "k3")
	told("2026-10-01")       // over
	told("2026-12-31")       // the last day
	told("2027-01-01", "k2") // and the day after
	told("2036-01-01")       // a clock that is wrong
	told("2026-12-31")       // counts for nothing
	told("2027-01-02", "k2") // told again rather than not
}

// testSchoolRenamed: who is shown with a school's name changes with it.
func testSchoolRenamed(t *testing.T, s *suite) {
	put(t, s.db, person.School{ID: "49", Name: "Школа № 49"})
	_, orlova := s.withOrlova(t)
	row, profile := belova(t)
	row.School = "1584"
	put(t, s.db, row)
	merged := row
	merged.ID, merged.MergedTo = "p9", row.ID
	put(t, s.db, merged)
	belova := s.activate(t, s.db, activation(profile, enrolment("p9")))
	d := s.db.Directory()
	at := load(t, d).at
	for _, one := range []struct {
		what string
		do   func()
		want []identity.PersonID
	}{
		{"her school", func() { put(t, s.db, person.School{ID: "49", Name: "Школа № 49 имени Пушкина"}) }, []identity.PersonID{orlova.Person}},
		{"the pupil's", func() { put(t, s.db, person.School{ID: row.School, Name: "Лицей"}) }, []identity.PersonID{belova.Person}},
		{"another", func() { put(t, s.db, person.School{ID: "7", Name: "Школа № 7"}) }, nil},
		{"her school's end", func() { end(t, s.db, 0, s.now, "49") }, []identity.PersonID{orlova.Person}},
	} {
		one.do()
		var changes []directory.Change
		changes, at = since(t, d, at)
		var got []identity.PersonID
		for _, c := range changes {
			if c.Entry != nil {
				got = append(got, c.Entry.Person)
			}
		}
		if len(changes) != 1+len(one.want) || !slices.Equal(got, one.want) {
			t.Errorf("%s: %d changes, of people %v, want %v", one.what, len(changes), got, one.want)
		}
	}
}

func testDirectoryWait(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, writer := range map[string]*store.DB{"same handle": s.db, "another handle": s.open(t, s.keys)} {
		d := s.db.Directory()
		at := load(t, d).at
		woken := make(chan error, 1)
		go func() { woken <- d.Wait(ctx) }()
		check(t, writer.Accounts().Suspend(ctx, done.Person, s.now, ""))
		if err := <-woken; err != nil {
			t.Errorf("%s: wait: %v", name, err)
		}
		if changes, _ := since(t, d, at); len(changes) != 1 {
			t.Errorf("%s: woken for %v", name, changes)
		}
		check(t, writer.Accounts().Resume(ctx, done.Person, s.now, ""))
		check(t, d.Wait(ctx)) // it came before: no waiting
	}
	ended, end := context.WithCancel(t.Context())
	end()
	d := s.db.Directory()
	load(t, d)
	if err := d.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("wait at the end of its context: %v", err)
	}
}

// testFeedOrder lets writers on two handles overlap while a reader follows:
// it must see every number once, in order, without a gap, and end with what
// the writers left.
func testFeedOrder(t *testing.T, s *suite) {
	const writers, each = 4, 12
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	reader := s.open(t, s.keys).Directory()
	at := load(t, reader).at
	var rows []any
	for w := range writers {
		for i := range each {
			rows = append(rows, person.Employment{ID: person.RecordID(fmt.Sprintf("w%dn%d", w, i)), FIO: "Кто То", School: "49", Start: date(t, "2020-01-01")})
		}
	}
	put(t, s.db, rows...)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				name := fmt.Sprintf("w%dn%d", w, i)
				profile := person.Profile{Subject: identity.Subject(name), Login: name, Last: name}
				done, err := handles[w%2].Accounts().Activate(t.Context(), activation(profile, employment(name)), s.now)
				if err != nil {
					t.Error(err)
					return
				}
				if err := handles[(w+1)%2].Accounts().Suspend(t.Context(), done.Person, s.now, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { group.Wait(); close(finished) }()
	seen := map[identity.PersonID]*directory.Entry{}
	for over := false; ; {
		changes, now, err := reader.Since(t.Context(), at) // fails on a gap
		check(t, err)
		for _, c := range changes {
			if old := seen[c.Entry.Person]; old != nil && old.Seq > c.Entry.Seq {
				t.Errorf("an older state came later")
			}
			seen[c.Entry.Person] = c.Entry
		}
		at = now
		if over {
			break
		}
		select {
		case <-finished:
			over = true
		default:
		}
	}
	fresh := load(t, s.db.Directory())
	if at != fresh.at || at.Seq != 2*writers*each {
		t.Errorf("the reader ended at %d, the feed at %d, %d writes", at.Seq, fresh.at.Seq, 2*writers*each)
	}
	if !reflect.DeepEqual(seen, fresh.entries) {
		t.Errorf("the reader saw %d people, there are %d, or they differ", len(seen), len(fresh.entries))
	}
}
