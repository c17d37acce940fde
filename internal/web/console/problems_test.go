package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/census"
)

// lists are those of a small town.
type lists struct {
	board  *census.Board
	rows   map[string]any
	broken error
}

func (l *lists) Board() (*census.Board, time.Time, bool) {
	return l.board, time.Date(2026, 9, 1, 7, 0, 0, 0, time.UTC), l.board == nil
}

func (l *lists) Rows(_ context.Context, _ person.RecordKind, keys []string) (map[string]any, error) {
	found := map[string]any{}
	for _, key := range keys {
		if row, ok := l.rows[key]; ok {
			found[key] = row
		}
	}
	return found, l.broken
}

func (l *lists) Advise(_ web.Lang, i census.Item) CaseProblem {
	return CaseProblem{i.Problem.String(), "meaning of " + string(i.Problem.Code), "who", "remedy"}
}

func (l *lists) Handle(i census.Item) string { return "sealed-" + i.Record }

// newProblemSite has n pupils at school 49 and one teacher each at 1050 and 7.
func newProblemSite(t testing.TB, n int) (*site, *lists) {
	l := &lists{rows: map[string]any{}}
	day := person.DateOf(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
	c := census.New(day)
	for _, id := range []string{"49", "1050", "7"} {
		c.AddSchool(person.School{ID: person.SchoolID(id), Name: "ГБОУ Школа № " + id})
	}
	add := func(id string, value any) {
		l.rows[id] = value
		c.AddRow(census.Row{Key: id, Value: value})
	}
	for i := range n {
		id := fmt.Sprintf("p%04d", i)
		add(id, person.Enrolment{ID: person.RecordID(id), Last: "Белова", First: fmt.Sprintf("Анна-%d", i), School: "49", Class: "9Б"})
	}
	start := day.AddDays(-100)
	add("k1", person.Employment{ID: "k1", FIO: "Кураева Анна", School: "1050", Start: start, Position: "учитель"})
	add("k2", person.Employment{ID: "k2", FIO: "=Чужова Вера", School: "7", Start: start})
	c.Close()
	l.board = c.Board(census.Deadlines{day.AddDays(-10), {}, {}})
	return newSite(t, func(o *Options) { o.Problems, o.Stories = l, &teller{story: sound} }), l
}

// Each role sees the lists of its schools.
func TestProblems(t *testing.T) {
	s, l := newProblemSite(t, 3)
	webtest.Holds(t, s.role(rights.School).Get("/console/problems"), 200, "Белова Анна-1", "ГБОУ Школа № 49", "meaning of NO_MOSRU_ACCOUNT", "remedy", "Строк: 3", "!Кураева", "!Чужова", "!1050")
	if page := s.role(rights.School).Get("/console/problems").Body.String(); strings.Count(page, "remedy") != 1 || strings.Count(page, `<a href="#do-NO_MOSRU_ACCOUNT">То же, что выше</a>`) != 2 || !strings.Contains(page, `id="do-NO_MOSRU_ACCOUNT"`) {
		t.Error("what to do is not said once:\n" + page)
	}
	g := s.role(rights.Curator)
	webtest.Holds(t, g.Get("/console/problems"), 200, "Белова", `<a href="/console/people/sealed-k1">Кураева Анна</a>`, "!Чужова")
	webtest.Holds(t, g.Get("/console/problems?school=1050&code=KADRY_SNILS_INVALID"), 200, "Кураева", "!Белова")
	webtest.Holds(t, g.Get("/console/problems?role=staff"), 200, "Кураева", "!Белова")
	webtest.Holds(t, g.Get("/console/problems?school=7"), 200, "исправлять нечего", "!Чужова") // a forged school
	webtest.Holds(t, g.Get("/console/problems?code=NONE"), 200, "исправлять нечего")
	webtest.Holds(t, g.Get("/console/problems?list=behind"), 200, "Кураева", "срок 2026-08-22, дней после срока: 10", "!Белова")
	webtest.Holds(t, s.role(rights.Auditor).Get("/console/problems"), 200, "Чужова")
	for _, bad := range []string{"?role=x", "?from=x", "?from=-1", "?school=" + strings.Repeat("7", 300), "?code=" + strings.Repeat("A", 65)} {
		webtest.Holds(t, g.Get("/console/problems"+bad), 404)
	}
	webtest.Holds(t, s.person(teacher).Get("/console/problems"), 404)
	s.noted()
	g.Get("/console/problems")
	if got := s.noted(); !slices.Equal(got, []string{"console_read problems 00"}) {
		t.Errorf("the trail: %q", got)
	}
	l.broken = errors.New("the store is down")
	webtest.Holds(t, g.Get("/console/problems"), 503, "!Кураева")
	l.board = nil
	webtest.Holds(t, g.Get("/console/problems"), 200, "Список составляется")
	webtest.Goes(t, g.Get("/console/problems.csv"), "/console/problems")
}

// A long list is leafed through, and printed and saved as a whole.
func TestProblemPages(t *testing.T) {
	s, _ := newProblemSite(t, 130)
	g := s.role(rights.School)
	first := g.Get("/console/problems")
	webtest.Holds(t, first, 200, `href="/console/problems?from=50"`, "Строк: 130")
	webtest.Holds(t, g.Get("/console/problems?from=100"), 200, "Белова Анна-129", "!rel=\"next\"", "В начало")
	webtest.Holds(t, g.Get("/console/problems?print=1"), 200, "Белова Анна-0", "Белова Анна-129")
	if n := webtest.FirstView(g, "/console/problems"); n > 100_000 {
		t.Errorf("%d bytes", n)
	}
	if name := g.Get("/console/problems.csv").Header().Get("Content-Disposition"); !strings.Contains(name, "problems-2026-09-01.csv") {
		t.Error(name)
	}
	s.noted()
	agree(t, g, "?code=NO_MOSRU_ACCOUNT", 130)
	o := s.role(rights.Operator)
	webtest.Holds(t, o.Get("/console/problems.csv?school=7&list=behind"), 200, "Дней после срока", "'=Чужова", "!Белова")
	agree(t, o, "?school=7&list=behind", 1)
	if got := s.noted(); !slices.Contains(got, "console_read problems file 00") {
		t.Errorf("%q", got)
	}
	o.Get("/console?lang=en")
	webtest.English(t, o.Get("/console/problems?school=7"), "ГБОУ Школа № 49", "ГБОУ Школа № 1050", "ГБОУ Школа № 7", "Чужова Вера", "Имя")
}

// agree says that the files hold the lines that the page shows whole.
func agree(t *testing.T, g *webtest.Guest, query string, lines int) {
	t.Helper()
	rows := webtest.Files(t, g, "/console/problems", query)
	shown := webtest.Cells(t, g.Get("/console/problems"+query+"&print=1"))
	if len(rows) != lines+1 || len(shown) != lines {
		t.Fatalf("%d lines in the files, %d on paper, %d wanted", len(rows)-1, len(shown), lines)
	}
	for i, cells := range shown {
		paper := strings.Join(cells, " ")
		for j, cell := range rows[i+1] {
			cell = strings.Join(strings.Fields(cell), " ")
			if remedy := rows[0][j] == "Что сделать"; !strings.Contains(paper, cell) && !(remedy && strings.Contains(paper, "То же, что выше")) {
				t.Errorf("line %d: %s is %q in the files, on paper there is %q", i, rows[0][j], cell, paper)
			}
		}
	}
}
