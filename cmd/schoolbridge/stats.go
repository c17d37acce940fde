package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/table"
	"schoolbridge/provision/census"
)

// statsCall is a command line of stats.
type statsCall struct {
	listCall
	sort                     string
	whole, history, snapshot bool
}

func runStats(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("stats", flag.ContinueOnError)
	var call statsCall
	lang := call.flags(fs)
	fs.StringVar(&call.sort, "sort", "id", "порядок; с минусом — обратный / the `ORDER`, turned round by a minus: "+strings.Join(slices.Sorted(maps.Keys(census.Orders)), ", "))
	fs.BoolVar(&call.whole, "whole", false, "одной строкой по всем школам / one line for all schools together")
	fs.BoolVar(&call.history, "history", false, "по дням; с --school — одной школы, без — всех вместе / day by day; of one school with --school, else of all together")
	fs.BoolVar(&call.snapshot, "snapshot", false, "записать сегодняшние цифры в историю / write today's figures into the history")
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	call.lang = *lang
	if _, ok := census.Orders[strings.TrimPrefix(call.sort, "-")]; !ok {
		return usageError(statsWords[call.lang].noOrder, call.sort, strings.Join(slices.Sorted(maps.Keys(census.Orders)), ", "))
	}
	if len(words) > 0 || !call.sensible() {
		return misused("stats")
	}
	if call.out == "" {
		if err := noScreen(std, call.format, call.lang); err != nil {
			return err
		}
	}
	c, db, err := openSite(ctx, std, call.file, call.lang)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what it wrote is committed by then
	s := &statistics{statsCall: call, config: c, db: db, now: time.Now(), words: statsWords[call.lang]}
	return s.run(ctx, std)
}

// sensible says that what is asked for goes together.
func (c *statsCall) sensible() bool {
	asked := 0
	for _, one := range []bool{c.behind, c.whole, c.history, c.snapshot} {
		if one {
			asked++
		}
	}
	return asked <= 1 && listFormat(c.format) && !(c.school != "" && (c.whole || c.snapshot))
}

// statistics is one run of the command.
type statistics struct {
	statsCall
	config *config.Config
	db     *store.DB
	now    time.Time
	words  statsText
}

type statsText struct {
	title, all, noSchool, noDeadline, kept, noHistory, noOrder string
	behind                                                     []string
	day, trend                                                 string
	category                                                   [3]string
}

var statsWords = map[string]statsText{
	"ru": {
		title: "Статистика", all: "Все вместе", noSchool: problemWords["ru"].noSchool, noDeadline: problemWords["ru"].noDeadline,
		kept: "цифры за %s записаны: школ %d\n", noHistory: "истории пока нет: служба пишет её каждую ночь, сейчас — stats --snapshot",
		noOrder: "--sort %q: такого порядка нет. Есть: %s; с минусом впереди — обратный",
		behind:  []string{"ID ЕКИС", "ID ОО (НСИ)", "Название ОО", "Категория", "Срок", "Всего", "Активировано", "Не успели", "Дней после срока"},
		day:     "Дата", trend: "Прирост активированных в день", category: [3]string{"сотрудники", "ученики", "родители"},
	},
	"en": {
		title: "Statistics", all: "All together", noSchool: problemWords["en"].noSchool, noDeadline: problemWords["en"].noDeadline,
		kept: "the figures of %s are written: %d schools\n", noHistory: "there is no history yet: the daemon writes it every night; now, stats --snapshot does",
		noOrder: "--sort %q: there is no such order. There are: %s; a minus in front turns it round",
		behind:  []string{"EKIS ID", "NSI ID", "School", "Category", "Deadline", "People", "Activated", "Behind", "Days late"},
		day:     "Day", trend: "Activated per day", category: [3]string{"staff", "pupils", "parents"},
	},
}

func (s *statistics) today() person.Date {
	return person.DateOf(s.now.In(s.config.Policy.TimeZone.Location()))
}

func (s *statistics) run(ctx context.Context, std streams) error {
	switch {
	case s.history:
		return s.writeHistory(ctx, std)
	case s.snapshot:
		n, err := snapshot(ctx, s.db, s.today(), true)
		if err == nil {
			fmt.Fprintf(std.err, s.words.kept, s.today(), n)
		}
		return err
	}
	d := deadlines(s.config)
	if s.behind && d == (census.Deadlines{}) {
		return usageError("%s", s.words.noDeadline)
	}
	count := census.New(s.today())
	if err := s.db.Census().Survey(ctx, count, s.behind, false); err != nil {
		return err
	}
	lines, whole := count.Table()
	if lines = s.chosen(lines); s.school != "" && len(lines) == 0 {
		return usageError(s.words.noSchool, s.school)
	}
	out, err := openOutput(std, s.out)
	if err != nil {
		return err
	}
	late := 0
	if s.behind {
		late, err = s.writeBehind(out, lines, d)
	} else {
		err = s.write(out, lines, whole)
	}
	if err := out.finish(err); err != nil {
		return err
	}
	if late > 0 {
		return errFindings
	}
	return nil
}

