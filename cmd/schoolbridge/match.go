package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
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
	m := &dryRun{std: std}
	ix, err := m.index(*folder, names)
	if err != nil {
		return err
	}
	people, err := readLines(m, *profiles, func(r io.Reader) iter.Seq2[person.Profile, error] { return match.ReadProfiles(r, !*unverified) })
	if err != nil {
		return err
	}
	var bound []match.Binding
	if *bindings != "" {
		if bound, err = readLines(m, *bindings, match.ReadBindings); err != nil {
			return err
		}
	}
	return m.run(ix, bound, people, today)
}

// dryRun is one run of match, with what it found on the way.
type dryRun struct {
	std      streams
	findings bool
}

func (m *dryRun) finding(format string, args ...any) {
	m.findings = true
	fmt.Fprintf(m.std.err, format+"\n", args...)
}

func (m *dryRun) index(folder string, names match.Names) (*match.Index, error) {
	read, err := registry.ReadDir(folder)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	for i := range read.Faults {
		f := &read.Faults[i]
		m.findings = m.findings || !f.Warning
		fmt.Fprintln(m.std.err, f)
	}
	accounts := make([]match.ADAccount, 0, len(read.AD))
	for _, a := range read.AD {
		accounts = append(accounts, match.ADAccount{SAM: a.SAM, Person: a.Person, Enabled: a.Enabled, Display: a.Display, Teams: a.Teams})
	}
	return match.NewIndex(match.Registry{Schools: read.Schools, Employments: read.Employments, Enrolments: read.Enrolments,
		Cards: read.Cards, AD: accounts, Names: names}), nil
}

// readLines reads a file of JSON lines. A bad line is reported and the rest
// goes on.
func readLines[T any](m *dryRun, file string, read func(io.Reader) iter.Seq2[T, error]) ([]T, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing is lost
	var all []T
	for one, err := range read(f) {
		var bad *match.LineError
		switch {
		case errors.As(err, &bad):
			m.finding("%s:%d: %v", file, bad.Line, bad.Err)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		default:
			all = append(all, one)
		}
	}
	return all, nil
}

func (m *dryRun) run(ix *match.Index, bound []match.Binding, people []person.Profile, today person.Date) error {
	out := bufio.NewWriter(m.std.out)
	encoder := match.NewEncoder(out)
	b := match.NewBindings(ix, bound, slices.Values(people))
	err := match.Run(ix, b, slices.Values(people), today, func(v match.Verdict) error {
		m.findings = m.findings || v.Decision != match.Match
		return encoder.Encode(v)
	})
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
