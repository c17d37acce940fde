package provision

import (
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

func TestReach(t *testing.T) {
	ref := func(kind person.RecordKind, id person.RecordID) person.RecordRef {
		return person.RecordRef{Kind: kind, ID: id}
	}
	in := match.Registry{
		Employments: []person.Employment{{ID: "k1", School: "49"}, {ID: "k2", School: "57"}},
		Enrolments:  []person.Enrolment{{ID: "p1", School: "49"}, {ID: "p2", School: "49", MergedTo: "p3"}, {ID: "p3", School: "57"}, {ID: "p4", School: "49", MergedTo: "gone"}},
		Cards:       []person.Card{{Child: "c1", School: "49"}, {Child: "c1", School: "57"}},
	}
	both := []person.Role{person.RoleStaff, person.RolePupil}
	here := Reach{Roles: both, Schools: []person.SchoolID{"49"}}
	for name, c := range map[string]struct {
		reach   Reach
		records []person.RecordRef
		want    bool
	}{
		"staff here":              {here, []person.RecordRef{ref(person.RecordEmployment, "k1")}, true},
		"staff elsewhere":         {here, []person.RecordRef{ref(person.RecordEmployment, "k2")}, false},
		"here and elsewhere":      {here, []person.RecordRef{ref(person.RecordEmployment, "k1"), ref(person.RecordEmployment, "k2")}, false},
		"any school":              {Reach{Roles: both}, []person.RecordRef{ref(person.RecordEmployment, "k1"), ref(person.RecordEmployment, "k2")}, true},
		"no school":               {Reach{Roles: both, Schools: []person.SchoolID{}}, []person.RecordRef{ref(person.RecordEmployment, "k1")}, false},
		"pupil":                   {here, []person.RecordRef{ref(person.RecordEnrolment, "p1")}, true},
		"pupil, staff only":       {Reach{Roles: both[:1]}, []person.RecordRef{ref(person.RecordEnrolment, "p1")}, false},
		"merged into elsewhere":   {here, []person.RecordRef{ref(person.RecordEnrolment, "p2")}, false},
		"merged into the unknown": {here, []person.RecordRef{ref(person.RecordEnrolment, "p4")}, false},
		"parent":                  {here, []person.RecordRef{ref(person.RecordCard, "c1")}, false},
		"parent, two schools":     {Reach{Roles: []person.Role{person.RoleParent}, Schools: []person.SchoolID{"49"}}, []person.RecordRef{ref(person.RecordCard, "c1")}, false},
		"a record nobody knows":   {here, []person.RecordRef{ref(person.RecordEmployment, "k9")}, false},
	} {
		if got := c.reach.covers(c.records, in); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
