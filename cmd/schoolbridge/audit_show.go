package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
	"schoolbridge/internal/trail"
)

// auditRead is how many of the newest lines of a person are looked through.
const auditRead = 20_000

// auditCall is a command line of "audit show".
type auditCall struct {
	file, who, from, to, format string
	kinds                       []string // none: all
	nobody                      bool
	limit                       int
	lang                        explain.Lang
}

// auditLine is one line of the trail as it is shown. Data is what the line says;
// it is missing once it was erased.
type auditLine struct {
	At   time.Time  `json:"at"`
	Kind string     `json:"kind"`
	Data trail.Data `json:"data,omitempty"`

	told trail.Line
	by   string // who did it, as identity.AuditEntry.Actor
}

func parseAuditShow(std streams, args []string) (c auditCall, err error) {
	fs := flag.NewFlagSet("audit", flag.ContinueOnError)
	fs.StringVar(&c.file, "config", "", "файл настроек / the configuration `FILE`")
	kinds := fs.String("kinds", "", "только строки этих видов, через запятую / lines of these kinds only, separated by commas, `KINDS`: "+everyKind())
	fs.StringVar(&c.from, "from", "", "не раньше этого дня или времени / not before this day or `TIME`")
	fs.StringVar(&c.to, "to", "", "не позже этого дня или времени / not after this day or `TIME`")
	fs.StringVar(&c.format, "format", "table", "table или json / table or json: `FORMAT`")
	fs.BoolVar(&c.nobody, "nobody", false, "строки ни о ком: настройки, загрузки реестров, чужие имена / lines about nobody: configuration, imports, names that nobody has")
	fs.IntVar(&c.limit, "limit", 200, "не больше стольких строк, последние / at most so many lines, the newest: `N`")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return c, err
	}
	c.lang = explain.Lang(*lang)
	if len(words) == 1 {
		c.who = words[0]
	}
	if len(words) > 1 || (c.who == "") != c.nobody || c.format != "table" && c.format != "json" || c.limit < 1 || c.limit > auditRead {
		return c, misused("audit")
	}
	var unknown string
	if c.kinds, unknown = auditKinds(*kinds); unknown != "" {
		return c, usageError("audit show: --kinds: вида %[1]q нет; есть: %[2]s / audit show: --kinds: there is no kind %[1]q; there are: %[2]s", unknown, everyKind())
	}
	return c, nil
}

func runAuditShow(ctx context.Context, std streams, args []string) error {
	call, err := parseAuditShow(std, args)
	if err != nil {
		return err
	}
	c, db, err := openSite(ctx, std, call.file, string(call.lang))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the line about the reading is committed by then
	v := &auditor{auditCall: call, db: db, config: c, now: time.Now()}
	lines, err := v.lines(ctx)
	if err != nil {
		return err
	}
	if len(lines) > call.limit {
		fmt.Fprintf(std.err, v.say("показаны последние строки: %d из %d; остальные: --limit, --from, --to, --kinds\n", "the newest %d lines of %d are shown; for the others: --limit, --from, --to, --kinds\n"), call.limit, len(lines))
		lines = lines[:call.limit]
	}
	if v.cut {
		fmt.Fprintf(std.err, v.say("просмотрены только последние строки, %d; старше могут быть ещё; назовите --kinds\n", "only the newest %d lines were looked through, there may be older ones; name --kinds\n"), auditRead)
	}
	if call.format == "json" {
		return std.json(lines)
	}
	if len(lines) == 0 {
		fmt.Fprintln(std.err, v.say("строк не найдено", "no lines found"))
		return nil
	}
	return v.table(std.out, lines)
}

// auditor reads the trail for an administrator.
type auditor struct {
	auditCall
	db     *store.DB
	config *config.Config
	now    time.Time
	cut    bool // there may be lines that were not looked through
}

func (v *auditor) say(ru, en string) string {
	if v.lang == explain.English {
		return en
	}
	return ru
}

