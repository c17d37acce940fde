package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/provision/match"
)

// school49 is a school's own domain, which the configuration names as an upstream.
func (s site) school49(users ...simad.User) {
	s.t.Helper()
	section, _ := s.school49Domain(users...)
	s.edit("log:", section+"log:")
}

// school49Domain starts the domain and gives its section of the configuration.
func (s site) school49Domain(users ...simad.User) (section string, stop func()) {
	s.t.Helper()
	d, err := simad.NewDirectory(simad.Options{Base: "DC=school49,DC=example", NetBIOS: "SCHOOL49", AdminPassword: "Zhuravl-2021", Users: users})
	if err != nil {
		s.t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(s.path("server.pem"), s.path("server-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := simad.NewServer(d, &tls.Config{Certificates: []tls.Certificate{pair}}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	stop = sync.OnceFunc(func() {
		if err := errors.Join(server.Close(), <-served); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(stop)
	return `upstreams:
  - name: school49
    kind: ldap
    domains: SCHOOL49
    realms: school49.example
    schools: ["49"]
    confirmed: snils
    timeout: 20s
    profile: {subject: objectGUID, login: sAMAccountName, last: sn, first: givenName, middle: department, snils: employeeID}
    ldap: {servers: "ldaps://` + l.Addr().String() + `", ca_file: ca.pem, bind: "{upn}", base: "DC=school49,DC=example", filter: "(sAMAccountName={login})"}
`, stop
}

// TestUpstream: somebody whose password is at home in a school's own domain
// activates and signs in, and mos.ru never hears of the password.
func TestUpstream(t *testing.T) {
	s := newSite(t)
	user := func(name, first, snils string) simad.User {
		return simad.User{Name: name, UPN: name + "@school49.example", Password: sitePassword,
			Values: map[string]string{"sn": "Петров", "givenName": first, "department": "Петрович", "employeeID": snils}}
	}
	s.school49(user("petrov", "Пётр", "112-233-445 95"), user("petrovi", "Иван", "087-654-303 00"))
	s.write("kadry.csv", "id,fio,snils,school,start\nk1,Петров Пётр Петрович,112-233-445 95,49,2015-09-01\n"+
		"k2,Петров Иван Петрович,087-654-303 00,49,2015-09-01\nk3,Петров Иван Петрович,087-654-303 00,57,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatal(out, errs)
	}
	log := &logged{}
	d := s.started(log)
	pages, err := d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	b := newBrowser(t, server.URL)
	if page := b.submit(b.get("/activate"), http.StatusOK, `SCHOOL49\petrov`, sitePassword); !strings.Contains(page, "Ваш логин: <strong>petrov</strong>") {
		t.Error(page)
	}
	sign := func(name, password string) identity.Verdict {
		return d.auth.Authenticate(t.Context(), identity.Credential{Name: name, Proof: identity.Password(password), Channel: identity.ChannelLDAP,
			Source: identity.Source{Addr: netip.MustParseAddr("192.0.2.1"), School: "49"}})
	}
	for _, name := range []string{"petrov", "petrov@school49.example", `school49\PETROV`} {
		if v := sign(name, sitePassword); v.Outcome != identity.Accepted {
			t.Errorf("%s: %v %v", name, v.Outcome, v.Reason)
		}
	}
	if v := sign("petrov", "Not-His-Password-1"); v.Reason != identity.ReasonWrongPassword {
		t.Errorf("%v %v", v.Outcome, v.Reason)
	}
	// Of the other Petrov the school's domain says the truth, and is not asked: he
	// works at a second school.
	page := newBrowser(t, server.URL).submit(b.get("/sign-in/form"), http.StatusOK, "petrovi@school49.example", sitePassword)
	if !strings.Contains(page, string(match.OutOfReach)) {
		t.Error(page)
	}
	r := s.explained("petrov")
	if r.Upstream != "school49" || r.NoUpstream {
		t.Errorf("%+v", r)
	}
	holder, err := d.db.Accounts().Find(t.Context(), "petrov")
	if err != nil || holder.Subject.Upstream() != "school49" || holder.MosruLogin != "petrov" {
		t.Errorf("%v %+v", err, holder)
	}
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, f := range families {
		asked[f.GetName()] = len(f.GetMetric()) > 0
	}
	if asked["schoolbridge_mosru_requests_total"] || !asked["schoolbridge_upstream_seconds"] || !asked["schoolbridge_upstream_breaker_state"] {
		t.Errorf("%v", asked)
	}
	if text := log.take(); strings.Contains(text, sitePassword) || strings.Contains(text, "petrov") || strings.Contains(text, "Петров") {
		t.Errorf("%s", text)
	}
}

// TestMarksInCommands: with the mark of another system a login is nobody's, also for
// who would be shut out by it.
func TestMarksInCommands(t *testing.T) {
	s := newSite(t)
	s.school49()
	s.write("kadry.csv", "id,fio,snils,school,start\nk1,Петров Пётр Петрович,112-233-445 95,49,2015-09-01\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatal(out, errs)
	}
	s.activate("petrov", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	for name, want := range map[string]int{`SCHOOL49\petrov`: exitUsage, "petrov@school49.example": exitUsage, "petrov": exitDone} {
		if _, errs, code := s.command("account", "suspend", "--config", s.path("config.yaml"), "--reason", "test", name); code != want {
			t.Errorf("%s: %d %s", name, code, errs)
		}
	}
}

// TestUpstreamGone: explain says that nobody can be asked any more.
func TestUpstreamGone(t *testing.T) {
	r := explain.Report{Person: "00ff", Upstream: "closed", NoUpstream: true}
	var out strings.Builder
	if err := r.Write(&out, explain.English, nil); err != nil || !strings.Contains(out.String(), "checked by closed") || !r.Found() {
		t.Errorf("%v %s", err, out.String())
	}
	e := explainer{config: &config.Config{}}
	if !e.missing("closed") || e.missing("") {
		t.Error("an upstream that is not there is not missed")
	}
}
