// Package doctor says in words what is wrong with an installation: every finding
// is a code with its place, and the code has a meaning, somebody who mends it and
// what to do, in Russian and English. What explain has words for already (a fault,
// a reason of a sign-in) is said in those.
//
// It is pure: cmd looks at files, clocks, ports and systems, and gives findings.
//
// Start reading at Report.
package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
)

// State is how a thing is.
type State string

// The states, the worst last. A warning is what works today.
const (
	OK   State = "ok"
	Warn State = "warn"
	Bad  State = "bad"
)

// The checks, in the order of a report.
const (
	CheckConfig       = "config"
	CheckCertificates = "certificates"
	CheckStore        = "store"
	CheckDaemon       = "daemon"
	CheckPorts        = "ports"
	CheckClock        = "clock"
	CheckMosru        = "mosru"
	CheckAD           = "ad"
	CheckNAS          = "nas"
	CheckRegistries   = "registries"
	CheckBackup       = "backup"
)

// Finding is one line of a report. Meaning, Who and Remedy are said by Report.Add
// where they are not given.
type Finding struct {
	Check   string `json:"check"`
	State   State  `json:"state"`
	Code    string `json:"code"`
	Where   string `json:"where,omitempty"` // the file, address, section
	More    string `json:"more,omitempty"`  // a figure, a date, what a system said
	Meaning string `json:"meaning"`
	Who     string `json:"who,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
}

// Report is what was found.
type Report struct {
	Lang     explain.Lang `json:"-"`
	State    State        `json:"state"` // the worst
	Findings []Finding    `json:"findings"`
}

// Add puts findings into words and into the report.
func (r *Report) Add(list ...Finding) {
	if r.State == "" {
		r.State, r.Findings = OK, []Finding{}
	}
	for _, f := range list {
		if f.Meaning == "" {
			say(&f, r.Lang)
		}
		if worse(f.State, r.State) {
			r.State = f.State
		}
		r.Findings = append(r.Findings, f)
	}
}

func worse(a, b State) bool {
	order := []State{OK, Warn, Bad}
	return slices.Index(order, a) > slices.Index(order, b)
}

// say puts a finding into words: those of this package, of a fault, of a reason.
func say(f *Finding, lang explain.Lang) {
	n := 0
	if lang == explain.English {
		n = 1
	}
	if w, ok := words[Code(f.Code)]; ok {
		f.Meaning, f.Remedy = w.text[n].Meaning, w.text[n].Remedy
		if f.State != OK {
			f.Who = w.who[n]
		}
		return
	}
	if advice, who, ok := explain.FaultAdvice(lang, explain.Fault(f.Code)); ok {
		f.Meaning, f.Who, f.Remedy = advice.Meaning, who, advice.Remedy
		return
	}
	if advice, ok := explain.AdviceFor(lang, identity.Reason(f.Code)); ok {
		f.Meaning, f.Remedy = advice.Meaning, advice.Remedy
		f.Who = explain.ReasonRepairer(lang, identity.Reason(f.Code))
	}
}

// Write prints the report: what is bad first, what is well last.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	counts := map[State]int{}
	for _, state := range []State{Bad, Warn, OK} {
		for _, f := range r.Findings {
			if f.State == state {
				counts[state]++
				r.line(&b, f)
			}
		}
	}
	sum := "\nплохо: %d, предупреждений: %d, в порядке: %d\n"
	if r.Lang == explain.English {
		sum = "\nbad: %d, warnings: %d, ok: %d\n"
	}
	fmt.Fprintf(&b, sum, counts[Bad], counts[Warn], counts[OK])
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) line(b *strings.Builder, f Finding) {
	fmt.Fprintf(b, "%-6s %s: ", stateWords[f.State][r.n()], checkWords[f.Check][r.n()])
	if f.Where != "" {
		b.WriteString(f.Where + ": ")
	}
	b.WriteString(f.Meaning)
	if f.More != "" {
		b.WriteString(": " + f.More)
	}
	if f.State == OK {
		b.WriteString("\n")
		return
	}
	fmt.Fprintf(b, " [%s]\n", f.Code)
	if f.Remedy != "" {
		who := f.Who
		if who != "" {
			who += ": "
		}
		fmt.Fprintf(b, "       → %s%s\n", who, f.Remedy)
	}
}

func (r *Report) n() int {
	if r.Lang == explain.English {
		return 1
	}
	return 0
}

var stateWords = map[State][2]string{OK: {"хорошо", "ok"}, Warn: {"внимание", "warn"}, Bad: {"ПЛОХО", "BAD"}}

var checkWords = map[string][2]string{
	CheckConfig: {"настройки", "configuration"}, CheckCertificates: {"сертификаты", "certificates"}, CheckStore: {"хранилище", "store"},
	CheckDaemon: {"служба", "daemon"}, CheckPorts: {"порты", "ports"}, CheckClock: {"часы", "clocks"}, CheckMosru: {"mos.ru", "mos.ru"},
	CheckAD: {"Active Directory", "Active Directory"}, CheckNAS: {"точки доступа", "access points"}, CheckRegistries: {"реестры", "registries"}, CheckBackup: {"резервная копия", "backup"},
}
