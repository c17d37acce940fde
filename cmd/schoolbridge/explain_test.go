package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// command runs one command line and gives what it printed.
func (s site) command(args ...string) (out, errs string, code int) {
	s.t.Helper()
	var o, e bytes.Buffer
	code = dispatch(s.t.Context(), streams{strings.NewReader(""), &o, &e}, args)
	return o.String(), e.String(), code
}

func (s site) explained(login string) explain.Report {
	s.t.Helper()
	out, errs, code := s.command("explain", "--config", s.path("config.yaml"), "--json", login)
	if code > exitFindings {
		s.t.Fatalf("explain %s: %d %s", login, code, errs)
	}
	var r explain.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

// activate binds an invented person to records.
func (s site) activate(login string, account bool, records ...person.RecordRef) {
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
	act := person.Activation{Records: records, Profile: person.Profile{Subject: identity.Subject(login), Login: login, Last: "Смирнова", First: "Ольга"}}
	act.Names = []person.Name{{Kind: person.NameMosru, Text: login}}
	if account {
		act.Login = identity.Login(login)
	}
	if _, err := db.Accounts().Activate(s.t.Context(), act, time.Now()); err != nil {
		s.t.Fatal(err)
	}
}

// explain takes the names that LDAP takes: DNs of any tree, and the user principal
// name.
func TestExplainTakesNamesOfLDAP(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", siteConfig+`ldap:
  base: dc=school,dc=example
  upn_suffix: obr.example
  views: [{base: "dc=ad,dc=example"}]
  services: [{dn: "cn=Board,ou=services,dc=school,dc=example", password_file: secret}]
`)
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	for _, name := range []string{"uid=orlovami,ou=people,dc=school,dc=example", "UID = Orlovami, OU=people, DC=school,DC=example", "CN=orlovami,OU=people,DC=ad,DC=example", "orlovami@obr.example"} {
		if r := s.explained(name); r.Login != "orlovami" || r.Asked != name {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for name, want := range map[string]string{"uid=nobody,ou=people,dc=school,dc=example": "", "uid=orlovami,ou=people,dc=elsewhere": "", `2.5.4.3=b\6fard,ou=services,dc=school,dc=example`: explain.ThingService} {
		if r := s.explained(name); r.Login != "" || r.Thing != want {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestStoreCommands(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", siteConfig+"names: {domains: [MESH], realms: [school.example]}\n")
	file := s.path("config.yaml")
	for _, args := range [][]string{{"explain", "--lang", "en", "--config", file, "orlovami"}, {"audit", "verify", "--lang", "en", "--config", file}} {
		if _, errs, code := s.command(args...); code != exitFailed || !strings.Contains(errs, "not made yet") {
			t.Errorf("%v before there is a store: %d %s", args, code, errs)
		}
	}
	if _, err := os.Stat(s.path("state")); !os.IsNotExist(err) {
		t.Errorf("reading made a state folder: %v", err)
	}

	// The import is the first command of all.
	s.write("kadry.csv", "id,fio,school,start,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,orlovamari\nk2,Ким Вера Львовна,49,2015-09-01,kimvera\n")
	s.write("zapis.csv", "child,parent_fio,school\nc1,Смирнова Ольга,49\n")
	if out, errs, code := s.command("registry", "import", "--config", file, s.path("kadry.csv"), s.path("zapis.csv")); code != exitDone {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	s.activate("smirnovao", false, person.RecordRef{Kind: person.RecordCard, ID: "c1"})

	for login, want := range map[string]identity.Reason{
		"orlovami": "", `mesh\OrlovaMI`: "", "orlovami@school.example": "",
		"smirnovao": identity.ReasonRoleNotAllowed, "kimvera": identity.ReasonNotActivated,
		"nobody": identity.ReasonUnknown, "a@example.org": identity.ReasonUnknown,
	} {
		if r := s.explained(login); r.Account != want {
			t.Errorf("explain %s: %s, want %q", login, r.Account, want)
		}
	}
	for login, want := range map[string]string{`elsewhere\orlovami`: "elsewhere", "orlovami@example.org": "example.org", `mesh\nobody`: "", "nobody": "", "orlovami": ""} {
		if r := s.explained(login); r.Foreign != want {
			t.Errorf("explain %s: foreign %q, want %q", login, r.Foreign, want)
		}
	}
	if r := s.explained("orlovami"); len(r.Roles) != 1 || !r.Roles[0].Active || len(r.Channels) == 0 || r.MSCHAPv2 == nil || r.MSCHAPv2.Reason != identity.ReasonHashMissing {
		t.Errorf("explain: %+v", r)
	}

	out, errs, code := s.command("audit", "verify", "--lang", "en", "--config", file)
	// 2 chunks, 1 import, 2 activations, 13 readings.
	if code != exitDone || !strings.Contains(out, "whole, lines: 18") || !strings.Contains(out, `head of chain "main": line 18, `) {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
}
