package console

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
	"schoolbridge/provision/census"
)

// launch is the part around the switch-over: how far a school is, until when it
// wants to be there, the letter to colleagues, and lists of who has activated and
// who has not.
var launch = part{
	pages: map[string]page{
		"GET /console/launch":                      {do: (*visit).launchSchools, may: rights.SeePeople},
		"GET /console/launch/{school}":             {do: (*visit).launchSchool, may: rights.SeePeople},
		"POST /console/launch/{school}":            {do: (*visit).launchDates, may: rights.Decide, back: "/console/launch"},
		"GET /console/launch/{school}/letter":      {do: (*visit).launchLetter, may: rights.SeePeople},
		"GET /console/launch/{school}/missing":     {do: (*visit).launchMissing, may: rights.SeePeople},
		"GET /console/launch/{school}/file/{file}": {do: (*visit).launchFile, may: rights.Export, costly: true},
	},
	nav:   entry{"/console/launch", "launch.title", "mail", rights.SeePeople},
	words: wordsLaunch,
	there: func(o *Options) bool { return o.Rolls != nil },
}

// Rolls reads one school at a time.
type Rolls interface {
	// Schools are those of a scope, by name.
	Schools(scope rights.Scope) []person.School
	// Roll is who is to have an account there today, and who has one.
	Roll(ctx context.Context, id person.SchoolID, now time.Time) ([]census.Listed, error)
	// Deadlines are the school's own; Set writes them, and line into the trail.
	Deadlines(ctx context.Context, id person.SchoolID) (census.Deadlines, error)
	SetDeadlines(ctx context.Context, id person.SchoolID, d census.Deadlines, now time.Time, line map[string]any) error
	// Account is whose an account is, and since when; zero where that is not known.
	Account(id identity.PersonID) (login identity.Login, since time.Time)
}

// Launch is what the letter and the lists say beside.
type Launch struct {
	PublicURL string   // our own address, without last slash
	Networks  []string // of the Wi-Fi
}

// launchSchoolsPage is the choice of a school.
type launchSchoolsPage struct {
	Typed string
	Rows  []launchChoice
	More  bool
}

type launchChoice struct{ Name, Address string }

func launchPath(id person.SchoolID) string { return "/console/launch/" + segment(id) }

// launchSchools lets choose a school; where there is but one, it is shown.
func (v *visit) launchSchools() {
	all := v.o.Rolls.Schools(v.scope)
	if len(all) == 1 {
		v.To(launchPath(all[0].ID))
		return
	}
	p := launchSchoolsPage{Typed: strings.TrimSpace(v.Request.URL.Query().Get("school"))}
	for _, s := range all {
		if p.Typed != "" && !named(s.ID, s.Name, p.Typed) {
			continue
		}
		if p.More = len(p.Rows) == livePage; p.More {
			break
		}
		p.Rows = append(p.Rows, launchChoice{cmp.Or(s.Name, string(s.ID)), launchPath(s.ID)})
	}
	v.Show(http.StatusOK, "launch-schools.html", "launch.title", p)
}

// launched is the school in the address, or it has been said that there is none.
func (v *visit) launched() (person.School, bool) {
	id := v.segmented()
	all := v.o.Rolls.Schools(v.scope.Within(rights.At(id)))
	if len(all) != 1 {
		v.missing()
		return person.School{}, false
	}
	return all[0], true
}

// launchPage is one school on its way.
type launchPage struct {
	Name, Address string
	All, Ready    int
	Left          int
	Groups        []launchGroup
	Dates         []launchDate
	May, Export   bool
	Many          bool
	Wrong         string // which date cannot be read
}

type launchGroup struct {
	census.Group
	Missing int
	Address string // of those who are missing
}

// launchDate is one deadline.
type launchDate struct {
	ID    string // staff, pupils, parents
	Value string // YYYY-MM-DD, the school's own
	City  string // as people write it: what counts where the school has none
}

// categories are the kinds of people that a deadline is for, as census.Deadlines
// has them.
var categories = [3]string{"staff", "pupils", "parents"}

func (v *visit) launchSchool() {
	school, ok := v.launched()
	if !ok {
		return
	}
	dates, err := v.o.Rolls.Deadlines(v.Request.Context(), school.ID)
	if err != nil {
		v.Broken("a school's deadlines cannot be read", err)
		return
	}
	v.launchShow(http.StatusOK, school, dates, "")
}

