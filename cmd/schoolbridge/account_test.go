package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// account runs the command and reads its JSON.
func (s site) account(code int, verb, login, reason string) switched {
	s.t.Helper()
	out, errs, got := s.command("account", verb, "--config", s.path("config.yaml"), "--json", login, "--reason", reason)
	var d switched
	if got != code || json.Unmarshal([]byte(out), &d) != nil {
		s.t.Fatalf("account %s %s: exit %d, %s%s", verb, login, got, out, errs)
	}
	return d
}

// TestAccountBesideTheDaemon: somebody is switched off by the command while the
// daemon runs, leaves the Wi-Fi, stays out, and comes back.
func TestAccountBesideTheDaemon(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	p.says(41)
	log, disconnected := &logged{}, make(answered, 100)
	d := s.started(io.MultiWriter(log, disconnected))
	p.account(1, "s1", phone, p.signIn(phone), nil)
	if list := s.sessions(exitDone, "--live"); len(list) != 1 {
		t.Fatalf("%+v", list)
	}

	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	browser := store.WebSession{Handle: [32]byte{1}, Owner: holder.Subject, Seen: time.Now(), Ends: time.Now().Add(time.Hour)}
	if err := d.db.WebSessions().Begin(t.Context(), browser, 10); err != nil {
		t.Fatal(err)
	}
	out, errs, code := s.command("account", "suspend", "--lang", "en", "--config", s.path("config.yaml"), "OrlovaMI", "--reason", "phone lost")
	if code != exitDone || !strings.Contains(out, "is suspended: orlovami, Смирнова Ольга\n") || !strings.Contains(out, "On the Wi-Fi now, devices: 1.") ||
		!strings.Contains(out, "account resume --config "+s.path("config.yaml")+" orlovami") || strings.Contains(out, "Directory") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	<-disconnected
	if x := s.sessions(exitDone, "--device", phone)[0]; x.Ending != "disconnected" || x.Disconnect == nil || x.Disconnect.Why != "SUSPENDED" || p.disconnects() != 1 {
		t.Errorf("%+v %+v", x, x.Disconnect)
	}
	if p.signIn(phone) != nil {
		t.Error("admitted though suspended")
	}
	var r explain.Report
	if !eventually(func() bool { // the trail is written by and by
		r = s.explained("orlovami")
		return len(r.SignIns) > 0 && r.SignIns[0].Reason == identity.ReasonSuspended
	}) {
		t.Errorf("the refusal is not in explain: %+v", r.SignIns)
	}
	if x := r.Suspension; x == nil || !x.Here || x.Mosru || x.Reason != "phone lost" || time.Since(x.Since) > time.Hour ||
		slices.ContainsFunc(r.Channels, func(c explain.Channel) bool { return c.Allowed || c.Reason != identity.ReasonSuspended }) {
		t.Errorf("explain: %+v, %+v", x, r.Channels)
	}
	if out, _, _ := s.command("explain", "--lang", "en", "--config", s.path("config.yaml"), "orlovami"); !strings.Contains(out, "PEAP-MSCHAPv2: refused, SUSPENDED; the kept hash was confirmed") {
		t.Error(out)
	}
	if _, err := d.db.WebSessions().Find(t.Context(), browser.Handle, time.Now()); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the browser is still signed in: %v", err)
	}
	if again := s.account(exitDone, verbSuspend, "orlovami", "once more"); again.Changed || !again.Suspended || again.Devices != 0 {
		t.Errorf("once more: %+v", again)
	}
	if r := s.explained("orlovami"); r.Suspension == nil || r.Suspension.Reason != "phone lost" {
		t.Errorf("after a second time: %+v", r.Suspension)
	}

	back := s.account(exitDone, verbResume, "orlovami", "found")
	if !back.Changed || back.Suspended || back.Closed || back.Login != "orlovami" {
		t.Errorf("resumed: %+v", back)
	}
	id, err := identity.ParsePersonID(back.Person)
	if err != nil || !eventually(func() bool { e, ok := d.people.Get(id); return ok && e.State == directory.StateActive }) {
		t.Fatalf("the daemon does not learn it, %v", err)
	}
	if p.signIn(phone) == nil {
		t.Error("not admitted after the resumption")
	}
	if r := s.explained("orlovami"); r.Suspension != nil {
		t.Errorf("explain: %+v", r.Suspension)
	}
	if again := s.account(exitDone, verbResume, "orlovami", "found"); again.Changed || again.Suspended {
		t.Errorf("resumed twice: %+v", again)
	}
	text := log.take()
	for _, personal := range []string{"orlovami", "Смирнова", "phone lost", "found"} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(personal)) {
			t.Errorf("the log holds %q", personal)
		}
	}
}

