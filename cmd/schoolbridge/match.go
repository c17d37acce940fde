package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

func runMatch(_ context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("match", flag.ContinueOnError)
	folder := fs.String("registry", "", "папка с реестрами / folder `DIR` of registry files")
	profiles := fs.String("profiles", "", "профили, объект JSON в строке / profiles, one JSON object a line, in `FILE`")
	bindings := fs.String("bindings", "", "привязки, объект JSON в строке / bindings, one JSON object a line, in `FILE`")
	day := fs.String("today", "", "день, на который роли действуют / the day by which roles are active, `YYYY-MM-DD`")
	unverified := fs.Bool("contacts-unverified", false, "не считать контакты подтверждёнными, если профиль об этом молчит / count contacts as not verified where a profile does not say")
	var names match.Names
	fs.BoolVar(&names.EZHD, "ezhd-names", false, "как ad.names.ezhd / as ad.names.ezhd")
	fs.Func("made-names", "как ad.names.made с этим шаблоном / as ad.names.made with this `PATTERN`", func(text string) (err error) {
		names.Made, err = login.ParsePattern(text)
		return err
	})
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	today, err := person.ParseDate(*day)
	switch {
	case len(words) > 0 || *folder == "" || *profiles == "":
		return misused("match")
	case err != nil:
		return usageError("match: --today: %w", err)
	case today.IsZero():
		today = person.DateOf(time.Now())
	}
	if garbageIsOurs() { // what is live are the registries, in which there is nothing to look for
		defer debug.SetGCPercent(debug.SetGCPercent(usualPercent))
	}
	m := &dryRun{std: std}
	ix, err := m.index(*folder, names)
	if err != nil {
		return err
	}
	file, err := os.Open(*profiles)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer func() { _ = file.Close() }() // opened for reading: nothing is lost
	people := eachLine(m, *profiles, match.ReadProfiles(file, !*unverified))
	if *bindings == "" {
		return m.run(match.NewBindings(ix, nil, nil), ix, people, today)
	}
	list, err := os.Open(*bindings)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer func() { _ = list.Close() }()
	bound := slices.Collect(eachLine(m, *bindings, match.ReadBindings(list)))
	everybody := slices.Collect(people) // they tell the ФИО of the bindings, and may come from a pipe
	if m.err != nil {
		return m.err
	}
	return m.run(match.NewBindings(ix, bound, slices.Values(everybody)), ix, slices.Values(everybody), today)
}

// dryRun is one run of match, with what it found on the way.
type dryRun struct {
	std      streams
	findings bool
	err      error // that ended the reading of a file
}

func (m *dryRun) finding(format string, args ...any) {
	m.findings = true
	fmt.Fprintf(m.std.err, format+"\n", args...)
}

func (m *dryRun) index(folder string, names match.Names) (*match.Index, error) {
	b := match.NewBuilder(names)
	read, err := registry.Walk(folder, func(row any) {
		switch row := row.(type) {
		case person.School:
			b.School(row)
		case person.Employment:
			b.Employment(&row)
		case person.Enrolment:
			b.Enrolment(&row)
		case person.Card:
			b.Card(&row)
		case registry.ADRow:
			b.Account(&match.ADAccount{SAM: row.SAM, Person: row.Person, Enabled: row.Enabled, Display: row.Display, Teams: row.Teams})
		}
	})
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	for i := range read.Faults {
		f := &read.Faults[i]
		m.findings = m.findings || !f.Warning
		fmt.Fprintln(m.std.err, f)
	}
	return b.Index(), nil
}

// eachLine gives what the JSON lines of a file hold. A bad line is reported and
// the rest goes on.
func eachLine[T any](m *dryRun, file string, lines iter.Seq2[T, error]) iter.Seq[T] {
	return func(yield func(T) bool) {
		for one, err := range lines {
			var bad *match.LineError
			switch {
			case errors.As(err, &bad):
				m.finding("%s:%d: %v", file, bad.Line, bad.Err)
			case err != nil:
				m.err = fmt.Errorf("%s: %w", file, err)
				return
			case !yield(one):
				return
			}
		}
	}
}

func (m *dryRun) run(b *match.Bindings, ix *match.Index, people iter.Seq[person.Profile], today person.Date) error {
	out := bufio.NewWriter(m.std.out)
	encoder := match.NewEncoder(out)
	err := match.Run(ix, b, people, today, func(v match.Verdict) error {
		if m.err != nil {
			return m.err
		}
		m.findings = m.findings || v.Decision != match.Match
		return encoder.Encode(v)
	})
	if err == nil {
		err = m.err
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if m.findings {
		return errFindings
	}
	return nil
}
