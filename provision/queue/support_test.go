package queue

import (
	"testing"

	"schoolbridge/internal/person"
)

// Who may see a question and who may decide it.
func TestScope(t *testing.T) {
	row := func(school person.SchoolID) Row { return Row{Value: person.Employment{School: school}} }
	at := func(ids ...person.SchoolID) Scope { return Scope{Schools: ids} }
	for _, c := range []struct {
		name             string
		item             Item
		scope            Scope
		shown, decidable bool
	}{
		{"own", Item{Kind: Activation, Schools: []person.SchoolID{"1"}, Rows: []Row{row("1")}}, at("1"), true, true},
		{"both own", Item{Kind: Activation, Rows: []Row{row("1"), row("2")}}, at("1", "2"), true, true},
		{"one of two", Item{Kind: Activation, Rows: []Row{row("1"), row("2")}}, at("1"), true, false},
		{"moved away since", Item{Kind: Activation, Schools: []person.SchoolID{"1"}, Rows: []Row{row("2")}}, at("1"), true, false},
		{"moved here since", Item{Kind: Activation, Schools: []person.SchoolID{"2"}, Rows: []Row{row("1")}}, at("1"), true, false},
		{"a record is gone", Item{Kind: Activation, Schools: []person.SchoolID{"1"}, Rows: []Row{row("1"), {}}}, at("1"), true, false},
		{"no record", Item{Kind: Activation, Schools: []person.SchoolID{"1"}}, at("1"), true, false},
		{"no school", Item{Kind: Activation, Rows: []Row{row("")}}, at("1", ""), false, false},
		{"elsewhere", Item{Kind: Target, Rows: []Row{row("2")}}, at("1"), false, false},
		{"nowhere", Item{Kind: Target, Rows: []Row{row("2")}}, Scope{}, false, false},
		{"all", Item{Kind: Target, Rows: []Row{{}}}, Scope{All: true}, true, true},
		{"a letter", Item{Kind: Support, Case: &Case{School: "1"}, Schools: []person.SchoolID{"1"}, Rows: []Row{row("2")}}, at("1"), true, true},
		{"a letter elsewhere", Item{Kind: Support, Case: &Case{School: "1"}, Schools: []person.SchoolID{"1"}, Rows: []Row{row("2")}}, at("2"), true, false},
		{"a letter to none", Item{Kind: Support, Case: &Case{}}, at("1"), false, false},
	} {
		if shown, decidable := c.item.Shown(c.scope), c.item.Decidable(c.scope); shown != c.shown || decidable != c.decidable {
			t.Errorf("%s: shown %v, decidable %v", c.name, shown, decidable)
		}
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"482 719 305", "000000001", "482-719-305", "4827193050", "", "４"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := ParseNumber(text)
		if !ok {
			return
		}
		if again, ok := ParseNumber(n.String()); !ok || again != n || n >= Numbers || NumberOf(n.About()) != n {
			t.Errorf("%q is %d, read again %d", text, n, again)
		}
	})
}
