package main

import (
	"strings"
	"testing"
	"unicode"
)

// What is wrong with rows and files is said in the language that was asked for alone.
func TestImportFaultsInOneLanguage(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start,extra\nk1,,49,2015-09-01,\nk2,Ким Вера,49,вчера,\nk3,Ким Вера\n")
	s.write("zapis.csv", "")
	for lang, want := range map[string][]string{
		"ru": {"не заполнено", "не дата", "вместо 5", `столбцы не используются: "extra"`, "файл пуст"},
		"en": {"empty", "no date", "instead of 5", `columns not used: "extra"`, "the file is empty"},
	} {
		out, errs, code := s.command("registry", "import", "--lang", lang, "--config", s.path("config.yaml"), s.path("kadry.csv"), s.path("zapis.csv"))
		if code != exitFindings {
			t.Errorf("%s: exit %d\n%s\n%s", lang, code, out, errs)
		}
		for _, text := range want {
			if !strings.Contains(errs, text) {
				t.Errorf("%s lacks %q:\n%s", lang, text, errs)
			}
		}
		russian := strings.ContainsFunc(errs, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
		if strings.Contains(errs, " / ") || russian != (lang == "ru") {
			t.Errorf("%s: in two languages:\n%s", lang, errs)
		}
	}
}
