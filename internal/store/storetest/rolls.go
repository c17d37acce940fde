package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/census"
)

var rollTests = []test{
	{"Rolls", testRolls},
	{"Deadlines", testDeadlines},
}

// A school's roll is its rows and nobody else's, with who has an account, also by
// way of a record that was merged into another.
func testRolls(t *testing.T, s *suite) {
	profile, _ := s.withOrlova(t)
	pupil, hers := belova(t)
	old, gone, other := pupil, pupil, pupil
	old.ID, old.School = "p0", "48"
	gone.ID, gone.Last = "p9", "Ушедшая"
	other.ID, other.School = "p7", "50"
	put(t, s.db, old)
	s.activate(t, s.db, activation(hers, enrolment("p0")))
	old.MergedTo = pupil.ID
	put(t, s.db, pupil, old, gone, other, person.Card{Child: "c1", ParentFIO: "Орлова Мария Игоревна", School: "49"})
	end(t, s.db, person.RecordEnrolment, s.now, "p9")
	s.activate(t, s.db, activation(profile, employment("k1")))
	read := func(school person.SchoolID, held map[person.RecordRef]identity.PersonID) []string {
		rows, err := s.db.Rolls().Rows(t.Context(), school, held)
		check(t, err)
		var list []string
		for _, l := range census.Roll(person.DateOf(s.now), rows) {
			list = append(list, fmt.Sprint(l.Record.ID, " ", !l.Person.IsZero(), " ", l.Account))
		}
		return list
	}
	held := map[person.RecordRef]identity.PersonID{} // as the directory knows it
	_, err := s.db.Directory().Load(t.Context(), func(person.School) error { return nil }, func(e *directory.Entry) error {
		for _, a := range e.Affiliations {
			held[a.Record] = e.Person
		}
		return nil
	})
	check(t, err)
	if len(held) == 0 {
		t.Fatal("nobody holds a record")
	}
	roll := func(school person.SchoolID) []string {
		list := read(school, nil)
		if known := read(school, held); !slices.Equal(known, list) {
			t.Errorf("%s: %q, with what is known before %q", school, list, known)
		}
		return list
	}
	if got, want := roll("49"), []string{"k1 true true", string(pupil.ID) + " true true"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := roll("48"); len(got) != 0 {
		t.Errorf("merged records are listed: %q", got)
	}
	if got := roll("50"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := roll("none"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func testDeadlines(t *testing.T, s *suite) {
	r := s.db.Rolls()
	read := func(school person.SchoolID) census.Deadlines {
		d, err := r.Deadlines(t.Context(), school)
		check(t, err)
		return d
	}
	for _, d := range []census.Deadlines{{date(t, "2026-12-01"), {}, date(t, "2027-01-15")}, {{}, date(t, "2026-12-31"), {}}, {}} {
		check(t, r.SetDeadlines(t.Context(), "49", d, s.now, map[string]any{"by": "admin"}))
		if got := read("49"); got != d {
			t.Errorf("%v, want %v", got, d)
		}
		if got := read("50"); got != (census.Deadlines{}) {
			t.Errorf("another school: %v", got)
		}
	}
	lines, err := s.db.Audit().Recent(t.Context(), identity.PersonID{}, 9, "school_deadlines")
	check(t, err)
	if len(lines) != 3 || !strings.Contains(string(lines[0].Payload), `"by":"admin"`) {
		t.Errorf("the trail: %+v", lines)
	}
}
