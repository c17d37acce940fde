package explain

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

func TestSuspension(t *testing.T) {
	zone := time.FixedZone("MSK", 3*3600)
	since := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	for lang, cases := range map[Lang]map[string]*Suspension{
		Russian: {
			"": nil, "Закрыт на mos.ru\n": {Mosru: true},
			"Приостановлен здесь 2026-09-01 08:20:00: потерян телефон\nЗакрыт на mos.ru\n": {Here: true, Since: since, Reason: "потерян телефон", Mosru: true},
		},
		English: {
			"": nil, "Closed by mos.ru\n": {Mosru: true},
			"Suspended here 2026-09-01 08:20:00: the reason is no longer kept\n": {Here: true, Since: since},
			"Suspended here: the reason is no longer kept\n":                     {Here: true},
			"Suspended here 2026-09-01 08:20:00: a\ufffdb\n":                     {Here: true, Since: since, Reason: "a\nb"},
		},
	} {
		for want, s := range cases {
			var out strings.Builder
			p := &printer{w: &out, lang: lang, t: texts[lang]}
			Report{Suspension: s}.writeSuspension(p, zone)
			if out.String() != want || p.err != nil {
				t.Errorf("%+v: %q, want %q, %v", s, out.String(), want, p.err)
			}
		}
	}
}

// TestShutTwice: whom somebody has suspended here and disabled in Active Directory is
// told both, and what becomes of the one when the other is over.
func TestShutTwice(t *testing.T) {
	for lang, want := range map[Lang]string{Russian: "служба включит и её", English: "it is enabled too"} {
		r := Report{Zone: time.UTC, Person: "1", Login: "a", Suspension: &Suspension{Here: true, Reason: "lost phone"},
			Targets: []Target{{Target: "ad", Name: "a", State: TargetReady, Live: []Finding{{Code: FaultADDisabledToo, Where: "a"}}}}}
		r.Diagnose(lang, time.Now())
		var out strings.Builder
		if err := r.Write(&out, lang, time.UTC); err != nil || r.Broken == nil || r.Broken.Code != string(identity.ReasonSuspended) ||
			!strings.Contains(out.String(), "lost phone") || !strings.Contains(out.String(), "AD_DISABLED_BY_HAND_TOO: ") || !strings.Contains(out.String(), want) {
			t.Errorf("%v %+v\n%s", err, r.Broken, &out)
		}
	}
}

// TestNotActivatedFitsPupils: nobody is sent to a registry that may not be the person's.
func TestNotActivatedFitsPupils(t *testing.T) {
	for lang, registry := range map[Lang]string{Russian: "Кадр", English: "Kadry"} {
		if a, _ := AdviceFor(lang, identity.ReasonNotActivated); strings.Contains(a.Remedy, registry) {
			t.Errorf("%+v", a)
		}
	}
}

// TestRemedyOfAnAccount: the first broken link says what opens this account, by who
// closed it, and sends nobody who has one to activate it.
func TestRemedyOfAnAccount(t *testing.T) {
	for want, r := range map[string]Report{
		"account resume LOGIN":    {Suspension: &Suspension{Here: true, Mosru: true}},
		"recovers the account at": {Suspension: &Suspension{Mosru: true}},
		"and import again":        {Person: "1", Channels: []Channel{{Channel: "wifi", Reason: identity.ReasonEnded}}},
	} {
		r.Diagnose(English, time.Now())
		if r.Broken == nil || !strings.Contains(r.Broken.Remedy, want) || strings.Contains(r.Broken.Remedy, "explain LOGIN") {
			t.Errorf("no %q in %+v", want, r.Broken)
		}
	}
}
