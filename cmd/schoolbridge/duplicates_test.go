package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/provision/duplicates"
)

// withDuplicates is a site whose directory holds a teacher three times and two
// namesakes.
func withDuplicates(t *testing.T) site {
	s := newSite(t)
	user := func(name, display string, values map[string]string) simad.User {
		return simad.User{Name: name, UPN: name + "@obr.example", Display: display, Unit: siteManaged, Password: sitePassword, Values: values}
	}
	s.directory(
		user("evann", "Еванова Нина Николаевна", map[string]string{"employeeID": "17", "mS-DS-ConsistencyGuid": "0123456789abcdef", "mail": "evann@obr.example"}),
		user("evann-1", "Еванова Нина Николаевна", map[string]string{"employeeID": "17", "proxyAddresses": "SMTP:evann-1@obr.example"}),
		user("evann1", "=HYPERLINK(\"<b>\")", nil),
		user("titovp", "Титов Павел Львович", map[string]string{"employeeID": "1"}),
		user("titovp1", "Титов Павел Львович", map[string]string{"employeeID": "2"}),
	)
	s.employ(sitePassword, "somebody")
	return s
}

// From finding to taking back, over the command line.
func TestDuplicates(t *testing.T) {
	s := withDuplicates(t)
	run := func(want int, args ...string) (out, errs string) {
		t.Helper()
		out, errs, code := s.command(append([]string{"duplicates", args[0], "--config", s.path("config.yaml")}, args[1:]...)...)
		if code != want {
			t.Fatalf("%v: exit %d\n%s\n%s", args, code, out, errs)
		}
		return out, errs
	}
	out, errs := run(exitFindings, "find")
	if !strings.Contains(out, "достоверно") || !strings.Contains(out, "evann-1") || strings.Contains(out, "titovp1") || !strings.Contains(errs, "похожих пар тёзок 1") {
		t.Errorf("find: %s\n%s", out, errs)
	}
	out, _ = run(exitFindings, "find", "--format", "json")
	var line foundLine
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&line); err != nil || len(line.Accounts) < 2 || len(line.Links) == 0 {
		t.Errorf("%v: %s", err, out)
	}

	plan, page, book := s.path("plan.json"), s.path("report.html"), s.path("report.xlsx")
	out, _ = run(exitFindings, "plan", "--out", plan, "--report", page, "--lang", "en")
	if !strings.Contains(out, "take away userPrincipalName,") || !strings.Contains(out, "proxyAddresses") || !strings.Contains(out, "CN=evann-1,OU=duplicates,") {
		t.Errorf("plan: %s", out)
	}
	run(exitFindings, "plan", "--report", book)
	for _, name := range []string{plan, page, book} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "&lt;b&gt;") || strings.Contains(string(text), "<b>\")") {
		t.Errorf("%v: %s", err, text)
	}

	// Approved in bulk is the certain one; then nothing certain is left, and after
	// the return it is there again.
	_, errs = run(exitDone, "apply", "--plan", plan, "--approve-certain")
	if !strings.Contains(errs, "сделано групп: 1, остановлено: 0") {
		t.Errorf("apply: %s", errs)
	}
	if out, errs = run(exitFindings, "plan"); !strings.Contains(out, "evann1") || strings.Contains(out, "evann-1") || !strings.Contains(errs, "уже отключённых этой командой записей 1") {
		t.Errorf("plan after apply: %s\n%s", out, errs)
	}
	if out, _ = run(exitFindings, "find"); strings.Contains(out, "evann-1") {
		t.Errorf("find after apply: %s", out)
	}
	// Nor is it asked whose it is; one that can sign in again is.
	if _, errs = s.run(exitDone, "provision", "claim", "plan"); !strings.Contains(errs, "отключены как дубликаты 1") {
		t.Errorf("claim after apply: %s", errs)
	}
	resting := "CN=evann-1,OU=duplicates," + siteManaged
	s.change(resting, "userAccountControl", "512")
	if out, _ = run(exitFindings, "find"); !strings.Contains(out, "evann-1") {
		t.Errorf("find of one that was enabled: %s", out)
	}
	s.change(resting, "userAccountControl", "514")
	_, errs = run(exitDone, "apply", "--plan", plan, "--approve-certain")
	if !strings.Contains(errs, "уже начато раньше") {
		t.Errorf("apply again: %s", errs)
	}
	_, errs = run(exitDone, "undo", "all")
	if !strings.Contains(errs, "возвращено") {
		t.Errorf("undo: %s", errs)
	}
	run(exitDone, "undo", "all") // there is nothing left
	if _, errs = run(exitDone, "apply", "--plan", plan, "--approve-certain"); !strings.Contains(errs, "сделано групп: 1") {
		t.Errorf("apply after undo: %s", errs)
	}
	s.inStore(func(db *store.DB) error {
		for kind, want := range map[string]int{"duplicates_find": 4, "duplicates_plan": 3, "duplicates_apply": 3, "duplicates_undo": 2, "duplicates_applied": 2, "duplicates_undone": 1} {
			entries, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, kind)
			if err != nil || len(entries) != want {
				t.Errorf("%s: %d lines, %v", kind, len(entries), err)
			}
		}
		return nil
	})
}

