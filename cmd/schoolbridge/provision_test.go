package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

const (
	siteDomain  = "DC=obr,DC=example"
	sitePass    = "Zhuravl-Bridge-2021"
	siteManaged = "OU=Schools," + siteDomain
)

// directory starts an Active Directory beside the site and writes it into the
// configuration; stop ends it.
func (s site) directory(users ...simad.User) (stop func()) {
	s.t.Helper()
	d, err := simad.NewDirectory(simad.Options{Base: siteDomain, AdminPassword: "Zhuravl-Admin-2021", Service: simad.User{Name: "bridge", Password: sitePass}, Users: users})
	if err != nil {
		s.t.Fatal(err)
	}
	pair, err := loadCertificate(s.path("server.pem"), s.path("server-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := simad.NewServer(d, pair.config(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := server.Close(); err != nil {
			s.t.Error(err)
		}
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	}
	s.t.Cleanup(stop)
	s.write("ad-secret", sitePass+"\n")
	s.write("config.yaml", siteConfig+"ad:\n  server: ldaps://"+l.Addr().String()+"\n  ca_file: ca.pem\n  bind: bridge@obr.example\n"+
		"  password_file: ad-secret\n  base: "+siteManaged+"\n  search_base: "+siteDomain+"\n  upn_suffix: obr.example\n  disable_minimum: 1\n")
	return stop
}

