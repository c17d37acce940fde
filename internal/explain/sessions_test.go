package explain

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/journal"
)

// Every ending, reason and answer that the journal has is said in both
// languages, and so is every Error-Cause of RFC 5176 section 3.5.
func TestEveryWordAboutSessions(t *testing.T) {
	for _, lang := range []Lang{Russian, English} {
		w := sessionTexts[lang]
		for e := journal.EndTold; e <= journal.EndCut; e++ {
			if w.ending[e.String()] == "" {
				t.Errorf("%s: no word for %s", lang, e)
			}
		}
		for s := journal.CutWaiting; s <= journal.CutOver; s++ {
			if w.state[s.String()] == "" {
				t.Errorf("%s: no word for %s", lang, s)
			}
		}
		for _, why := range constants[journal.Why](t, "Why", "..", "journal", "cut.go") {
			if w.why[string(why)] == "" {
				t.Errorf("%s: no word for %s", lang, why)
			}
		}
		for _, cause := range []uint32{401, 402, 403, 404, 405, 406, 407, 501, 502, 503, 504, 505, 506, 507, 508} {
			if w.cause[cause] == "" {
				t.Errorf("%s: no word for Error-Cause %d", lang, cause)
			}
		}
	}
}

func TestSessionsOfAReport(t *testing.T) {
	began := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	ended := began.Add(time.Hour)
	refused := &Disconnect{Why: "SUSPENDED", State: "refused", Cause: 501, Tries: 2}
	refused.Answer = refused.AnswerIn(English)
	odd := &Disconnect{State: "refused", Cause: 999}
	if got := odd.AnswerIn(Russian); !strings.HasSuffix(got, "(Error-Cause 999)") {
		t.Error(got)
	}
	for want, d := range map[string]Disconnect{
		"new rights, rules, role or school changed: the access point took the new rights":                                                                                                                                           {Why: "GRANT_CHANGED", Request: "coa", State: "changed", Tries: 1},
		"new rights, asked by the administrator: waits for the access point":                                                                                                                                                        {Why: "REAUTHORIZE", Request: "coa", State: "waiting"},
		"new rights, rules, role or school changed: no CoA was taken, so the device is disconnected to come back: the access point disconnected":                                                                                    {Why: "GRANT_CHANGED", Request: "disconnect", State: "disconnected", Tries: 1},
		"disconnect, the password before serves no more: the access point answers with another secret, and is asked again: compare the secret for Disconnect and CoA there with dynamic_authorization.secret_file (or secret_file)": {Why: "CREDENTIAL_CHANGED", Request: "disconnect", State: "waiting", Tries: 1, Forged: true},
		"disconnect, the password before serves no more: the access point answered with another secret: compare the secret for Disconnect and CoA there with dynamic_authorization.secret_file (or secret_file), tries: 4":          {Why: "CREDENTIAL_CHANGED", Request: "disconnect", State: "no_answer", Tries: 4, Forged: true},
		"disconnect, the hours of the rule are over: the access point disconnected":                                                                                                                                                 {Why: "OUTSIDE_HOURS", Request: "disconnect", State: "disconnected", Tries: 1},
	} {
		if d.Answer = d.AnswerIn(English); d.Line(English) != want {
			t.Errorf("%q, want %q", d.Line(English), want)
		}
	}
	r := Report{Person: "00ff", Sessions: []Session{
		{ID: "aa", Began: began, NAS: "school-49", SSID: "School", Device: "02:00:00:00:00:01", Addresses: []string{"10.0.0.7"}, Disconnect: refused},
		{ID: "bb", Began: began, Ended: &ended, Ending: "moved", Inferred: true, NAS: "school-49"},
	}}
	var out strings.Builder
	if err := r.Write(&out, English, time.UTC); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"  aa from 2026-09-01 08:00:00 school-49 School 02:00:00:00:00:01 10.0.0.7",
		"      disconnect, account suspended: the access point refused: administratively prohibited (Error-Cause 501), tries: 2",
		"      2026-09-01 09:00:00 the device moved, inferred",
		"No longer on it, asked to leave within a day:\n  bb from 2026-09-01 08:00:00 school-49",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
	r.Sessions = r.Sessions[1:]
	out.Reset()
	if err := r.Write(&out, Russian, time.UTC); err != nil || !strings.Contains(out.String(), "Сейчас в Wi-Fi: нет\nУже не в Wi-Fi, а отключить просили за последние сутки:\n  bb") {
		t.Errorf("%v in\n%s", err, &out)
	}
	for want, s := range map[string]Session{
		"–": {}, "guest (not proven)": {Login: "guest"}, "02005e100001 (listed device)": {Login: "02005e100001", Thing: "device"}, "00ff": {Person: "00ff"}, "evann": {Person: "00ff", Login: "evann"}, "evann, Иванова": {Person: "00ff", Login: "evann", Name: "Иванова"},
	} {
		if got := s.Who(English); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
