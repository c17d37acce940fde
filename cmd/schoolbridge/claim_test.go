package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// run runs a command with the site's configuration and wants its exit code.
func (s site) run(want int, args ...string) (out, errs string) {
	s.t.Helper()
	out, errs, code := s.command(append(args, "--config", s.path("config.yaml"))...)
	if code != want {
		s.t.Fatalf("%v: exit %d\n%s\n%s", args, code, out, errs)
	}
	return out, errs
}

func siteUser(name, display string, values map[string]string) simad.User {
	return simad.User{Name: name, UPN: name + "@obr.example", Display: display, Unit: siteManaged, Password: sitePassword, Values: values}
}

// withOldAD is a site whose directory was there before: accounts of known people,
// of namesakes, of an administrator.
func withOldAD(t *testing.T) site {
	s := newSite(t)
	s.directory(
		siteUser("evann", "Еванова Нина Николаевна", nil),
		siteUser("titovp", "Титов Павел Львович", map[string]string{"employeeID": "k2"}),
		siteUser("titovp-1", "Титов Павел Львович", map[string]string{"mail": "titov@example.org"}),
		siteUser("boss", "Главнов Глеб Глебович", map[string]string{"adminCount": "1"}),
		siteUser("kimv", "Ким Вера", nil),
		siteUser("x17", "Лунёв Лев Львович", map[string]string{"description": "04.05.1980"}),
		siteUser("nobody", "Никтоев Никто Никтоевич", nil),
	)
	text, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("config.yaml", string(text)+"  birth_attribute: description\n")
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login,email,birth_date\n"+
		"k1,Еванова Нина Николаевна,49,2015-09-01,112-233-445 95,evann,nina@example.org,\n"+
		"k2,Титов Павел Львович,49,2015-09-01,,titovp,titov@example.org,\n"+
		"k3,Главнов Глеб Глебович,49,2015-09-01,,boss,,\n"+
		"k4,Ким Вера Ивановна,50,2015-09-01,,kimv,,\n"+
		"k5,Лунёв Лев Львович,49,2015-09-01,,,,1980-05-04\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	return s
}