// inStore works on the site's store.
func (s site) inStore(do func(*store.DB) error) {
	s.t.Helper()
	c, _, err := config.Load(s.path("config.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	db, err := openStore(s.t.Context(), c, store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := do(db); err != nil {
		s.t.Fatal(err)
	}
}

// employ imports staff with these logins and activates them with a password.
func (s site) employ(password string, logins ...string) {
	s.t.Helper()
	rows := "id,fio,snils,school,start\n"
	for i, login := range logins {
		rows += login + ",Смирнова Ольга," + smallSNILS(i) + ",49,2015-09-01\n"
	}
	s.write("kadry.csv", rows)
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		s.t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.inStore(func(db *store.DB) error {
		for i, login := range logins {
			_, err := db.Accounts().Activate(s.t.Context(), person.Activation{
				Login: identity.Login(login), Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: person.RecordID(login)}},
				Profile:  person.Profile{Subject: identity.Subject(login), Login: login, Last: "Смирнова", First: "Ольга", SNILS: smallSNILS(i), SNILSConfirmed: true},
				Names:    []person.Name{{Kind: person.NameMosru, Text: login}},
				Target:   &person.TargetAccount{Target: targetAD, Name: login},
				Password: identity.Password(password), Asked: time.Now(),
			}, time.Now())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// smallSNILS are valid, and nobody's: their check numbers do not count.
func smallSNILS(i int) string { return fmt.Sprintf("000000%03d00", 101+i) }

func (s site) planned(lang string) (lines []planLine, errs string, code int) {
	s.t.Helper()
	out, errs, code := s.command("provision", "plan", "--config", s.path("config.yaml"), "--format", "json", "--lang", lang)
	for line := range strings.Lines(out) {
		var l planLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines, errs, code
}

const sitePassword = "Zimorodok-2021-Dolgo"

// A dry run says what would be written and writes nothing; apply writes it; then
// there is nothing to do. No password is in what either prints.
func TestProvisionPlanAndApply(t *testing.T) {
	s := newSite(t)
	s.directory(simad.User{Name: "kimv", Unit: siteManaged, Password: "Starling-2020-Old"})
	s.employ(sitePassword, "evann", "kimv")

	for range 2 { // the first has changed nothing
		lines, errs, code := s.planned("ru")
		if code != exitFindings || len(lines) != 2 {
			t.Fatalf("plan: exit %d, %+v\n%s", code, lines, errs)
		}
		for _, l := range lines {
			switch l.Login {
			case "evann":
				if l.Action != "create" || !slices.Contains(l.Changes, provision.Change{What: "userPrincipalName", Will: "evann@obr.example", Why: provision.WhyTeams}) || len(l.Problems) > 0 || len(l.Person) != 32 {
					t.Errorf("%+v", l)
				}
			case "kimv": // somebody's, nobody knows whose
				if l.Action != "problem" || !slices.Equal(l.Problems, []string{"AD_UNOWNED"}) || l.Changes == nil {
					t.Errorf("%+v", l)
				}
			default:
				t.Errorf("%+v", l)
			}
		}
		for _, want := range []string{"учётных записей 2; как должно быть 0, изменить надо 1, с проблемами 1", "завести: 1", "пора сверить 2", "паролей ждёт передачи 2", "30 записей в секунду"} {
			if !strings.Contains(errs, want) {
				t.Errorf("no %q in:\n%s", want, errs)
			}
		}
	}

	out, errs, code := s.command("provision", "apply", "--lang", "en", "--config", s.path("config.yaml"))
	if code != exitFindings || !strings.Contains(errs, "2 accounts: 1 changed, 1 with problems") || strings.Contains(out+errs, sitePassword) {
		t.Fatalf("apply: exit %d: %s %s", code, out, errs)
	}
	lines, errs, code := s.planned("en")
	if code != exitFindings || len(lines) != 1 || lines[0].Login != "kimv" || !strings.Contains(errs, "2 accounts; 1 as they should be, 0 to be changed, 1 with problems") {
		t.Errorf("plan after apply: exit %d, %+v\n%s", code, lines, errs)
	}

	// Who looked and who changed is in the trail, and what was changed.
	kinds := map[string]int{}
	s.inStore(func(db *store.DB) error {
		for _, kind := range []string{"provision_plan", "provision_apply"} {
			entries, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, kind)
			if err != nil {
				return err
			}
			kinds[kind] = len(entries)
		}
		holder, err := db.Accounts().Find(t.Context(), "evann")
		if err != nil {
			return err
		}
		entries, err := db.Audit().Recent(t.Context(), holder.Person, 100, "provision")
		kinds["provision"] = len(entries)
		return err
	})
	if kinds["provision_plan"] != 3 || kinds["provision_apply"] != 1 || kinds["provision"] != 1 {
		t.Errorf("audit lines: %v", kinds)
	}
}

// All done is exit 0; more to be disabled than the brake allows is said before,
// left alone, and done with consent.
func TestProvisionBrake(t *testing.T) {
	s := newSite(t)
	s.directory()
	people := []string{"anna", "boris", "vera"}
	s.employ(sitePassword, people...)
	file := s.path("config.yaml")
	apply := func(want int, text string, args ...string) {
		t.Helper()
		if out, errs, code := s.command(append([]string{"provision", "apply", "--lang", "en", "--config", file}, args...)...); code != want || !strings.Contains(errs, text) {
			t.Fatalf("exit %d, no %q in: %s %s", code, text, out, errs)
		}
	}
	apply(exitDone, "3 accounts: 3 changed, 0 with problems")
	if lines, errs, code := s.planned("en"); code != exitDone || len(lines) > 0 {
		t.Fatalf("exit %d, %+v\n%s", code, lines, errs)
	}
	for _, login := range people {
		if out, errs, code := s.command("account", "suspend", "--lang", "en", "--config", file, login, "--reason", "test"); code != exitDone || !strings.Contains(out, "Active Directory, and Teams with it") {
			t.Fatalf("exit %d, %s %s", code, out, errs)
		}
	}
	lines, errs, code := s.planned("en")
	if code != exitFindings || len(lines) != 3 || lines[0].Action != "disable" || !strings.Contains(errs, "3 are to be disabled, and no more than 1 more may be") {
		t.Fatalf("exit %d, %+v\n%s", code, lines, errs)
	}
	if want := "at once: schoolbridge provision apply --lang en --config " + file + " --accept-disabling 3\n"; strings.Count(errs, "provision apply --lang") != 1 || !strings.Contains(errs, want) {
		t.Errorf("no command that consents:\n%s", errs)
	}
	// As the plan said: all or none.
	apply(exitFindings, "3 were not disabled")
	if r := s.explained("anna"); len(r.Targets) != 1 || r.Targets[0].Waits == nil || r.Targets[0].Waits.For != explain.WaitsConsent || !r.Targets[0].Enabled {
		t.Errorf("held back, and not said: %+v", r.Targets)
	}
	apply(exitDone, "3 accounts: 3 changed, 0 with problems", "--accept-disabling", "3")
	if lines, errs, code := s.planned("en"); code != exitDone || len(lines) > 0 {
		t.Errorf("exit %d, %+v\n%s", code, lines, errs)
	}
}

// What cannot be done is said in words, with the place to look at.
func TestProvisionRefusals(t *testing.T) {
	s := newSite(t)
	file := s.path("config.yaml")
	refused := func(code int, text string, args ...string) {
		t.Helper()
		if _, errs, got := s.command(append([]string{"provision", "--config", file}, args...)...); got != code || !strings.Contains(errs, text) {
			t.Errorf("provision %v: exit %d, no %q in: %s", args, got, text, errs)
		}
	}
	for _, args := range [][]string{{}, {"undo"}, {"plan", "--accept-disabling", "1"}, {"apply", "--accept-disabling", "-1"}, {"plan", "--lang", "de"}} {
		refused(exitUsage, "schoolbridge provision plan|apply", args...)
	}
	refused(exitUsage, "нет раздела ad", "plan")
	refused(exitUsage, "no section ad", "apply", "--lang", "en")

	stop := s.directory()
	refused(exitFailed, "is not made yet", "plan", "--lang", "en")
	s.employ(sitePassword, "evann")
	s.write("ad-secret", "not-the-password\n")
	refused(exitFailed, "look at ad.bind and ad.password_file", "plan", "--lang", "en")
	s.write("ad-secret", sitePass+"\n")
	stop()
	for _, word := range []string{"plan", "apply"} {
		refused(exitFailed, "с контроллером домена ldaps://127.0.0.1", word)
		refused(exitFailed, "cannot be reached: look at ad.server", word, "--lang", "en")
	}
}

// explain tells how far somebody is in Active Directory, and each thing that
// stands in the way with what to do about it.
func TestExplainTargets(t *testing.T) {
	s := newSite(t)
	s.directory()
	file := s.path("config.yaml")
	s.employ(sitePassword, "evann")
	ad := func() explain.Target {
		t.Helper()
		r := s.explained("evann")
		if len(r.Targets) != 1 || r.Targets[0].Target != targetAD {
			t.Fatalf("%+v", r.Targets)
		}
		return r.Targets[0]
	}
	if x := ad(); x.State != explain.TargetPending || x.Name != "evann" || !x.PasswordWaits || x.Made {
		t.Errorf("before the first pass: %+v", x)
	}
	if _, errs, code := s.command("provision", "apply", "--config", file); code != exitDone {
		t.Fatalf("%d %s", code, errs)
	}
	if x := ad(); x.State != explain.TargetReady || x.Teams != "evann@obr.example" || !x.Enabled || !x.Made || x.PasswordWaits || x.Seen.IsZero() || len(x.Problems) > 0 {
		t.Errorf("after it: %+v", x)
	}
	if out, _, code := s.command("explain", "--config", file, "evann"); code != exitDone || !strings.Contains(out, "вход на ПК evann, Teams evann@obr.example, включена") {
		t.Errorf("%d %s", code, out)
	}

	// mos.ru tells that the password was changed: AD still has the old one.
	s.inStore(func(db *store.DB) error {
		_, err := db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "1", At: time.Now().Add(2 * time.Minute), Subject: "evann", Kind: store.EventPasswordSet})
		return err
	})
	if _, errs, code := s.command("provision", "apply", "--config", file); code != exitFindings {
		t.Fatalf("%d %s", code, errs)
	}
	s.seen("evann", match.ADPasswordStale)
	s.observe("evann", match.PasswordNeeded)
	s.seen("evann", match.PasswordNeeded)
	s.observe("evann", match.ADPasswordRefused)
	s.seen("evann", match.ADPasswordRefused)
}

// seen: the problem stands in explain with its remedy, in both languages, and is
// a finding.
func (s site) seen(login string, code match.Code) {
	t := s.t
	t.Helper()
	file := s.path("config.yaml")
	for _, lang := range []explain.Lang{explain.Russian, explain.English} {
		out, _, exit := s.command("explain", "--config", file, "--lang", string(lang), login)
		want := explain.ProblemOf(lang, match.Problem{Code: code})
		if exit != exitFindings || !strings.Contains(out, want.Code) || !strings.Contains(out, want.Remedy) || want.Remedy == "" {
			t.Errorf("%s: exit %d, no %+v in:\n%s", lang, exit, want, out)
		}
		out, _, _ = s.command("explain", "--config", file, "--lang", string(lang), "--json", login)
		var r explain.Report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Targets) != 1 || !slices.Contains(r.Targets[0].Problems, want) || r.Targets[0].State != explain.TargetProblem {
			t.Errorf("%s: %+v", lang, r.Targets)
		}
	}
}

