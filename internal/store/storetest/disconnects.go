package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
)

// by is a sign-in and what it gave.
func by(handle string, given identity.Given) func(*journal.Record) {
	return func(r *journal.Record) { r.Detail.SignIn, r.Given = handle, given }
}

// A change that a NAS took is what the session was given from then on, until the
// device signs in anew.
func testChanges(t *testing.T, s *suite) {
	j, now := s.db.Journal(), s.now.Add(time.Minute)
	first := identity.Given{Mark: 1<<63 | 5, At: s.now, Until: s.now.Add(8 * time.Hour)}
	second := identity.Given{Mark: 7, At: s.now}
	board := &identity.Basis{Device: "02:00:5e:10:00:01"}
	machine := &identity.Basis{Authority: "pcs", Machine: "pc1.school49.example", Chain: []identity.Issued{{Issuer: 1<<63 | 1, Serial: "00fffe"}}}
	on := func(b *identity.Basis) func(*journal.Record) { return func(r *journal.Record) { r.Basis = b } }
	id := s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0, by("one", first), on(board)))[0].ID
	live := func() *journal.Session {
		t.Helper()
		list := s.find(t, journal.Query{Live: true})
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	if got := live(); got.Given != first || !got.Basis.Equal(board) {
		t.Fatalf("%+v, %+v", got.Given, got.Basis)
	}
	change := func() *journal.Session {
		t.Helper()
		now = now.Add(time.Second)
		check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhyGrant, now))
		list, err := j.DueDisconnects(t.Context(), now, 10, nil)
		check(t, err)
		if len(list) != 1 || list[0].Cut.How != journal.Change || list[0].Cut.Why != journal.WhyGrant {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	save := func(x *journal.Session, state journal.CutState, how journal.How) *journal.Session {
		t.Helper()
		x.Cut.State, x.Cut.How, x.Cut.Tries, x.Cut.At = state, how, 1, now
		after, err := j.SaveDisconnect(t.Context(), x, silence, now)
		check(t, err)
		return after
	}
	x := change()
	x.Given = second
	if after := save(x, journal.CutChanged, journal.Change); !after.Live() || after.Given != second || after.Cut.State != journal.CutChanged {
		t.Errorf("%+v %+v", after, after.Cut)
	}
	// A record of the same sign-in brings nothing back; that of another does, and
	// the answer to what was asked before it counts for nothing.
	s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 10, lasted(10), by("one", first)))
	if got := live(); got.Given != second {
		t.Errorf("after an interim record: %+v", got.Given)
	}
	x = change()
	s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 20, lasted(20), by("two", first), on(machine)))
	x.Given = second
	if after := save(x, journal.CutChanged, journal.Change); after.Given != first {
		t.Errorf("after another sign-in: %+v", after.Given)
	}
	// A late record of the first sign-in is not the newest word.
	s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 15, lasted(15), by("one", second), on(board)))
	if got := live(); got.Given != first || !got.Basis.Equal(machine) {
		t.Errorf("after a late record: %+v, %+v", got.Given, got.Basis)
	}
	if after := save(change(), journal.CutRefused, journal.Disconnect); after.Cut.How != journal.Disconnect || !after.Live() {
		t.Errorf("%+v", after.Cut)
	}
	// Nor does a change take the place of an end that an administrator waits for.
	check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhyAdministrator, now))
	check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhyGrant, now.Add(time.Second)))
	if got := live().Cut; got.Why != journal.WhyAdministrator || got.How != journal.Disconnect || !got.Asked.Equal(now) {
		t.Errorf("%+v", got)
	}
	check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhySuspended, now))
	if got := live().Cut; got.Why != journal.WhySuspended {
		t.Errorf("%+v", got)
	}
}

