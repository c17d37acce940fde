package main

import (
	"context"
	"flag"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/doctor"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/store"
)

// checkWait bounds one check; all run side by side.
const checkWait = 12 * time.Second

// runDoctor looks at the installation as it stands, whether or not the daemon runs,
// and changes nothing.
func runDoctor(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	asJSON := fs.Bool("json", false, "вывод для программ / output for programs")
	ready := fs.Bool("ready", false, "только готова ли служба: для контейнеров и наблюдения / only whether the daemon is ready: for containers and monitoring")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return misused("doctor")
	}
	r := &doctor.Report{Lang: explain.Lang(*lang)}
	usable, err := examine(ctx, *file, *ready, r)
	if err != nil {
		return err
	}
	if *asJSON {
		err = std.json(r)
	} else {
		err = r.Write(std.out)
	}
	switch {
	case err != nil:
		return err
	case !usable:
		return &exitError{code: exitUsage}
	case r.State != doctor.OK:
		return errFindings
	}
	return nil
}

// examine fills the report. Without a usable configuration nothing else can be
// looked at.
func examine(ctx context.Context, file string, ready bool, r *doctor.Report) (usable bool, err error) {
	c, faults, err := readConfig(file)
	if err != nil {
		return false, err
	}
	if c == nil || !ready {
		r.Add(configFindings(faults, r.Lang)...)
	}
	if c == nil {
		return false, nil
	}
	x := &examination{config: c, lang: r.Lang, now: time.Now()}
	if ready {
		x.ready(ctx, r)
		return true, nil
	}
	for _, list := range x.all(ctx) {
		r.Add(list...)
	}
	return true, nil
}

// ready adds whether the daemon is ready; what it works on without counts for nothing.
func (x *examination) ready(ctx context.Context, r *doctor.Report) {
	list, _ := x.daemon(ctx)
	for _, f := range list {
		if f.State == doctor.Warn {
			f.State = doctor.OK
		}
		r.Add(f)
	}
}

// configFindings are the faults of the file. Those of certificates, of which the
// other check knows more, are left to it.
func configFindings(faults []config.Fault, lang explain.Lang) (list []doctor.Finding) {
	for _, f := range faults {
		if f.Warning && (strings.HasSuffix(f.Path, "certificate_file") || strings.HasSuffix(f.Path, "ca_file") && !strings.HasPrefix(f.Path, "wifi.")) {
			continue
		}
		one := doctor.Finding{Check: doctor.CheckConfig, State: doctor.Bad, Code: string(doctor.ConfigFault), Where: f.Path,
			Meaning: f.Message.In(string(lang)), Remedy: f.Remedy.In(string(lang))}
		if f.Warning {
			one.State = doctor.Warn
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		list = append(list, doctor.Finding{Check: doctor.CheckConfig, State: doctor.OK, Code: string(doctor.ConfigFine)})
	}
	return list
}

// examination is one look at an installation.
type examination struct {
	config *config.Config
	lang   explain.Lang
	now    time.Time
	up     bool      // the daemon answers
	hangs  bool      // it takes connections and does not answer
	db     *store.DB // nil: it does not open
}

// part is one check.
type part struct {
	check string
	run   func(ctx context.Context) []doctor.Finding
}

// all runs the checks side by side and gives what they found, in their order. The
// daemon is looked for first: what its ports are to do depends on it.
func (x *examination) all(ctx context.Context) [][]doctor.Finding {
	var daemon []doctor.Finding
	daemon, x.up = x.daemon(ctx)
	parts := []part{{doctor.CheckCertificates, x.certificates}, {doctor.CheckStore, x.withStore}, {doctor.CheckPorts, x.ports},
		{doctor.CheckMosru, x.mosru}, {doctor.CheckAD, x.directory}, {doctor.CheckNAS, x.secrets}}
	found := make([]chan []doctor.Finding, len(parts))
	for i, p := range parts {
		found[i] = make(chan []doctor.Finding, 1)
		go func() {
			ctx, cancel := context.WithTimeout(ctx, checkWait)
			defer cancel()
			found[i] <- p.run(ctx)
		}()
	}
	limit := time.After(checkWait + time.Second)
	lists := [][]doctor.Finding{daemon}
	for i, p := range parts {
		select {
		case list := <-found[i]:
			lists = append(lists, list)
		case <-limit: // whatever still runs ends with the process
			limit = time.After(0)
			lists = append(lists, []doctor.Finding{{Check: p.check, State: doctor.Bad, Code: string(doctor.CheckTimeout), More: checkWait.String()}})
		}
	}
	return lists
}

// finding is short for one of a check.
func finding(check string, state doctor.State, code doctor.Code, where, more string) doctor.Finding {
	return doctor.Finding{Check: check, State: state, Code: string(code), Where: where, More: more}
}
