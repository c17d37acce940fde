package console

import (
	"context"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
	"schoolbridge/internal/web"
	"schoolbridge/provision/census"
)

// Statistics has the figures of the schools at hand.
type Statistics interface {
	// Last gives the last figures, without counting while the page waits.
	Last(ctx context.Context) (Figures, error)
	// History gives the days of one school in their order; of "": of all together.
	History(ctx context.Context, school person.SchoolID) ([]Day, error)
}

// Figures are the statistics as they were at a time.
type Figures struct {
	At       time.Time // zero: there are none yet
	Day      person.Date
	Lines    []census.Line // of each school, in the order of their ids
	Whole    census.Line
	Kept     bool // they are those kept of a day, which know no categories
	Counting bool // newer ones are on the way
}

// Day is what was kept of one school on one day.
type Day struct {
	Day person.Date
	census.Figures
}

var statistics = part{
	pages: map[string]page{
		"GET /console/stats":          {do: (*visit).stats, may: rights.SeeStatistics, alone: true},
		"GET /console/stats/{school}": {do: (*visit).schoolStats, may: rights.SeeStatistics},
		"GET /console/stats.csv":      {do: (*visit).statsCSV, may: rights.SeeStatistics, costly: true},
		"GET /console/stats.xlsx":     {do: (*visit).statsXLSX, may: rights.SeeStatistics, costly: true},
	},
	nav:    entry{address: "/console/stats", title: "stats.nav", icon: "chart", may: rights.SeeStatistics},
	glance: (*visit).statsGlance,
	words:  wordsStats,
	there:  func(o *Options) bool { return o.Statistics != nil },
}

// statsGlance is the share of those activated, of the city or of the schools of the
// visitor.
func (v *visit) statsGlance() (glance, error) {
	f, err := v.o.Statistics.Last(v.Request.Context())
	if err != nil {
		return glance{}, err
	}
	if f.At.IsZero() {
		return glance{Title: "stats.glance", State: "wait", Text: "stats.glance.first"}, nil
	}
	scope := v.rights.In(rights.SeeStatistics)
	f = f.within(scope)
	sum := f.Whole.Figures
	if !scope.All() {
		for _, l := range f.Lines { // somebody at two of them counts twice
			sum.Accounts, sum.Activated = sum.Accounts+l.Accounts, sum.Activated+l.Activated
		}
	}
	return glance{Figure: strconv.Itoa(percent(sum.Activated, sum.Accounts)) + "\u00a0%", Title: "stats.glance", When: v.counted(f)}, nil
}

// counted says as of when figures are, in the words of the table.
func (v *visit) counted(f Figures) string {
	if t := v.time(f); t.Kept {
		return v.Text("stats.kept", t.At)
	} else {
		return v.Text("stats.at", t.At)
	}
}

// within are the lines of a scope; whoever sees some schools alone gets no whole,
// which is not their sum.
func (f Figures) within(s rights.Scope) Figures {
	if !s.All() {
		f.Lines = slices.DeleteFunc(slices.Clone(f.Lines), func(l census.Line) bool { return !s.Covers(l.School.ID) })
		f.Whole = census.Line{}
	}
	return f
}

// statsRows is how many schools are on one page.
const statsRows = 50

// statsPage is the table of the schools.
type statsPage struct {
	statsTime
	statsCurve
	Heads  []statsHead
	Rows   []statsRow
	Whole  *statsRow // nil: not of the whole city
	Sort   string
	Wanted string
	Any    bool // there are schools at all
	Search bool // more of them than a page shows
	Pager  web.Pager
}

type statsTime struct {
	At             string
	Kept, Counting bool
}

type statsHead struct {
	Title, Address, Order, Meaning string
	Number                         bool
}

// statsRow is a line in the columns of the table.
type statsRow struct {
	ID, NSI, Name, Founder, Address                  string
	Accounts, Activated, Left, Failed, Only, SignIns string
	Percent                                          int
}

func rowOf(l census.Line) statsRow {
	s := census.Named(l.School)
	name := strings.ReplaceAll(s.Name, "№ ", "№\u00a0") // a number stays with its sign
	return statsRow{ID: string(s.ID), NSI: s.NSI, Name: name, Founder: s.Founder, Address: "/console/stats/" + segment(l.School.ID),
		Accounts: thousands(l.Accounts), Activated: thousands(l.Activated), Left: thousands(l.Accounts - l.Activated), Failed: thousands(l.Failed),
		Only: thousands(l.Only), SignIns: thousands(l.SignIns), Percent: percent(l.Activated, l.Accounts)}
}

