package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/census"
)

// tables are statistics in memory.
type tables struct {
	figures Figures
	days    map[person.SchoolID][]Day
	err     error
}

func (s *tables) Last(context.Context) (Figures, error) { return s.figures, s.err }

func (s *tables) History(_ context.Context, school person.SchoolID) ([]Day, error) {
	return s.days[school], s.err
}

// cityTables has schools 49, 1050 and more, with a fortnight of history.
func cityTables(more int) *tables {
	line := func(id, name string, accounts, activated int) census.Line {
		return census.Line{School: person.School{ID: person.SchoolID(id), NSI: "00012345", Name: name, Founder: "ДОНМ"},
			Figures: census.Figures{Accounts: accounts, Activated: activated, Failed: 12, Only: activated / 2, SignIns: 4 * accounts,
				Categories: [3]census.Category{{People: 80, Activated: 70}, {People: accounts - 80, Activated: activated - 70}, {People: 900}}}}
	}
	s := &tables{days: map[person.SchoolID][]Day{}, figures: Figures{At: time.Date(2026, 9, 1, 7, 55, 0, 0, time.UTC), Day: date("2026-09-01"),
		Lines: []census.Line{line("49", "ГБОУ Школа № 49", 1680, 1204), line("1050", "ГБОУ Школа № 1050", 980, 970)}, Whole: line("", "", 2600, 2170)}}
	for i := range more {
		s.figures.Lines = append(s.figures.Lines, line(fmt.Sprint(2000+i), fmt.Sprintf("ГБОУ Школа № %d", 2000+i), 1500, 100+2*i))
	}
	for i := range 14 {
		for _, l := range append(s.figures.Lines, census.Line{Figures: s.figures.Whole.Figures}) {
			past := l.Figures
			past.Activated = past.Activated * i * i / 200
			s.days[l.School.ID] = append(s.days[l.School.ID], Day{date("2026-08-18").AddDays(i), past})
		}
	}
	return s
}