// launchShow is the page with dates that are kept, or that were typed wrong.
func (v *visit) launchShow(status int, school person.School, dates census.Deadlines, wrong string) {
	roll, err := v.o.Rolls.Roll(v.Request.Context(), school.ID, v.Now)
	if err != nil {
		v.Broken("a school's people cannot be read", err)
		return
	}
	p := launchPage{Name: cmp.Or(school.Name, string(school.ID)), Address: launchPath(school.ID), Wrong: wrong, Many: len(v.scope.Schools()) != 1,
		May: v.rights.In(rights.Decide).Covers(school.ID), Export: v.rights.In(rights.Export).Covers(school.ID)}
	for _, g := range census.Groups(roll) {
		p.All, p.Ready = p.All+g.All, p.Ready+g.Ready
		row := launchGroup{Group: g, Missing: g.All - g.Ready, Address: p.Address + "/missing?" + url.Values{"group": {groupName(g)}}.Encode()}
		p.Groups = append(p.Groups, row)
	}
	p.Left = p.All - p.Ready
	for i, id := range categories {
		d := launchDate{ID: id, Value: dates[i].String(), City: day(v.o.Deadlines[i])}
		p.Dates = append(p.Dates, d)
	}
	v.Show(status, "launch.html", "launch.title", p)
}

// groupName names a group in an address.
func groupName(g census.Group) string {
	if g.Role == person.RoleStaff {
		return "staff"
	}
	return "class " + g.Class
}

// day writes a date as people do.
func day(d person.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.Time(time.UTC).Format("02.01.2006")
}

// launchDates keeps the school's deadlines.
func (v *visit) launchDates() {
	school, ok := v.launched()
	if !ok {
		return
	}
	form, ok := v.Form()
	if !ok {
		return
	}
	var dates census.Deadlines
	wrong := ""
	for i, id := range categories {
		typed := strings.TrimSpace(form.Get(id))
		if typed == "" {
			continue
		}
		d, err := person.ParseDate(typed)
		if err != nil {
			wrong = cmp.Or(wrong, id)
			continue
		}
		dates[i] = d
	}
	if wrong != "" { // the others stay as they were typed
		v.launchShow(http.StatusUnprocessableEntity, school, dates, wrong)
		return
	}
	if err := v.o.Rolls.SetDeadlines(v.Request.Context(), school.ID, dates, v.Now, v.line()); err != nil {
		v.Broken("a school's deadlines cannot be kept", err)
		return
	}
	v.To(launchPath(school.ID))
}

// letterPage is the letter to colleagues.
type letterPage struct {
	Name, Address string
	Subject, Body string
	Mail          template.URL
}

// launchLetter writes the letter, with the school's own deadlines or the city's.
func (v *visit) launchLetter() {
	school, ok := v.launched()
	if !ok {
		return
	}
	dates, err := v.o.Rolls.Deadlines(v.Request.Context(), school.ID)
	if err != nil {
		v.Broken("a school's deadlines cannot be read", err)
		return
	}
	p := letterPage{Name: cmp.Or(school.Name, string(school.ID)), Address: launchPath(school.ID)}
	p.Subject, p.Body = v.letter(p.Name, dates)
	// Addresses of letters hold blanks as %20 and lines as CRLF (RFC 6068 section 5).
	escape := func(s string) string {
		return strings.ReplaceAll(url.QueryEscape(strings.ReplaceAll(s, "\n", "\r\n")), "+", "%20")
	}
	p.Mail = template.URL("mailto:?subject=" + escape(p.Subject) + "&body=" + escape(p.Body))
	v.Show(http.StatusOK, "launch-letter.html", "letter.title", p)
}

func (v *visit) letter(school string, own census.Deadlines) (subject, body string) {
	var until []string
	subject = v.Text("letter.subject")
	for i, id := range categories {
		d := own[i]
		if d.IsZero() {
			d = v.o.Deadlines[i]
		}
		switch {
		case !d.IsZero():
			until = append(until, v.Text("letter.until."+id, day(d)))
			if i == 0 {
				subject = v.Text("letter.subject.until", day(d))
			}
		case id == "parents":
			until = append(until, v.Text("letter.parents"))
		}
	}
	if own[0].IsZero() && own[1].IsZero() && v.o.Deadlines[0].IsZero() && v.o.Deadlines[1].IsZero() {
		until = append([]string{v.Text("letter.now")}, until...)
	}
	address, help := v.Text("letter.page"), v.Text("letter.help")
	if at := v.o.Launch.PublicURL; at != "" {
		address, help = at, v.Text("letter.help.at", at+"/help")
	}
	wifi := v.Text("letter.wifi")
	if len(v.o.Launch.Networks) > 0 {
		wifi = v.Text("letter.wifi.named", strings.Join(v.o.Launch.Networks, ", "))
	}
	return subject, strings.Join([]string{v.Text("letter.hello"), v.Text("letter.what", school), v.Text("letter.when") + "\n" + strings.Join(until, "\n"),
		v.Text("letter.do") + "\n" + v.Text("letter.do.1") + "\n" + v.Text("letter.do.2", address) + "\n" + v.Text("letter.do.3"),
		wifi, v.Text("letter.parent"), help, v.Text("letter.bye", school)}, "\n\n")
}

