package storetest

import (
	"fmt"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

func testOwner(t *testing.T, s *suite) {
	row, profile := orlova(t)
	pupil, _ := belova(t)
	card := person.Card{Child: pupil.ID, ParentFIO: row.FIO, Phone: row.Phone, School: "49"} // a teacher who is a mother
	shared := person.Enrolment{ID: "p2", Last: "Белов", First: "Олег", Middle: "Олегович", School: "49", Phone: pupil.Phone, Email: "belov@example.org", Status: "active"}
	put(t, s.db, row, pupil, shared, card)
	owner := func(name string) (identity.PersonID, bool) {
		t.Helper()
		id, ok, err := s.db.Accounts().Owner(t.Context(), name)
		check(t, err)
		return id, ok
	}
	names := []string{"orlova@example.org", "ORLOVA@example.org", "8 916 555-01-02", "+79165550102", "112-233-445 95", "orlovamari", "OrlovaMari"}
	one, ok := owner(names[0])
	if !ok || one.IsZero() {
		t.Fatal("nobody's, though one row has it")
	}
	for _, name := range names {
		if id, ok := owner(name); !ok || id != one {
			t.Errorf("%q: %v, %v, want %v", name, id, ok, one)
		}
	}
	for what, name := range map[string]string{"shared by two": pupil.Phone, "unknown": "x@example.org", "no name at all": "", "a login of nobody": "nobody"} {
		if id, ok := owner(name); ok || !id.IsZero() {
			t.Errorf("%s: %v", what, id)
		}
	}
	if id, ok := owner("belova@example.org"); !ok || id == one {
		t.Error("two people are one")
	}
	done := s.activate(t, s.db, activation(profile, employment("k1")))
	for _, name := range names {
		if id, ok := owner(name); !ok || id != done.Person {
			t.Errorf("%q of somebody with an account: %v, %v", name, id, ok)
		}
	}
	// What many rows have is nobody's, and costs no more to ask about.
	var many []any
	for i := range 40 {
		many = append(many, person.Employment{ID: person.RecordID(fmt.Sprint("m", i)), FIO: "Один Ина Тот", School: "49", Phone: "89990001122"})
	}
	put(t, s.db, many...)
	if _, ok := owner("89990001122"); ok {
		t.Error("a number of forty rows is somebody's")
	}
}