// What was changed by hand after a repair is told, and stays where that is wanted.
func TestDuplicatesUndoChanged(t *testing.T) {
	s := withDuplicates(t)
	plan := s.path("plan.json")
	s.run(exitFindings, "duplicates", "plan", "--out", plan)
	s.run(exitDone, "duplicates", "apply", "--plan", plan, "--approve-certain")
	var p duplicates.Plan
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	group := p.Groups[0].ID
	s.change("CN=evann-1,OU=duplicates,"+siteManaged, "mail", "by-hand@obr.example")
	_, errs := s.run(exitFindings, "duplicates", "undo", group)
	for _, want := range []string{`evann-1, mail: было "", мы оставили "", сейчас "by-hand@obr.example"`, "duplicates undo " + group + " --keep evann-1:mail"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %s in %s", want, errs)
		}
	}
	for _, keep := range []string{"stranger", "evann-1:phone", "evann-1:"} {
		s.run(exitUsage, "duplicates", "undo", group, "--keep", keep)
	}
	s.run(exitUsage, "duplicates", "undo", "all", "--keep", "evann-1")
	s.run(exitUsage, "duplicates", "find", "--keep", "evann-1")
	s.run(exitDone, "duplicates", "undo", group, "--keep", "EVANN-1:Mail")
	if out, _ := s.run(exitFindings, "duplicates", "find", "--format", "json"); !strings.Contains(out, `"name":"evann-1","display":"Еванова Нина Николаевна","place":"`+siteManaged+`","enabled":true`) {
		t.Error(out)
	}
}

// What cannot be meant is refused before anything is read or written.
func TestDuplicatesRefuses(t *testing.T) {
	s := withDuplicates(t)
	plan := s.path("plan.json")
	if _, errs, code := s.command("duplicates", "plan", "--config", s.path("config.yaml"), "--out", plan); code != exitFindings {
		t.Fatalf("%d %s", code, errs)
	}
	var p duplicates.Plan
	text, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	id := p.Groups[0].ID
	s.write("other.json", strings.Replace(string(text), siteDomain, "DC=elsewhere,DC=example", 1))
	s.write("broken.json", "{")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "usage"}, {[]string{"repair"}, "usage"}, {[]string{"apply", "--plan", plan}, "--approve-certain"}, {[]string{"apply", "--approve-certain"}, "usage"},
		{[]string{"apply", "--plan", plan, "--approve", id, "--approve-certain"}, "usage"}, {[]string{"undo"}, "usage"}, {[]string{"find", "--out", plan}, "usage"},
		{[]string{"plan", "--report", s.path("x.pdf")}, ".xlsx"}, {[]string{"find", "--format", "xml"}, "usage"},
		{[]string{"apply", "--plan", plan, "--approve", "gnone"}, "gnone"}, {[]string{"apply", "--plan", s.path("other.json"), "--approve-certain"}, "elsewhere"},
		{[]string{"apply", "--plan", s.path("broken.json"), "--approve-certain"}, "no JSON"}, {[]string{"undo", "gnone"}, "gnone"},
	} {
		if out, errs, code := s.command(append(append([]string{"duplicates"}, c.args...), "--lang", "en", "--config", s.path("config.yaml"))...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %s %s", c.args, code, out, errs)
		}
	}
	if out, errs, code := s.command("duplicates", "apply", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("nothing under way: %d %s %s", code, out, errs)
	}
}

