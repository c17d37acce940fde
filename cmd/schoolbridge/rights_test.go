package main

import (
	"encoding/base32"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// withTeacher is a site with a teacher, before a mos.ru that knows her.
func withTeacher(t *testing.T) site {
	t.Helper()
	s := newSite(t)
	snils, ok := person.ParseSNILS("112-233-445 95")
	if !ok {
		t.Fatal("the invented number is wrong")
	}
	profile := person.Profile{Subject: "s1", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна", SNILS: string(snils), SNILSConfirmed: true, Trusted: true}
	s.mosru(sim.User{Password: sitePassword, Profile: profile})
	s.write("schools.csv", "ekis_id,nsi_id,name,founder,district\n0049,00012345,ГБОУ Школа № 49,Департамент,ЮАО\n0050,77,ГБОУ Школа № 50,Департамент,ЮАО\n")
	s.write("kadry.csv", "id,fio,snils,school,start\nk1,Еванова Нина Николаевна,112-233-445 95,0049,2015-09-01\n")
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("schools.csv"), s.path("kadry.csv")); code != exitDone {
		t.Fatal(errs)
	}
	return s
}

// granted reads what a change printed as JSON.
func (s site) granted(want int, args ...string) (d rightsDone) {
	s.t.Helper()
	out, errs := s.run(want, append([]string{"rights"}, args...)...)
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		s.t.Fatalf("%v: %s%s", err, out, errs)
	}
	return d
}

