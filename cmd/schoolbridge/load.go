package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"schoolbridge/internal/load"
	"schoolbridge/internal/probe"
)

func runLoad(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "radius":
			return loadRADIUS(ctx, std, args[1:])
		case "eap":
			return loadEAP(ctx, std, args[1:])
		case "ldap":
			return loadLDAP(ctx, std, args[1:])
		}
	}
	return oneOf("load", std, args, "radius", "eap", "ldap")
}

// loadFlags are those of every load.
type loadFlags struct {
	fs      *flag.FlagSet
	options load.Options
	users   string
	lang    *string
	asJSON  bool
	texts   map[string]*loadText
}

func newLoadFlags(name string) *loadFlags {
	f := &loadFlags{fs: flag.NewFlagSet("load "+name, flag.ContinueOnError), texts: loadTexts}
	f.fs.Float64Var(&f.options.Rate, "rate", 0, "входов в секунду, что бы ни стало с прежними / sign-ins a second, `N`, whatever becomes of those before")
	f.fs.IntVar(&f.options.Concurrency, "concurrency", 0, "одновременных входов: при --rate не больше (1024), иначе всегда столько / sign-ins at once: with --rate at most (1024), else always")
	f.fs.DurationVar(&f.options.Duration, "duration", 10*time.Second, "как долго / how long")
	f.fs.Uint64Var(&f.options.Count, "count", 0, "закончить после стольких входов / end after so many sign-ins")
	f.fs.DurationVar(&f.options.Ramp, "ramp", 0, "за какое время нагрузка вырастает в начале / the time in which the load grows, at the beginning")
	f.fs.DurationVar(&f.options.Think, "think", 0, "без --rate: пауза между двумя входами устройства / without --rate: time to think between two sign-ins of a device")
	f.fs.StringVar(&f.users, "users", "", "файл CSV, строка «логин,пароль» на каждого / `FILE` (CSV), a line \"login,password\" for each user")
	f.lang = langFlag(f.fs)
	f.fs.BoolVar(&f.asJSON, "json", false, "вывести JSON / print JSON")
	return f
}

func (f *loadFlags) parse(std streams, args []string) error {
	words, err := parse(f.fs, std, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return usageError("%[1]s: лишнее слово, см. -h / %[1]s: unknown word; -h shows what may be written", f.fs.Name())
	}
	if f.options.Rate == 0 && f.options.Concurrency == 0 {
		return usageError("%[1]s: нет --rate или --concurrency / %[1]s: --rate or --concurrency is missing", f.fs.Name())
	}
	return nil
}

// readUsers reads the file, which may be standard input.
func (f *loadFlags) readUsers(files *secretFiles) ([]load.User, error) {
	r, done, err := files.open("--users", f.users)
	if err != nil {
		return nil, err
	}
	defer done()
	users, err := load.ReadUsers(r)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--users: %w", err)}
	}
	return users, nil
}

// run loads and prints. Anything but acceptances is a finding.
func (f *loadFlags) run(ctx context.Context, std streams, do func(context.Context, uint64) load.Sample) error {
	text := f.texts[*f.lang]
	f.options.Progress = func(r load.Report) { fmt.Fprintf(std.err, text.progress, r.Seconds, r.Ended, r.Rate, r.Latency.P99) }
	report, err := load.Run(ctx, f.options, do)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("%s: %w", f.fs.Name(), err)}
	}
	if f.asJSON {
		err = std.json(report)
	} else {
		err = text.write(std.out, probe.Lang(*f.lang), report)
	}
	if err == nil && (report.Outcomes[string(probe.Accepted)] != report.Ended || report.NotStarted > 0) {
		return errFindings
	}
	return err
}

// radiusLoad are the flags of both loads over RADIUS.
type radiusLoad struct {
	*loadFlags
	radius  radiusFlags
	sockets int
}

func newRADIUSLoad(name string) *radiusLoad {
	f := &radiusLoad{loadFlags: newLoadFlags(name)}
	f.radius.register(f.fs)
	f.fs.IntVar(&f.sockets, "sockets", 0, "исходящих портов или соединений RadSec, до 1024, в каждом 256 запросов сразу; обычно по --concurrency / source ports, or connections with --radsec, up to 1024, each with 256 requests at once; usually what --concurrency needs")
	return f
}

// target reads the command line into what a sign-in is.
func (f *radiusLoad) target(std streams, args []string) (load.RADIUSOptions, error) {
	var o load.RADIUSOptions
	if err := f.parse(std, args); err != nil {
		return o, err
	}
	files := &secretFiles{in: std.in}
	var err error
	if o.Server, o.Client, err = f.radius.client(files); err != nil {
		return o, err
	}
	if o.Point, err = f.radius.point(); err != nil {
		return o, err
	}
	if f.sockets == 0 {
		f.sockets = min(max(f.options.Concurrency, 1)/200+1, 64)
	}
	if f.sockets < 1 || f.sockets > 1024 {
		return o, usageError("%[1]s: --sockets: от 1 до 1024 / %[1]s: --sockets: from 1 to 1024", f.fs.Name())
	}
	o.Client.Lines = f.sockets
	o.Users, err = f.readUsers(files)
	return o, err
}

