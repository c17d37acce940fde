package rights

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/person"
)

// TestTable is the table once more, in the order of Roles, as the guide for
// administrators tells it: a change has to be meant twice.
func TestTable(t *testing.T) {
	want := map[Action]string{
		SeePeople:        "school curator operator auditor",
		SeeStory:         "school curator operator auditor",
		Decide:           "school curator operator",
		Approve:          "curator operator",
		Disconnect:       "school curator operator",
		Export:           "school curator operator auditor",
		SeeStatistics:    "school curator operator auditor",
		SeeHealth:        "school curator operator auditor",
		SeeConfiguration: "operator auditor",
		ReadAudit:        "operator auditor",
		Manage:           "operator",
	}
	if len(Actions()) != len(want) || len(actionNames) != len(want)+1 {
		t.Fatalf("%d actions, %d names, %d expected", len(Actions()), len(actionNames), len(want))
	}
	for _, a := range Actions() {
		var who []string
		for _, r := range Roles() {
			if r.May(a) {
				who = append(who, string(r))
			}
		}
		if got := strings.Join(who, " "); got != want[a] {
			t.Errorf("%v: %s; want %s", a, got, want[a])
		}
	}
	for _, r := range []Role{"", "Operator", "admin"} {
		for _, a := range append(Actions(), 0, 200) {
			if r.May(a) || Operator.May(0) || Operator.May(200) {
				t.Errorf("%q may %v", r, a)
			}
		}
	}
	if Action(0).String() != "action 0" || Action(99).String() != "action 99" || Manage.String() != "manage" {
		t.Error(Action(0), Action(99), Manage)
	}
}

func TestScopeBelongsToTheAction(t *testing.T) {
	r := Of(Grant{School, []person.SchoolID{"49"}}, Grant{Curator, []person.SchoolID{"50", "49"}}, Grant{Role: Auditor})
	for _, c := range []struct {
		a    Action
		want string
	}{
		{SeePeople, "all"}, {Export, "all"}, {ReadAudit, "all"}, {Decide, "[49 50]"}, {Approve, "[49 50]"}, {Manage, "nowhere"}, {0, "nowhere"},
	} {
		s, got := r.In(c.a), ""
		switch {
		case s.All():
			got = "all"
		case s.Empty():
			got = "nowhere"
		default:
			got = fmt.Sprint(s.Schools())
		}
		if got != c.want || r.May(c.a) != (c.want != "nowhere") {
			t.Errorf("%v: %s, %v; want %s", c.a, got, r.May(c.a), c.want)
		}
	}
	if got := r.Roles(); !slices.Equal(got, []Role{School, Curator, Auditor}) {
		t.Error(got)
	}
	if !r.In(Decide).Covers("50") || r.In(Decide).Covers("51") || r.In(Decide).Covers("") || !r.In(SeePeople).Covers("51") {
		t.Error("covers")
	}
}

func TestZeroIsNothing(t *testing.T) {
	var r Rights
	if !r.None() || r.May(SeePeople) || !r.In(SeePeople).Empty() || len(r.Roles()) != 0 {
		t.Error(r)
	}
	var s Scope
	if s.All() || !s.Empty() || s.Covers("") || s.Covers("49") || len(s.Schools()) != 0 {
		t.Error(s)
	}
	// What the store or a group gives wrongly gives nothing, and above all not the
	// city.
	for _, g := range []Grant{{}, {Role: "root"}, {Role: School}, {Role: Curator}, {School, []person.SchoolID{""}}, {School, []person.SchoolID{"1", "2"}},
		{Curator, []person.SchoolID{"1", "1"}}, {Operator, []person.SchoolID{"1"}}, {Auditor, []person.SchoolID{"1"}}, {Curator, make([]person.SchoolID, MaxSchools+1)}} {
		if g.Check() == nil || !Of(g).None() {
			t.Errorf("%+v gives something", g)
		}
	}
}

func TestWithin(t *testing.T) {
	a, b := At("1", "2", "3"), At("2", "3", "4")
	for _, c := range []struct {
		name string
		got  Scope
		want string
	}{
		{"both", a.Within(b), "[2 3]"}, {"city", City().Within(a), "[1 2 3]"}, {"in the city", a.Within(City()), "[1 2 3]"},
		{"nothing", a.Within(Scope{}), "[]"}, {"of nothing", Scope{}.Within(City()), "[]"},
	} {
		if got := fmt.Sprint(c.got.Schools()); got != c.want || c.got.All() {
			t.Errorf("%s: %s, %v", c.name, got, c.got.All())
		}
	}
	if !City().Within(City()).All() {
		t.Error("the city in the city")
	}
}

// TestNobodyReachesIn: what a caller does with what he gave or was given changes
// nobody's rights.
func TestNobodyReachesIn(t *testing.T) {
	mine := []person.SchoolID{"49"}
	r := Of(Grant{School, mine})
	mine[0] = "50"
	got := r.In(Decide).Schools()
	got[0] = "51"
	if !r.In(Decide).Covers("49") || r.In(Decide).Covers("50") {
		t.Error(r.In(Decide))
	}
}
