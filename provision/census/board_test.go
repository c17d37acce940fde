package census

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// boarded is a small town with problems at three schools and with people of none.
func boarded() (*town, *Board) {
	w := newTown()
	for _, s := range []string{"49", "50", "100"} {
		w.AddSchool(person.School{ID: person.SchoolID(s)})
	}
	w.AddTry(provision.Try{Subject: "s", Login: "x", Last: "Никто", Decision: match.NoMatch, Problems: []match.Problem{{Code: match.NoSuchAccount}}})
	w.AddTarget(Target{Person: holder(9), Target: "ad", Login: "kim", Problems: []match.Problem{{Code: match.ADUnowned}}})
	for i := range 30 {
		w.add(pupil(fmt.Sprintf("p%02d", i), "Белова", "49"), 0)
	}
	w.add(job("k1", "Иванова Анна", snils(1), "49"), 0)
	w.add(job("k2", "Иванова Анна", snils(1), "50"), 0)
	w.add(job("k3", "Ким Вера", "", "100"), 9)
	w.Close()
	deadlines := Deadlines{day("2026-08-01"), day("2026-09-30"), {}}
	return w, w.Board(deadlines)
}

func (w *town) leaf(t *testing.T, b *Board, q Query, n int) (lines []string) {
	t.Helper()
	for from := 0; ; {
		items, next, err := b.Page(t.Context(), w, q, from, n)
		if err != nil || len(items) > n {
			t.Fatal(len(items), err)
		}
		for _, i := range items {
			lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", i.School.ID, i.Problem.Code, i.FIO, i.Record)), " "))
		}
		if next == 0 {
			break
		}
		from = next
	}
	each := 0 // in one walk there is the same
	err := b.Each(t.Context(), w, q, n, func(items []Item) error {
		for _, i := range items {
			line := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", i.School.ID, i.Problem.Code, i.FIO, i.Record)), " ")
			if each >= len(lines) || lines[each] != line {
				t.Errorf("line %d is %q", each, line)
			}
			each++
		}
		return nil
	})
	if err != nil || each != len(lines) {
		t.Errorf("in one walk %d lines of %d, %v", each, len(lines), err)
	}
	return lines
}

// moved are rows of which one has gone to another school since they were counted.
type moved struct {
	*town
	key    string
	school person.SchoolID
}

func (m moved) Rows(ctx context.Context, kind person.RecordKind, keys []string) (map[string]any, error) {
	rows, err := m.town.Rows(ctx, kind, keys)
	if e, ok := rows[m.key].(person.Employment); ok {
		e.School, e.FIO = m.school, "Иванова Другая"
		rows = maps.Clone(rows)
		rows[m.key] = e
	}
	return rows, err
}

// Who has gone to another school since the count is no more on the list of the one
// that was left, under no name.
func TestBoardOfYesterday(t *testing.T) {
	w, b := boarded()
	own := Query{Schools: []person.SchoolID{"50"}}
	for _, c := range []struct {
		school person.SchoolID
		want   int
	}{{"50", 1}, {"49", 0}, {"", 0}} {
		items, _, err := b.Page(t.Context(), moved{w, "k2", c.school}, own, 0, 10)
		if err != nil || len(items) != c.want {
			t.Errorf("now at %q: %+v, %v", c.school, items, err)
		}
	}
}

// A board has what the list has, page by page, to whoever may see it.
func TestBoard(t *testing.T) {
	w, b := boarded()
	for _, behind := range []bool{false, true} {
		want := w.list(t, Ask{Behind: behind, Deadlines: b.deadlines})
		for _, n := range []int{1, 7, 1000} {
			if got := w.leaf(t, b, Query{All: true, Behind: behind}, n); len(got) != len(want) || len(got) == 0 {
				t.Errorf("behind %v, by %d: %d lines, want %d", behind, n, len(got), len(want))
			}
		}
	}
	own := Query{Schools: []person.SchoolID{"50", "100", ""}}
	want := []string{"50 MULTI_ORG_NO_MOSRU Иванова Анна k2", "100 AD_UNOWNED Ким Вера k3", "100 KADRY_SNILS_INVALID Ким Вера k3"}
	if got := w.leaf(t, b, own, 2); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := b.Codes(own); len(got) != 3 || got[0].N != 1 {
		t.Errorf("%v", got)
	}
	if got := b.Schools(own); len(got) != 2 || got[0].ID != "50" {
		t.Errorf("%v", got)
	}
	own.School = "49" // a forged one
	if got := w.leaf(t, b, own, 2); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := w.leaf(t, b, Query{}, 2); len(got) != 0 {
		t.Errorf("nowhere: %q", got)
	}
	one := Query{All: true, Code: match.MultiOrgNoMosru, Role: person.RoleStaff}
	if got := w.leaf(t, b, one, 1); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if got := w.leaf(t, b, Query{All: true, Code: match.NoSuchAccount}, 5); !slices.Equal(got, []string{"NO_SUCH_ACCOUNT Никто"}) {
		t.Errorf("%q", got)
	}
	if items, next, err := b.Page(t.Context(), w, Query{All: true}, 1<<30, 5); err != nil || next != 0 || len(items) != 0 {
		t.Errorf("past the end: %d, %v", len(items), err)
	}
	if got := b.Codes(Query{All: true}); got[0] != (CodeCount{match.NoMosruAccount, 30}) {
		t.Errorf("%v", got)
	}
}
