package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/provision/registry"
)

// inventedDaemon is one that has the registries of the sample, beside a mos.ru that has
// its people.
type inventedDaemon struct {
	*daemon
	people map[string]sample.Person // by login
	mosru  string                   // its address
	pages  http.Handler
}

// newInvented starts one; more is added to its configuration.
func newInvented(t *testing.T, more string) inventedDaemon {
	t.Helper()
	s := newSite(t)
	invented := sample.Make(1, person.DateOf(time.Now()))
	if err := os.Mkdir(s.path("registry"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range invented.Files {
		s.write(filepath.Join("registry", name), string(text))
	}
	people := map[string]sample.Person{}
	o := sim.Options{Clients: []sim.Client{{ID: "test", PasswordGrant: true, Redirects: []string{inventedPublic + "/sign-in/mosru"}}}}
	for _, p := range invented.People {
		if p.Profile.Subject != "" {
			people[p.Profile.Login] = p
			o.Users = append(o.Users, sim.User{Profile: p.Profile, Password: identity.Password(p.Password)})
		}
	}
	var simulated http.Handler
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { simulated.ServeHTTP(w, r) }))
	t.Cleanup(upstream.Close)
	o.Issuer = upstream.URL
	var err error
	if simulated, err = sim.New(o); err != nil {
		t.Fatal(err)
	}
	s.write("config.yaml", strings.Replace(siteConfig, "url: http://127.0.0.1:1\n", "url: "+upstream.URL+"\n", 1)+more)
	d := s.started(io.Discard)
	if _, err := importRegistry(t.Context(), d.db, []string{s.path("registry")}, registry.Options{Today: person.DateOf(time.Now())}); err != nil {
		t.Fatal(err)
	}
	pages, err := d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	return inventedDaemon{d, people, upstream.URL, pages}
}

// inventedPublic is where its pages are, for those whom mos.ru sends back.
const inventedPublic = "https://wifi.school.example"

// A guesser who knows all four names of somebody locks nobody's city account,
// whether there is an account here or not, and however they are written; and
// whoever knows the password gets the one account under each of them.
func TestGuessingOnThePage(t *testing.T) {
	x := newInvented(t, "")
	people, mosru, pages := x.people, x.mosru, x.pages
	post := func(from, name, password string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/api/activate", strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q}`, name, password)))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = from + ":1"
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}
	if w := post("192.0.2.1", "belovas", people["belovas"].Password); w.Code != http.StatusOK {
		t.Fatalf("belovas: %d %s", w.Code, w.Body)
	}
	for i, login := range []string{"evann", "belovas"} {
		p := people[login].Profile
		names := []string{p.Login, p.Email, p.Phone, "+7" + p.Phone[len(p.Phone)-10:], p.SNILS}
		for n := range 3 {
			for _, name := range names {
				if name == "" {
					continue
				}
				if w := post(fmt.Sprintf("198.51.100.%d", i+1), name, fmt.Sprintf("guess-%d-%s", n, name)); w.Code == http.StatusOK {
					t.Fatalf("%s: a guess is right", login)
				}
			}
		}
		answer, err := http.PostForm(mosru+"/oauth/te", url.Values{"grant_type": {"password"}, "client_id": {"test"}, "scope": {"openid"}, "username": {login}, "password": {people[login].Password}})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s is locked out of mos.ru: %s", login, text)
		}
	}
}
