package web_test

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

//go:embed testdata/room
var roomFiles embed.FS

var (
	newGuest = webtest.NewGuest
	goes     = webtest.Goes
	holds    = webtest.Holds
)

// list is what the page of the test's room shows.
type list struct {
	Text  string
	Pager web.Pager
}

// house is a frame with a room for tests and a door.
type house struct {
	f     *web.Frame
	room  web.Room
	shelf *webtest.Shelf
	who   web.Record
	now   time.Time
	from  []netip.Addr // where requests came from
	notes string       // what the room keeps in the session

	between func() // what happens between reading and keeping; nil: nothing
	touch   bool   // post keeps what it was sent as a mere use

	login identity.Login // of the directory
	seen  identity.Login // by the room
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{shelf: &webtest.Shelf{}, now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	h.who = web.Record{Profile: person.Profile{Subject: "sub-evann", Login: "evann", First: "Нина", Middle: "Николаевна"}, Person: identity.PersonID{7}}
	files, err := fs.Sub(roomFiles, "testdata/room")
	if err != nil {
		t.Fatal(err)
	}
	h.room = web.Room{Templates: files, Assets: files, FormsTo: []string{"https://login.example"},
		Words: web.Words{"list.title": {"Список", "List"}, "list.more": {"Ещё %s", "More %s"}, "list.deep": {"Подробно", "Details"}},
		Table: map[string]web.Page{
			"GET /{$}":           {Do: h.list},
			"GET /list":          {Do: h.list},
			"GET /list/{id}":     {Do: h.signedIn},
			"GET /once":          {Do: h.list, Back: "/list?a=1"},
			"GET /export":        {Do: h.list, Costly: true},
			"GET /remember":      {Do: func(v *web.Visit) { v.Remember("/list"); v.To("/") }},
			"GET /after":         {Do: func(v *web.Visit) { v.To(v.After("/otherwise")) }},
			"POST /list":         {Do: h.post},
			"POST /sign-out":     {Do: h.signOut},
			"POST /api/list":     {Do: h.post, Program: true},
			"GET /api/list/{id}": {Do: func(v *web.Visit) { h.from = append(h.from, v.Source().Addr) }, Program: true},
		},
		Nav: func(*web.Visit) []web.Entry {
			return []web.Entry{{Address: "/list", Title: "list.title", Icon: "web"}, {Address: "/list/deep", Title: "list.deep"}}
		},
		Way: func(v *web.Visit) (web.Entry, bool) {
			s, err := v.Found()
			return web.Entry{Address: "/list", Title: "list.title"}, err == nil && s != nil && !s.Person.IsZero()
		},
	}
	o := web.Options{Sessions: h.shelf, Secure: true, Now: func() time.Time { return h.now }, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Links: web.Links{Support: "https://help.example/"}, Login: func(identity.PersonID) (identity.Login, bool) { return h.login, h.login != "" }}
	if h.f, err = web.New(o, h.room, webtest.Door(func() web.Record { return h.who })); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) list(v *web.Visit) {
	if _, err := v.Found(); err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	v.Show(http.StatusOK, "list.html", "list.title", list{Text: v.Text("list.more", v.Request.URL.Query().Get("q")), Pager: web.Pager{Next: "/list?after=7"}})
}

func (h *house) signedIn(v *web.Visit) {
	s, ok := v.Who()
	if !ok {
		return
	}
	h.seen = s.Login
	if err := s.Get("list", &h.notes); err != nil {
		v.Broken("notes cannot be read", err)
		return
	}
	v.Show(http.StatusOK, "list.html", "list.title", list{Text: strings.Repeat("Нина ", 1000)})
}

// post keeps what was sent in the session.
func (h *house) post(v *web.Visit) {
	form, ok := v.Form()
	if !ok {
		return
	}
	s, err := v.Found()
	if err == nil && s != nil {
		if h.between != nil {
			h.between()
		}
		keep := v.Keep
		if h.touch {
			keep = v.Touch
		}
		if err = s.Set("list", form.Get("text")); err == nil {
			err = keep(s)
		}
	}
	if err != nil {
		v.Broken("notes cannot be kept", err)
		return
	}
	v.To("/list")
}

// What two requests change at the same time in different rooms both stays, and of one
// room what came last; a session that is only used brings nothing back.
func TestSessionOfTwoRequests(t *testing.T) {
	h := newHouse(t)
	g := h.comeIn(t)
	set := func(room, text string) {
		for _, kept := range h.shelf.All() {
			var r web.Record
			if err := json.Unmarshal(kept.Data, &r); err != nil {
				t.Fatal(err)
			}
			found := kept.Seen
			kept.Seen = found.Add(time.Microsecond)
			err := r.Set(room, text)
			if err == nil {
				kept.Data, err = json.Marshal(r)
			}
			if err == nil {
				err = h.shelf.Renew(t.Context(), kept, found)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	wants := func(room, want string) {
		t.Helper()
		var got string
		var r web.Record
		if err := json.Unmarshal(h.shelf.All()[0].Data, &r); err != nil {
			t.Fatal(err)
		}
		if err := r.Get(room, &got); err != nil || got != want {
			t.Errorf("%s holds %q, %v; want %q", room, got, err, want)
		}
	}
	set("other", "before")
	h.between = func() { set("other", "meanwhile"); set("list", "meanwhile") }
	goes(t, g.Post("/list", "text", "last"), "/list")
	wants("other", "meanwhile")
	wants("list", "last")
	h.between = func() { set("list", "put away") }
	h.touch = true
	goes(t, g.Post("/list", "text", "last"), "/list")
	wants("list", "put away")
}

func (h *house) signOut(v *web.Visit) {
	if err := v.End(); err != nil {
		v.Broken("a session cannot be ended", err)
		return
	}
	v.To("/")
}

// comeIn gives a browser of somebody signed in.
func (h *house) comeIn(t testing.TB) *webtest.Guest {
	t.Helper()
	g := newGuest(t, h.f)
	goes(t, g.Get(webtest.DoorAddress), "/")
	return g
}

// A session that is for one room does not exist for the others, and ends
// everywhere.
func TestSessionOfOneRoom(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	h.who.Only = "another"
	g.Get(webtest.DoorAddress)
	goes(t, g.Get("/list/x"), "/")
	holds(t, g.Get("/"), http.StatusOK, "!/sign-out")
	goes(t, g.Post("/sign-out"), "/")
	if all := h.shelf.All(); len(all) != 0 {
		t.Errorf("%d sessions are left", len(all))
	}
	h.who.Only = ""
	g.Get(webtest.DoorAddress)
	holds(t, g.Get("/list/x"), http.StatusOK)
}

// Where somebody was going is remembered over a sign-in, once, and is a page of
// ours whatever a browser sends.
func TestAfter(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	for cookie, want := range map[string]string{"/list": "/list", "": "/otherwise", "/nowhere": "/otherwise", "//evil.example": "/otherwise", "https://evil.example/list": "/otherwise",
		"/list/{id}": "/otherwise", "/assets/{name}": "/otherwise"} {
		g.Cookies["__Host-after"] = cookie
		goes(t, g.Get("/after"), want)
		if _, there := g.Cookies["__Host-after"]; there {
			t.Errorf("%q is remembered on", cookie)
		}
	}
	g.Get("/remember")
	goes(t, g.Get("/after"), "/list")
	goes(t, g.Get("/after"), "/otherwise")
}
