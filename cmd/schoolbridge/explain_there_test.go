package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision/queue"
)

// asksThere asks for somebody as the command does.
func (s site) asksThere(want int, asked string) (r explain.Report, text string) {
	s.t.Helper()
	text, _ = s.run(want, "explain", asked)
	out, _ := s.run(want, "explain", "--json", asked)
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return r, text
}

// there gives the account of a report.
func there(t *testing.T, r explain.Report, name string) explain.There {
	t.Helper()
	at := slices.IndexFunc(r.There, func(a explain.There) bool { return a.Name == name })
	if at < 0 {
		t.Fatalf("%s: no account %s in %+v, the broken link is %+v", r.Asked, name, r.There, r.Broken)
	}
	return r.There[at]
}

// TestExplainTellsOldAccounts: an account that was there before is found by its name
// whatever has become of it, and by whom it is claimed for before the person comes.
func TestExplainTellsOldAccounts(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	r, _ := s.asksThere(exitFindings, "nobody")
	if a := there(t, r, "nobody"); a.State != explain.ThereNobodys || r.Broken.Code != string(explain.FaultThereNobodys) || !strings.Contains(r.Broken.Remedy, "claim plan") {
		t.Errorf("nobody was asked: %+v, %+v", a, r.Broken)
	}
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve-certain")

	// What waits in the queue, by either name and as the question shows it.
	ask := func(name string) (id string) {
		items := s.openItems()
		at := slices.IndexFunc(items, func(i queueObject) bool { return i.Name == name })
		if at < 0 {
			t.Fatalf("no question about %s", name)
		}
		return items[at].ID
	}
	for _, asked := range []string{"titovp-1", "titovp-1@obr.example"} {
		r, text := s.asksThere(exitFindings, asked)
		a := there(t, r, "titovp-1")
		if a.State != explain.ThereWaits || a.Question != ask("titovp-1") || len(a.For) != 1 || a.For[0].Name != "Титов Павел Львович" || !strings.Contains(a.For[0].Why, "ФИО") ||
			r.Broken.Code != string(explain.FaultThereWaits) || !strings.Contains(r.Broken.Remedy, "queue show "+a.Question) || !strings.Contains(text, a.Question) {
			t.Errorf("%s waits: %+v, %+v\n%s", asked, a, r.Broken, text)
		}
	}

	// Whose name the report tells is in the trail.
	s.inStore(func(db *store.DB) error {
		lines, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, "explain")
		if !slices.ContainsFunc(lines, func(l identity.AuditEntry) bool { return strings.Contains(string(l.Payload), "kadry:k2") }) {
			t.Errorf("whose name was told is in none of %d lines", len(lines))
		}
		return err
	})

	// What is claimed leads to whom it is claimed for, and the other way round.
	for _, asked := range []string{"x17", "kadry:k5"} {
		r, text := s.asksThere(exitFindings, asked)
		a := there(t, r, "x17")
		if a.State != explain.ThereClaimed || len(a.For) != 1 || a.For[0].Why == "" || !slices.Equal(a.For[0].Records, []string{"kadry:k5"}) || a.Decision == nil || a.Decision.Verb != queue.Claim ||
			r.Name != "Лунёв Лев Львович" || !strings.Contains(text, "дата рождения") || !strings.Contains(text, "queue undo "+a.Decision.ID) {
			t.Errorf("%s is claimed: %+v, %s\n%s", asked, a, r.Name, text)
		}
	}

	// What was refused, by its name and by who was proposed.
	s.run(exitDone, "queue", "decide", ask("kimv"), "refuse", "--reason", "другая Ким Вера")
	for _, asked := range []string{"kimv", "kadry:k4"} {
		r, text := s.asksThere(exitFindings, asked)
		if a := there(t, r, "kimv"); a.State != explain.ThereRefused || a.Decision == nil || a.Decision.Reason != "другая Ким Вера" || !strings.Contains(text, "queue undo "+a.Decision.ID) {
			t.Errorf("%s was refused: %+v\n%s", asked, a, text)
		}
	}

	// One too many, of somebody who is at work.
	s.run(exitDone, "queue", "decide", ask("titovp"), "adopt", "kadry:k2")
	s.run(exitDone, "queue", "decide", ask("titovp-1"), "further", "kadry:k2")
	if r, _ := s.asksThere(exitFindings, "titovp-1"); there(t, r, "titovp-1").State != explain.ThereClaimed || there(t, r, "titovp").State != explain.ThereClaimed {
		t.Errorf("two are claimed: %+v", r.There)
	}
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login,email,birth_date\n"+
		"k1,Еванова Нина Николаевна,49,2015-09-01,112-233-445 95,evann,nina@example.org,\n"+
		"k2,Титов Павел Львович,49,2015-09-01,087-654-303 00,titovp,titov@example.org,\n"+
		"k3,Главнов Глеб Глебович,49,2015-09-01,,boss,,\n"+
		"k4,Ким Вера Ивановна,50,2015-09-01,,kimv,,\n"+
		"k5,Лунёв Лев Львович,49,2015-09-01,,,,1980-05-04\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	got := s.activated(person.Profile{Subject: "s2", Login: "titovp", Last: "Титов", First: "Павел", Middle: "Львович", SNILS: "087-654-303 00", SNILSConfirmed: true})
	if got.Activated.Login == "" {
		t.Fatalf("%+v", got)
	}
	r, text := s.asksThere(exitFindings, "titovp-1")
	a := there(t, r, "titovp-1")
	if a.State != explain.ThereFurther || a.Login != "titovp" || r.Login != "titovp" || a.Decision == nil || a.Decision.Verb != queue.Further || !strings.Contains(text, "duplicates plan") {
		t.Errorf("one too many: %+v, %+v\n%s", a, r.Broken, text)
	}
	if len(r.There) != 1 {
		t.Errorf("the own account is told as another one: %+v", r.There)
	}

	// Active Directory is away: what was seen last has to do.
	config, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(string(config), "server: ldaps://")
	address, _, _ = strings.Cut(address, "\n")
	s.write("config.yaml", strings.Replace(string(config), address, "127.0.0.1:1", 1))
	if r, text := s.asksThere(exitFindings, "x17"); there(t, r, "x17").State != explain.ThereClaimed || r.Name != "Лунёв Лев Львович" {
		t.Errorf("without Active Directory: %+v\n%s", r.There, text)
	}
}

// An account that nobody knows the name of stays nobody's.
func TestExplainStranger(t *testing.T) {
	s := withOldAD(t)
	if r, _ := s.asksThere(exitFindings, "stranger"); len(r.There) > 0 || r.Broken == nil || r.Broken.Code != string(identity.ReasonUnknown) {
		t.Errorf("%+v, %+v", r.There, r.Broken)
	}
}
