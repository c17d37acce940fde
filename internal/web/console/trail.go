package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/table"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
)

const trailAddress = address + "/audit"

// auditing is the part that shows the audit trail as a whole. Whom it is about and
// who did it are named by ids in addresses; logins are posted.
var auditing = part{
	nav: entry{trailAddress, "trail.nav", "clock", rights.ReadAudit},
	pages: map[string]page{
		"GET " + trailAddress:          {do: (*visit).auditTrail, may: rights.ReadAudit},
		"POST " + trailAddress:         {do: (*visit).askTrail, may: rights.ReadAudit, back: trailAddress},
		"GET " + trailAddress + ".csv": {do: (*visit).trailFile, may: rights.ReadAudit, costly: true},
	},
	words: wordsTrail,
	there: func(o *Options) bool { return o.Audit != nil },
}

// Audit reads the audit trail in words.
type Audit interface {
	// Lines gives a page, the newest first; identity.ErrNotFound for a place that
	// nobody gave.
	Lines(ctx context.Context, view View, ask TrailAsk) (TrailPage, error)
}

// TrailAsk chooses lines.
type TrailAsk struct {
	From, To time.Time         // To is not included; zero: any
	Group    trail.Group       // "": all but sign-ins
	Whom     identity.PersonID // zero: anybody
	Actor    string            // as identity.AuditEntry.Actor; "": anybody
	School   person.SchoolID   // whose people, or of which; "": any
	After    string            // TrailPage.Next of the page before
	N        int
}

// TrailPage is a page of the trail. It may have less than was asked for, and yet
// there is more: only so much is looked through at once.
type TrailPage struct {
	Lines []AuditLine
	Next  string    // "": there is no more
	Until time.Time // down to when was looked, where Next is not ""
}

const (
	trailLines = 50
	trailFiled = 2000      // read at once for a file
	trailMost  = 1_000_000 // in a file: what a spreadsheet shows
)

// trailPage is the page.
type trailPage struct {
	Lines          []auditLine
	From, To       string // days
	Group          string
	Groups         []string
	School         string
	Schools        []person.School
	Whom, Actor    string // ids
	WhomAs, By     string // as they are shown
	Wrong          string // "whom", "by", "day": which field cannot be read
	Typed, TypedBy string
	Query          string // of the file
	Until          string // down to when was looked, where that may not be all
	Bare           bool   // nothing was asked for
	Pager          web.Pager
}

// trailAsk reads what an address asks for; false: it cannot be asked.
func (v *visit) trailAsk() (ask TrailAsk, p trailPage, ok bool) {
	q := v.Request.URL.Query()
	p = trailPage{From: q.Get("from"), To: q.Get("to"), Group: q.Get("group"), School: q.Get("school"), Whom: q.Get("whom"), Actor: q.Get("by")}
	ask = TrailAsk{Group: trail.Group(p.Group), School: person.SchoolID(p.School), Actor: p.Actor, After: q.Get("after")}
	var err error
	for _, day := range []struct {
		text string
		at   *time.Time
	}{{p.From, &ask.From}, {p.To, &ask.To}} {
		if day.text == "" {
			continue
		}
		if *day.at, err = time.ParseInLocation(time.DateOnly, day.text, v.o.Zone); err != nil {
			return ask, p, false
		}
	}
	if !ask.To.IsZero() {
		ask.To = ask.To.AddDate(0, 0, 1)
	}
	if p.Whom != "" {
		if ask.Whom, err = identity.ParsePersonID(p.Whom); err != nil {
			return ask, p, false
		}
	}
	if p.Actor == glassWord {
		ask.Actor = GlassName
	}
	if ask.To.Year() > 9999 { // no line says so
		return ask, p, false
	}
	ok = p.Group == "" || slices.Contains(trail.Groups(), ask.Group)
	return ask, p, ok && len(p.School) <= 256 && (p.Actor == "" || actors.MatchString(p.Actor)) && len(ask.After) <= 1024
}

// actors are what Actor may be.
var actors = regexp.MustCompile(`^([0-9a-f]{32}|uid [0-9]{1,10}|` + glassWord + `|` + GlassName + `)$`)

// glassWord is what the page calls the break-glass account.
const glassWord = "break-glass"

// address of a page of it.
func (p trailPage) address(file, after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"from": p.From, "to": p.To, "group": p.Group, "school": p.School, "whom": p.Whom, "by": p.Actor, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return strings.TrimSuffix(trailAddress+file+"?"+q.Encode(), "?")
}