// From the plan to the claims and back, over the command line.
func TestClaim(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	out, errs := s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	for _, want := range []string{"evann", "kadry:k1", "логин ЭЖД или mos.ru", "достоверно", "НО: у человека может быть", "в AD: Ким Вера"} {
		if !strings.Contains(out, want) {
			t.Errorf("plan lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "boss") || strings.Contains(out, "nobody") || !strings.Contains(errs, "предлагается достоверно 2, решает человек 3") {
		t.Errorf("plan: %s\n%s", out, errs)
	}
	if info, err := os.Stat(plan); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	out, _ = s.run(exitFindings, "provision", "claim", "plan", "--format", "json")
	var lines []claimLine
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != 5 || !slices.ContainsFunc(lines, func(l claimLine) bool { return l.Name == "x17" && l.Level == "certain" }) {
		t.Errorf("%v: %s", err, out)
	}

	s.write("taken.csv", "\ufefflogin;since\n\"OLDNAME\";2010\n")
	_, errs = s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve-certain", "--approve", "titovp=kadry:k2", "--taken", s.path("taken.csv"))
	if !strings.Contains(errs, "отмечено 3;") || !strings.Contains(errs, "из списка 1") || !strings.Contains(errs, "первая строка списка («login») — заголовок") || !strings.Contains(errs, "в очереди куратора 2") {
		t.Errorf("apply: %s", errs)
	}
	run := errs[strings.Index(errs, "--run ")+len("--run "):]
	run = strings.TrimSpace(run)
	s.inStore(func(db *store.DB) error {
		claims, err := db.Claims().Of(t.Context(), []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}, {Kind: person.RecordEmployment, ID: "k2"}, {Kind: person.RecordEmployment, ID: "k5"}})
		if err != nil || len(claims) != 3 {
			t.Errorf("claims: %+v, %v", claims, err)
		}
		taken, err := db.Accounts().Taken(t.Context(), provision.NameQuery{Target: targetAD, Given: []string{"oldname", "nobody"}, Made: []string{"nobodi"}})
		if err != nil || !slices.Equal(taken, []string{"oldname"}) {
			t.Errorf("taken: %q, %v", taken, err)
		}
		return err
	})
	_, errs = s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve-certain")
	if !strings.Contains(errs, "отмечено 0;") || !strings.Contains(errs, "evann: уже отмечена") {
		t.Errorf("apply again: %s", errs)
	}

	// What is left is decided in the queue; a refusal is remembered.
	out, _ = s.run(exitFindings, "queue", "list", "--format", "json", "--school", "50")
	var items []queueObject
	if err := json.Unmarshal([]byte(out), &items); err != nil || len(items) != 1 || items[0].Name != "kimv" || !slices.Equal(items[0].Verbs, []string{"adopt", "refuse"}) {
		t.Fatalf("%v: %s", err, out)
	}
	if _, errs := s.run(exitUsage, "queue", "decide", items[0].ID, "refuse"); !strings.Contains(errs, "refuse --reason") {
		t.Errorf("refuse without a reason: %s", errs)
	}
	if _, errs := s.run(exitDone, "queue", "decide", items[0].ID, "refuse", "--reason", "другая Ким Вера"); !strings.Contains(errs, "undo --config "+s.path("config.yaml")+" d") {
		t.Errorf("how to take it back: %s", errs)
	}
	if out, _ := s.run(exitDone, "queue", "decisions"); !strings.Contains(out, items[0].ID) {
		t.Errorf("decisions name a question otherwise than %s:\n%s", items[0].ID, out)
	}
	if _, errs := s.run(exitUsage, "queue", "list", "--school", "5"); !strings.Contains(errs, `"5"`) {
		t.Errorf("a school that is none: %s", errs)
	}
	if out, _ = s.run(exitDone, "queue", "list", "--school", "50"); strings.Contains(out, "kimv") {
		t.Errorf("after a refusal: %s", out)
	}
	if out, errs = s.run(exitFindings, "provision", "claim", "plan"); strings.Contains(out, "kimv") || !strings.Contains(errs, "отклонено раньше 1") {
		t.Errorf("plan after a refusal: %s\n%s", out, errs)
	}

	s.run(exitDone, "provision", "claim", "drop", "--run", run)
	if _, errs = s.run(exitFindings, "provision", "claim", "plan"); !strings.Contains(errs, "отмечены раньше 0") || !strings.Contains(errs, "предлагается достоверно 2") {
		t.Errorf("plan after drop: %s", errs)
	}
	if _, errs = s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve-certain"); !strings.Contains(errs, "отмечено 2;") {
		t.Errorf("apply after drop: %s", errs)
	}
}

// What has changed since the plan is not claimed, and what cannot be meant is
// refused.
func TestClaimRefuses(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login\nk1,Еванова Нина Петровна,49,2015-09-01,112-233-445 95,evann\n")
	s.run(exitDone, "registry", "import", "--accept-ending", "10", s.path("kadry.csv"))
	if _, errs := s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve-certain"); !strings.Contains(errs, "evann: изменилась") || !strings.Contains(errs, "отмечено 0;") {
		t.Errorf("apply: %s", errs)
	}
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	s.write("other.json", strings.Replace(string(text), siteDomain, "DC=elsewhere,DC=example", 1))
	s.write("broken.json", "{")
	s.write("long.txt", strings.Repeat("x", 5000))
	s.write("fio.csv", "Логин;ФИО\nivanovi;Иванов Иван\nПетров Пётр;petrovp\n")
	if _, errs := s.run(exitUsage, "provision", "claim", "apply", "--plan", plan, "--approve-certain", "--taken", s.path("fio.csv")); !strings.Contains(errs, "строка 3") || strings.Contains(errs, "Пётр") {
		t.Errorf("a list of people: %s", errs)
	}
	s.inStore(func(db *store.DB) error {
		taken, err := db.Accounts().Taken(t.Context(), provision.NameQuery{Target: targetAD, Given: []string{"ivanovi"}})
		if err == nil && len(taken) > 0 {
			t.Errorf("of a list that was refused are taken: %q", taken)
		}
		return err
	})
	for _, args := range [][]string{
		{"apply"}, {"apply", "--plan", "none.json"}, {"apply", "--plan", s.path("broken.json")}, {"apply", "--plan", s.path("other.json")},
		{"apply", "--plan", plan, "--approve", "evann"}, {"apply", "--plan", plan, "--approve", "stranger=k1"},
		{"apply", "--plan", plan, "--taken", s.path("long.txt")}, {"drop"}, {"drop", "evann"}, {"drop", "00000000000000000000000000000000"}, {"plan", "x"}, {"plan", "--approve-certain"}, {},
	} {
		s.run(exitUsage, append([]string{"provision", "claim"}, args...)...)
	}
}