// What a directory holds moves no cursor, whatever is asked for.
func TestDuplicatesOnATerminal(t *testing.T) {
	s := newSite(t)
	var users []simad.User
	for _, name := range []string{"evann", "evann-1", "evann-2"} {
		u := simad.User{Name: name, Display: "Еванова Нина Николаевна", Unit: siteManaged, Password: sitePassword, Values: map[string]string{"employeeID": "17"}}
		if name == "evann-2" {
			u.Name = "evann\u009b2J\u202e-2"
		}
		users = append(users, u)
	}
	s.directory(users...)
	s.employ(sitePassword, "somebody")
	for _, verb := range []string{"find", "plan"} {
		out, errs, code := s.command("duplicates", verb, "--config", s.path("config.yaml"))
		if code != exitFindings || !strings.Contains(out, "2J") || strings.ContainsAny(out+errs, "\u009b\u202e") {
			t.Errorf("%s: %d %q %q", verb, code, out, errs)
		}
	}
}

// withTwoPairs is a site of two groups, where the brake lets one account be disabled.
func withTwoPairs(t *testing.T) site {
	s := newSite(t)
	var users []simad.User
	for _, name := range []string{"evann", "evann-1", "titovp", "titovp-1"} {
		base, _, _ := strings.Cut(name, "-")
		display := map[string]string{"evann": "Еванова Нина Николаевна", "titovp": "Титов Павел Львович"}[base]
		users = append(users, simad.User{Name: name, Display: display, Unit: siteManaged, Password: sitePassword, Values: map[string]string{"employeeID": base}})
	}
	s.directory(users...)
	s.employ(sitePassword, "somebody")
	return s
}

// More than the brake lets be disabled is not begun with.
func TestDuplicatesBrake(t *testing.T) {
	s := withTwoPairs(t)
	plan := s.path("plan.json")
	s.command("duplicates", "plan", "--config", s.path("config.yaml"), "--out", plan)
	apply := []string{"duplicates", "apply", "--config", s.path("config.yaml"), "--plan", plan, "--approve-certain", "--rate", "1000"}
	if out, errs, code := s.command(apply...); code != exitFindings || !strings.Contains(errs, "отключить предстоит 2, а разом можно не больше 1") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if out, errs, code := s.command(append(apply, "--accept-disabling", "2")...); code != exitDone || !strings.Contains(errs, "сделано групп: 2") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
}