// A session that its NAS tells of after the end is asked for again, until it has
// been often enough.
func testKeptSessions(t *testing.T, s *suite) {
	j, now := s.db.Journal(), s.now.Add(time.Minute)
	id := s.record(t, now, s.heard(journal.Start, "ap-1", "a", 0))[0].ID
	check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, journal.WhySuspended, now))
	for try := 1; try <= journal.MaxTries; try++ {
		due, err := j.DueDisconnects(t.Context(), now, 10, nil)
		check(t, err)
		if len(due) != 1 || due[0].Cut.Tries != try-1 {
			t.Fatalf("try %d: %+v", try, due)
		}
		c := due[0].Cut
		c.State, c.Tries, c.At = journal.CutDone, try, now
		_, err = j.SaveDisconnect(t.Context(), due[0], silence, now)
		check(t, err)
		s.record(t, now, s.heard(journal.Interim, "ap-1", "a", 10*try, lasted(10*try)))
		now = s.now.Add(time.Duration(10*try+1) * time.Minute)
		stay, err := j.AskAgain(t.Context(), []journal.ID{id, {9}}, now, now)
		check(t, err)
		if (len(stay) == 1) != (try == journal.MaxTries) {
			t.Errorf("try %d: %+v", try, stay)
		}
	}
	list := s.find(t, journal.Query{Live: true})
	due, err := j.DueDisconnects(t.Context(), now.Add(time.Hour), 10, nil)
	check(t, err)
	if len(list) != 1 || list[0].Cut.State != journal.CutStays || len(due) != 0 {
		t.Errorf("%+v, %d due", list, len(due))
	}
	again, err := j.AskAgain(t.Context(), []journal.ID{id}, now, now)
	check(t, err)
	if len(again) != 0 {
		t.Errorf("called still there a second time: %+v", again)
	}
}

// Requests of some units are passed over however many there are.
func testDueOfOthers(t *testing.T, s *suite) {
	j, now := s.db.Journal(), s.now.Add(time.Minute)
	var ids []journal.ID
	for i := range 12 {
		unit := "dead"
		if i >= 10 {
			unit = "ap-1"
		}
		other := func(r *journal.Record) { r.Detail.Device, r.Person = "", identity.PersonID{byte(i + 1)} }
		ids = append(ids, s.record(t, now, s.heard(journal.Start, unit, fmt.Sprint(i), 0, other))[0].ID)
	}
	check(t, j.AskDisconnect(t.Context(), ids, journal.WhySuspended, now))
	many := []journal.Unit{{NAS: "school-49", Unit: "dead"}} // a city whose controllers are away
	for i := range 5000 {
		many = append(many, journal.Unit{NAS: "school-49", Unit: fmt.Sprint("away-", i)})
	}
	for _, c := range []struct {
		except []journal.Unit
		want   int
	}{{nil, 5}, {[]journal.Unit{{NAS: "school-49", Unit: "dead"}}, 2}, {[]journal.Unit{{NAS: "other", Unit: "dead"}}, 5},
		{[]journal.Unit{{NAS: "school-49", Unit: "dead"}, {NAS: "school-49", Unit: "ap-1"}}, 0},
		{[]journal.Unit{{NAS: "school-49"}}, 0}, {[]journal.Unit{{NAS: "other"}, {NAS: "school-49", Unit: "dead"}}, 2}, {many, 2}} {
		list, err := j.DueDisconnects(t.Context(), now, 5, c.except)
		check(t, err)
		if len(list) != c.want {
			t.Errorf("except %d of them: %d", len(c.except), len(list))
		}
	}
}

// Whoever waits at the command line, and then whoever may not stay, passes those
// who are only given other rights.
func testDueFirst(t *testing.T, s *suite) {
	j, now := s.db.Journal(), s.now.Add(time.Minute)
	whys := []journal.Why{journal.WhyGrant, journal.WhyHours, journal.WhySuspended, journal.WhyChanged, journal.WhyReauthorize, journal.WhyAdministrator}
	for i, why := range whys {
		other := func(r *journal.Record) { r.Detail.Device, r.Person = "", identity.PersonID{byte(i + 1)} }
		id := s.record(t, now, s.heard(journal.Start, "ap-1", fmt.Sprint(i), 0, other))[0].ID
		check(t, j.AskDisconnect(t.Context(), []journal.ID{id}, why, now.Add(time.Duration(i)*time.Second)))
	}
	list, err := j.DueDisconnects(t.Context(), now.Add(time.Minute), 10, nil)
	check(t, err)
	var got []journal.Why
	for _, x := range list {
		got = append(got, x.Cut.Why)
	}
	if want := slices.Concat(whys[4:], whys[2:4], whys[:2]); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}