// What was said no to does not come again because of what becomes of another
// account, and what was approved is not what has another doubt by now.
func TestClaimBeside(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve", "titovp=kadry:k2")
	if _, errs := s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve", "titovp-1=kadry:k2"); !strings.Contains(errs, "titovp-1: изменилась") {
		t.Error(errs)
	}
	run := func() string {
		out, _ := s.run(exitDone, "queue", "decisions", "--json")
		var list []decisionObject
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Verb != "claim" {
			t.Fatalf("%v: %s", err, out)
		}
		return list[0].Run
	}()
	s.run(exitDone, "provision", "claim", "drop", "--run", run)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	out, _ := s.run(exitFindings, "queue", "list", "--format", "json")
	var items []queueObject
	if err := json.Unmarshal([]byte(out), &items); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(items, func(i queueObject) bool { return i.Name == "titovp-1" })
	s.run(exitDone, "queue", "decide", items[at].ID, "refuse", "--reason", "не его")
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve", "titovp=kadry:k2")
	if out, _ := s.run(exitFindings, "provision", "claim", "plan"); strings.Contains(out, "titovp-1") {
		t.Errorf("the refused one is back: %s", out)
	}
}

// A number that a pupil's record shares with a teacher's names neither.
func TestClaimSameNumber(t *testing.T) {
	s := newSite(t)
	s.directory(siteUser("ivanovii", "Иванов Иван Иванович", nil))
	s.write("kadry.csv", "id,fio,school,start,ezhd_login\n17,Иванов Иван Иванович,49,2015-09-01,ivanovii\n")
	s.write("kontingent.csv", "id,last,first,middle,school,class,ezhd_login\n17,Иванов,Иван,Иванович,49,5А,ivanovii\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"), s.path("kontingent.csv"))
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	apply := []string{"provision", "claim", "apply", "--plan", plan, "--approve"}
	if _, errs := s.run(exitUsage, append(apply, "ivanovii=17")...); !strings.Contains(errs, "kadry:17") {
		t.Error(errs)
	}
	s.run(exitFindings, apply[:len(apply)-1]...)
	id := s.openItem().ID
	s.run(exitFindings, "queue", "decide", id, "adopt", "17")
	s.run(exitDone, append(apply, "ivanovii=kontingent:17")...)
}

// An account that was changed after it came into the queue is looked at anew
// before anybody says whose it is.
func TestQueueAdoptChanged(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	item := func() string {
		out, _ := s.run(exitFindings, "queue", "list", "--format", "json", "--school", "50")
		var items []queueObject
		if err := json.Unmarshal([]byte(out), &items); err != nil || len(items) != 1 || items[0].Name != "kimv" {
			t.Fatalf("%v: %s", err, out)
		}
		return items[0].ID
	}
	dn := "CN=kimv," + siteManaged
	s.change(dn, "displayName", "Кимов Виктор")
	if _, errs := s.run(exitFindings, "queue", "decide", item(), "adopt", "kadry:k4"); !strings.Contains(errs, "изменилась") {
		t.Error(errs)
	}
	s.change(dn, "displayName", "Ким Вера")
	s.run(exitDone, "queue", "decide", item(), "adopt", "kadry:k4")
}

// change writes an attribute by hand.
func (s site) change(dn, attribute string, values ...string) {
	s.t.Helper()
	c, err := loadConfig(streams{nil, os.Stdout, os.Stderr}, s.path("config.yaml"), "ru")
	if err != nil {
		s.t.Fatal(err)
	}
	_, client, err := dialAD(c, discardLog())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Modify(s.t.Context(), dn, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(attribute, values...)}}); err != nil {
		s.t.Fatal(err)
	}
}

