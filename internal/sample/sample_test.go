package sample

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

var update = flag.Bool("update", false, "write testdata/sample anew")

const committed = "../../testdata/sample"

var day, _ = person.NewDate(2026, 9, 1)

func TestSampleIsAsCommitted(t *testing.T) {
	s := Make(1, day)
	if *update {
		for name, text := range s.Files {
			if err := os.WriteFile(filepath.Join(committed, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := slices.Sorted(maps.Keys(s.Files)); !slices.Equal(names, want) {
		t.Errorf("committed are %q, made %q", names, want)
	}
	for name, text := range s.Files {
		have, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil || !bytes.Equal(have, text) {
			t.Errorf("%s differs from what is made (%v); go test -update writes it anew", name, err)
		}
	}
}

func TestSampleDependsOnSeedAndDayOnly(t *testing.T) {
	one, two := Make(7, day), Make(7, day)
	if !slices.Equal(one.People, two.People) || !bytes.Equal(one.Files["zapis.csv"], two.Files["zapis.csv"]) {
		t.Error("the same seed gives two worlds")
	}
	if bytes.Equal(one.Files["zapis.csv"], Make(8, day).Files["zapis.csv"]) {
		t.Error("another seed gives the same world")
	}
}

// read reads a world as a registry folder.
func read(t *testing.T, s Sample) *registry.Folder {
	t.Helper()
	dir := t.TempDir()
	for name, text := range s.Files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := registry.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSampleReads(t *testing.T) {
	d, err := registry.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	got := []int{len(d.Schools), len(d.Employments), len(d.Enrolments), len(d.Cards), len(d.AD), d.Bad, d.BadFiles}
	if want := []int{3, 71, 104, 135, 2, 6, 0}; !slices.Equal(got, want) {
		t.Errorf("schools, employments, enrolments, cards, AD, bad rows, bad files: %d, want %d", got, want)
	}
	var faults []string
	for _, f := range d.Faults {
		if f.Warning {
			if !strings.Contains(f.Reason.Error(), "Подразделение") {
				t.Errorf("unexpected warning: %v", f.Error())
			}
			continue
		}
		faults = append(faults, filepath.Base(f.File)+" "+strings.SplitN(f.Reason.Error(), ":", 2)[0])
	}
	want := []string{"kadry.csv Дата приема", "kadry.csv полей 11 вместо 13 / 11 fields instead of 13", "kadry.csv ФИО",
		"kontingent.csv Статус", "kontingent.csv ID", "zapis.csv parent_fio"}
	if !slices.Equal(faults, want) {
		t.Errorf("faults %q", faults)
	}
	ids := map[person.SchoolID]bool{School49: true, School1050: true, Lyceum7: true}
	for _, e := range d.Employments {
		if !ids[e.School] {
			t.Errorf("%s is at %q", e.ID, e.School)
		}
	}
}

// verdicts decides over everybody.
func verdicts(t *testing.T, s Sample, d *registry.Folder, today person.Date) (byLogin map[string]match.Verdict, all []match.Verdict) {
	t.Helper()
	r := match.Registry{Schools: d.Schools, Employments: d.Employments, Enrolments: d.Enrolments, Cards: d.Cards}
	for _, a := range d.AD {
		r.AD = append(r.AD, match.ADAccount{SAM: a.SAM, Person: a.Person, Enabled: a.Enabled, Display: a.Display, Teams: a.Teams})
	}
	var profiles []person.Profile
	for _, p := range s.People {
		profiles = append(profiles, p.Profile)
	}
	ix := match.NewIndex(r)
	byLogin = map[string]match.Verdict{}
	err := match.Run(ix, match.NewBindings(ix, nil, slices.Values(profiles)), slices.Values(profiles), today, func(v match.Verdict) error {
		byLogin[v.Login] = v
		all = append(all, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return byLogin, all
}

func TestDemoPeople(t *testing.T) {
	for _, today := range []person.Date{day, person.DateOf(time.Date(2027, 2, 28, 0, 0, 0, 0, time.UTC))} {
		s := Make(1, today)
		d := read(t, s)
		byLogin, _ := verdicts(t, s, d, today)
		people := map[string]Person{}
		for _, p := range s.People {
			people[p.Profile.Login] = p
		}
		for _, c := range []struct {
			login, password, decision, roles, provision string
			activate                                    bool
		}{
			{"orlovami", "Snegir-2021", "match", "staff@ГБОУ Школа № 49 staff@ГБОУ Лицей № 7 parent(c0002)", "create", true},
			{"belovas", "Sinica-2021", "match", "pupil@ГБОУ Школа № 49", "create", true},
			{"evann", "Zimorodok-2021", "match", "staff@ГБОУ Школа № 49", "adopt:evann", false},
			{"smirnovao", "Ivolga-2021", "match", "parent(c0003)", "none", false},
			{"kimv", "Krapivnik-2021", "no_match", "", "-", true},
		} {
			v, p := byLogin[c.login], people[c.login]
			var roles []string
			for _, r := range v.Roles {
				roles = append(roles, r.String())
			}
			got := strings.Join(roles, " ")
			got = strings.NewReplacer("c0001", "c000?", "c0002", "c000?", "c0003", "c000?").Replace(got)
			want := strings.NewReplacer("c0001", "c000?", "c0002", "c000?", "c0003", "c000?").Replace(c.roles)
			if string(v.Decision) != c.decision || got != want || v.Provision.String() != c.provision {
				t.Errorf("%s: %s %q %s %v", c.login, v.Decision, got, v.Provision, v.Problems)
			}
			if p.Password != c.password || p.Activate != c.activate || p.ActivateOn.IsZero() != (c.login != "kimv") {
				t.Errorf("%s: %q, activate %v on %v", c.login, p.Password, p.Activate, p.ActivateOn)
			}
		}
	}
}

// Whoever the demo activates can be activated, on the day it is done.
func TestActivatedPeopleMatch(t *testing.T) {
	s := Make(1, day)
	d := read(t, s)
	activated := 0
	for _, p := range s.People {
		if !p.Activate {
			continue
		}
		activated++
		today := p.ActivateOn
		if today.IsZero() {
			today = day
		}
		byLogin, _ := verdicts(t, s, d, today)
		if v := byLogin[p.Profile.Login]; v.Decision != match.Match || v.Provision.Kind != match.ProvisionCreate {
			t.Errorf("%s: %s %v %v", p.Profile.Login, v.Decision, v.Provision, v.Problems)
		}
	}
	if activated < 10 {
		t.Errorf("only %d are activated", activated)
	}
}

func TestPeopleAreInvented(t *testing.T) {
	s := Make(1, day)
	logins, subjects := map[string]bool{}, map[string]bool{}
	for _, p := range s.People {
		if logins[p.Profile.Login] || subjects[string(p.Profile.Subject)] || p.Password == "" {
			t.Errorf("%s: a login or subject twice, or no password", p.Profile.Login)
		}
		logins[p.Profile.Login], subjects[string(p.Profile.Subject)] = true, true
		phone, email := p.Profile.Phone, p.Profile.Email
		if phone != "" && !strings.HasPrefix(phone, "+7000") || email != "" && !strings.HasSuffix(email, "@example.org") {
			t.Errorf("%s could be reached", p.Profile.Login)
		}
		n, valid := person.ParseSNILS(p.Profile.SNILS)
		if p.Profile.SNILS != "" && (!valid || !strings.HasPrefix(string(n), "987") && !strings.HasPrefix(string(n), "003")) {
			t.Errorf("%s: a СНИЛС that is not of the invented ones", p.Profile.Login)
		}
	}
	if len(s.People) < 200 {
		t.Errorf("%d accounts", len(s.People))
	}
}
