package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestImportStopped: an import that the brake stops has failed, and says so in the
// language that was asked for.
func TestImportStopped(t *testing.T) {
	s := newSite(t)
	kadry := func(n int) {
		text := "id,fio,snils,school,start,end,position,birth_date,phone,email,ezhd_login,district\n"
		for i := range n {
			text += fmt.Sprintf("b%d,Голубев%s Пётр Ильич,,49,2015-09-01,,учитель,,,,,\n", i, strings.Repeat("а", i))
		}
		s.write("kadry.csv", text)
	}
	kadry(40)
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatal(errs)
	}
	kadry(10)
	for lang, other := range map[string]string{"ru": `(?i)\b(stopped|would|written)\b`, "en": "[а-яё]"} {
		out, errs, code := s.command("registry", "import", "--lang", lang, "--config", s.path("config.yaml"), s.path("kadry.csv"))
		if code != exitFailed || !strings.Contains(errs, "--accept-ending 30") || regexp.MustCompile(other).MatchString(out+errs) {
			t.Errorf("%s: exit %d: %s%s", lang, code, out, errs)
		}
	}
	if _, errs, code := s.command("registry", "import", "--accept-ending", "30", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Errorf("with consent: exit %d: %s", code, errs)
	}
}