// What directories and registries hold moves no cursor.
func TestQueueOnATerminal(t *testing.T) {
	s := newSite(t)
	s.directory(siteUser("evann", "Еванова Нина\u009b2J", nil))
	s.write("kadry.csv", "id,fio,school,start,ezhd_login,position\nk1,Еванова Нина Николаевна,49,2015-09-01,evann,\"зам\u009b2J\tдиректора\"\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	id := s.openItem().ID
	show, _ := s.run(exitFindings, "queue", "show", id)
	s.run(exitDone, "queue", "decide", id, "refuse", "--reason", "нет\u009b2J")
	list, _ := s.run(exitDone, "queue", "decisions")
	for _, out := range []string{show, list} {
		if !strings.Contains(out, "2J") || strings.ContainsRune(out, '\u009b') {
			t.Errorf("%q", out)
		}
	}
}

func FuzzClaimPlan(f *testing.F) {
	f.Add([]byte(`{"made":"2026-09-01T08:00:00Z","base":"DC=obr","summary":{"accounts":1},"proposals":[{"object":"00000000000000000000000000000001","name":"evann","certain":true,"why":["NAMESAKES"],"candidates":[{"fio":"x"}],"seen":"ab"}]}`))
	f.Add([]byte(`{"proposals":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		plan, err := readClaimPlan(bytes.NewReader(text))
		if err == nil && !json.Valid(bytes.TrimSpace(text)) && len(plan.proposals) > len(text) {
			t.Errorf("%d proposals", len(plan.proposals))
		}
	})
}

func FuzzNameList(f *testing.F) {
	f.Add([]byte("a\nb;c\n\"d\"\t1\n"))
	f.Add([]byte("\xef\xbb\xbflogin,since\r\nx,1\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := readNames(strings.NewReader(string(text)), func(name string) error {
			if name == "" || len(name) > takenName || strings.ContainsAny(name, ",;\t\n\x00") {
				t.Errorf("%q", name)
			}
			return nil
		})
		if err != nil && strings.Contains(err.Error(), string(text)) && len(text) > 20 {
			t.Error("the list is in the error")
		}
	})
}

// activated is an activation as the web would make it.
func (s site) activated(p person.Profile) (result provision.Result) {
	s.t.Helper()
	s.inStore(func(db *store.DB) (err error) {
		c, err := loadConfig(streams{nil, os.Stdout, os.Stderr}, s.path("config.yaml"), "ru")
		if err != nil {
			return err
		}
		target, release, err := openAD(c, discardLog())
		if err != nil {
			return err
		}
		defer release()
		a := provision.NewActivator(db.Accounts(), time.UTC, provision.ActivatorOptions{Target: targetAD, Finder: target, Tries: db.Accounts()})
		result, err = a.Activate(s.t.Context(), provision.Request{Profile: p, Password: sitePassword}, time.Now())
		return err
	})
	return result
}

func (s site) openItems() (items []queueObject) {
	s.t.Helper()
	out, _ := s.run(exitFindings, "queue", "list", "--format", "json")
	if err := json.Unmarshal([]byte(out), &items); err != nil || len(items) == 0 {
		s.t.Fatalf("%v: %s", err, out)
	}
	return items
}

func (s site) openItem() queueObject {
	s.t.Helper()
	items := s.openItems()
	if len(items) != 1 {
		s.t.Fatalf("%+v", items)
	}
	return items[0]
}

// An account that may not be taken is not offered, and the reason stands beside it.
func TestQueueLeavesAdministrators(t *testing.T) {
	s := withOldAD(t)
	s.activated(person.Profile{Subject: "s1", Login: "boss", Last: "Еванова", First: "Нина", Middle: "Николаевна", SNILS: "112-233-445 95", SNILSConfirmed: true})
	item := s.openItem()
	out, _ := s.run(exitFindings, "queue", "show", item.ID)
	for _, text := range []string{"ad:boss", "она администратора", siteManaged, "adopt evann"} {
		if !strings.Contains(out, text) {
			t.Errorf("show lacks %q:\n%s", text, out)
		}
	}
	if strings.Contains(out, "adopt boss") {
		t.Errorf("an administrator's account is offered:\n%s", out)
	}
}

// A manual verdict, decided, is what the next activation goes by; taken back, it
// is a question again.
func TestQueue(t *testing.T) {
	s := withOldAD(t)
	nina := person.Profile{Subject: "s1", Login: "evann", Last: "Петрова", First: "Нина", Middle: "Николаевна", SNILS: "112-233-445 95", SNILSConfirmed: true}
	want := func(d match.Decision, codes string) {
		t.Helper()
		v := s.activated(nina).Verdict
		var got []string
		for _, p := range v.Problems {
			got = append(got, p.String())
		}
		if v.Decision != d || strings.Join(got, " ") != codes {
			t.Fatalf("%s %q %q", v.Decision, got, v.Reasons)
		}
	}
	want(match.Manual, "FIO_MISMATCH")
	item := s.openItem()
	out, _ := s.run(exitFindings, "queue", "show", item.ID)
	for _, text := range []string{"mos.ru", "kadry:k1", "ad:evann", "≠ Еванова Нина Николаевна", "= ***-***-*45 95", "bind", "неизвестно чья"} {
		if !strings.Contains(out, text) {
			t.Errorf("show lacks %q:\n%s", text, out)
		}
	}
	if n := strings.Count(out, "≠ Еванова Нина Николаевна"); n != 2 || strings.Count(out, "= evann") != 2 {
		t.Errorf("the record and the account are both to be marked, by name and login:\n%s", out)
	}
	if strings.Contains(out, "112-233") {
		t.Errorf("a СНИЛС is shown: %s", out)
	}
	s.run(exitFindings, "queue", "decide", item.ID, "bind", "k2")
	s.run(exitFindings, "queue", "decide", item.ID[:len(item.ID)-4]+"0000", "bind", "k1")
	s.run(exitUsage, "queue", "decide", item.ID[:len(item.ID)-5], "bind", "k1")
	s.run(exitUsage, "queue", "decide", item.ID, "refuse")
	s.run(exitDone, "queue", "decide", item.ID, "bind", "kadry:k1")
	s.run(exitDone, "queue", "list")

	// The record is hers; the account in the way is nobody's as yet.
	want(match.Manual, "AD_UNOWNED")
	item = s.openItem()
	if !item.Moved || !slices.Equal(item.Verbs, []string{"adopt", "allocate", "refuse"}) {
		t.Errorf("%+v", item)
	}
	out, _ = s.run(exitFindings, "queue", "show", item.ID, "--json")
	var shown queueObject
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Suggestions) == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if _, errs := s.run(exitFindings, "queue", "decide", item.ID, "allocate", "evan.n"); !strings.Contains(errs, "принадлежит другому") {
		t.Errorf("a name like evann's: %s", errs)
	}
	s.run(exitFailed, "queue", "decide", item.ID, "adopt", "boss")
	s.run(exitDone, "queue", "decide", item.ID, "adopt", "evann")
	v := s.activated(nina).Verdict
	if v.Decision != match.Match || v.Provision.String() != "adopt:EVANN" && v.Provision.String() != "adopt:evann" {
		t.Fatalf("%+v", v)
	}
	s.run(exitDone, "queue", "list")
	out, _ = s.run(exitDone, "queue", "decisions", "--json")
	var list []decisionObject
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	adopt := slices.IndexFunc(list, func(d decisionObject) bool { return d.Verb == "adopt" })
	if _, errs := s.run(exitFindings, "queue", "undo", list[adopt].ID); !strings.Contains(errs, "уже стало учётной записью") {
		t.Errorf("undo of an account: %s", errs)
	}
	s.run(exitDone, "queue", "undo", list[1-adopt].ID)
	s.run(exitFindings, "queue", "undo", list[1-adopt].ID)
	want(match.Manual, "FIO_MISMATCH")
	s.inStore(func(db *store.DB) error {
		for kind, n := range map[string]int{"decision": 2, "decision_undone": 1} {
			if lines, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, kind); err != nil || len(lines) != n {
				t.Errorf("%s: %d, %v", kind, len(lines), err)
			}
		}
		return nil
	})
}

// What is asked twice about one account is answered once: each question names the
// other, and whoever was given another name gets the account only as one too many.
func TestQueueOneAccount(t *testing.T) {
	s := withOldAD(t)
	p := person.Profile{Subject: "s1", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна", SNILS: "112-233-445 95", SNILSConfirmed: true}
	s.activated(p)
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	find := func(kind queue.Kind) queueObject {
		t.Helper()
		items := s.openItems()
		at := slices.IndexFunc(items, func(i queueObject) bool { return i.Kind == kind && i.Name == "evann" })
		if at < 0 {
			t.Fatalf("no question of %s: %+v", kind, items)
		}
		return items[at]
	}
	try, object := find(queue.Activation), find(queue.Account)
	stem, _ := queue.Split(try.ID)
	if !slices.Equal(object.Same, []string{try.ID}) {
		t.Errorf("%q", object.Same)
	}
	if out, _ := s.run(exitFindings, "queue", "show", try.ID); !strings.Contains(out, "спрашивает и вопрос "+object.ID+":") {
		t.Errorf("show:\n%s", out)
	}
	if out, _ := s.run(exitFindings, "queue", "list", "--format", "csv"); !strings.Contains(out, "о той же записи AD: "+try.ID) {
		t.Errorf("list:\n%s", out)
	}
	if _, errs := s.run(exitUsage, "queue", "decide", stem, "allocate"); !strings.Contains(errs, "schoolbridge queue show --config "+s.path("config.yaml")+" "+stem) {
		t.Errorf("a number without its end: %s", errs)
	}
	_, errs := s.run(exitDone, "queue", "decide", try.ID, "allocate")
	allocated := errs[strings.Index(errs, " d")+1:][:13]
	if _, errs := s.run(exitFindings, "queue", "decide", object.ID, "adopt", "kadry:k1"); !strings.Contains(errs, "уже решён") {
		t.Errorf("after allocate: %s", errs)
	}
	s.run(exitDone, "queue", "undo", allocated)
	s.run(exitDone, "queue", "decide", find(queue.Activation).ID, "allocate")
	s.activated(p)
	out, _ := s.run(exitDone, "queue", "decisions", "--json")
	var list []decisionObject
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(list, func(d decisionObject) bool { return d.Verb == queue.Refuse })
	s.run(exitDone, "queue", "undo", list[at].ID)
	object = find(queue.Account)
	if _, errs := s.run(exitFindings, "queue", "decide", object.ID, "adopt", "kadry:k1"); !strings.Contains(errs, "другая учётная запись AD") {
		t.Errorf("adopt of a second account: %s", errs)
	}
	if out, _ := s.run(exitFindings, "queue", "show", object.ID); !strings.Contains(out, "Другая запись AD") || !strings.Contains(out, "further kadry:k1") || strings.Contains(out, " adopt kadry:k1") {
		t.Errorf("show:\n%s", out)
	}
	s.run(exitDone, "queue", "decide", object.ID, "further", "kadry:k1")
}

// The evidence of an account is what people decide by: its mail, phone and number too.
func TestQueueEvidence(t *testing.T) {
	s := withOldAD(t)
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan)
	for name, want := range map[string]string{"titovp": "employeeID", "titovp-1": "= titov@example.org"} {
		items := s.openItems()
		at := slices.IndexFunc(items, func(i queueObject) bool { return i.Name == name })
		if out, _ := s.run(exitFindings, "queue", "show", items[at].ID); !strings.Contains(out, want) {
			t.Errorf("%s: show lacks %q:\n%s", name, want, out)
		}
	}
}

// The name that was allotted is the account's.
func TestQueueAllocate(t *testing.T) {
	s := withOldAD(t)
	p := person.Profile{Subject: "s1", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна", SNILS: "112-233-445 95", SNILSConfirmed: true}
	if v := s.activated(p).Verdict; v.Decision != match.Manual {
		t.Fatalf("%+v", v)
	}
	item := s.openItem()
	out, _ := s.run(exitFindings, "queue", "show", item.ID, "--json")
	var shown queueObject
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Suggestions) == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	name := shown.Suggestions[0]
	s.run(exitDone, "queue", "decide", item.ID, "allocate") // the suggested one
	r := s.activated(p)
	if r.Verdict.Decision != match.Match || r.Verdict.Provision.SAM != name || string(r.Activated.Login) != name {
		t.Fatalf("%+v", r)
	}
	s.run(exitDone, "provision", "apply")
	if out, errs := s.run(exitDone, "provision", "plan"); out != "" {
		t.Errorf("%s\n%s", out, errs)
	}
	s.run(exitDone, "queue", "list")
}