// lines finds what was asked for, the newest first. That somebody read it is a
// line of the trail itself.
func (v *auditor) lines(ctx context.Context) ([]auditLine, error) {
	from, to, err := v.period()
	if err != nil {
		return nil, err
	}
	id, err := v.person(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := v.db.Audit().Recent(ctx, id, auditRead, v.kinds...)
	if err != nil {
		return nil, err
	}
	v.cut = len(entries) == auditRead && !entries[len(entries)-1].At.Before(from)
	lines := []auditLine{}
	for _, e := range entries {
		if e.At.Before(from) || !to.IsZero() && !e.At.Before(to) {
			continue
		}
		line := auditLine{At: e.At, Kind: e.Kind}
		if line.Data, err = trail.Read(e); err != nil {
			return nil, err
		}
		if line.told, err = trail.Tell(v.lang, e, nil); err != nil {
			return nil, err
		}
		if line.by = e.Actor(); line.by == e.Person.String() {
			line.by = v.say("сам человек", "the person")
		}
		lines = append(lines, line)
	}
	payload, err := json.Marshal(byCaller(map[string]any{"asked": v.who, "kinds": v.kinds, "from": v.from, "to": v.to, "found": len(lines)}))
	if err != nil {
		return nil, err
	}
	return lines, v.db.Audit().Append(ctx, []identity.AuditEntry{{At: v.now, Kind: "audit_show", Person: id, Payload: payload}})
}

// person is whose lines are meant: by login, or by the id that explain and the
// log show, also of somebody who is gone.
func (v *auditor) person(ctx context.Context) (identity.PersonID, error) {
	if v.nobody {
		return identity.PersonID{}, nil
	}
	holder, err := holderOf(ctx, v.db, v.config, v.who)
	if err == nil {
		return holder.Person, nil
	}
	if !errors.Is(err, identity.ErrNotFound) {
		return identity.PersonID{}, err
	}
	if id, err := identity.ParsePersonID(v.who); err == nil && !id.IsZero() {
		return id, nil
	}
	return identity.PersonID{}, &exitError{exitFindings, errors.New(v.say("такого логина нет ни у кого; того, кого уже нет, находят по номеру (id), --nobody показывает строки ни о ком",
		"nobody has this login; somebody who is gone is found by id, and --nobody shows the lines about nobody"))}
}

// period is from when until when, the end not included; either may be zero.
func (v *auditor) period() (from, to time.Time, err error) {
	zone := v.config.Policy.TimeZone.Location()
	read := func(flag, text string) (at time.Time, day bool) {
		if text == "" || err != nil {
			return at, false
		}
		for _, layout := range []string{time.DateOnly, "02.01.2006"} {
			if at, err := time.ParseInLocation(layout, text, zone); err == nil {
				return at, true
			}
		}
		at, ok := readTime(text, zone)
		if !ok {
			err = usageError("audit show: --%[1]s %[2]q — не день и не время, а пишут их так: 2026-09-01, \"01.09.2026 10:30\" / audit show: --%[1]s %[2]q is no day and no time, which are written: 2026-09-01, \"01.09.2026 10:30\"", flag, text)
		}
		return at, false
	}
	from, _ = read("from", v.from)
	to, day := read("to", v.to)
	if day {
		to = to.AddDate(0, 0, 1)
	}
	return from, to, err
}

func (v *auditor) table(w io.Writer, lines []auditLine) error {
	zone := v.config.Policy.TimeZone.Location()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, v.say("ВРЕМЯ\tЧТО\tКТО\tОТКУДА\tПОДРОБНОСТИ", "TIME\tWHAT\tWHO\tFROM\tDETAILS"))
	for _, line := range lines {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", line.At.In(zone).Format(sessionClock), printable(line.told.What), printable(line.by), printable(line.told.From), printable(line.told.Details))
	}
	return table.Flush()
}