func TestRightsCommand(t *testing.T) {
	s := withTeacher(t)
	s.activate("evann", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	for _, args := range [][]string{
		{"rights"}, {"rights", "list", "evann"}, {"rights", "grant", "evann"}, {"rights", "grant", "--role", "root", "evann"}, {"rights", "grant", "--role", "school"},
		{"rights", "grant", "--role", "school", "evann"}, {"rights", "grant", "--role", "operator", "--school", "0049", "evann"}, {"rights", "grant", "--role", "school", "--school", "49", "evann"},
		{"rights", "grant", "--role", "operator", "nobody"}, {"rights", "revoke", "nobody"}, {"rights", "enrol"}, {"rights", "break-glass", "x"}, {"rights", "list", "--format", "yaml"},
	} {
		s.run(exitUsage, args...)
	}
	one := s.granted(exitDone, "grant", "--json", "--role", "curator", "--school", "0049, ", "--school", "0050", "evann")
	if one.Login != "evann" || one.Name != "Смирнова Ольга" || len(one.Code) != 14 || one.Expires == nil || time.Until(*one.Expires) < 6*24*time.Hour || !one.Works || len(one.Schools) != 2 {
		t.Errorf("%+v", one)
	}
	two := s.granted(exitDone, "enrol", "--json", "evann")
	if two.Code == one.Code || two.Code == "" || one.Replaced || !two.Replaced {
		t.Errorf("%+v", two)
	}
	if _, said := s.run(exitDone, "rights", "enrol", "evann"); !strings.Contains(said, "выданный раньше, больше не действует") {
		t.Errorf("nothing is said of the code before: %s", said)
	}
	out, _ := s.run(exitDone, "rights", "list", "--format", "csv")
	if !strings.Contains(out, "evann") || !strings.Contains(out, "curator") || !strings.Contains(out, "0049 0050") {
		t.Error(out)
	}
	var rows []rightsRow
	out, _ = s.run(exitDone, "rights", "list", "--format", "json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 || rows[0].App || !strings.HasPrefix(rows[0].By, "uid ") {
		t.Errorf("%v: %s", err, out)
	}
	s.run(exitFindings, "rights", "revoke", "--role", "school", "evann")
	if d := s.granted(exitDone, "revoke", "--json", "evann"); d.Revoked != 1 {
		t.Errorf("%+v", d)
	}
	// Rights of whoever is shut out give nothing, and the command says so.
	s.run(exitDone, "account", "suspend", "evann", "--reason", "test")
	if d := s.granted(exitFindings, "grant", "--json", "--role", "auditor", "evann"); d.Works {
		t.Errorf("%+v", d)
	}
	out, _ = s.run(exitDone, "audit", "show", "--format", "json", "evann")
	for _, kind := range []string{store.AuditGranted, store.AuditRevoked, store.AuditInvited} {
		if !strings.Contains(out, `"`+kind+`"`) {
			t.Errorf("no %s in the trail:\n%s", kind, out)
		}
	}
	if strings.Contains(out, one.Code) || strings.Contains(out, two.Code) {
		t.Error("a code is in the trail")
	}
	out, _ = s.run(exitDone, "audit", "show", "--nobody")
	if !strings.Contains(out, "команда rights") {
		t.Errorf("the reading is not in the trail:\n%s", out)
	}
}

// TestAdministrationInABrowser: what a command granted opens the console to whoever
// has the code and the app, until a command takes it back; and the break-glass
// account opens it without mos.ru.
func TestAdministrationInABrowser(t *testing.T) {
	s := withTeacher(t)
	log := &logged{}
	pages, err := s.started(log).pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	b := newBrowser(t, server.URL)
	if page := b.get("/console"); !strings.Contains(page, "Войти через mos.ru") {
		t.Error(page)
	}
	// After the sign-in she is where she wanted to be, and has no rights.
	page := b.submit(b.get("/activate"), http.StatusForbidden, "evann", sitePassword)
	if !strings.Contains(page, "Нет прав администратора") {
		t.Fatal(page)
	}
	code := s.granted(exitDone, "grant", "--json", "--role", "operator", "evann").Code
	page = b.get("/console/sign-in")
	_, key, _ := strings.Cut(page, `<code class="key">`)
	key, _, _ = strings.Cut(key, "<")
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil || len(secret) == 0 {
		t.Fatal(err, page)
	}
	app, err := factor.Code(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	post := func(b *browser, status int, path string, fields ...string) string {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		res, err := b.PostForm(b.base+path, form)
		return b.read(res, err, status)
	}
	post(b, http.StatusForbidden, "/console/enrol", "invitation", "XXXX-XXXX-XXXX", "code", app)
	if page := post(b, http.StatusOK, "/console/enrol", "invitation", strings.ToLower(code), "code", app); !strings.Contains(page, "Запишите резервные коды") {
		t.Fatal(page)
	}
	if page := post(b, http.StatusOK, "/console/codes"); !strings.Contains(page, "Оператор города") {
		t.Error(page)
	}
	if page := b.get("/console/rights"); !strings.Contains(page, "Еванова Нина Николаевна") || !strings.Contains(page, "подключено") {
		t.Error(page)
	}
	s.run(exitDone, "rights", "revoke", "evann")
	res, err := b.Get(b.base + "/console/rights")
	b.read(res, err, http.StatusNotFound)

	out, _ := s.run(exitDone, "rights", "break-glass", "--json")
	var made struct{ Login, Password string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Login != "admin" || len(made.Password) < 30 {
		t.Fatal(err, out)
	}
	stranger := newBrowser(t, server.URL)
	post(stranger, http.StatusForbidden, "/console/break-glass", "login", "admin", "password", "guess")
	if page := post(stranger, http.StatusOK, "/console/break-glass", "login", "admin", "password", strings.ToLower(made.Password)); !strings.Contains(page, "Вы вошли аварийно") {
		t.Error(page)
	}
	if page := stranger.get("/console/rights"); !strings.Contains(page, "Выдать права") {
		t.Error(page)
	}
	s.run(exitDone, "rights", "break-glass")
	res, err = stranger.Get(stranger.base + "/console/rights")
	stranger.read(res, err, http.StatusNotFound)
	out, _ = s.run(exitDone, "audit", "show", "--nobody", "--format", "json")
	for _, kind := range []string{store.AuditGlassMade, store.AuditGlassUsed} {
		if !strings.Contains(out, `"`+kind+`"`) {
			t.Errorf("no %s in the trail:\n%s", kind, out)
		}
	}
	text := log.take()
	if !strings.Contains(text, "the break-glass account was used") || !strings.Contains(text, "level=ERROR") {
		t.Errorf("the log does not tell of the break-glass account:\n%s", text)
	}
	for _, secret := range []string{sitePassword, made.Password, code, key, "Еванова", "evann"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
}