// auditTrail shows a page of the trail.
func (v *visit) auditTrail() {
	ask, p, ok := v.trailAsk()
	if !ok || !v.scope.All() {
		v.missing()
		return
	}
	ask.N = trailLines
	found, err := v.o.Audit.Lines(v.Request.Context(), v.view(), ask)
	if err != nil {
		v.failed("the audit trail cannot be read", err)
		return
	}
	p.Lines = v.lines(found.Lines)
	if found.Next != "" {
		p.Pager.Next = p.address("", found.Next)
		if len(p.Lines) < trailLines {
			p.Until = v.clock(found.Until)
		}
	}
	if ask.After != "" {
		p.Pager.First = p.address("", "")
	}
	if v.readTrail("trail", ask, len(p.Lines)) && v.fillTrail(&p) {
		v.Show(http.StatusOK, "trail.html", "trail.title", p)
	}
}

// readTrail notes a reading of the trail: one line for a page, or reading it twice
// would show nothing but who read it.
func (v *visit) readTrail(what string, ask TrailAsk, found int) bool {
	schools, err := v.o.People.Schools(v.Request.Context())
	if err != nil {
		v.Broken("schools cannot be read", err)
		return false
	}
	more := map[string]any{"group": ask.Group, "school": known(string(ask.School), schools), "who": ask.Actor, "found": found}
	for name, day := range map[string]time.Time{"from": ask.From, "to": ask.To} {
		if !day.IsZero() {
			more[name] = day
		}
	}
	return v.read(what, more, ask.Whom)
}

// fillTrail adds what can be chosen, or has said that it cannot be read.
func (v *visit) fillTrail(p *trailPage) bool {
	for _, g := range trail.Groups() {
		p.Groups = append(p.Groups, string(g))
	}
	var err error
	if p.Schools, err = v.o.People.Schools(v.Request.Context()); err != nil {
		v.Broken("schools cannot be read", err)
		return false
	}
	p.Query = p.address(".csv", "")
	p.WhomAs, p.By = v.nameOf(p.Whom), v.nameOf(p.Actor)
	p.Bare = p.address("", "") == trailAddress
	return true
}

// askTrail takes what was typed, and leads to the page of it.
func (v *visit) askTrail() {
	form, ok := v.Form()
	if !ok {
		return
	}
	if !v.scope.All() {
		v.missing()
		return
	}
	field := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	p := trailPage{From: field("from"), To: field("to"), Group: field("group"), School: clip(field("school")), Typed: clip(field("whom")), TypedBy: clip(field("by"))}
	for _, day := range []string{p.From, p.To} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			p.Wrong, p.From, p.To = "day", "", ""
		}
	}
	var err error
	if p.Whom, err = v.idOf(p.Typed); errors.Is(err, identity.ErrNotFound) {
		p.Wrong, err = "whom", nil
	}
	if err == nil {
		if p.Actor, err = v.idOf(p.TypedBy); errors.Is(err, identity.ErrNotFound) {
			if p.Actor, err = p.TypedBy, nil; !actors.MatchString(p.Actor) {
				p.Wrong, p.Actor = "by", ""
			}
		}
	}
	switch {
	case err != nil:
		v.Broken("a login cannot be looked up", err)
	case p.Wrong == "":
		v.To(p.address("", ""))
	case v.fillTrail(&p):
		v.Show(http.StatusUnprocessableEntity, "trail.html", "trail.title", p)
	}
}

// idOf gives the id of whom a login or an id means; "" where nothing was typed.
func (v *visit) idOf(typed string) (string, error) {
	if typed == "" {
		return "", nil
	}
	if id, err := identity.ParsePersonID(strings.ToLower(typed)); err == nil { // also of somebody who is gone
		return id.String(), nil
	}
	who, err := v.o.People.Find(v.Request.Context(), typed)
	if err != nil {
		return "", err
	}
	return who.ID.String(), nil
}

// trailFile gives the lines as a file, the newest first.
func (v *visit) trailFile() {
	ask, _, ok := v.trailAsk()
	if !ok || ask.After != "" || !v.scope.All() || !v.rights.In(rights.Export).All() {
		v.missing()
		return
	}
	if !v.readTrail("trail file", ask, 0) {
		return
	}
	ask.N = trailFiled
	head := []string{v.Text("person.when"), v.Text("trail.who"), v.Text("person.what"), v.Text("trail.whom"), v.Text("person.details"), v.Text("trail.from")}
	v.handOut("audit-"+v.Now.In(v.o.Zone).Format(time.DateOnly), "csv", v.Text("trail.title"), head, func(rows table.Writer) error {
		for n := 0; ; {
			found, err := v.o.Audit.Lines(v.Request.Context(), v.view(), ask)
			if err != nil {
				return err
			}
			for _, l := range v.lines(found.Lines) {
				if n++; n > trailMost { // nobody is to take a part for all of it
					return rows.Row(l.Moment, "", v.Text("trail.csv.cut"), "", "", "")
				}
				if err := rows.Row(l.Moment, l.Who, l.What, l.Whom, l.Details, l.From); err != nil {
					return err
				}
			}
			if ask.After = found.Next; ask.After == "" {
				return nil
			}
		}
	})
}
