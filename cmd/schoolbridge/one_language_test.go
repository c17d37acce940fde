package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inData are names and codes in Russian output that are the same in English.
var inData = regexp.MustCompile(`[A-Za-z0-9_.-]*[./_=@0-9\\-][A-Za-z0-9_.=-]*|"[^"]*"|«[^»]*»|\b[A-Z][A-Za-z0-9-]*\b|--?[a-z-]+`)

// englishWords are words that no data have.
var englishWords = regexp.MustCompile(`(?i)\b(the|and|is|are|of|with|not|from|which|nothing|would|has|have|accounts|people|waits)\b`)

// TestOneLanguage: what commands print for people is in the language that was asked
// for; names, codes and what registries hold stay as they are.
func TestOneLanguage(t *testing.T) {
	f := newFaulty(t)
	f.registries["kadry.csv"] += "k2,Ким Вера Львовна,,49,2015-09-01,,завхоз,,,\n"
	f.start()
	f.active("orlovami", sitePassword)
	f.users["belovas"].Profile.Phone = "+79165559999"
	f.changes("kadry.csv", kadryOf+renamed+namesake)
	f.activates("smirnovao", hisPassword)
	var known []string // what registries and the configuration say
	for _, text := range f.registries {
		known = append(known, strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' })...)
	}
	known = append(known, "Школа", "АУПД", "ЕКИС", "ОО (НСИ)", "ОО", "УЗ", "ФИО", "СНИЛС", "ЭЖД", "Орлова", "ID НСИ")
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) })
	for _, args := range [][]string{
		{"explain", "orlovami"}, {"explain", "smirnovao"}, {"explain", "belovas"}, {"explain", "nobodys"}, {"explain", "kadry:k2"}, {"explain", "a@example.org"}, {"explain", "school-49"}, {"explain", "02:00:5e:10:00:01"},
		{"problems"}, {"problems", "--school", "77"}, {"problems", "--behind"}, {"problems", "--format", "csv"}, {"provision", "plan"}, {"provision", "plan", "--person", "nobodys"}, {"provision", "plan", "--school", "77"}, {"provision", "plan", "--format", "table"}, {"provision", "apply"},
		{"provision", "rename", "--person", "orlovami", "--to", "a b"}, {"provision", "claim", "plan"},
		{"queue", "list"}, {"queue", "show", "t000000000000-0000"}, {"queue", "show", "x"}, {"queue", "decisions"}, {"queue", "decide", "t000000000000-0000", "refuse"}, {"queue", "undo", "d0"},
		{"duplicates", "find"}, {"duplicates", "plan"}, {"duplicates", "undo", "all"}, {"stats"}, {"stats", "--history"}, {"stats", "--school", "77"},
		{"sessions"}, {"sessions", "--at", "x"}, {"sessions", "--login", "nobodys"}, {"audit", "verify"}, {"audit", "show", "orlovami"}, {"audit", "show", "nobodys"}, {"account", "suspend", "nobodys", "--reason", "x"},
		{"rights", "list"}, {"rights", "grant", "--role", "x", "orlovami"}, {"rights", "revoke", "nobodys"}, {"wifi", "profile", "orlovami"}, {"doctor"}, {"config", "check"},
	} {
		for _, lang := range []string{"ru", "en"} {
			n := 1
			if slices.Contains([]string{"queue", "duplicates", "sessions", "rights", "audit", "account", "wifi", "config", "provision"}, args[0]) && len(args) > 1 && !strings.HasPrefix(args[1], "-") {
				n = 2
			}
			if n == 2 && args[0] == "provision" && args[1] == "claim" {
				n = 3
			}
			line := slices.Concat(args[:n], []string{"--config", f.path("config.yaml"), "--lang", lang}, args[n:])
			out, errs, _ := f.command(line...)
			for said := range strings.Lines(out + errs) {
				said = strings.ReplaceAll(strings.TrimSpace(said), f.path(""), "")
				if strings.HasPrefix(said, "schoolbridge "+args[0]) { // how it is written
					continue
				}
				rest := said
				for _, word := range known {
					if len(word) > 1 {
						rest = strings.ReplaceAll(rest, word, "")
					}
				}
				if lang == "en" && regexp.MustCompile("[а-яё]").MatchString(rest) || lang == "ru" && englishWords.MatchString(inData.ReplaceAllString(rest, "")) || strings.Contains(said, "%!") {
					t.Errorf("%q, %s: %s", args, lang, said)
				}
			}
		}
	}
}
