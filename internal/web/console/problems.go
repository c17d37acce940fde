package console

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
	"schoolbridge/internal/web"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
)

// Problems are what curators have to repair, as it was found some time ago.
type Problems interface {
	// Board gives the lists and when they were made; nil: they are being made. One that
	// is old is made anew beside.
	Board() (b *census.Board, made time.Time, making bool)
	census.Names
	// Advise puts a line into words.
	Advise(lang web.Lang, i census.Item) CaseProblem
	// Handle is that of the page of whom a line is about, "" where no record tells.
	Handle(i census.Item) string
}

const problemsAddress = address + "/problems"

// troubles are the curators' lists: what is to be repaired, and who is past the
// deadline.
var troubles = part{
	nav: entry{address: problemsAddress, title: "problems.nav", icon: "alert", may: rights.SeePeople},
	pages: map[string]page{
		"GET " + problemsAddress:           {do: (*visit).problems, may: rights.SeePeople, alone: true},
		"GET " + problemsAddress + ".csv":  {do: func(v *visit) { v.problemsFile("csv") }, may: rights.Export, costly: true},
		"GET " + problemsAddress + ".xlsx": {do: func(v *visit) { v.problemsFile("xlsx") }, may: rights.Export, costly: true},
	},
	words: wordsProblems,
	there: func(o *Options) bool { return o.Problems != nil },
}

const (
	// problemRows are on a page, printedRows on one to be printed, filedRows are read
	// at once for a file.
	problemRows, printedRows, filedRows = 50, 1000, 500
)

// problemRoles are the kinds of people by their names in addresses.
var problemRoles = []struct {
	Name string
	Role person.Role
}{{"", 0}, {"staff", person.RoleStaff}, {"pupil", person.RolePupil}, {"parent", person.RoleParent}}

// problemsPage is a page of a list.
type problemsPage struct {
	At        string // when the lists were made; "": they are being made
	Making    bool
	Behind    bool // those past the deadline
	Deadlines bool // there are some
	School    string
	Code      string
	Role      string
	Schools   []person.School
	Codes     []problemCode
	Roles     []string
	Rows      []problemRow
	N         int // lines in all
	Pager     web.Pager
	Whole     string // address of all of it, to be printed
	Query     string // of the files
	Other     string // address of the other list
}

type problemCode struct {
	Code, Meaning string
	N             int
}

// problemRow is a line.
type problemRow struct {
	census.Item
	CaseProblem
	Where, When, Kind, Handle string
	Again                     bool // a row above says what to do
}

// bare is the problem's code without what it is about.
func (r problemRow) bare() string { return string(r.Problem.Code) }

// Do is where on the page it stands what to do.
func (r problemRow) Do() string { return "do-" + r.bare() }

// problemsAsk reads what an address asks for; false: it cannot be asked.
func (v *visit) problemsAsk() (q census.Query, from int, ok bool) {
	form := v.Request.URL.Query()
	q = census.Query{All: v.scope.All(), Schools: v.scope.Schools(), School: person.SchoolID(form.Get("school")), Code: match.Code(form.Get("code")), Behind: form.Get("list") == "behind"}
	for _, r := range problemRoles {
		if r.Name == form.Get("role") {
			q.Role, ok = r.Role, true
		}
	}
	if text := form.Get("from"); text != "" {
		var err error
		if from, err = strconv.Atoi(text); err != nil || from < 0 {
			return q, 0, false
		}
	}
	return q, from, ok && len(form.Get("school")) <= 256 && len(form.Get("code")) <= 64
}

// problemsAddressOf writes it.
func problemsAddressOf(q census.Query, from int) string {
	form := url.Values{}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("school", string(q.School))
	set("code", string(q.Code))
	set("role", roleName(q.Role))
	if q.Behind {
		form.Set("list", "behind")
	}
	if from > 0 {
		form.Set("from", strconv.Itoa(from))
	}
	if len(form) == 0 {
		return ""
	}
	return "?" + form.Encode()
}

func roleName(r person.Role) string {
	if r == 0 {
		return ""
	}
	return r.String()
}

// problems shows a page of a list.
func (v *visit) problems() {
	q, from, ok := v.problemsAsk()
	if !ok {
		v.missing()
		return
	}
	board, made, making := v.o.Problems.Board()
	p := problemsPage{Making: making, Behind: q.Behind, School: string(q.School), Code: string(q.Code), Role: roleName(q.Role)}
	if board == nil {
		v.showAgain("problems.html", "problems.title", p, 5)
		return
	}
	rows := problemRows
	if v.Request.URL.Query().Get("print") != "" {
		rows = printedRows
	}
	items, next, err := board.Page(v.Request.Context(), v.o.Problems, q, from, rows)
	if err != nil {
		v.Broken("problems cannot be read", err)
		return
	}
	v.chooseProblems(&p, board, q)
	p.At, p.Deadlines = v.clock(made), board.HasDeadlines()
	said := map[string]bool{}
	for _, i := range items {
		r := v.problemRow(i)
		r.Again, said[r.bare()+r.Remedy] = said[r.bare()+r.Remedy], true
		p.Rows = append(p.Rows, r)
	}
	if from > 0 {
		p.Pager.First = problemsAddress + problemsAddressOf(q, 0)
	}
	if next > 0 {
		p.Pager.Next = problemsAddress + problemsAddressOf(q, next)
	}
	if v.readRecords("problems", v.problemsLine(board, q, len(items)), problemsOf(items)) {
		v.showAgain("problems.html", "problems.title", p, 0)
	}
}

