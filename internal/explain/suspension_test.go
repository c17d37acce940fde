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
