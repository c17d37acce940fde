package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/table"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/duplicates"
)

const duplicatesUsage = "find --config FILE [--format table|json] | plan --config FILE [--out PLAN] [--report FILE.html|FILE.xlsx] [--format table|json] | " +
	"apply --config FILE [--plan PLAN --approve GROUP,…|--approve-certain] [--rate N] [--accept-disabling N] | undo --config FILE GROUP|all [--keep ACCOUNT[:ATTRIBUTE],…] [--lang ru|en]"

// duplicatesCall is a command line of duplicates.
type duplicatesCall struct {
	verb, file, lang, format string
	out, report              string // plan
	planFile                 string // apply
	approve                  []string
	certain                  bool
	rate                     float64
	accept                   int
	group                    string   // undo
	keep                     []string // ACCOUNT or ACCOUNT:ATTRIBUTE
}

func parseDuplicates(std streams, args []string) (c duplicatesCall, err error) {
	fs := flag.NewFlagSet("duplicates", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	fs.StringVar(&c.format, "format", "table", "вид: table или json / `FORMAT`: table or json")
	fs.StringVar(&c.out, "out", "", "plan: куда записать план для apply / the `FILE` to write the plan to, for apply")
	fs.StringVar(&c.report, "report", "", "plan: отчёт для директора, .html или .xlsx / a report for the director, `FILE`.html or .xlsx")
	fs.StringVar(&c.planFile, "plan", "", "apply: план, который записала plan --out / the plan `FILE` that plan --out has written")
	approve := fs.String("approve", "", "apply: одобренные группы через запятую / the approved `GROUPS`, with commas")
	fs.BoolVar(&c.certain, "approve-certain", false, "apply: одобрить всё достоверное, где решать нечего / approve all that is certain and asks nothing")
	fs.Float64Var(&c.rate, "rate", 10, "apply, undo: не больше N изменений в секунду / at most `N` changes a second")
	fs.IntVar(&c.accept, "accept-disabling", 0, "apply: разрешить отключить разом до N записей / let up to `N` accounts be disabled at once")
	keep := fs.String("keep", "", "undo: что оставить как есть сейчас: ЗАПИСЬ или ЗАПИСЬ:АТРИБУТ через запятую / undo: what stays as it is now: the `LIST` of ACCOUNT or ACCOUNT:ATTRIBUTE, with commas")
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	c.lang = *lang
	if *keep != "" {
		c.keep = strings.Split(*keep, ",")
	}
	if *approve != "" {
		c.approve = strings.Split(*approve, ",")
	}
	if len(words) > 0 {
		c.verb, words = words[0], words[1:]
	}
	if c.verb == "undo" && len(words) == 1 {
		c.group, words = words[0], nil
	}
	return c, c.check(words)
}

func (c *duplicatesCall) check(rest []string) error {
	suffix := strings.ToLower(filepath.Ext(c.report))
	approving := len(c.approve) > 0 || c.certain
	switch {
	case c.verb == "apply" && c.planFile != "" && !approving:
		return usageError("%s", nextStepTexts[c.lang].approval)
	case c.verb == "plan" && c.report != "" && suffix != ".html" && suffix != ".xlsx":
		return usageError(nextStepTexts[c.lang].suffix, c.report)
	}
	switch {
	case len(rest) > 0, !slices.Contains([]string{"find", "plan", "apply", "undo"}, c.verb),
		c.format != "table" && c.format != "json",
		c.verb != "plan" && (c.out != "" || c.report != ""),
		c.verb != "apply" && (c.planFile != "" || approving || c.accept != 0),
		(c.planFile != "") != approving, len(c.approve) > 0 && c.certain, c.accept < 0, c.rate <= 0 || c.rate > 1000,
		(c.verb == "undo") != (c.group != ""), len(c.keep) > 0 && (c.group == "" || c.group == "all"):
		return misused("duplicates")
	}
	return nil
}

func runDuplicates(ctx context.Context, std streams, args []string) error {
	call, err := parseDuplicates(std, args)
	if err != nil {
		return err
	}
	p, err := openProvisioner(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.dial(ctx); err != nil {
		return err
	}
	d := &mending{provisioner: p, duplicatesCall: call, says: duplicatesTexts[call.lang], words: duplicates.WordsFor(call.lang)}
	switch call.verb {
	case "find":
		return d.find(ctx)
	case "plan":
		return d.propose(ctx)
	case "apply":
		return d.carryOut(ctx)
	}
	return d.takeBack(ctx)
}

// mending is one run of the command.
type mending struct {
	*provisioner
	duplicatesCall
	says  duplicatesText
	words *duplicates.Words
}

// search reads the directory and the store, and finds.
func (d *mending) search(ctx context.Context) (duplicates.Findings, error) {
	began := d.now()
	d.say("%s", d.says.reading)
	search := duplicates.Search{Directory: d.mender, Known: d.db.Repairs(targetAD)}
	found, err := search.Find(ctx)
	if errors.Is(err, duplicates.ErrScan) {
		err = d.unusable(err)
	}
	if err != nil {
		return duplicates.Findings{}, err
	}
	d.say(d.says.found, found.Accounts, d.now().Sub(began).Round(time.Second/10), len(found.Groups), len(found.Apart)+found.More, found.Resting)
	return found, d.audit(ctx, "duplicates_"+d.verb, map[string]any{"accounts": found.Accounts, "groups": len(found.Groups)})
}

// foundLine is one group as find writes it.
type foundLine struct {
	ID        string             `json:"id"`
	Level     duplicates.Level   `json:"level"`
	Score     int                `json:"score"`
	Ambiguous bool               `json:"ambiguous,omitempty"`
	Accounts  []foundAccount     `json:"accounts"`
	Links     []foundAccountLink `json:"links"`
}

type foundAccount struct {
	ID      duplicates.GUID `json:"id"`
	Name    string          `json:"name"`
	Display string          `json:"display,omitempty"`
	Place   string          `json:"place"`
	Enabled bool            `json:"enabled"`
}

type foundAccountLink struct {
	A       duplicates.GUID     `json:"a"`
	B       duplicates.GUID     `json:"b"`
	Level   duplicates.Level    `json:"level"`
	Score   int                 `json:"score"`
	Reasons []duplicates.Reason `json:"reasons"`
}

func (d *mending) find(ctx context.Context) error {
	found, err := d.search(ctx)
	if err != nil {
		return err
	}
	write, end, err := d.findings()
	if err != nil {
		return err
	}
	for _, g := range found.Groups {
		if err := write(g); err != nil {
			return err
		}
	}
	if err := end(); err != nil {
		return err
	}
	if len(found.Groups) > 0 {
		return errFindings
	}
	return nil
}

// findings gives what writes a group in the format that was asked for, and what
// ends it.
func (d *mending) findings() (write func(duplicates.Group) error, end func() error, err error) {
	if d.format == "json" {
		encoder := json.NewEncoder(d.std.out)
		encoder.SetEscapeHTML(false)
		return func(g duplicates.Group) error { return encoder.Encode(lineOf(g)) }, func() error { return nil }, nil
	}
	rows, err := table.New(d.std.out, "table", "", d.says.findHead)
	if err != nil {
		return nil, nil, err
	}
	return func(g duplicates.Group) error {
		best := g.Links[0]
		level := d.words.Level(best.Level)
		if g.Level < best.Level { // the others are less sure
			level += " … " + d.words.Level(g.Level)
		}
		var names []string
		for _, a := range g.Members {
			names = append(names, a.Name)
		}
		return rows.Row(g.ID, level, best.Score, strings.Join(names, " "), d.words.Reasons(best.Reasons))
	}, rows.Close, nil
}

func lineOf(g duplicates.Group) foundLine {
	line := foundLine{ID: g.ID, Level: g.Level, Score: g.Score, Ambiguous: g.Ambiguous}
	for _, a := range g.Members {
		line.Accounts = append(line.Accounts, foundAccount{a.ID, a.Name, a.Display, a.Place, a.Enabled})
	}
	for _, l := range g.Links {
		line.Links = append(line.Links, foundAccountLink(l))
	}
	return line
}

// propose makes the plan, the report and the table.
func (d *mending) propose(ctx context.Context) error {
	found, err := d.search(ctx)
	if err != nil {
		return err
	}
	plan, err := duplicates.NewPlan(ctx, d.mender, found, string(d.config.AD.SearchBase), d.now())
	if err != nil {
		return d.unusable(err)
	}
	if err := d.files(&plan); err != nil {
		return err
	}
	if d.format == "json" {
		err = d.std.json(plan)
	} else {
		err = d.table(&plan)
	}
	if err != nil {
		return err
	}
	if len(plan.Groups) > 0 {
		d.afterPlan(d.lang, nextStepTexts[d.lang].duplicates, d.file, d.out)
		return errFindings
	}
	return nil
}

func (d *mending) table(plan *duplicates.Plan) error {
	rows, err := table.New(d.std.out, "table", "", d.says.planHead)
	if err != nil {
		return err
	}
	for i := range plan.Groups {
		g := &plan.Groups[i]
		for j := range g.Members {
			m := &g.Members[j]
			why := strings.Split(d.words.Because(g, m), "; ")
			level := m.Level
			if m.ID == g.Survivor { // compared with nobody: a certainty of its own would read as the group's
				level = g.Level
			}
			if err := rows.Row(g.ID, d.words.Level(level), m.Name, table.Lines(d.words.Steps(g, m)), table.Lines(why)); err != nil {
				return err
			}
		}
		for _, question := range d.words.Questions(g) {
			d.say("%s: %s", g.ID, question)
		}
	}
	return rows.Close()
}

// files writes the plan and the report: they name people, so nobody else may
// read them.
func (d *mending) files(plan *duplicates.Plan) error {
	zone := d.config.Policy.TimeZone.Location()
	for name, content := range map[string]func(io.Writer) error{
		d.out: func(w io.Writer) error {
			encoder := json.NewEncoder(w)
			encoder.SetIndent("", " ")
			return encoder.Encode(plan)
		},
		d.report: func(w io.Writer) error {
			if strings.EqualFold(filepath.Ext(d.report), ".html") {
				return plan.HTML(w, d.words, zone)
			}
			return plan.XLSX(w, d.words, zone)
		},
	} {
		if name == "" {
			continue
		}
		out, err := openOutput(d.std, name)
		if err == nil {
			err = out.finish(content(out))
		}
		if err != nil {
			return fmt.Errorf(d.says.write, name, err)
		}
		d.say(d.says.written, name)
	}
	return nil
}

var _ ad.Walker = (*ldapclient.Client)(nil)