// percent is rounded down: nobody reads 100 while one is missing.
func percent(part, whole int) int {
	if whole == 0 {
		return 0
	}
	return part * 100 / whole
}

// statsColumns are the columns by their order's name; numbers begin with the
// greatest.
var statsColumns = []struct {
	order         string
	number, means bool
}{
	{"id", false, false}, {"nsi", false, false}, {"name", false, false}, {"accounts", true, true}, {"activated", true, true}, {"failed", true, true},
	{"only", true, true}, {"sign_ins", true, true}, {"founder", false, false},
}

// stats is GET /console/stats: the schools that the visitor sees. Who sees one is
// shown that.
func (v *visit) stats() {
	figures, ok := v.figures()
	if !ok {
		return
	}
	if len(figures.Lines) == 1 && !v.scope.All() {
		v.To(rowOf(figures.Lines[0]).Address)
		return
	}
	q := v.Request.URL.Query()
	p := statsPage{statsTime: v.time(figures), Wanted: strings.TrimSpace(q.Get("school")), Sort: q.Get("sort"), Any: len(figures.Lines) > 0}
	p.Search = len(figures.Lines) > statsRows || p.Wanted != ""
	lines := wanted(slices.Clone(figures.Lines), p.Wanted)
	if !census.Sort(lines, p.Sort) {
		p.Sort = "id"
	}
	p.Heads = v.heads(p.Sort, p.Wanted)
	from := p.turn(len(lines), q)
	for _, l := range lines[from:min(from+statsRows, len(lines))] {
		p.Rows = append(p.Rows, rowOf(l))
	}
	if v.scope.All() {
		whole := rowOf(figures.Whole)
		p.Whole = &whole
		if p.statsCurve, ok = v.curve("", figures, figures.Whole); !ok {
			return
		}
	}
	refresh := 0
	if len(figures.Lines) == 0 && figures.Counting {
		refresh = 5
	}
	v.showAgain("stats.html", "stats.title", p, refresh)
}

// figures gives the last ones that the visitor sees, or has said that they cannot
// be read.
func (v *visit) figures() (Figures, bool) {
	f, err := v.o.Statistics.Last(v.Request.Context())
	if err != nil {
		v.Broken("the statistics cannot be read", err)
		return Figures{}, false
	}
	return f.within(v.scope), true
}

func (v *visit) time(f Figures) statsTime {
	t := statsTime{Kept: f.Kept, Counting: f.Counting, At: dotted(f.Day)}
	if !f.Kept {
		t.At = f.At.In(v.o.Zone).Format("02.01.2006 15:04")
	}
	return t
}

// wanted keeps the schools whose number, name or ID holds what was asked for.
func wanted(lines []census.Line, asked string) []census.Line {
	if asked == "" {
		return lines
	}
	asked = strings.ToLower(asked)
	return slices.DeleteFunc(lines, func(l census.Line) bool {
		return !strings.Contains(strings.ToLower(l.School.Name), asked) && !strings.Contains(strings.ToLower(string(l.School.ID)), asked) && !strings.Contains(l.School.NSI, asked)
	})
}

func (v *visit) heads(sort, school string) []statsHead {
	var all []statsHead
	for _, c := range statsColumns {
		h := statsHead{Title: v.Text("stats.col." + c.order), Number: c.number}
		next := c.order
		switch {
		case sort == c.order:
			h.Order, next = "ascending", "-"+c.order
		case sort == "-"+c.order:
			h.Order = "descending"
		case c.number:
			next = "-" + c.order
		}
		h.Address = statsAddress(next, school, 0)
		if c.means {
			h.Meaning = v.Text("stats.means." + c.order)
		}
		all = append(all, h)
	}
	return all
}

func statsAddress(sort, school string, from int) string {
	q := url.Values{"sort": {sort}}
	if school != "" {
		q.Set("school", school)
	}
	if from > 0 {
		q.Set("from", strconv.Itoa(from))
	}
	return "/console/stats?" + q.Encode()
}

// turn gives the line with which the page begins, of n.
func (p *statsPage) turn(n int, q url.Values) int {
	from, _ := strconv.Atoi(q.Get("from"))
	if from < 0 || from >= n {
		from = 0
	}
	if from > 0 {
		p.Pager.First = statsAddress(p.Sort, p.Wanted, 0)
	}
	if from+statsRows < n {
		p.Pager.Next = statsAddress(p.Sort, p.Wanted, from+statsRows)
	}
	return from
}