// What mos.ru closed is told, and not opened by resume.
func TestAccountClosedByMosru(t *testing.T) {
	s := newSite(t)
	s.wifi("")
	s.inStore(func(db *store.DB) error {
		_, err := db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "off", At: time.Now(), Subject: "orlovami", Kind: store.EventDisabled})
		return err
	})
	if d := s.account(exitFindings, verbResume, "orlovami", "asked for"); d.Changed || d.Suspended || !d.Closed {
		t.Errorf("%+v", d)
	}
	if x := s.explained("orlovami").Suspension; x == nil || x.Here || !x.Mosru {
		t.Errorf("%+v", x)
	}
	if d := s.account(exitDone, verbSuspend, "orlovami", "here too"); !d.Changed || !d.Suspended || !d.Closed {
		t.Errorf("%+v", d)
	}
	out, _, _ := s.command("explain", "--config", s.path("config.yaml"), "orlovami")
	if !strings.Contains(out, ": here too\nЗакрыт на mos.ru\n") {
		t.Error(out)
	}
	if d := s.account(exitFindings, verbResume, "orlovami", "again"); !d.Changed || d.Suspended || !d.Closed {
		t.Errorf("%+v", d)
	}
	out, _, code := s.command("account", "resume", "--config", s.path("config.yaml"), "orlovami", "--reason", "again")
	if code != exitFindings || !strings.Contains(out, "закрыл mos.ru") {
		t.Errorf("%d %s", code, out)
	}
}

// A device at an access point that takes no requests stays; the command says so.
func TestAccountWithoutDynamicAuthorization(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	s.edit(fmt.Sprintf(", dynamic_authorization: {port: %d}", p.port), "")
	s.started(io.Discard)
	p.account(1, "s1", phone, p.signIn(phone), nil)
	if d := s.account(exitDone, verbSuspend, "orlovami", "left"); d.Devices != 1 || d.Staying != 1 {
		t.Errorf("%+v", d)
	}
	if out, _, _ := s.command("account", "suspend", "--config", s.path("config.yaml"), "orlovami", "--reason", "left"); !strings.Contains(out, "остаются в Wi-Fi") || strings.Contains(out, "просит точку доступа") {
		t.Error(out)
	}
}

// Whom the command takes, by which names, whom it refuses, and what the trail
// keeps of it.
func TestWhoseAccount(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", siteConfig+"names: {domains: [MESH]}\n")
	if _, errs, code := s.command("account", "suspend", "--lang", "en", "--config", s.path("config.yaml"), "orlovami", "--reason", "x"); code != exitFailed || !strings.Contains(errs, "not made yet") {
		t.Errorf("before there is a store: %d %s", code, errs)
	}
	s.write("kadry.csv", "id,fio,school,start,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,orlovamari\nk2,Ким Вера Львовна,49,2015-09-01,kimvera\n")
	s.write("zapis.csv", "child,parent_fio,school\nc1,Смирнова Ольга,49\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv"), s.path("zapis.csv")); code != exitDone {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("smirnovao", false, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	s.inStore(func(db *store.DB) error {
		_, err := db.Accounts().Activate(t.Context(), person.Activation{
			Login: "orlova-pc", Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}, Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}},
			Profile: person.Profile{Subject: "orlova", Login: "orlovami", Last: "Орлова", First: "Мария"}}, time.Now())
		return err
	})
	t.Setenv("SUDO_UID", "4242")
	for _, name := range []string{"orlovami", "orlova-pc", `mesh\Orlova-PC`} {
		if d := s.account(exitDone, verbSuspend, name, "by "+name); d.Login != "orlova-pc" || !d.Changed {
			t.Errorf("%s: %+v", name, d)
		}
		s.account(exitDone, verbResume, name, "back")
	}
	file := s.path("config.yaml")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"nobody has this login", []string{"suspend", "nobody", "--reason", "x"}},
		{"this is a parent", []string{"suspend", "smirnovao", "--reason", "x"}},
		{"not activated", []string{"resume", "kimvera", "--reason", "x"}},
		{"instead of the login", []string{"suspend", "a@example.org", "--reason", "x"}},
		{"write the reason", []string{"suspend", "orlovami"}},
		{"write the reason", []string{"suspend", "orlovami", "--reason", " "}},
		{"write the reason", []string{"suspend", "orlovami", "--reason", "a\x1b[2J"}},
		{"write the reason", []string{"suspend", "orlovami", "--reason", strings.Repeat("я", longestReason+1)}},
		{"usage", []string{"remove", "orlovami", "--reason", "x"}},
		{"usage", []string{"suspend", "--reason", "x"}},
		{"usage", []string{"suspend", "orlovami", "belovas", "--reason", "x"}},
	} {
		out, errs, code := s.command(append([]string{"account", "--lang", "en", "--config", file}, c.args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%q: exit %d, %s%s", c.args, code, out, errs)
		}
	}
	if r := s.explained("orlovami"); r.Suspension != nil {
		t.Errorf("a refused call changed something: %+v", r.Suspension)
	}
	s.inStore(func(db *store.DB) error {
		holder, err := db.Accounts().Find(t.Context(), "orlovami")
		if err != nil {
			return err
		}
		lines, err := db.Audit().Recent(t.Context(), holder.Person, 100, "account", "state")
		if err != nil {
			return err
		}
		kinds := map[string]int{}
		for _, line := range lines {
			kinds[line.Kind]++
		}
		first := string(lines[len(lines)-1].Payload) + string(lines[len(lines)-2].Payload)
		if kinds["account"] != 6 || kinds["state"] != 6 || !strings.Contains(first, fmt.Sprintf(`"sudo_uid":4242,"uid":%d`, os.Getuid())) || strings.Count(first, `"reason":"by orlovami"`) != 2 {
			t.Errorf("%v, the first: %s", kinds, first)
		}
		strangers, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, "account")
		if len(strangers) != 3 {
			t.Errorf("%d lines about nobody", len(strangers))
		}
		return err
	})
}
