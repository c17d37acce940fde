package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
)

func (x *tellers) told(ask console.TrailAsk) console.TrailPage {
	x.t.Helper()
	if ask.N == 0 {
		ask.N = 100
	}
	page, err := x.o.Audit.Lines(x.t.Context(), console.View{Scope: rights.City(), Lang: web.Russian, At: time.Now()}, ask)
	if err != nil {
		x.t.Fatalf("%+v: %v", ask, err)
	}
	return page
}

func whats(page console.TrailPage) (list []string) {
	for _, l := range page.Lines {
		list = append(list, strings.TrimSpace(l.What+" "+l.Details))
	}
	return list
}

// TestTrailIsTold: the trail as a whole, by what may be asked for, with the names of
// those who did it and of those whom it is about.
func TestTrailIsTold(t *testing.T) {
	x := newTellers(t)
	append := func(entries ...identity.AuditEntry) {
		t.Helper()
		if err := x.d.db.Audit().Append(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	gone := identity.PersonID{9}
	append(identity.AuditEntry{At: now, Kind: "console_read", Person: gone, Payload: []byte(`{"by":"` + x.mari.String() + `","addr":"10.0.0.1","page":"person"}`)},
		identity.AuditEntry{At: now.Add(time.Second), Kind: "console_read", Payload: []byte(`{"by":"` + x.mari.String() + `","addr":"10.0.0.1","page":"problems","school":"50"}`)},
		identity.AuditEntry{At: now.Add(2 * time.Second), Kind: "state", Person: x.mari, Payload: []byte(`{"suspended":true,"reason":"x"}`)},
		identity.AuditEntry{At: now.Add(3 * time.Second), Kind: "sign_in", Person: x.mari, Payload: []byte(`{"login":"typed","channel":"web","outcome":"rejected","reason":"WRONG_PASSWORD"}`)})
	all := x.told(console.TrailAsk{})
	if got := whats(all); len(got) < 5 || got[0] != "доступ закрыт причина: «x»" || slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "вход") }) {
		t.Errorf("%q", got)
	}
	read := x.told(console.TrailAsk{Group: trail.Readings, Actor: x.mari.String()})
	if got := whats(read); !slices.Equal(got, []string{"прочитано на странице список проблем; Школа № 50", "прочитано на странице страница человека"}) {
		t.Errorf("%q", got)
	}
	if l := read.Lines[1]; l.By != (console.AuditActor{Kind: console.ActorPerson, Handle: x.mari.String(), Name: "Орлова Мария Игоревна"}) || l.Whom != (console.AuditActor{Kind: console.ActorGone, Name: gone.String()}) || l.From != "10.0.0.1" {
		t.Errorf("%+v", l)
	}
	for _, c := range []struct {
		ask  console.TrailAsk
		want int
	}{{console.TrailAsk{Group: trail.SignIns}, 1}, {console.TrailAsk{Group: trail.SignIns, Actor: x.mari.String()}, 1}, {console.TrailAsk{Group: trail.SignIns, Actor: "uid 0"}, 0}, {console.TrailAsk{Group: trail.SignIns, School: "50"}, 0},
		{console.TrailAsk{Group: trail.Readings, School: "50"}, 1}, {console.TrailAsk{Group: trail.Accounts, School: "49"}, 2}, {console.TrailAsk{Whom: gone}, 1}, {console.TrailAsk{Group: trail.Readings, To: now.Add(-time.Hour)}, 0}} {
		if got := x.told(c.ask); len(got.Lines) != c.want || got.Next != "" {
			t.Errorf("%+v: %q", c.ask, whats(got))
		}
	}
	first := x.told(console.TrailAsk{N: 1})
	if second := x.told(console.TrailAsk{N: 1, After: first.Next}); len(second.Lines) != 1 || !second.Lines[0].At.Equal(read.Lines[0].At) {
		t.Errorf("%q after %q", whats(second), whats(first))
	}
	if _, err := x.o.Audit.Lines(t.Context(), console.View{Scope: rights.City()}, console.TrailAsk{N: 1, After: "forged"}); err == nil {
		t.Error("a forged place is taken")
	}
	append(identity.AuditEntry{At: now.Add(2 * time.Second), Kind: "rights_granted", Payload: []byte(`{"by":"admin","addr":"10.0.0.9","role":"auditor"}`)},
		identity.AuditEntry{At: now.Add(2 * time.Second), Kind: "break_glass_wrong", Payload: []byte(`{"by":"another name","addr":"10.0.0.9"}`)},
		identity.AuditEntry{At: now.Add(2 * time.Second), Kind: "duplicates_plan", Payload: []byte(`{"by":"demo"}`)})
	byWhom := map[string]string{}
	for _, l := range x.told(console.TrailAsk{}).Lines {
		byWhom[l.What] = l.By.Kind + " " + l.By.Name
	}
	for kind, want := range map[string]string{"rights_granted": "glass ", "break_glass_wrong": "glass ", "duplicates_plan": "command demo"} {
		if got := byWhom[trail.What("ru", kind)]; got != want {
			t.Errorf("%s was done by %q", kind, got)
		}
	}
	if got := x.told(console.TrailAsk{Actor: console.GlassName}); len(got.Lines) != 1 {
		t.Errorf("by the break-glass account: %q", whats(got))
	}
	// A school's administrator does not learn who of elsewhere looked.
	append(identity.AuditEntry{At: now.Add(4 * time.Second), Kind: "console_read", Person: x.mari, Payload: []byte(`{"by":"` + gone.String() + `","addr":"10.0.0.2","page":"person"}`)})
	s, err := x.story(rights.At("49"), x.mari.String())
	if err != nil || len(s.Readers) != 1 || s.Readers[0].By.Kind != console.ActorHidden || s.Readers[0].From != "" || s.Readers[0].Details != "страница человека" {
		t.Errorf("%+v, %v", s.Readers, err)
	}
}

// TestReasonsNameOwnRecordsAlone: a verdict is about namesakes too, and who
// administers one school does not read another's records in its reasons.
func TestReasonsNameOwnRecordsAlone(t *testing.T) {
	x := newTellers(t)
	x.write("kadry.csv", "id,fio,snils,school,start,phone,email,ezhd_login\nk1,Орлова Мария Игоревна,112-233-445 95,49,2015-09-01,89165550201,orlova@school.example,orlovamari\n"+
		"k2,Орлова Марина Игоревна,900-000-001 82,50,2016-09-01,89165550299,,marinao\nk7,Орлова Мария Игоревна,900-000-001 82,50,2016-09-01,,,\n")
	if out, errs, code := x.command("registry", "import", "--config", x.path("config.yaml"), x.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	profile := person.Profile{Subject: "s-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595"} // no longer confirmed
	if _, err := x.d.db.Accounts().Activate(t.Context(), person.Activation{Login: "orlovami", Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, Profile: profile}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scope rights.Scope
		lang  web.Lang
		want  []string
		not   string
	}{{rights.City(), web.Russian, []string{"k1", "k7"}, "другой школы"}, {rights.At("49"), web.Russian, []string{"k1", "другой школы"}, "k7"}, {rights.At("49"), web.English, []string{"staff record", "of another school"}, "k7"}} {
		s, err := x.o.Stories.Story(t.Context(), console.View{Scope: c.scope, Lang: c.lang, At: time.Now()}, x.mari.String(), false)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(s.Verdict.Reasons, "\n")
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%v %s: %q lacks %q", c.scope, c.lang, said, want)
			}
		}
		if strings.Contains(said, c.not) {
			t.Errorf("%v %s: %q", c.scope, c.lang, said)
		}
	}
}