// missingPage is who has not activated yet.
type missingPage struct {
	Name, Address string
	Parts         []missingPart
	Export        bool
	Whole         bool
	Today         string
	All           int
}

type missingPart struct {
	Staff  bool
	Class  string
	People []census.Listed
}

// launchMissing lists who is to have an account and has none: one class or the
// staff, or without one all of them, for the printer.
func (v *visit) launchMissing() {
	school, ok := v.launched()
	if !ok {
		return
	}
	roll, err := v.o.Rolls.Roll(v.Request.Context(), school.ID, v.Now)
	if err != nil {
		v.Broken("a school's people cannot be read", err)
		return
	}
	q := v.Request.URL.Query()
	p := missingPage{Name: cmp.Or(school.Name, string(school.ID)), Address: launchPath(school.ID), Whole: !q.Has("group"), Today: v.Now.In(v.o.Zone).Format("02.01.2006"),
		Export: v.rights.In(rights.Export).Covers(school.ID)}
	group, known := q.Get("group"), false
	var whom []identity.PersonID
	var records []string
	for _, l := range roll {
		at := census.Group{Role: l.Role}
		if l.Role != person.RoleStaff {
			at.Class = l.Place
		}
		known = known || groupName(at) == group
		if l.Account || !p.Whole && groupName(at) != group {
			continue
		}
		if n := len(p.Parts); n == 0 || p.Parts[n-1].Staff != (l.Role == person.RoleStaff) || p.Parts[n-1].Class != at.Class {
			p.Parts = append(p.Parts, missingPart{Staff: l.Role == person.RoleStaff, Class: at.Class})
		}
		if l.Person.IsZero() {
			records = append(records, l.Record.Word())
		} else {
			whom = append(whom, l.Person)
		}
		part := &p.Parts[len(p.Parts)-1]
		part.People = append(part.People, l)
		p.All++
	}
	if !known { // what somebody typed comes not into the trail
		group = ""
	}
	if !v.readRecords("launch missing", map[string]any{"school": school.ID, "group": group, "found": p.All}, records, unique(whom)...) {
		return
	}
	v.Show(http.StatusOK, "launch-missing.html", "missing.title", p)
}

// launchFile hands out a list: missing or activated, as .csv or .xlsx.
func (v *visit) launchFile() {
	school, ok := v.launched()
	if !ok {
		return
	}
	name := v.Request.PathValue("file")
	list, format, _ := strings.Cut(name, ".")
	if list != "missing" && list != "activated" || fileTypes[format] == "" {
		v.missing()
		return
	}
	roll, err := v.o.Rolls.Roll(v.Request.Context(), school.ID, v.Now)
	if err != nil {
		v.Broken("a school's people cannot be read", err)
		return
	}
	roll = slices.DeleteFunc(roll, func(l census.Listed) bool { return l.Account != (list == "activated") })
	var whom []identity.PersonID
	var records []string
	for _, l := range roll {
		if l.Person.IsZero() {
			records = append(records, l.Record.Word())
		} else {
			whom = append(whom, l.Person)
		}
	}
	if !v.readRecords("launch file", map[string]any{"school": school.ID, "file": name, "found": len(roll)}, records, unique(whom)...) {
		return
	}
	header := []string{v.Text("missing.role"), v.Text("missing.class"), v.Text("missing.fio"), v.Text("missing.record")}
	if list == "activated" {
		header = append(header, v.Text("missing.login"), v.Text("missing.since"))
	}
	v.handOut(list, format, v.Text("missing.sheet."+list), header, func(rows table.Writer) error { return v.launchRows(rows, list, roll) })
}

// launchRows writes the list.
func (v *visit) launchRows(rows table.Writer, list string, roll []census.Listed) error {
	for _, l := range roll {
		cells := []any{v.Text("missing.role." + l.Role.String()), l.Place, l.FIO, string(l.Record.ID)}
		if list == "activated" {
			login, since := v.o.Rolls.Account(l.Person)
			cells = append(cells, string(login), v.clock(since))
		}
		if err := rows.Row(cells...); err != nil {
			return err
		}
	}
	return nil
}
