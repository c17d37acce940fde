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

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

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
		State: directory.StateActive, Epoch: 1, Created: s.now, Modified: s.now, Seq: l.at.Seq,
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
			if !c.Entry.Modified.Equal(s.now) {
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

func testVerifiers(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	c := s.db.Credentials()
	if _, err := c.Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("no verifier gave %v", err)
	}
	v := auth.Verifier{NTHash: []byte("0123456789abcdef"), Argon2: "$argon2id$v=19$x", Before: []byte("before"), Epoch: 1, LearnAt: s.now}
	check(t, c.SaveVerifier(t.Context(), done.Person, v))
	got, err := s.open(t, s.keys).Credentials().Verifier(t.Context(), done.Person)
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("verifier %+v, %v, want %+v", got, err, v)
	}
	stale := v
	stale.Epoch, stale.NTHash = 0, []byte("old")
	if err := c.SaveVerifier(t.Context(), done.Person, stale); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a verifier of another epoch gave %v", err)
	}
	if err := c.SaveVerifier(t.Context(), identity.PersonID{1}, v); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("nobody's verifier gave %v", err)
	}
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after refusals: %+v, %v", got, err)
	}
	// Writes may come in another order than mos.ru's words did.
	older := v
	older.NTHash, older.LearnAt = []byte("fedcba9876543210"), v.LearnAt.Add(-time.Second)
	check(t, c.SaveVerifier(t.Context(), done.Person, older))
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after an older one: %+v, %v", got, err)
	}
}

func testEvents(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c, d := s.db.Credentials(), s.db.Directory()
	check(t, c.SaveVerifier(t.Context(), done.Person, auth.Verifier{NTHash: []byte("x"), Epoch: 1, LearnAt: s.now.Add(-time.Hour)}))
	at := load(t, d).at
	event := store.Event{ID: "jti-1", At: s.now, Subject: profile.Subject, Kind: store.EventPasswordSet}
	apply := func(db *store.DB, e store.Event, want bool) {
		t.Helper()
		if applied, err := db.Credentials().ApplyEvent(t.Context(), e); err != nil || applied != want {
			t.Errorf("event %s: %v, %v, want %v", e.ID, applied, err, want)
		}
	}
	apply(s.db, event, true)
	if v, err := c.Verifier(t.Context(), done.Person); err != nil || v.NTHash != nil || v.Argon2 != "" || string(v.Before) != "x" || v.Epoch != 2 {
		t.Errorf("after the event: %+v, %v", v, err)
	}
	changes, at := since(t, d, at)
	if len(changes) != 1 || changes[0].Entry.Epoch != 2 {
		t.Errorf("after the event: %+v", changes)
	}
	apply(s.open(t, s.keys), event, false) // a replay, elsewhere
	if changes, _ := since(t, d, at); len(changes) != 0 {
		t.Errorf("a replay changed %+v", changes)
	}
	apply(s.db, store.Event{ID: "jti-2", At: s.now, Subject: "nobody", Kind: store.EventPasswordSet}, false)
	for name, bad := range map[string]store.Event{
		"no id": {At: s.now, Subject: profile.Subject}, "old": {ID: "a", At: s.now.AddDate(0, 0, -8)}, "future": {ID: "b", At: s.now.Add(time.Hour)},
	} {
		if _, err := c.ApplyEvent(t.Context(), bad); !errors.Is(err, store.ErrEvent) {
			t.Errorf("%s: %v, want ErrEvent", name, err)
		}
	}
	apply(s.db, store.Event{ID: "jti-3", At: s.now, Subject: profile.Subject, Kind: store.EventRemoved}, true)
	if _, err := c.Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the verifier outlived the removal: %v", err)
	}
	if e := load(t, d).entries[done.Person]; e.State != directory.StateSuspended || e.Epoch != 3 {
		t.Errorf("after a removal: state %d, epoch %d", e.State, e.Epoch)
	}
	// Ids are forgotten only when their events would be refused as too old.
	s.now = s.now.AddDate(0, 0, 30)
	apply(s.db, store.Event{ID: "jti-4", At: s.now, Subject: "nobody"}, false)
	if _, err := c.ApplyEvent(t.Context(), event); !errors.Is(err, store.ErrEvent) {
		t.Errorf("a replay after a month: %v, want ErrEvent", err)
	}
}

// testUpstreamState: a city account that was closed and opened again.
func testUpstreamState(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	n := 0
	say := func(kind store.EventKind, at time.Time) {
		t.Helper()
		n++
		applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: fmt.Sprint("jti-", n), At: at, Subject: profile.Subject, Kind: kind})
		if err != nil || !applied {
			t.Fatalf("event %d: %v, %v", n, applied, err)
		}
	}
	expect := func(what string, want directory.State) {
		t.Helper()
		holder, err := s.db.Accounts().Get(t.Context(), done.Person)
		check(t, err)
		if got := load(t, s.db.Directory()).entries[done.Person].State; got != want || holder.State != want {
			t.Errorf("%s: directory %d, holder %d, want %d", what, got, holder.State, want)
		}
	}
	accounts := s.db.Accounts()
	at := s.now.Add(-time.Hour)
	closed := func(here, upstream bool) {
		t.Helper()
		if h, err := accounts.Get(t.Context(), done.Person); err != nil || h.Suspended != here || h.Closed != upstream {
			t.Errorf("suspended here %v, closed by mos.ru %v, %v; want %v, %v", h.Suspended, h.Closed, err, here, upstream)
		}
	}
	closed(false, false)
	say(store.EventDisabled, at)
	expect("disabled", directory.StateSuspended)
	closed(false, true)
	check(t, accounts.Suspend(t.Context(), done.Person, s.now, "here too"))
	closed(true, true)
	check(t, accounts.Resume(t.Context(), done.Person, s.now, ""))
	expect("what mos.ru closed is not opened here", directory.StateSuspended)
	say(store.EventEnabled, at.Add(time.Second))
	expect("enabled", directory.StateActive)
	say(store.EventDisabled, at.Add(time.Second))
	say(store.EventEnabled, at.Add(time.Second))
	expect("both within one second", directory.StateActive)
	say(store.EventDisabled, at)
	expect("an older event that comes late", directory.StateActive)
	check(t, accounts.Suspend(t.Context(), done.Person, s.now, ""))
	say(store.EventEnabled, at.Add(2*time.Second))
	expect("what was closed here is not opened by mos.ru", directory.StateSuspended)
	closed(true, false)
	check(t, accounts.Resume(t.Context(), done.Person, s.now, ""))
	expect("resumed", directory.StateActive)
	say(store.EventRemoved, at.Add(3*time.Second))
	say(store.EventEnabled, at.Add(4*time.Second))
	expect("removed for good", directory.StateSuspended)
	// She signs in to the city account and activates: it is open.
	s.activate(t, s.db, activation(profile, employment("k1")))
	expect("activated again", directory.StateActive)
	if e := load(t, s.db.Directory()).entries[done.Person]; e.UUID != done.UUID {
		t.Error("the account is another one")
	}
}