// chosen are the lines that were asked for, in the order that was.
func (s *statistics) chosen(lines []census.Line) []census.Line {
	if s.school != "" {
		lines = slices.DeleteFunc(lines, func(l census.Line) bool { return string(l.School.ID) != s.school })
	}
	census.Sort(lines, s.sort) // which is known by then
	return lines
}

// statsObject is a line for a program.
type statsObject struct {
	Day       string   `json:"day,omitempty"`
	ID        string   `json:"ekis_id"`
	NSI       string   `json:"nsi_id"`
	Name      string   `json:"name"`
	Accounts  int      `json:"accounts"`
	Activated int      `json:"activated"`
	Failed    int      `json:"failed"`
	Only      int      `json:"only_here"`
	SignIns   int      `json:"ezhd_sign_ins"`
	Founder   string   `json:"founder"`
	Trend     *float64 `json:"activated_per_day,omitempty"`
}

func objectOf(l census.Line) statsObject {
	l.School = census.Named(l.School)
	return statsObject{ID: string(l.School.ID), NSI: l.School.NSI, Name: l.School.Name, Accounts: l.Accounts, Activated: l.Activated, Failed: l.Failed,
		Only: l.Only, SignIns: l.SignIns, Founder: l.School.Founder}
}

// write gives the table. The line of all together is there where it is asked for,
// and below a table for people, which no program adds up.
func (s *statistics) write(out io.Writer, lines []census.Line, whole census.Line) error {
	whole.School.Name = s.words.all
	if s.whole {
		lines = []census.Line{whole}
	}
	if s.format == "json" {
		answer := struct {
			Schools []statsObject `json:"schools"`
			Whole   *statsObject  `json:"whole,omitempty"`
		}{Schools: []statsObject{}}
		if !s.whole {
			for _, l := range lines {
				answer.Schools = append(answer.Schools, objectOf(l))
			}
		}
		if s.school == "" {
			object := objectOf(whole)
			answer.Whole = &object
		}
		return streams{out: out}.json(answer)
	}
	if s.format == "table" && s.school == "" && !s.whole {
		lines = append(lines, whole)
	}
	rows, err := table.New(out, s.format, s.words.title, s.head())
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := rows.Row(l.Cells()...); err != nil {
			return err
		}
	}
	return rows.Close()
}

// head are the columns: a file has the names that are fixed for it.
func (s *statistics) head() []string {
	if s.lang == "en" && s.format == "table" {
		return census.HeadEnglish
	}
	return census.Head
}

// behindObject is a line of stats --behind for a program.
type behindObject struct {
	ID        string `json:"ekis_id"`
	NSI       string `json:"nsi_id"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	Deadline  string `json:"deadline"`
	People    int    `json:"people"`
	Activated int    `json:"activated"`
	Behind    int    `json:"behind"`
	Late      int    `json:"days_late"`
}

// writeBehind lists each school's categories that have a deadline, and says how
// many people are behind. Before the deadline nobody is.
func (s *statistics) writeBehind(out io.Writer, lines []census.Line, d census.Deadlines) (late int, err error) {
	list := []behindObject{}
	var cells [][]any
	for _, l := range lines {
		l.School = census.Named(l.School)
		for i, c := range l.Categories {
			if d[i].IsZero() || c.People == 0 {
				continue
			}
			o := behindObject{ID: string(l.School.ID), NSI: l.School.NSI, Name: l.School.Name, Role: census.Roles[i].String(), Deadline: d[i].String(),
				People: c.People, Activated: c.Activated, Late: d.Late(i, s.today())}
			if o.Late > 0 {
				o.Behind = c.People - c.Activated
			}
			late += o.Behind
			list = append(list, o)
			cells = append(cells, []any{o.ID, o.NSI, o.Name, s.words.category[i], o.Deadline, o.People, o.Activated, o.Behind, o.Late})
		}
	}
	if s.format == "json" {
		return late, streams{out: out}.json(list)
	}
	rows, err := table.New(out, s.format, s.words.title, s.words.behind)
	if err != nil {
		return late, err
	}
	for _, row := range cells {
		if err := rows.Row(row...); err != nil {
			return late, err
		}
	}
	return late, rows.Close()
}
