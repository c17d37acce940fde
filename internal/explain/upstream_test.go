package explain

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// city says that a text names mos.ru as whose password it is.
func city(text string) bool {
	return strings.Contains(strings.ReplaceAll(text, ".mos.ru", ""), "mos.ru")
}

// Whose password another system checks is told nothing of mos.ru, but where mos.ru
// is the way out.
func TestNothingOfMosruElsewhere(t *testing.T) {
	for _, lang := range []Lang{Russian, English} {
		for _, reason := range constants[identity.Reason](t, "Reason", "..", "identity", "identity.go") {
			a, ok := AdviceAt(lang, "school49", reason)
			if text := a.Meaning + a.Remedy; !ok || city(text) || strings.Contains(text, "{") {
				t.Errorf("%s: %s", reason, text)
			}
		}
		for _, code := range constants[match.Code](t, "Code", "..", "..", "provision", "match", "match.go") {
			a, ok := ProblemAdviceAt(lang, "school49", code)
			_, own := elsewhere[lang][string(code)]
			if text := a.Meaning + a.Remedy; !ok || city(text) && !own || strings.Contains(text, "{") {
				t.Errorf("%s: %s", code, text)
			}
		}
		if len(elsewhere[lang]) != len(elsewhere[Russian]) {
			t.Errorf("%d texts in %s", len(elsewhere[lang]), lang)
		}
		for code := range elsewhere[lang] {
			_, reason := AdviceFor(lang, identity.Reason(code))
			_, problem := ProblemAdvice(lang, match.Code(code))
			if _, both := elsewhere[Russian][code]; !both || !reason && !problem {
				t.Errorf("%s is no code, or in one language", code)
			}
		}
		if a, _ := ProblemAdviceAt(lang, "school49", match.LoginTooLong); !strings.Contains(a.Remedy, "obr.mos.ru") {
			t.Errorf("the name of a host is changed: %s", a.Remedy)
		}
		if a, _ := AdviceAt(lang, "", identity.ReasonWrongPassword); !city(a.Meaning) {
			t.Error(a)
		}
	}
}

// The whole report keeps to it, and names who repairs it.
func TestReportElsewhere(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	for _, why := range []identity.Reason{identity.ReasonWrongPassword, identity.ReasonUpstreamLocked, identity.ReasonUpstreamBusy, identity.ReasonHashTooOld} {
		r := Report{Person: "1", Login: "petrov", Upstream: "school49", MSCHAPv2: &MSCHAPv2{Reason: identity.ReasonHashRevoked}, Targets: []Target{{Target: "ad", State: TargetReady, Problems: []Problem{}}},
			SignIns: []SignIn{{At: now, Channel: "wifi", Outcome: "rejected", Reason: why}}}
		for _, lang := range []Lang{Russian, English} {
			r.Diagnose(lang, now)
			var out strings.Builder
			if err := r.Write(&out, lang, time.UTC); err != nil {
				t.Fatal(err)
			}
			said := strings.NewReplacer("не mos.ru", "", "not by mos.ru", "").Replace(out.String())
			if city(said) || r.Broken == nil || r.Broken.Code != string(why) || city(r.Broken.Who) {
				t.Errorf("%+v\n%s", r.Broken, out.String())
			}
		}
	}
	r := Report{Person: "1", Upstream: "closed", NoUpstream: true}
	r.Diagnose(English, now)
	if r.Broken == nil || r.Broken.Code != string(FaultNoUpstream) || r.Broken.Where != "closed" || !r.Found() {
		t.Errorf("%+v", r.Broken)
	}
}