// problemsLine is what the audit trail says of a reading.
func (v *visit) problemsLine(board *census.Board, q census.Query, lines int) map[string]any {
	code := q.Code
	if !slices.ContainsFunc(board.Codes(q), func(c census.CodeCount) bool { return c.Code == code }) {
		code = "" // what somebody typed comes not into the trail
	}
	return map[string]any{"school": known(string(q.School), board.Schools(q)), "code": code, "behind": q.Behind, "lines": lines}
}

// problemsOf are those whom lines are about: by record, else by login.
func problemsOf(items []census.Item) (list []string) {
	for _, i := range items {
		one := "login:" + i.Login
		if i.Record != "" {
			one = cmp.Or(roleName(i.Role), "record") + ":" + i.Record
		}
		list = append(list, one)
	}
	return list
}

// chooseProblems fills in what can be chosen.
func (v *visit) chooseProblems(p *problemsPage, board *census.Board, q census.Query) {
	p.Schools = board.Schools(q)
	for i := range p.Schools {
		p.Schools[i] = census.Named(p.Schools[i])
	}
	for _, c := range board.Codes(q) {
		p.Codes = append(p.Codes, problemCode{string(c.Code), v.o.Problems.Advise(v.Lang, census.Item{Problem: match.Problem{Code: c.Code}}).Meaning, c.N})
		if q.Code == "" || q.Code == c.Code {
			p.N += c.N
		}
	}
	for _, r := range problemRoles {
		p.Roles = append(p.Roles, r.Name)
	}
	p.Query = problemsAddressOf(q, 0)
	p.Whole = problemsAddress + problemsAddressOf(q, 0) + map[bool]string{true: "?", false: "&"}[p.Query == ""] + "print=1"
	other := q
	other.Behind, other.Code = !q.Behind, ""
	p.Other = problemsAddress + problemsAddressOf(other, 0)
}

// problemRow puts a line into words.
func (v *visit) problemRow(i census.Item) problemRow {
	i.School = census.Named(i.School)
	r := problemRow{Item: i, CaseProblem: v.o.Problems.Advise(v.Lang, i), When: v.clock(i.At), Where: i.Target}
	if v.rights.May(rights.SeeStory) && v.o.Stories != nil {
		r.Handle = v.o.Problems.Handle(i)
	}
	switch i.Role {
	case person.RoleStaff:
		r.Kind = v.Text("problems.role.staff")
	case person.RolePupil:
		r.Kind = v.Text("problems.role.pupil")
	case person.RoleParent:
		r.Kind = v.Text("problems.role.parent")
	}
	return r
}

// problemsHead are the columns of a file, as the command writes them.
var problemsHead = []string{"problems.col.id", "problems.col.school", "problems.col.role", "problems.col.fio", "problems.col.place", "problems.col.record", "problems.col.login", "problems.col.where",
	"problems.col.code", "problems.col.meaning", "problems.col.who", "problems.col.remedy", "problems.col.when"}

// problemsFile gives all of a list as a file.
func (v *visit) problemsFile(format string) {
	q, _, ok := v.problemsAsk()
	board, _, _ := v.o.Problems.Board()
	switch {
	case !ok:
		v.missing()
		return
	case board == nil:
		v.To(problemsAddress)
		return
	}
	n := 0
	for _, c := range board.Codes(q) {
		if q.Code == "" || q.Code == c.Code {
			n += c.N
		}
	}
	line := v.problemsLine(board, q, n)
	if !v.read("problems file", line) {
		return
	}
	head := make([]string, 0, len(problemsHead)+2)
	for _, key := range problemsHead {
		head = append(head, v.Text(key))
	}
	if q.Behind {
		head = append(head, v.Text("problems.col.deadline"), v.Text("problems.col.late"))
	}
	v.handOut("problems-"+board.Today().String(), format, v.Text("problems.title"), head,
		func(rows table.Writer) error { return v.writeProblems(v.Request.Context(), rows, board, q, line) })
}

// writeProblems writes the lines, whom each part of them is about into the trail before.
func (v *visit) writeProblems(ctx context.Context, rows table.Writer, board *census.Board, q census.Query, line map[string]any) error {
	return board.Each(ctx, v.o.Problems, q, filedRows, func(items []census.Item) error {
		part := maps.Clone(line)
		part["lines"], part["records"] = len(items), problemsOf(items)
		if err := v.note("problems file", part); err != nil {
			return err
		}
		for _, i := range items {
			r := v.problemRow(i)
			cells := []any{string(r.School.ID), r.School.Name, r.Kind, r.FIO, r.Place, r.Record, r.Login, r.Target, r.Problem.String(), r.Meaning, r.Who, r.Remedy, r.When}
			if q.Behind {
				cells = append(cells, r.Deadline.String(), r.Late)
			}
			if err := rows.Row(cells...); err != nil {
				return err
			}
		}
		return nil
	})
}