func date(s string) person.Date {
	d, err := person.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func withTables(s *tables) func(*Options) {
	return func(o *Options) {
		o.Statistics, o.Deadlines = s, census.Deadlines{date("2026-08-01"), date("2026-10-01")}
	}
}

func TestStatistics(t *testing.T) {
	s := newSite(t, withTables(cityTables(0)))
	g := s.role(rights.Operator)
	webtest.Holds(t, g.Get("/console/stats"), http.StatusOK, "ID ЕКИС", "ID ОО (НСИ)", "Всего УЗ", "Активировано УЗ в АУПД", "Количество входов в ЭЖД", "Учредитель",
		"ГБОУ Школа №\u00a049", "1\u202f204", "71 %", "Все вместе", "2\u202f600", "Посчитано 01.09.2026 07:55", `class="curve"`, "01.09.2026 — 2\u202f170", "За последнюю неделю: ") // the curve ends with the figures beside it
	page := g.Get("/console/stats?sort=-activated").Body.String()
	if strings.Index(page, "№\u00a049<") > strings.Index(page, "№\u00a01050<") || !strings.Contains(page, `aria-sort="descending"`) {
		t.Error("the order is not the one that was asked for")
	}
	page = g.Get("/console/stats?school=105&sort=nonsense&from=-7").Body.String()
	if strings.Contains(page, "№\u00a049<") || !strings.Contains(page, "№\u00a01050<") {
		t.Error("it is not the school that was asked for")
	}
	webtest.Holds(t, g.Get("/console/stats?school=%3Cx%3E"), http.StatusOK, "Таких школ нет", `value="<x>"`)
	webtest.Holds(t, g.Get("/console/stats/49"), http.StatusOK, "ГБОУ Школа №\u00a049", "Сотрудники", "01.08.2026", "прошло дней: 31", "01.10.2026", "Ученики", "/console/stats\"")
	for _, path := range []string{"/console/stats/50", "/console/stats/49%00", "/console/stats/"} {
		webtest.Holds(t, g.Get(path), http.StatusNotFound)
	}
	webtest.Holds(t, g.Get("/console"), http.StatusOK, "83\u00a0%", "/console/stats", "Посчитано ")
}

// Before the first count is through, nobody is told that nobody has activated.
func TestStatisticsBeforeTheFirstCount(t *testing.T) {
	g := newSite(t, withTables(&tables{})).role(rights.School)
	webtest.Holds(t, g.Get("/console"), http.StatusOK, "ещё считается", "!0\u00a0%")
}

// Who administers one school sees that, and no sum of others.
func TestStatisticsOfOneSchool(t *testing.T) {
	s := newSite(t, withTables(cityTables(3)))
	g := s.role(rights.School)
	webtest.Goes(t, g.Get("/console/stats"), "/console/stats/49")
	if page := g.Get("/console/stats/49").Body.String(); strings.Contains(page, "1050") || strings.Contains(page, "/console/stats\"") && strings.Contains(page, "crumbs") {
		t.Error("another school is there")
	}
	webtest.Holds(t, g.Get("/console/stats/1050"), http.StatusNotFound)
	webtest.Holds(t, g.Get("/console"), http.StatusOK, "71\u00a0%")
	rows := webtest.Files(t, g, "/console/stats", "")
	if len(rows) != 2 || rows[1][0] != "49" || rows[1][4] != "1204" {
		t.Errorf("%q", rows)
	}
	page := s.role(rights.Curator).Get("/console/stats").Body.String()
	if strings.Contains(page, "2000") || strings.Contains(page, "Все вместе") || !strings.Contains(page, "№\u00a049<") || !strings.Contains(page, "№\u00a01050<") {
		t.Error("a curator sees her schools and no more")
	}
}

// A file has the columns that people know, in every language.
func TestStatisticsAsFile(t *testing.T) {
	s := newSite(t, withTables(cityTables(3)))
	g := s.role(rights.Auditor)
	g.Get("/console/stats?lang=en")
	rows := webtest.Files(t, g, "/console/stats", "")
	if len(rows) != 6 || !slices.Equal(rows[0], census.Head) {
		t.Errorf("%q", rows)
	}
	shown := map[string][]string{}
	for _, cells := range webtest.Cells(t, g.Get("/console/stats")) {
		shown[cells[0]] = cells
	}
	for _, row := range rows[1:] {
		cells := shown[row[0]]
		if len(cells) != len(row) {
			t.Fatalf("the page has %q, the file %q", cells, row)
		}
		cells[4], _, _ = strings.Cut(cells[4], "%") // the share stands beside it
		cells[4] = cells[4][:strings.LastIndexByte(strings.TrimSpace(cells[4]), ' ')]
		for i, cell := range cells {
			if i > 2 && i < 8 { // figures in groups of three digits
				cell = strings.ReplaceAll(cell, " ", "")
			}
			if cell != row[i] {
				t.Errorf("%s: the page has %q, the file %q", census.Head[i], cell, row[i])
			}
		}
	}
	if got := g.Get("/console/stats.csv").Header().Get("Content-Disposition"); got != `attachment; filename="statistics-2026-09-01.csv"` {
		t.Error(got)
	}
}

// Six hundred schools are read by the page, within the budget of a first view.
func TestStatisticsOfACity(t *testing.T) {
	s := newSite(t, withTables(cityTables(598)))
	g := s.role(rights.Operator)
	page := g.Get("/console/stats").Body.String()
	if n := strings.Count(page, `<th scope="row">`); n != statsRows+1 {
		t.Errorf("%d rows", n)
	}
	if !strings.Contains(page, "/console/stats?from=50&amp;sort=id") {
		t.Error("no way to the next page")
	}
	if n := webtest.FirstView(g, "/console/stats"); n > 100_000 {
		t.Errorf("%d bytes", n)
	}
	webtest.Holds(t, g.Get("/console/stats?from=550&sort=id"), http.StatusOK, "№\u00a02597")
}

// Before anything is counted, while it is, and when it cannot be read.
func TestStatisticsThatAreNotThere(t *testing.T) {
	none := &tables{figures: Figures{Counting: true}}
	s := newSite(t, withTables(none))
	g := s.role(rights.Operator)
	webtest.Holds(t, g.Get("/console/stats"), http.StatusOK, "Цифры считаются впервые", `http-equiv="refresh"`)
	none.figures.Counting = false
	webtest.Holds(t, g.Get("/console/stats"), http.StatusOK, "Школ в реестрах пока нет")
	kept := cityTables(0)
	*none = *kept
	none.figures.Kept, none.figures.Counting = true, true
	webtest.Holds(t, g.Get("/console/stats"), http.StatusOK, "По состоянию на 01.09.2026", "Новые цифры считаются")
	if page := g.Get("/console/stats/49").Body.String(); strings.Contains(page, "Сотрудники") {
		t.Error("categories that were not kept")
	}
	none.err = errors.New("down")
	webtest.Holds(t, g.Get("/console/stats"), http.StatusServiceUnavailable)
	webtest.Holds(t, g.Get("/console/stats.csv"), http.StatusServiceUnavailable)
}
