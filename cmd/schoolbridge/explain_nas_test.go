package main

import (
	"strings"
	"testing"

	"schoolbridge/internal/explain"
)

// TestSecretMended: a request with a wrong secret is no finding once one came that was
// understood, and that one is told of.
func TestSecretMended(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	f.radius("127.0.0.1", "another-secret-0123456789", "orlovami", sitePassword, herPhone, false)
	for _, ask := range []string{"school-49", "127.0.0.1"} {
		if !eventually(func() bool {
			r, _, _ := f.asks("ru", ask)
			return r.Broken != nil && r.Broken.Code == "NAS_SECRET_WRONG"
		}) {
			t.Errorf("%s: the wrong secret is not told", ask)
		}
	}
	f.signsIn("orlovami", sitePassword, herPhone)
	for _, ask := range []string{"school-49", "127.0.0.1"} {
		var r explain.Report
		var text string
		var code int
		if !eventually(func() bool { r, text, code = f.asks("ru", ask); return !r.Heard.IsZero() }) || code != exitDone || r.Broken != nil || !strings.Contains(text, "Последний понятый запрос") {
			t.Errorf("%s: %d %+v\n%s", ask, code, r.Broken, text)
		}
	}
}

// TestEmailArgument: an e-mail in an argument finds whose it is as one on the standard
// input does, and where it is nobody's that is said.
func TestEmailArgument(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	if r := f.explained("orlova@school.example"); r.Login != "orlovami" || r.Query != queryEmail {
		t.Errorf("%+v", r)
	}
	out, _, code := f.command("explain", "--config", f.path("config.yaml"), "nobody@school.example")
	if code != exitFindings || !strings.Contains(out, "С такой почтой здесь нет никого") || strings.Contains(out, "LOGIN_ONLY") || !strings.Contains(out, "names.realms") {
		t.Errorf("%d\n%s", code, out)
	}
}
