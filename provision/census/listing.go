package census

import (
	"cmp"
	"context"
	"slices"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Names gives rows back by their keys; those that are gone meanwhile are left
// out. A map is by key.
type Names interface {
	Rows(ctx context.Context, kind person.RecordKind, keys []string) (map[string]any, error)
}

// Item is one line of a list: one problem of one person at one school.
type Item struct {
	School  person.School // zero: nothing tells which
	Role    person.Role   // 0: not known
	FIO     string
	Place   string // class or position; a parent's child
	Record  string // the registry's id; "" where nothing fits
	Login   string // the mos.ru login of who tried, or the name in the target
	Target  string // where it was found; "" outside of targets
	Problem match.Problem
	// First is the problem of the same try that is to be repaired before this one: it
	// is of a row that is surely the person's own. Zero where this one is it.
	First    match.Problem
	At       time.Time   // of the try, or when the target was looked at; zero: the registries say so
	Deadline person.Date // of those behind
	Late     int         // days since the deadline
	// Active says of what a registry shows by itself that the person has an account
	// all the same; Gone that the rows which a try speaks of have left their registry.
	Active, Gone bool
	// Decided says that a curator has answered a problem of a try: the next activation
	// meets it no more. Active says here too that the person has an account.
	Decided bool

	tried bool // it is of a try
}

// List gives the items that are asked for, school by school and there by name,
// to emit; what has no school comes last.
func (c *Count) List(ctx context.Context, names Names, ask Ask, emit func(Item) error) error {
	for list := c.findings(ask); len(list) > 0; {
		n := 1
		for n < len(list) && list[n].school == list[0].school {
			n++
		}
		items, err := c.items(ctx, names, ask, list[:n])
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := emit(item); err != nil {
				return err
			}
		}
		list = list[n:]
	}
	return nil
}

// items are the findings of one school with their names.
func (c *Count) items(ctx context.Context, names Names, ask Ask, list []finding) ([]Item, error) {
	items, err := c.named(ctx, names, c.pin(list), ask.Behind, ask.Deadlines)
	slices.SortStableFunc(items, func(a, b Item) int {
		turn := 0
		if a.tried && b.tried {
			turn = cmp.Or(cmp.Compare(a.Login, b.Login), match.ByTurn(a.Problem.Code, b.Problem.Code))
		}
		return cmp.Or(cmp.Compare(a.FIO, b.FIO), lines(a.tried, b.tried), turn, cmp.Compare(a.Record, b.Record), cmp.Compare(a.Problem.Code, b.Problem.Code), cmp.Compare(a.Problem.Arg, b.Problem.Arg))
	})
	return items, err
}

// lines puts what registries and targets say before what somebody met who tried.
func lines(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// backing is what findings point to.
type backing struct {
	today   person.Date
	schools []person.School
	tries   []provision.Try
	targets []Target
}

// pinned is a finding with the key of its row.
type pinned struct {
	finding
	kind person.RecordKind // 0: there is no row
	key  string
}

func (c *Count) pin(list []finding) []pinned {
	pins := make([]pinned, len(list))
	for i, f := range list {
		pins[i].finding = f
		if f.entry >= 0 {
			e := c.entries[f.entry]
			pins[i].kind, pins[i].key = e.kind, e.key
		}
	}
	return pins
}

// named gives findings their names, in their order.
func (b *backing) named(ctx context.Context, names Names, list []pinned, behind bool, deadlines Deadlines) ([]Item, error) {
	keys := map[person.RecordKind][]string{}
	for _, f := range list {
		if f.kind != 0 {
			keys[f.kind] = append(keys[f.kind], f.key)
		}
	}
	rows := map[person.RecordKind]map[string]any{}
	for kind, all := range keys {
		slices.Sort(all)
		found, err := names.Rows(ctx, kind, slices.Compact(all))
		if err != nil {
			return nil, err
		}
		rows[kind] = found
	}
	items := make([]Item, 0, len(list))
	for _, f := range list {
		item := Item{Problem: f.problem, Active: f.active, Gone: f.gone, Decided: f.decided}
		if f.kind != 0 {
			row := rows[f.kind][f.key]
			if f.school >= 0 && movedFrom(row, b.schools[f.school].ID) {
				row = nil // it is another school's to see by now
			}
			if item.fill(row); item.Record == "" && f.try < 0 {
				continue // gone meanwhile
			}
		}
		if f.school >= 0 {
			item.School = b.schools[f.school]
		}
		if f.role >= 0 {
			item.Role = Roles[f.role]
		}
		if f.try >= 0 {
			t := b.tries[f.try]
			item.tried = true
			item.FIO, item.Login, item.At = person.JoinFIO(t.Last, t.First, t.Middle), t.Login, t.At
			if first, ok := match.First(t.Problems); ok && match.ByTurn(first.Code, f.problem.Code) < 0 && !f.problem.Code.Beside() {
				item.First = first
			}
		}
		if f.target >= 0 {
			t := b.targets[f.target]
			item.Target, item.Login, item.At = t.Target, t.Login, t.At
		}
		if behind {
			item.Deadline, item.Late = deadlines[f.role], deadlines.Late(int(f.role), b.today)
		}
		items = append(items, item)
	}
	return items, nil
}

// movedFrom says that a row, which is read later than it was counted, is at another
// school by now.
func movedFrom(row any, school person.SchoolID) bool {
	switch r := row.(type) {
	case person.Employment:
		return r.School != school
	case person.Enrolment:
		return r.School != school
	case person.Card:
		return r.School != school
	}
	return false
}

// fill takes over what a row says.
func (i *Item) fill(row any) {
	switch r := row.(type) {
	case person.Employment:
		i.FIO, i.Place, i.Record = r.FIO, r.Position, string(r.ID)
	case person.Enrolment:
		i.FIO, i.Place, i.Record = person.JoinFIO(r.Last, r.First, r.Middle), r.Class, string(r.ID)
	case person.Card:
		i.FIO, i.Place, i.Record = r.ParentFIO, string(r.Child), string(r.Child)
	}
}
