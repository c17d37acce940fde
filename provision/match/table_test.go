package match

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// The cases are written in a small language: things are split by "; ", a thing
// is a kind, an id and key=value pairs, with _ for a space in a value. What is
// left out has a default, so that a case shows only what it is about:
//
//	k ID   Кадры row:      fio, snils (A B C…, or text), school, start, end, ezhd
//	p ID   pupil's record: fio, phone, email, dob, snils, school, status, to, ezhd
//	c CHILD card's row:    fio, phone, email, snils
//	ad SAM AD account:     person, teams
//	s SUB  profile:        fio, login, snils, un (unconfirmed), phone, email, pv, ev (no: not verified), dob
//	b ID   binding:        sub
//	h ID   school:         name
//
// A verdict is "decision / roles / problems / provision / records", "-" for an
// empty list, several verdicts split by "; ".
type ruleCase struct{ name, given, want string }

const today = "2026-09-01"

// Invented numbers with true checksums.
var numbers = map[string]string{"A": "112-233-445 95", "B": "123-456-789 64", "C": "900-000-059 00", "-": ""}

type world struct {
	registry Registry
	bindings []Binding
	profiles []person.Profile
}

func parseWorld(t testing.TB, given string) world {
	var w world
	for thing := range strings.SplitSeq(given, ";") {
		words := strings.FieldsFunc(thing, func(r rune) bool { return r == ' ' })
		if len(words) == 0 {
			continue
		}
		id := words[1]
		args := map[string]string{}
		for _, word := range words[2:] {
			k, v, _ := strings.Cut(word, "=")
			args[k] = strings.ReplaceAll(v, "_", " ")
		}
		w.add(t, words[0], id, args)
	}
	return w
}

func (w *world) add(t testing.TB, kind, id string, args map[string]string) {
	get := func(key, otherwise string) string {
		if v, ok := args[key]; ok {
			return v
		}
		return otherwise
	}
	snils := func(otherwise string) string {
		s := get("snils", otherwise)
		if n, ok := numbers[s]; ok {
			return n
		}
		return s
	}
	date := func(key, otherwise string) person.Date {
		d, err := person.ParseDate(get(key, otherwise))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	fio := get("fio", "Иванова Анна Петровна")
	last, first, middle := split(fio)
	record := person.RecordID(id)
	switch kind {
	case "k":
		w.registry.Employments = append(w.registry.Employments, person.Employment{ID: record, FIO: fio, SNILS: snils("A"),
			School: person.SchoolID(get("school", "49")), Start: date("start", "2020-09-01"), End: date("end", ""), EZHDLogin: get("ezhd", ""),
			Phone: get("phone", ""), Email: get("email", ""), BirthDate: date("dob", "")})
	case "p":
		w.registry.Enrolments = append(w.registry.Enrolments, person.Enrolment{ID: record, Last: last, First: first, Middle: middle,
			BirthDate: date("dob", ""), School: person.SchoolID(get("school", "49")), Phone: get("phone", "9161111111"), Email: get("email", ""),
			SNILS: snils(""), Status: get("status", ""), MergedTo: person.RecordID(get("to", "")), EZHDLogin: get("ezhd", "")})
	case "c":
		w.registry.Cards = append(w.registry.Cards, person.Card{Child: record, ParentFIO: fio, ParentSNILS: snils(""),
			Phone: get("phone", "9161111111"), Email: get("email", "")})
	case "ad":
		w.registry.AD = append(w.registry.AD, ADAccount{SAM: id, Person: person.RecordID(get("person", "")), Enabled: true, Display: get("display", ""), Teams: get("teams", "")})
	case "h":
		w.registry.Schools = append(w.registry.Schools, person.School{ID: person.SchoolID(id), Name: get("name", "")})
	case "b":
		w.bindings = append(w.bindings, Binding{Record: record, Subject: identity.Subject(get("sub", "s1"))})
	case "s":
		_, unconfirmed := args["un"]
		w.profiles = append(w.profiles, person.Profile{Subject: identity.Subject(id), Login: get("login", "evann"),
			Last: last, First: first, Middle: middle, SNILS: snils("A"), SNILSConfirmed: !unconfirmed,
			Phone: get("phone", "+7 916 111-11-11"), Email: get("email", ""), BirthDate: date("dob", ""),
			PhoneVerified: get("pv", "") != "no", EmailVerified: get("ev", "") != "no"})
	default:
		t.Fatalf("what is a %q?", kind)
	}
}

func split(fio string) (last, first, middle string) {
	words := append(strings.SplitN(fio, " ", 3), "", "", "")
	return words[0], words[1], words[2]
}

func (w world) run(t testing.TB) []Verdict {
	ix := NewIndex(w.registry)
	b := NewBindings(ix, w.bindings, slices.Values(w.profiles))
	day, _ := person.ParseDate(today)
	var all []Verdict
	err := Run(ix, b, slices.Values(w.profiles), day, func(v Verdict) error {
		all = append(all, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func short(v Verdict) string {
	or := func(s []string) string {
		if len(s) == 0 {
			return "-"
		}
		return strings.Join(s, ", ")
	}
	l := v.line()
	text := fmt.Sprintf("%s / %s / %s / %s / %s", l.Decision, or(l.Roles), or(l.Problems), l.Provision, or(l.Records))
	if v.Nobody {
		text = "null " + text
	}
	return text
}

// runCases runs a table; persons without an account are left out unless nobody
// is set.
func runCases(t *testing.T, nobody bool, cases []ruleCase) {
	t.Helper()
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		names[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, v := range parseWorld(t, c.given).run(t) {
				if len(v.Reasons) == 0 {
					t.Errorf("no reason: %s", short(v))
				}
				if nobody || !v.Nobody {
					got = append(got, short(v))
				}
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("%s\n got  %s\n want %s", c.given, text, c.want)
			}
		})
	}
}
