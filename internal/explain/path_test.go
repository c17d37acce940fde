package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// allWell is the report of somebody with whom all is.
func allWell(now time.Time) Report {
	return Report{Person: "1", Login: "evann", Roles: []Role{{Role: "staff", School: "49", Active: true}},
		Channels: []Channel{{Channel: "ldap", Allowed: true}, {Channel: "web", Allowed: true}, {Channel: "wifi", Allowed: true}},
		MSCHAPv2: &MSCHAPv2{Confirmed: now}, Targets: []Target{{Target: "ad", State: TargetReady, Name: "evann", Teams: "evann@uao.obr.mos.ru"}},
		SignIns: []SignIn{{At: now, Channel: "wifi", Outcome: "accepted"}}}
}

// TestPath: whatever is broken is marked at its place, once, and what the account
// would lead to is not reached without one.
func TestPath(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	known := Known{Told: now, Records: 1, Decision: "match"}
	tried := func(code match.Code) func(*Report, *Known) {
		return func(r *Report, k *Known) {
			*r = Report{Account: identity.ReasonNotActivated, Tries: []Try{{Own: true, Decision: "no_match", NowDecision: "no_match", Now: []string{string(code)}}}}
			k.Decision = "no_match"
		}
	}
	failed := func(channel string, why identity.Reason) func(*Report, *Known) {
		return func(r *Report, _ *Known) {
			r.SignIns = []SignIn{{At: now, Channel: channel, Device: "d", Outcome: "rejected", Reason: why}}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Report, *Known)
		at     string // the broken step, "" for none, "elsewhere"
		states string // of all steps, by their first letters
	}{
		{"all is well", func(*Report, *Known) {}, "", "gggg gggg g"},
		{"nobody tried", func(r *Report, k *Known) { *r = Report{Account: identity.ReasonNotActivated}; *k = Known{Records: 1} }, StepAccount, "ogob oooo o"},
		{"mos.ru", tried(match.SNILSNotConfirmed), StepMosru, "bgno oooo o"},
		{"records", tried(match.EmploymentEnded), StepRecords, "gbno oooo o"},
		{"verdict", tried(match.SNILSMismatch), StepVerdict, "ggbo oooo o"},
		{"suspended", func(r *Report, _ *Known) { r.Suspension = &Suspension{Here: true} }, StepAccount, "gggb gggg g"},
		{"left", func(r *Report, _ *Known) {
			r.Roles[0].Active = false
			for i := range r.Channels {
				r.Channels[i].Allowed, r.Channels[i].Reason = false, identity.ReasonEnded
			}
		}, StepRecords, "gbgg gnng g"},
		{"AD", func(r *Report, _ *Known) {
			r.Targets[0].State, r.Targets[0].Problems = TargetProblem, []Problem{{Code: string(match.ADRefused)}}
		}, StepAD, "gggg bggn g"},
		{"AD waits", func(r *Report, _ *Known) { r.Targets[0].State = TargetPending }, StepAD, "gggg bggw g"},
		{"no AD", func(r *Report, _ *Known) { r.Targets = nil }, "", "gggg oggo g"},
		{"Wi-Fi is closed", func(r *Report, _ *Known) { r.Channels[2].Allowed, r.Channels[2].Reason = false, identity.ReasonHours }, StepWiFi, "gggg ggbg g"},
		{"an old password on the Wi-Fi", failed("wifi", identity.ReasonOldPassword), StepWiFi, "gggg ggbg n"},
		{"a wrong one on a board", failed("ldap", identity.ReasonWrongPassword), StepPC, "gggg gbgg n"},
		{"our certificate", func(r *Report, _ *Known) { r.Server = []Finding{{Code: FaultCertificate}} }, "elsewhere", "gggg gggg g"},
		{"a parent", func(r *Report, _ *Known) {
			*r = Report{Person: "1", Account: identity.ReasonRoleNotAllowed}
		}, StepAccount, "gggb oooo o"},
	} {
		for _, lang := range []Lang{Russian, English} {
			r, k := allWell(now), known
			c.change(&r, &k)
			r.Diagnose(lang, now)
			p := r.Path(lang, k)
			states, at := "", ""
			for i, s := range slices.Concat(p.Trunk, p.Branches, []Step{p.End}) {
				if i == len(p.Trunk) || i == len(p.Trunk)+len(p.Branches) {
					states += " "
				}
				states += s.State[:1]
				if s.Broken != nil {
					at += s.Kind
				}
				if strings.TrimSpace(s.Said) == "" {
					t.Errorf("%s: %s says nothing", c.name, s.Kind)
				}
			}
			if p.Elsewhere != nil {
				at += "elsewhere"
			}
			if at != c.at || states != c.states {
				t.Errorf("%s: broken at %q, want %q; %s, want %s (%+v)", c.name, at, c.at, states, c.states, r.Broken)
			}
		}
	}
}

// What is beside an account that is as it should be is said where it deserves a
// look.
func TestPathBeside(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	r := allWell(now)
	r.Targets[0].Problems = []Problem{{Code: "AD_DUPLICATE(evann-1)", Meaning: "у человека есть ещё одна учётная запись"}}
	r.Diagnose(Russian, now)
	p := r.Path(Russian, Known{Told: now, Records: 1, Decision: "match"})
	if ad := p.Branches[0]; ad.Kind != StepAD || ad.State == StateGood || ad.Said != "evann: у человека есть ещё одна учётная запись" {
		t.Errorf("%+v", ad)
	}
}
