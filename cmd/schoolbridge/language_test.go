package main

import (
	"io"
	"strings"
	"testing"
)

// Every command that reads a configuration or prints for people takes --lang,
// and no third language.
func TestLanguages(t *testing.T) {
	s := newSite(t)
	s.write("bad.yaml", "stat: x\n")
	for _, args := range [][]string{
		{"serve"}, {"config", "check"}, {"registry", "import", "x"}, {"explain", "x"}, {"policy", "test", "x"}, {"provision", "plan"}, {"sessions"},
		{"wifi", "profile", "x"}, {"audit", "verify"},
	} {
		for lang, words := range map[string]string{"ru": "ключа \"stat\" здесь нет", "en": "there is no key \"stat\" here", "de": "ru, en"} {
			_, errs, code := s.command(append(args, "--config", s.path("bad.yaml"), "--lang", lang)...)
			if code != exitUsage || !strings.Contains(errs, words) {
				t.Errorf("%v --lang %s: %d, no %q in\n%s", args, lang, code, words, errs)
			}
		}
	}
	for _, args := range [][]string{{"demo"}, {"load", "radius"}, {"load", "ldap"}, {"probe", "eap"}} {
		if code := dispatch(t.Context(), streams{strings.NewReader(""), io.Discard, io.Discard}, append(args, "--lang", "de")); code != exitUsage {
			t.Errorf("%v: %d", args, code)
		}
	}
}

func TestRegistryImportInEnglish(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\nk2,,49,2015-09-01\n")
	s.write("ad.csv", "sam,person,enabled,display,teams\n")
	for _, c := range []struct{ lang, counts, needless string }{
		{"en", "rows 1: new 1, changed 0, unchanged 0, gone 0; with faults 1\n", "not imported: only schoolbridge match reads it"},
		{"ru", "строк 1: новых 0, изменено 0, без изменений 1, выбыло 0; с ошибками 1\n", "загрузка не нужна"},
	} {
		out, errs, code := s.command("registry", "import", "--lang", c.lang, "--config", s.path("config.yaml"), s.path("kadry.csv"), s.path("ad.csv"))
		if code != exitFindings || !strings.Contains(out, c.counts) || !strings.Contains(out, c.needless) {
			t.Errorf("%s: %d\n%s%s", c.lang, code, out, errs)
		}
	}
}
