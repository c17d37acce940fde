package main

import (
	"context"
	"flag"
	"strings"
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

func runProbe(ctx context.Context, std streams, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "radius":
			return probeRADIUS(ctx, std, args[1:])
		case "eap":
			return probeEAP(ctx, std, args[1:])
		case "ldap":
			return probeLDAP(ctx, std, args[1:])
		}
	}
	return oneOf("probe", std, args, "radius", "eap", "ldap")
}

// maxLogin is what a RADIUS attribute holds.
const maxLogin = 253

// oneOf tells which words may follow a command.
func oneOf(name string, std streams, args []string, kinds ...string) error {
	if _, err := parse(flag.NewFlagSet(name, flag.ContinueOnError), std, args); err != nil {
		return err
	}
	lines := make([]string, len(kinds))
	for i, kind := range kinds {
		lines[i] = name + " " + kind
	}
	return usageError("%[1]s: напишите %[2]s; что дальше, покажет -h / %[1]s: write %[3]s; -h shows what may follow", name, strings.Join(lines, " или "), strings.Join(lines, " or "))
}

// probeFlags are those of every probe.
type probeFlags struct {
	fs              *flag.FlagSet
	login, password *string
	lang            *string
	asJSON          *bool
	within          *time.Duration
}

func newProbeFlags(name string) *probeFlags {
	fs := flag.NewFlagSet("probe "+name, flag.ContinueOnError)
	f := &probeFlags{fs: fs}
	f.login = fs.String("login", "", "кто входит / who signs in")
	f.password = fs.String("password-file", "", "файл с паролем; - стандартный ввод / `FILE` with the password; - is standard input")
	f.lang = langFlag(fs)
	f.asJSON = fs.Bool("json", false, "вывести JSON / print JSON")
	f.within = fs.Duration("within", 30*time.Second, "сколько может длиться весь вход / how long the whole sign-in may take")
	return f
}

// arguments reads the command line.
func (f *probeFlags) arguments(std streams, args []string) error {
	words, err := parse(f.fs, std, args)
	if err == nil && len(words) > 0 {
		err = usageError("%[1]s: лишнее слово, см. -h / %[1]s: unknown word; -h shows what may be written", f.fs.Name())
	}
	return err
}

// tell prints a report and ends with the outcome's code.
func (f *probeFlags) tell(std streams, report *probe.Report) (err error) {
	if *f.asJSON {
		err = std.json(report)
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

// radiusProbe are the flags of a probe over RADIUS.
type radiusProbe struct {
	*probeFlags
	radius radiusFlags
}

func newRADIUSProbe(name string) *radiusProbe {
	f := &radiusProbe{probeFlags: newProbeFlags(name)}
	f.radius.register(f.fs)
	return f
}

// parse reads the command line and the shared secret.
func (f *radiusProbe) parse(std streams, args []string) (*probe.Probe, *secretFiles, error) {
	if err := f.arguments(std, args); err != nil {
		return nil, nil, err
	}
	if len(*f.login) > maxLogin {
		return nil, nil, usageError("%[1]s: --login длиннее %[2]d байт / %[1]s: --login has more than %[2]d bytes", f.fs.Name(), maxLogin)
	}
	files := &secretFiles{in: std.in}
	p := &probe.Probe{Login: *f.login}
	var err error
	if p.Server, p.Client, err = f.radius.client(files); err != nil {
		return nil, nil, err
	}
	if p.Point, err = f.radius.point(); err != nil {
		return nil, nil, err
	}
	return p, files, nil
}

// run asks, prints, and ends with the outcome's code.
func (f *radiusProbe) run(ctx context.Context, std streams, p *probe.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, *f.within)
	defer cancel()
	report, err := p.Run(ctx)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return f.tell(std, report)
}

func probeRADIUS(ctx context.Context, std streams, args []string) error {
	f := newRADIUSProbe("radius")
	method := f.fs.String("method", probe.PAP, "способ / the `METHOD`: pap, mschapv2, accounting, status")
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
		return usageError("probe radius: --method %[1]q: есть только pap, mschapv2, accounting, status / probe radius: --method %[1]q is none of pap, mschapv2, accounting, status", *method)
	}
	if p.Login == "" && p.Method != probe.Status {
		return usageError("probe radius: нет --login / --login is missing")
	}
	return f.run(ctx, std, p)
}

func probeEAP(ctx context.Context, std streams, args []string) error {
	f := newRADIUSProbe("eap")
	var device deviceFlags
	device.register(f.fs)
	resume := f.fs.Bool("resume", false, "войти дважды и рассказать о втором разе: сеанс должен возобновиться / sign in twice and tell of the second time, which should be resumed")
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
		return usageError("probe eap: нет --login / --login is missing")
	}
	return f.run(ctx, std, p)
}