// testEventHashes: the hash that an event brings is the verifier from then on,
// unless something younger is known, and only of an account that is open.
func testEventHashes(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c, id, n := s.db.Credentials(), done.Person, 0
	event := func(who identity.Subject, kind store.EventKind, at time.Time, hash string) {
		t.Helper()
		n++
		e := store.Event{ID: fmt.Sprint("e", n), At: at, Subject: who, Kind: kind, NTHash: []byte(hash)}
		if applied, err := c.ApplyEvent(t.Context(), e); err != nil || !applied {
			t.Fatalf("event %d: %v, %v", n, applied, err)
		}
	}
	expect := func(what, hash, before string) {
		t.Helper()
		v, err := s.open(t, s.keys).Credentials().Verifier(t.Context(), id)
		if hash+before == "" && errors.Is(err, identity.ErrNotFound) {
			return
		}
		epoch := load(t, s.db.Directory()).entries[id].Epoch
		if err != nil || string(v.NTHash) != hash || string(v.Before) != before || v.Argon2 != "" || v.Epoch != epoch {
			t.Errorf("%s: %q before %q under epoch %d of %d, %v; want %q, %q", what, v.NTHash, v.Before, v.Epoch, epoch, err, hash, before)
		}
	}
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("before"), Epoch: 1, LearnAt: s.now.Add(-time.Hour)}))
	event(profile.Subject, store.EventPasswordSet, s.now, "new")
	expect("an event with a password", "new", "before")
	// mos.ru may say yes to the old one for a moment.
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("before"), Epoch: 2, LearnAt: s.now.Add(time.Second)}))
	expect("the old password confirmed a second later", "new", "before")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(-time.Second), "older")
	expect("an older event later", "new", "before")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(time.Second), "newest")
	expect("two events", "newest", "new")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(2*time.Second), "")
	expect("an event without a password", "", "newest")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(time.Second), "late")
	expect("one from before it, later", "", "newest")
	epoch := load(t, s.db.Directory()).entries[id].Epoch
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("confirmed"), Epoch: epoch, LearnAt: s.now.Add(5 * time.Minute)}))
	event(profile.Subject, store.EventPasswordSet, s.now.Add(3*time.Minute), "before that")
	expect("one from before a confirmation", "confirmed", "")
	event(profile.Subject, store.EventDisabled, s.now.Add(4*time.Minute), "")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(5*time.Minute), "of a closed account")
	expect("a closed account", "", "")

	// A parent is known and has no account.
	put(t, s.db, person.Card{Child: "c1", ParentFIO: "Смирнова Ольга Петровна"})
	parent := activation(person.Profile{Subject: "parent", Login: "smirnovao", Last: "Смирнова", First: "Ольга", Middle: "Петровна"}, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	parent.Login = ""
	id = s.activate(t, s.db, parent).Person
	event("parent", store.EventPasswordSet, s.now, "of a parent")
	if _, err := c.Verifier(t.Context(), id); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a parent's hash is kept: %v", err)
	}
}

// testLateEvent: an event never replaces a newer confirmation.
func testLateEvent(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c := s.db.Credentials()
	v := auth.Verifier{NTHash: []byte("new"), Epoch: 1, LearnAt: s.now}
	check(t, c.SaveVerifier(t.Context(), done.Person, v))
	late := store.Event{ID: "late", At: s.now.Add(-10 * time.Minute), Subject: profile.Subject, Kind: store.EventPasswordSet}
	if applied, err := c.ApplyEvent(t.Context(), late); !applied || err != nil {
		t.Fatal(applied, err)
	}
	v.Epoch = 2
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after a late event %+v, %v, want %+v", got, err, v)
	}
	if e := load(t, s.db.Directory()).entries[done.Person]; e.Epoch != 2 {
		t.Errorf("a late event left the epoch at %d: old confirmations elsewhere would stand", e.Epoch)
	}
}

func testSuspend(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, "lost phone"))
	if e := load(t, s.db.Directory()).entries[done.Person]; e.State != directory.StateSuspended || e.Epoch != 2 {
		t.Errorf("suspended: %+v", e)
	}
	check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, "again"))
	check(t, s.db.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	if e := load(t, s.db.Directory()).entries[done.Person]; e.State != directory.StateActive || e.Seq != 3 {
		t.Errorf("resumed: %+v", e)
	}
	if err := s.db.Accounts().Suspend(t.Context(), identity.PersonID{1}, s.now, ""); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("suspending nobody gave %v", err)
	}
}