// A run that ended before it came to what was approved leaves a trace of it: the next
// one says which groups nobody has begun with, and the command that does them.
func TestDuplicatesLeft(t *testing.T) {
	s := withTwoPairs(t)
	plan, config := s.path("plan.json"), []string{"--config", s.path("config.yaml"), "--rate", "1000"}
	s.command("duplicates", "plan", "--config", s.path("config.yaml"), "--out", plan)
	apply := func(want int, more ...string) string {
		t.Helper()
		_, errs, code := s.command(append(append([]string{"duplicates", "apply"}, config...), more...)...)
		if code != want {
			t.Fatalf("%v: %d %s", more, code, errs)
		}
		return errs
	}
	if errs := apply(exitDone); strings.Contains(errs, "не начато") {
		t.Errorf("nothing was approved: %s", errs)
	}
	s.inStore(func(db *store.DB) error {
		_, err := db.Targets().Lease(t.Context(), leaseDuplicates, "another", time.Now(), 4*time.Minute)
		return err
	})
	apply(exitFailed, "--plan", plan, "--approve-certain", "--accept-disabling", "2") // the approval is kept, and nothing is done
	s.inStore(func(db *store.DB) error { return db.Targets().Release(t.Context(), leaseDuplicates, "another") })
	errs := apply(exitFindings)
	if !strings.Contains(errs, "сделано групп: 0") || !strings.Contains(errs, "не начато групп: 2") || !strings.Contains(errs, "duplicates apply --config "+s.path("config.yaml")+" --plan "+plan+" --approve-certain") {
		t.Fatalf("what is left: %s", errs)
	}
	_, ids, _ := strings.Cut(errs, "): ")
	ids, _, _ = strings.Cut(ids, ". ")
	one, other, _ := strings.Cut(ids, " ")
	if errs := apply(exitFindings, "--plan", plan, "--approve", one); !strings.Contains(errs, "сделано групп: 1") || !strings.Contains(errs, "не начато групп: 1") || !strings.Contains(errs, other) {
		t.Errorf("after %s: %s", one, errs)
	}
	if errs := apply(exitDone, "--plan", plan, "--approve", other, "--accept-disabling", "2"); strings.Contains(errs, "не начато") {
		t.Errorf("after both: %s", errs)
	}
	s.command(append([]string{"duplicates", "undo", "all"}, config...)...)
	if errs := apply(exitDone); strings.Contains(errs, "не начато") {
		t.Errorf("what was taken back is not to be done: %s", errs)
	}
}

// An account whose name another one has too, or that has another name by now, is
// called by its GUID.
func TestDuplicatesKeepTwin(t *testing.T) {
	stays, twin, third := duplicates.GUID{1}, duplicates.GUID{2}, duplicates.GUID{3}
	g := duplicates.Planned{ID: "g1", Members: []duplicates.Member{{ID: stays, Name: "evann"}, {ID: twin, Name: "Evann"}, {ID: third, Name: "evann-1"}}}
	var said strings.Builder
	d := &mending{provisioner: &provisioner{std: streams{err: &said}}, duplicatesCall: duplicatesCall{group: "g1"}, says: duplicatesTexts["en"]}
	kept := func(word string) ([]duplicates.Kept, error) {
		d.keep = []string{word}
		return d.kept([]duplicates.Repair{{ID: "g1", Group: g}})
	}
	for _, word := range []string{"evann", "evann:mail", "EVANN"} {
		if list, err := kept(word); err == nil || !strings.Contains(err.Error(), guid(twin)) {
			t.Errorf("%s: %+v, %v", word, list, err)
		}
	}
	for word, want := range map[string]duplicates.Kept{
		"evann-1": {Account: third}, guid(twin): {Account: twin}, strings.ToUpper(guid(twin)) + ":mail": {Account: twin, What: "mail"}, guid(stays): {Account: stays},
	} {
		if list, err := kept(word); err != nil || len(list) != 1 || list[0] != want {
			t.Errorf("%s: %+v, %v", word, list, err)
		}
	}
	d.differences(duplicates.Repair{ID: "g1", Group: g, Differs: []duplicates.Difference{
		{Account: twin, Name: duplicates.Spare(twin), What: "mail"}, {Account: twin, Name: "Evann"}, {Account: third, Name: "evann-1", What: "mail"}}})
	if want := "--keep " + guid(twin) + ":mail," + guid(twin) + ",evann-1:mail"; !strings.Contains(said.String(), want) {
		t.Errorf("no %s in %s", want, said.String())
	}
}
