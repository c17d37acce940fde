// Package webtest is what tests of pages stand on: sessions in memory, a browser
// that keeps cookies and does not follow, a door by which anybody comes in, and
// the check of a room's texts. Start reading at Guest and Texts.
package webtest

import (
	"context"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
)

// Clock is the time of a test. A browser asks for pictures and styles at any
// moment, also while the test turns it on.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is what it shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set makes it show now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// Forward turns it on by d.
func (c *Clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Shelf keeps sessions in memory, as long as nothing is Broken.
type Shelf struct {
	mu     sync.Mutex
	all    map[[32]byte]web.Kept
	broken error
}

var _ web.Sessions = (*Shelf)(nil)

// Break makes every call fail with err; nil: no more.
func (s *Shelf) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// All are the sessions that are kept.
func (s *Shelf) All() []web.Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []web.Kept
	for _, k := range s.all {
		all = append(all, k)
	}
	return all
}

// Begin implements web.Sessions.
func (s *Shelf) Begin(_ context.Context, k web.Kept) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[[32]byte]web.Kept{}
	}
	if s.broken == nil {
		s.all[k.Handle] = k
	}
	return s.broken
}

// Find implements web.Sessions.
func (s *Shelf) Find(_ context.Context, handle [32]byte, now time.Time) (web.Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return web.Kept{}, s.broken
	}
	k, ok := s.all[handle]
	if !ok || !now.Before(k.Ends) {
		return web.Kept{}, identity.ErrNotFound
	}
	return k, nil
}

// Renew implements web.Sessions.
func (s *Shelf) Renew(_ context.Context, k web.Kept, found time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, ok := s.all[k.Handle]
	switch {
	case !ok:
		return identity.ErrNotFound
	case s.broken == nil && !there.Seen.Equal(found):
		return web.ErrSessionMoved
	}
	if s.broken == nil {
		s.all[k.Handle] = k
	}
	return s.broken
}

// Replace implements web.Sessions.
func (s *Shelf) Replace(_ context.Context, k web.Kept, old [32]byte, found time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	there, ok := s.all[old]
	switch {
	case s.broken != nil:
		return s.broken
	case !ok:
		return identity.ErrNotFound
	case !there.Seen.Equal(found):
		return web.ErrSessionMoved
	}
	delete(s.all, old)
	s.all[k.Handle] = k
	return nil
}

// End implements web.Sessions.
func (s *Shelf) End(_ context.Context, handle [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		delete(s.all, handle)
	}
	return s.broken
}

// DoorAddress is where Door's page is.
const DoorAddress = "/test/door"

// Door is a room whose one page signs the visitor in as who says and leads to "/".
func Door(who func() web.Record) web.Room {
	return web.Room{Table: map[string]web.Page{"GET " + DoorAddress: {Do: func(v *web.Visit) {
		if err := v.Begin(who()); err != nil {
			v.Broken("the door is shut", err)
			return
		}
		v.To("/")
	}}}}
}

// Guest is a browser: it keeps cookies and does not follow.
type Guest struct {
	t       testing.TB
	h       http.Handler
	Cookies map[string]string
	From    string      // its address and port
	Header  http.Header // what it sends beside
}

// NewGuest gives a browser without cookies.
func NewGuest(t testing.TB, h http.Handler) *Guest {
	return &Guest{t: t, h: h, Cookies: map[string]string{}, From: "192.0.2.1:1", Header: http.Header{}}
}

// With gives it the cookies of another one: it is a second tab of that.
func (g *Guest) With(cookies map[string]string) *Guest {
	g.Cookies = maps.Clone(cookies)
	return g
}

// Ask makes a request; a POST comes from a page of ours.
func (g *Guest) Ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.RemoteAddr = g.From
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, values := range g.Header {
		r.Header[name] = values
	}
	for name, value := range g.Cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	g.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") || c.SameSite != http.SameSiteLaxMode {
			g.t.Errorf("the cookie %+v", c)
		}
		if c.MaxAge < 0 {
			delete(g.Cookies, c.Name)
		} else {
			g.Cookies[c.Name] = c.Value
		}
	}
	return w
}

// Get asks for a page.
func (g *Guest) Get(path string) *httptest.ResponseRecorder {
	g.t.Helper()
	return g.Ask(http.MethodGet, path, nil)
}

// Post sends a form, of names and values in turn.
func (g *Guest) Post(path string, fields ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return g.Ask(http.MethodPost, path, form)
}

// Goes says that the answer leads to an address.
func Goes(t testing.TB, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
		t.Fatalf("%d to %q, want %q\n%s", w.Code, w.Header().Get("Location"), to, w.Body)
	}
}

// Holds says that the page was given with a status and holds texts; what begins
// with "!" it does not.
func Holds(t testing.TB, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	text := html.UnescapeString(w.Body.String())
	if w.Code != status {
		t.Errorf("%d, want %d", w.Code, status)
	}
	for _, want := range texts {
		no := strings.HasPrefix(want, "!")
		if strings.Contains(text, strings.TrimPrefix(want, "!")) == no {
			t.Errorf("the page and %q:\n%s", want, text)
		}
	}
}