// statsCurve is how activation went.
type statsCurve struct {
	Curve template.HTML
	Trend string
}

// curve draws the days of a school, "" for all together, and ends with the figures
// that stand beside it: a day is kept once, and people go on activating.
func (v *visit) curve(school person.SchoolID, f Figures, now census.Line) (statsCurve, bool) {
	days, err := v.o.Statistics.History(v.Request.Context(), school)
	if err != nil {
		v.Broken("the statistics of past days cannot be read", err)
		return statsCurve{}, false
	}
	if len(days) < 2 { // a point is no curve
		return statsCurve{}, true
	}
	points := make([]Point, len(days))
	for i, d := range days {
		points[i] = Point{d.Day, d.Activated}
	}
	switch end := &points[len(points)-1]; {
	case end.Day == f.Day:
		end.Value = now.Activated
	case end.Day.Before(f.Day):
		points = append(points, Point{f.Day, now.Activated})
	}
	first, last := points[0], points[len(points)-1]
	label := v.Text("stats.curve.label", dotted(first.Day), thousands(first.Value), dotted(last.Day), thousands(last.Value))
	c := statsCurve{Curve: curve(thinned(points), now.Accounts, label)}
	week := slices.IndexFunc(points, func(p Point) bool { return !p.Day.Before(last.Day.AddDays(-7)) })
	c.Trend = v.Text("stats.trend", signed(last.Value-points[week].Value), thousands(now.Accounts-now.Activated))
	return c, true
}

// curvePoints is how many points a curve is drawn of: more than one for each
// column of pixels are not seen.
const curvePoints = 200

// thinned leaves out points between the first and the last.
func thinned(all []Point) []Point {
	if len(all) <= curvePoints {
		return all
	}
	few := make([]Point, 0, curvePoints)
	for i := range curvePoints {
		few = append(few, all[int(math.Round(float64(i)*float64(len(all)-1)/(curvePoints-1)))])
	}
	return few
}

func signed(n int) string {
	if n > 0 {
		return "+" + thousands(n)
	}
	return thousands(n)
}

// schoolStatsPage is one school.
type schoolStatsPage struct {
	statsTime
	statsCurve
	School     statsRow
	Up         bool // the visitor sees others too
	Categories []categoryRow
}

type categoryRow struct {
	Title, People, Activated, Deadline string
	Percent, Late                      int
}

// schoolStats is GET /console/stats/{school}.
func (v *visit) schoolStats() {
	figures, ok := v.figures()
	if !ok {
		return
	}
	id := v.segmented()
	i := slices.IndexFunc(figures.Lines, func(l census.Line) bool { return l.School.ID == id && id != "" })
	if i < 0 {
		v.missing()
		return
	}
	line := figures.Lines[i]
	p := schoolStatsPage{statsTime: v.time(figures), School: rowOf(line), Up: len(figures.Lines) > 1}
	if p.statsCurve, ok = v.curve(id, figures, line); !ok {
		return
	}
	if !figures.Kept {
		p.Categories = v.categories(line, figures.Day)
	}
	v.Show(http.StatusOK, "stats_school.html", "stats.title", p)
}

func (v *visit) categories(line census.Line, today person.Date) []categoryRow {
	var rows []categoryRow
	for i, c := range line.Categories {
		if c.People == 0 {
			continue
		}
		row := categoryRow{Title: v.Text("stats.role." + strconv.Itoa(i)), People: thousands(c.People), Activated: thousands(c.Activated), Percent: percent(c.Activated, c.People)}
		if d := v.o.Deadlines[i]; !d.IsZero() {
			row.Deadline, row.Late = dotted(d), v.o.Deadlines.Late(i, today)
		}
		rows = append(rows, row)
	}
	return rows
}

// statsCSV and statsXLSX are GET /console/stats.csv and .xlsx.
func (v *visit) statsCSV()  { v.statsFile("csv") }
func (v *visit) statsXLSX() { v.statsFile("xlsx") }

// statsFile is the table as a file, in the columns that people know, whose names are
// the same in every language.
func (v *visit) statsFile(format string) {
	figures, ok := v.figures()
	if !ok {
		return
	}
	v.handOut("statistics-"+figures.Day.String(), format, v.Text("stats.title"), census.Head, func(rows table.Writer) error {
		for i := range figures.Lines {
			if err := rows.Row(figures.Lines[i].Cells()...); err != nil {
				return err
			}
		}
		return nil
	})
}
