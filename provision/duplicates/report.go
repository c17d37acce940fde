package duplicates

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/table"
)

// counts gives how many groups there are of each level.
func (p *Plan) counts() (certain, probable, possible int) {
	for _, g := range p.Groups {
		switch g.Level {
		case Certain:
			certain++
		case Probable:
			probable++
		case Possible:
			possible++
		}
	}
	return certain, probable, possible
}

// reporter writes a plan for people.
type reporter struct {
	*Plan
	*Words
	zone *time.Location
}

func (r reporter) day(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.In(r.zone).Format("02.01.2006")
}

func (r reporter) Lang() string  { return r.lang }
func (r reporter) Title() string { return r.title }

// Summary are the lines above the groups.
func (r reporter) Summary() []string {
	certain, probable, possible := r.Plan.counts()
	return []string{
		r.made + ": " + r.Made.In(r.zone).Format("02.01.2006 15:04") + ", " + r.Base,
		fmt.Sprintf(r.accounts, r.Accounts), fmt.Sprintf(r.Words.counts, certain, probable, possible),
	}
}

// Heads are the columns of a group's table.
func (r reporter) Heads() []string {
	return []string{r.account, r.fio, r.upn, r.place, r.state, r.signed, r.born, r.level, r.doing, r.why}
}

// Cells are a member's row.
func (r reporter) Cells(p *Planned, m *Member) []string {
	state, level := r.disabled, r.Words.Level(m.Level)
	if m.Enabled {
		state = r.enabled
	}
	if m.ID == p.Survivor {
		level = ""
	}
	return []string{m.Name, m.Display, m.UPN, m.Place, state, r.day(m.SignedIn, r.never), r.day(m.Created, ""), level, r.Doing(p, m), r.Words.Because(p, m)}
}

// Group is a group's heading.
func (r reporter) Group(p *Planned) string {
	return fmt.Sprintf("%s %s — %s (%d)", r.group, p.ID, r.Words.Level(p.Level), p.Score)
}

func (r reporter) ApartTitle() string { return r.apartTitle }
func (r reporter) ApartNote() string  { return fmt.Sprintf(r.apartNote, r.Apart) }
func (r reporter) None() string       { return r.none }
func (r reporter) Asks() string       { return r.questions }

// page stands alone: no script, no picture, nothing from elsewhere.
var page = template.Must(template.New("report").Parse(`<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>{{.Title}}</title><style>
body{font:15px/1.45 system-ui,"Segoe UI",Arial,sans-serif;margin:2em auto;max-width:100em;padding:0 1em;color:#1d1d1f}
table{border-collapse:collapse;width:100%;margin:.4em 0 1.6em;font-size:13px}th,td{border:1px solid #c8c8cc;padding:.3em .5em;text-align:left;vertical-align:top}
section td:nth-child(n+3):nth-child(-n+4),section td:nth-child(9){overflow-wrap:anywhere}section td:nth-child(n+3):nth-child(-n+4){min-width:8em}section td:nth-child(n+9){min-width:12em}
th{background:#f1f1f4;font-weight:600}h2{font-size:1.05em;margin:1.4em 0 .2em}tr.stays{background:#eef7ee}.ask{color:#8a4b00}
@page{size:A4 landscape;margin:1cm}@media print{table{font-size:9px}body{margin:0;max-width:none}section{break-inside:avoid}}
</style></head><body>{{$r := .}}
<h1>{{.Title}}</h1>{{range .Summary}}<p>{{.}}</p>{{end}}
{{range .Groups}}{{$g := .}}<section><h2>{{$r.Group $g.Self}}</h2>{{with $r.Questions $g.Self}}<p class="ask"><b>{{$r.Asks}}:</b> {{range .}}{{.}} {{end}}</p>{{end}}
<table><tr>{{range $r.Heads}}<th>{{.}}</th>{{end}}</tr>{{range .Members}}<tr{{if eq .ID $g.Survivor}} class="stays"{{end}}>{{range $r.Cells $g.Self .Self}}<td>{{.}}</td>{{end}}</tr>{{end}}</table></section>
{{else}}<p>{{.None}}</p>{{end}}
{{if .Namesakes}}<h2>{{.ApartTitle}}</h2><p>{{.ApartNote}}</p><table>{{range .Namesakes}}<tr><td>{{.A}}</td><td>{{.B}}</td><td>{{.FIO}}</td><td>{{$r.Reasons .Reasons}}</td></tr>{{end}}</table>{{end}}
</body></html>
`))

// Self lets a template hand on what it stands at.
func (p Planned) Self() *Planned { return &p }

// Self lets a template hand on what it stands at.
func (m Member) Self() *Member { return &m }

// HTML writes the plan as one page for a director.
func (p *Plan) HTML(w io.Writer, words *Words, zone *time.Location) error {
	return page.Execute(w, reporter{p, words, zone})
}

// XLSX writes the plan as a workbook: a row an account, and namesakes on a
// sheet of their own.
func (p *Plan) XLSX(w io.Writer, words *Words, zone *time.Location) error {
	r := reporter{p, words, zone}
	book, err := table.NewWorkbook(w, r.group, slices.Concat([]string{r.group, r.level, r.score, r.questions}, r.Heads()))
	if err != nil {
		return err
	}
	return errors.Join(r.rows(book), book.Close())
}

func (r reporter) rows(book *table.Workbook) error {
	for i := range r.Groups {
		g := &r.Groups[i]
		for j := range g.Members {
			cells := []any{g.ID, r.Words.Level(g.Level), fmt.Sprint(g.Score), strings.Join(r.Questions(g), " ")}
			for _, text := range r.Cells(g, &g.Members[j]) {
				cells = append(cells, text)
			}
			if err := book.Row(cells...); err != nil {
				return err
			}
		}
	}
	title, _, _ := strings.Cut(r.apartTitle, " ")
	if err := book.Sheet(strings.TrimRight(title, ":"), []string{r.account, r.account, r.fio, r.reasons}); err != nil {
		return err
	}
	for _, a := range r.Namesakes {
		if err := book.Row(a.A, a.B, a.FIO, r.Reasons(a.Reasons)); err != nil {
			return err
		}
	}
	return nil
}
