package main

import (
	"context"
	"encoding/json"
	"flag"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/probe"
)

// Exit codes of probe, fixed for monitoring. A wrong call ends with exitUsage,
// which is also that of no answer: a monitor is to be told of both.
const (
	exitRejected = 1
	exitNoAnswer = 2
)

// probes are what can be asked.
var probes = map[string]func(context.Context, streams, []string) error{
	"radius": probeRADIUS,
	"eap":    probeEAP,
}

func runProbe(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 {
		if run, ok := probes[args[0]]; ok {
			return run(ctx, std, args[1:])
		}
	}
	return usageError("probe: write \"probe radius\" or \"probe eap\", and -h for what may follow")
}

// maxLogin is what a RADIUS attribute holds.
const maxLogin = 253

// probeFlags are those of every probe.
type probeFlags struct {
	fs              *flag.FlagSet
	radius          radiusFlags
	login, password *string
	lang            *string
	asJSON          *bool
	within          *time.Duration
}

func newProbeFlags(name string) *probeFlags {
	fs := flag.NewFlagSet("probe "+name, flag.ContinueOnError)
	f := &probeFlags{fs: fs}
	f.radius.register(fs)
	f.login = fs.String("login", "", "who signs in")
	f.password = fs.String("password-file", "", "`FILE` with the password; - is standard input")
	f.lang = fs.String("lang", "ru", "language: ru or en")
	f.asJSON = fs.Bool("json", false, "print JSON")
	f.within = fs.Duration("within", 30*time.Second, "how long the whole sign-in may take")
	return f
}

// parse reads the command line and both secrets.
func (f *probeFlags) parse(std streams, args []string) (*probe.Probe, *secretFiles, error) {
	words, err := parse(f.fs, std, args)
	if err != nil {
		return nil, nil, err
	}
	if len(words) > 0 || *f.lang != string(probe.Russian) && *f.lang != string(probe.English) {
		return nil, nil, usageError("%s: unknown word or language; -h shows what may be written", f.fs.Name())
	}
	if len(*f.login) > maxLogin {
		return nil, nil, usageError("%s: --login has more than %d bytes", f.fs.Name(), maxLogin)
	}
	files := &secretFiles{in: std.in}
	p := &probe.Probe{Login: *f.login}
	if p.Server, p.Client, err = f.radius.client(files); err != nil {
		return nil, nil, err
	}
	if p.Point, err = f.radius.point(); err != nil {
		return nil, nil, err
	}
	return p, files, nil
}

// run asks, prints, and ends with the outcome's code.
func (f *probeFlags) run(ctx context.Context, std streams, p *probe.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, *f.within)
	defer cancel()
	report, err := p.Run(ctx)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if *f.asJSON {
		encoder := json.NewEncoder(std.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.Write(std.out, probe.Lang(*f.lang))
	}
	switch {
	case err != nil:
		return err
	case report.Outcome == probe.Rejected:
		return &exitError{code: exitRejected}
	case report.Outcome == probe.NoAnswer:
		return &exitError{code: exitNoAnswer}
	}
	return nil
}

func probeRADIUS(ctx context.Context, std streams, args []string) error {
	f := newProbeFlags("radius")
	method := f.fs.String("method", probe.PAP, "pap, mschapv2, accounting or status")
	p, files, err := f.parse(std, args)
	if err != nil {
		return err
	}
	p.Method = *method
	if p.Method == probe.Accounting {
		p.Server = f.radius.accounting()
	}
	switch p.Method {
	case probe.PAP, probe.MSCHAPv2:
		password, err := files.read("--password-file", *f.password)
		if err != nil {
			return err
		}
		p.Password = identity.Password(password)
	case probe.Accounting, probe.Status:
	default:
		return usageError("probe radius: --method %q is none of pap, mschapv2, accounting, status", *method)
	}
	if p.Login == "" && p.Method != probe.Status {
		return usageError("probe radius: --login is missing")
	}
	return f.run(ctx, std, p)
}

func probeEAP(ctx context.Context, std streams, args []string) error {
	f := newProbeFlags("eap")
	var device deviceFlags
	device.register(f.fs)
	resume := f.fs.Bool("resume", false, "sign in twice and tell of the second time, which should be resumed")
	p, files, err := f.parse(std, args)
	if err != nil {
		return err
	}
	p.Method, p.Resume = probe.EAPMethod, *resume
	if p.EAP, err = device.options(); err != nil {
		return err
	}
	p.EAP.Identity = p.Login
	if device.needsPassword() {
		password, err := files.read("--password-file", *f.password)
		if err != nil {
			return err
		}
		p.EAP.Password = identity.Password(password)
	}
	if p.Login == "" {
		return usageError("probe eap: --login is missing")
	}
	return f.run(ctx, std, p)
}
