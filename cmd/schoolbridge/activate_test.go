package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
)

// mosru starts a simulated mos.ru and writes it into the configuration.
func (s site) mosru(users ...sim.User) {
	s.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	m, err := sim.New(sim.Options{Issuer: issuer, Clients: []sim.Client{{ID: "test", Secret: "0123456789abcdef0123", PasswordGrant: true}}, Users: users})
	if err != nil {
		s.t.Fatal(err)
	}
	server.Config.Handler = m
	server.Start()
	s.t.Cleanup(server.Close)
	text, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("config.yaml", strings.Replace(string(text), "url: http://127.0.0.1:1\n", "url: "+issuer+"\n  client_secret_file: secret\n", 1))
}

// browser is one without scripts: it fills in the form that a page holds.
type browser struct {
	t    *testing.T
	base string
	http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	return &browser{t, base, http.Client{Jar: &jar{}}}
}

// jar keeps the cookies of one host. As browsers do, it trusts loopback without
// TLS, which net/http/cookiejar does not.
type jar struct{ kept []*http.Cookie }

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		j.kept = slices.DeleteFunc(j.kept, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			j.kept = append(j.kept, c)
		}
	}
}

// Cookies implements http.CookieJar.
func (j *jar) Cookies(*url.URL) []*http.Cookie { return j.kept }

func (b *browser) get(path string) string {
	b.t.Helper()
	res, err := b.Get(b.base + path)
	return b.read(res, err, http.StatusOK)
}

func (b *browser) read(res *http.Response, err error, status int) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		b.t.Fatalf("%s, %v:\n%s", res.Status, err, page)
	}
	return string(page)
}

var (
	formTag  = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	inputTag = regexp.MustCompile(`<input id="\w+" name="(\w+)"`)
)

// submit fills in the page's only form and sends it.
func (b *browser) submit(page string, status int, typed ...string) string {
	b.t.Helper()
	res, err := b.sends(page, typed...)
	return b.read(res, err, status)
}

// sends is submit, whatever becomes of it.
func (b *browser) sends(page string, typed ...string) (*http.Response, error) {
	b.t.Helper()
	form, inputs := formTag.FindStringSubmatch(page), inputTag.FindAllStringSubmatch(page, -1)
	if form == nil || len(inputs) != len(typed) {
		b.t.Fatalf("the page has no form of %d fields:\n%s", len(typed), page)
	}
	values := url.Values{}
	for i, input := range inputs {
		values.Set(input[1], typed[i])
	}
	return b.PostForm(b.base+form[1], values)
}

// Somebody activates in a browser without scripts: wrong password first, then
// the right one, and the account is in Active Directory under the login that
// the page names. What else may be answered is internal/web's to test.
func TestActivationInABrowser(t *testing.T) {
	s := newSite(t)
	s.directory(simad.User{Name: "somebody", Unit: siteManaged, Password: "Starling-2020-Old"})
	snils, ok := person.ParseSNILS("112-233-445 95")
	if !ok {
		t.Fatal("the invented number is wrong")
	}
	s.mosru(sim.User{Password: sitePassword, Profile: person.Profile{Subject: "s1", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна",
		SNILS: string(snils), SNILSConfirmed: true, Trusted: true}})
	s.write("kadry.csv", "id,fio,snils,school,start\nk1,Еванова Нина Николаевна,112-233-445 95,49,2015-09-01\n")
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		t.Fatal(errs)
	}
	log := &logged{}
	pages, err := s.started(log).pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	defer server.Close()
	b := newBrowser(t, server.URL)
	page := b.submit(b.get("/activate"), http.StatusForbidden, "evann", "Not-Her-Password-1")
	if !strings.Contains(page, "не принял логин или пароль") || !strings.Contains(page, `value="evann"`) {
		t.Error(page)
	}
	page = b.submit(page, http.StatusOK, "evann", sitePassword)
	for range 8 { // each answer waits some seconds for the account; a busy machine may need more
		if strings.Contains(page, "evann@obr.example") {
			break
		}
		res, err := b.PostForm(b.base+"/activate", url.Values{"password": {sitePassword}})
		page = b.read(res, err, http.StatusOK)
	}
	for _, want := range []string{"Активация прошла успешно!", "Ваш логин: <strong>evann</strong>", "evann@obr.example", "готово"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	if lines, errs, code := s.planned("en"); code != exitDone || len(lines) > 0 || !strings.Contains(errs, "1 accounts; 1 as they should be") {
		t.Errorf("%d %+v %s", code, lines, errs)
	}
	if _, errs, code := s.command("provision", "apply", "--lang", "en", "--config", s.path("config.yaml")); code != exitDone || !strings.Contains(errs, "1 accounts: 0 changed") {
		t.Errorf("apply beside the daemon: %d %s", code, errs)
	}
	if text := log.take(); strings.Contains(text, sitePassword) || strings.Contains(text, "Еванова") {
		t.Errorf("the log names her or her password:\n%s", text)
	}
}
