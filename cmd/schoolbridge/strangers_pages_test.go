package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/web/console"
	"schoolbridge/internal/web/webtest"
)

// formRequest is what a browser sends of a form with a name and a password.
func formRequest(path string) asks {
	return func(name, password string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(url.Values{"login": {name}, "password": {password}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return r
	}
}

// The form by which people come to activation and cabinet tells by its time neither who
// has an account nor whom mos.ru knows.
func TestFormTellsNothingByTime(t *testing.T) {
	for name, of := range map[string]func(*guessed) []string{
		"account":  func(g *guessed) []string { return g.known },
		"at mosru": func(g *guessed) []string { return g.others[:20] },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuessed(t)
			one := of(g)
			g.tellsNothing(one, nameless(len(one)), formRequest("/activate"), 40*time.Millisecond)
		})
	}
}

// The name of the break-glass account is not secret, and its form yet tells not by its
// time that there is one whose password a hash is computed of.
func TestBreakGlassTellsNothingByTime(t *testing.T) {
	g := &guessed{t: t, inventedDaemon: newInvented(t, ""), out: map[int]bool{}}
	if _, err := makeBreakGlass(t.Context(), g.db, time.Now()); err != nil {
		t.Fatal(err)
	}
	const pairs, hash = 24, 100 * time.Millisecond // the least that a look at the name first would save
	g.tellsNothing(slices.Repeat([]string{console.GlassName}, pairs), nameless(pairs), formRequest("/console/break-glass"), hash)
}

// comesBack is a browser that mos.ru's page has sent back, of somebody who signed in there.
func (g *guessed) comesBack(login string) *webtest.Guest {
	g.t.Helper()
	b := webtest.NewGuest(g.t, g.pages)
	g.asked++
	b.From = g.from(httptest.NewRequest(http.MethodGet, "/", nil)).RemoteAddr
	mosru := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := mosru.PostForm(b.Get("/sign-in").Header().Get("Location"), url.Values{"login": {login}, "password": {g.people[login].Password}})
	if err != nil {
		g.t.Fatal(err)
	}
	page.Body.Close()
	back, ok := strings.CutPrefix(page.Header.Get("Location"), inventedPublic)
	if !ok {
		g.t.Fatalf("mos.ru sends %s to %q, %s", login, page.Header.Get("Location"), page.Status)
	}
	b.Get(back)
	return b
}

// arrived signs in at mos.ru's page people with whom nothing is wrong, and lets every
// other one take an account.
func (g *guessed) arrived() (browsers map[string]*webtest.Guest) {
	g.t.Helper()
	browsers = map[string]*webtest.Guest{}
	for login, p := range g.people {
		b := g.comesBack(login)
		if page := b.Get("/activate"); !strings.Contains(page.Body.String(), `name="password"`) {
			continue // refused, for some reason
		}
		to := &g.others
		if len(g.known) <= len(g.others) {
			b.Post("/activate", "password", p.Password)
			if b.Get("/me").Code != http.StatusOK {
				continue
			}
			to = &g.known
		}
		*to, browsers[login] = append(*to, login), b
		if len(g.known)+len(g.others) == 40 {
			break
		}
	}
	if len(g.known) < 15 || len(g.others) < 15 {
		g.t.Fatalf("only %d have an account, and %d none", len(g.known), len(g.others))
	}
	return browsers
}

// Where mos.ru sends the browser back to, neither a state that somebody made up nor a code
// that mos.ru never gave tells by its time whether the session is one of an account.
func TestCallbackTellsNothingByTime(t *testing.T) {
	g := &guessed{t: t, inventedDaemon: newInvented(t, "web: {public_url: \""+inventedPublic+"\", sign_in: mosru}\n"), out: map[int]bool{}}
	browsers := g.arrived()
	request := func(name, query string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/sign-in/mosru?"+query, nil)
		for cookie, value := range browsers[name].Cookies {
			r.AddCookie(&http.Cookie{Name: cookie, Value: value})
		}
		return r
	}
	g.tellsNothing(g.known, g.others, func(name, code string) *http.Request { return request(name, "state=made-up&code="+code) }, 40*time.Millisecond)
	g.tellsNothing(g.known, g.others, func(name, code string) *http.Request {
		b := browsers[name]
		b.From = g.from(httptest.NewRequest(http.MethodGet, "/", nil)).RemoteAddr
		at, err := url.Parse(b.Get("/sign-in").Header().Get("Location"))
		if err != nil || at.Query().Get("state") == "" {
			t.Fatalf("no state in %v: %v", at, err)
		}
		return request(name, url.Values{"state": {at.Query().Get("state")}, "code": {code}}.Encode())
	}, 40*time.Millisecond)
}