// start runs the load that the options describe.
func (f *radiusLoad) start(ctx context.Context, std streams, o load.RADIUSOptions) error {
	target, err := load.NewRADIUS(o)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("%s: %w", f.fs.Name(), err)}
	}
	defer target.Close()
	return f.run(ctx, std, target.Do)
}

func loadRADIUS(ctx context.Context, std streams, args []string) error {
	f := newRADIUSLoad("radius")
	method := f.fs.String("method", probe.PAP, "способ; accounting — начало, середина и конец сеанса / the `METHOD`: pap, mschapv2 or accounting (a session's start, interim and stop)")
	o, err := f.target(std, args)
	if err != nil {
		return err
	}
	if o.Method = *method; !slices.Contains([]string{probe.PAP, probe.MSCHAPv2, probe.Accounting}, o.Method) {
		return usageError("load radius: --method %[1]q: есть только pap, mschapv2, accounting / load radius: --method %[1]q is none of pap, mschapv2, accounting", *method)
	}
	if o.Method == probe.Accounting {
		o.Server = f.radius.accounting()
	}
	return f.start(ctx, std, o)
}

func loadEAP(ctx context.Context, std streams, args []string) error {
	f := newRADIUSLoad("eap")
	var device deviceFlags
	device.register(f.fs)
	resume := f.fs.Float64("resume", 0, "доля входов с возобновлением сеанса, от 0 до 1 / the share of sign-ins that come back with a ticket, from 0 to 1")
	o, err := f.target(std, args)
	if err != nil {
		return err
	}
	o.Method, o.Resume = probe.EAPMethod, *resume
	if o.EAP, err = device.options(); err != nil {
		return err
	}
	return f.start(ctx, std, o)
}

// loadText are the words of a report in one language.
type loadText struct {
	progress, rate, problem, resumed, rounds, entries, late, times, latency, service string
	explain                                                                          func(probe.Problem) (meaning, remedy string)
}

var loadTexts = map[string]*loadText{
	"ru": {
		progress: "%.0f с: завершено %d, %.0f в секунду, p99 %.2f мс\n",
		rate:     "входов %d за %.1f с: %.1f в секунду\n", problem: "  причина %s, %d: %s\n    что делать: %s\n",
		resumed: "возобновлённых сеансов: %d\n", rounds: "раундов на вход: %.2f, повторных запросов: %d\n",
		late:    "начато позже срока: %d, не начато вовсе: %d (не успевает сервер или эта машина)\n",
		times:   "%s, мс: среднее %.2f, p50 %.2f, p90 %.2f, p99 %.2f, p99.9 %.2f, наибольшее %.2f\n",
		latency: "задержка от назначенного срока", service: "длительность самого входа",
	},
	"en": {
		progress: "%.0f s: %d ended, %.0f a second, p99 %.2f ms\n",
		rate:     "%d sign-ins in %.1f s: %.1f a second\n", problem: "  reason %s, %d: %s\n    remedy: %s\n",
		resumed: "resumed sessions: %d\n", rounds: "rounds a sign-in: %.2f, requests sent again: %d\n",
		late:    "begun after their moment: %d, not at all: %d (the server or this machine does not keep up)\n",
		times:   "%s, ms: mean %.2f, p50 %.2f, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.2f\n",
		latency: "latency from the intended moment", service: "time of the sign-in itself",
	},
}

func (t *loadText) write(w io.Writer, lang probe.Lang, r load.Report) error {
	fmt.Fprintf(w, t.rate, r.Ended, r.Seconds, r.Rate)
	for _, k := range slices.Sorted(maps.Keys(r.Outcomes)) {
		fmt.Fprintf(w, "  %s: %d\n", probe.Outcome(k).In(lang), r.Outcomes[k])
	}
	for _, k := range slices.Sorted(maps.Keys(r.Problems)) {
		meaning, remedy := probe.Problem(k).In(lang)
		if t.explain != nil {
			meaning, remedy = t.explain(probe.Problem(k))
		}
		fmt.Fprintf(w, t.problem, k, r.Problems[k], meaning, remedy)
	}
	if t.entries == "" {
		fmt.Fprintf(w, t.resumed, r.Resumed)
	} else {
		fmt.Fprintf(w, t.entries, r.Entries, r.EntryRate)
	}
	fmt.Fprintf(w, t.rounds, r.Rounds, r.Repeats)
	if r.Late > 0 || r.NotStarted > 0 {
		fmt.Fprintf(w, t.late, r.Late, r.NotStarted)
	}
	fmt.Fprintf(w, t.times, t.latency, r.Latency.Mean, r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.P999, r.Latency.Max)
	_, err := fmt.Fprintf(w, t.times, t.service, r.Service.Mean, r.Service.P50, r.Service.P90, r.Service.P99, r.Service.P999, r.Service.Max)
	return err
}