// observe saves what a pass might have seen.
func (s site) observe(login string, code match.Code) {
	s.t.Helper()
	s.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(s.t.Context(), login)
		if err != nil {
			return err
		}
		job, err := db.Targets().Job(s.t.Context(), targetAD, holder.Person, time.Now())
		if err != nil {
			return err
		}
		pass := provision.Pass{Object: job.Row.Object, Stamp: job.Row.Stamp, Observed: job.Row.Observed}
		pass.Observed.Problems = []match.Problem{{Code: code}}
		return db.Targets().Save(s.t.Context(), targetAD, holder.Person, job.Row.Revision, pass, 1, time.Now().Add(time.Hour))
	})
}

// Somebody who activated before Active Directory was connected has nothing
// there, and hears what to do.
func TestExplainWithoutATarget(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		t.Fatal(errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	out, _, code := s.command("explain", "--config", s.path("config.yaml"), "orlovami")
	if code != exitFindings || !strings.Contains(out, "раньше, чем подключили Active Directory") || !strings.Contains(out, "на странице активации") {
		t.Errorf("exit %d: %s", code, out)
	}
	if x := s.explained("orlovami").Targets; len(x) != 1 || x[0].State != explain.TargetNone {
		t.Errorf("%+v", x)
	}
}

// bringer is a target that does nothing.
type bringer struct{ provision.Target }

func (bringer) Bring(context.Context, provision.Job) (provision.Pass, error) {
	return provision.Pass{}, nil
}

// Waiting for a turn ends with the first account; several passes over one
// account count once.
func TestWatched(t *testing.T) {
	w := &watched{Target: bringer{}, show: newMeter(streams{}, "", 2, time.UTC, time.Now)}
	idle := 0
	w.ifIdle(func() { idle++ })
	for _, id := range []identity.PersonID{{1}, {1}, {2}} {
		if _, err := w.Bring(t.Context(), provision.Job{Person: id}); err != nil {
			t.Fatal(err)
		}
		w.ifIdle(func() { idle++ })
	}
	if done := w.finish(); idle != 1 || done != 2 {
		t.Errorf("idle %d times, %d accounts", idle, done)
	}
}
