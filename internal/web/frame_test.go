package web_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// The frame's own texts.
func TestTexts(t *testing.T) {
	var made []string
	for _, e := range []string{"missing", "foreign", "often", "bad", "later", "broken"} {
		made = append(made, "error."+e+".title", "error."+e+".text")
	}
	made = append(made, "error.closed.text")
	webtest.Texts(t, newHouse(t).f, web.Own(), made, []string{"frame.language"})
}

// Rooms that do not go together, or hold a fault, make no frame.
func TestRoomsThatFail(t *testing.T) {
	o := web.Options{Sessions: &webtest.Shelf{}}
	if _, err := web.New(web.Options{}); err == nil {
		t.Error("a frame without sessions")
	}
	page := func(*web.Visit) {}
	room := newHouse(t).room
	for what, rooms := range map[string][]web.Room{
		"two texts":  {{Words: web.Words{"a.b": {"А", "A"}}}, {Words: web.Words{"a.b": {"Б", "B"}}}},
		"our text":   {{Words: web.Words{"frame.help": {"А", "A"}}}},
		"two pages":  {{Table: map[string]web.Page{"GET /a": {Do: page}}}, {Table: map[string]web.Page{"GET /a": {Do: page}}}},
		"two assets": {{Assets: room.Assets}, {Assets: room.Assets}},
	} {
		if _, err := web.New(o, rooms...); err == nil {
			t.Errorf("%s pass", what)
		}
	}
}

// Every answer keeps other sites and inline code out.
func TestHeaders(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	for _, path := range []string{"/", "/list", "/nowhere", style(t, g), "/api/list/x"} {
		head := g.Get(path).Header()
		csp := head.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "form-action 'self' https://login.example;") {
			t.Errorf("%s: %q", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000"} {
			if head.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, head.Get(name))
			}
		}
		if immutable := strings.Contains(head.Get("Cache-Control"), "immutable"); immutable != strings.HasPrefix(path, "/assets/") {
			t.Errorf("%s: %q", path, head.Get("Cache-Control"))
		}
	}
	if res := g.Get("/assets/style.css"); res.Code != 404 {
		t.Errorf("an asset without its digest: %d", res.Code)
	}
}

var styleSheet = regexp.MustCompile(`/assets/style-[0-9a-f]{12}\.css`)

// style is where the style sheet is.
func style(t testing.TB, g *webtest.Guest) string {
	t.Helper()
	found := styleSheet.FindString(g.Get("/").Body.String())
	if found == "" {
		t.Fatal("no style sheet")
	}
	return found
}

// Designed pages for what is wrong with a request.
func TestErrorPages(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	holds(t, g.Get("/nowhere"), 404, "Такой страницы нет", "На первую страницу")
	holds(t, g.Ask(http.MethodDelete, "/list", nil), 404, "Такой страницы нет")
	holds(t, g.Post("/list", "text", strings.Repeat("x", web.MaxBody)), 400, "Форма не прочитана", `href="/?lang=en"`)
	for _, path := range []string{"/list?a=%00", "/list?%ff=1", "/list?lang=en&a=%C0%AF", "/%00", "/%ff"} {
		holds(t, g.Get(path), 404, "Такой страницы нет", "!\x00", "!\xff")
	}
	for _, text := range []string{"a\x00", "\xff"} {
		holds(t, g.Post("/list", "text", text), 400, "Форма не прочитана")
		holds(t, g.Post("/list", text, "a"), 400, "Форма не прочитана")
	}
	for path, want := range map[string]string{"/list": "Запрос пришёл с чужого сайта", "/nowhere": "Запрос пришёл с чужого сайта", "/api/list": "another site's page)\n"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		rec := httptest.NewRecorder()
		h.f.ServeHTTP(rec, r)
		holds(t, rec, 403, want)
	}
}

// A program is slowed down, the next source is not, and after a while all is well.
func TestPace(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	for i := range web.PaceBurst / 2 {
		if a, b := g.Post("/list"), g.Get("/export"); a.Code != http.StatusSeeOther || b.Code != 200 {
			t.Fatalf("number %d: %d, %d", i, a.Code, b.Code)
		}
	}
	for _, res := range []*httptest.ResponseRecorder{g.Post("/list"), g.Get("/export"), g.Post("/nowhere")} {
		holds(t, res, 429, "Слишком много запросов")
		if res.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	holds(t, g.Get("/"), 200)             // reading is free
	goes(t, g.Post("/api/list"), "/list") // and programs are counted elsewhere
	g.From = "192.0.2.2:1"
	goes(t, g.Post("/list"), "/list")
	for i, from := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1"} {
		g.From = from
		for range web.PaceBurst - i*web.PaceBurst {
			g.Post("/list")
		}
		if res := g.Post("/list"); res.Code != 429 {
			t.Errorf("%s: %d", from, res.Code)
		}
	}
	g.From, h.now = "192.0.2.1:1", h.now.Add(web.PaceEvery)
	goes(t, g.Post("/list"), "/list")
}

// The language is switched where one is, stays so, and leads to no other site.
func TestLanguage(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	holds(t, g.Get("/"), 200, `lang="ru"`, `href="/?lang=en"`, "Ещё ")
	holds(t, g.Get("/once?code=7"), 200, `href="/list?a=1&lang=en"`, "!code=7")
	goes(t, g.Get("/list?lang=en"), "/list")
	holds(t, g.Get("/list"), 200, `<html lang="en">`, `href="/list?lang=ru"`, "More ")
	webtest.English(t, g.Get("/list"))
	webtest.English(t, g.Get("/nowhere"))
	for path, want := range map[string]string{"//evil.example/?lang=ru": "/evil.example/", "/%5C/evil.example?lang=ru": "/evil.example", "/a?x=1&lang=ru": "/a?x=1"} {
		goes(t, g.Get("https://id.example"+path), want)
	}
	goes(t, g.Get("/list?lang=nonsense"), "/list")
	holds(t, g.Get("/list"), 200, "Список")
}

// The address of a browser behind our proxy counts; what a stranger writes
// into the header does not.
func TestSource(t *testing.T) {
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "10.0.0.1", "192.0.2.7"},
		{"127.0.0.1:1", "10.0.0.1", "10.0.0.1"},
		{"127.0.0.1:1", "6.6.6.6, 10.0.0.1", "10.0.0.1"},
		{"127.0.0.1:1", "6.6.6.6, 10.0.0.1, 127.0.0.2", "10.0.0.1"},
		{"127.0.0.1:1", "nonsense", "127.0.0.1"},
		{"[::ffff:127.0.0.1]:1", "::ffff:10.0.0.1", "10.0.0.1"},
	} {
		h := newHouse(t)
		g := newGuest(t, h.f)
		g.From = c.remote
		if c.forwarded != "" {
			g.Header.Set("X-Forwarded-For", c.forwarded)
		}
		g.Get("/api/list/1")
		if got := h.from[0].String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// Whatever stands in the header, a source is an address.
func FuzzFrom(f *testing.F) {
	f.Add("127.0.0.1:1", "6.6.6.6, ::1, ,")
	f.Add("", "fe80::1%eth0")
	h, err := web.New(web.Options{Sessions: &webtest.Shelf{}, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		from := h.From(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}})
		if from.Zone() != "" || from.Is4In6() {
			t.Fatalf("%q behind %q: %v", forwarded, remote, from)
		}
	})
}

// A session ends unused, after its whole time and by sign-out, and is new by name
// whenever it begins.
func TestSession(t *testing.T) {
	const cookie = "__Host-session"
	h := newHouse(t)
	goes(t, newGuest(t, h.f).Get("/list/1"), "/")
	g := h.comeIn(t)
	before := g.Cookies[cookie]
	holds(t, g.Get("/list/1"), 200, "Выйти")
	goes(t, g.Post("/list", "text", "kept"), "/list")
	goes(t, g.Get(webtest.DoorAddress), "/")
	if old := newGuest(t, h.f); g.Cookies[cookie] == before || len(h.shelf.All()) != 1 {
		t.Error("the session has its old name")
	} else if old.Cookies[cookie] = before; true {
		goes(t, old.Get("/list/1"), "/")
	}
	for range 28 {
		h.now = h.now.Add(25 * time.Minute)
		holds(t, g.Get("/list/1"), 200, "Выйти")
	}
	h.now = h.now.Add(25 * time.Minute) // more than twelve hours after it began
	goes(t, g.Get("/list/1"), "/")
	g = h.comeIn(t)
	h.now = h.now.Add(31 * time.Minute)
	goes(t, g.Get("/list/1"), "/")
	g = h.comeIn(t)
	goes(t, g.Post("/sign-out"), "/")
	if g.Cookies[cookie] != "" {
		t.Error("the cookie is left behind")
	}
	goes(t, g.Get("/list/1"), "/")
	g.Cookies[cookie] = strings.Repeat("A", 43)
	goes(t, g.Get("/list/1"), "/")
}

// What a room keeps of somebody is there at the next request.
func TestSessionKeeps(t *testing.T) {
	h := newHouse(t)
	g := h.comeIn(t)
	holds(t, g.Get("/list/1"), 200)
	if h.notes != "" {
		t.Errorf("at first there is %q", h.notes)
	}
	goes(t, g.Post("/list", "text", "kept"), "/list")
	holds(t, g.Get("/list/1"), 200)
	if h.notes != "kept" {
		t.Errorf("there is %q", h.notes)
	}
	h.shelf.Break(errors.New("away"))
	for _, res := range []*httptest.ResponseRecorder{g.Get("/list"), g.Get("/list/1"), g.Post("/list"), g.Post("/sign-out"), g.Get(webtest.DoorAddress)} {
		holds(t, res, 503, "Сейчас не получается", "!away")
	}
	h.shelf.Break(nil)
	holds(t, g.Get("/list/1"), 200, "Выйти") // nobody is signed out
}

// A rename reaches whoever is signed in; a directory that does not know the person
// changes nothing, and nobody who has no login gets one.
func TestSessionKnowsTheLoginOfNow(t *testing.T) {
	h := newHouse(t)
	h.who.Login = "evann"
	g := h.comeIn(t)
	for _, c := range []struct{ now, seen identity.Login }{{"", "evann"}, {"golubn", "golubn"}, {"", "evann"}} {
		h.login = c.now
		if holds(t, g.Get("/list/1"), 200); h.seen != c.seen {
			t.Errorf("where the directory says %q the session has %q", c.now, h.seen)
		}
	}
	h.who.Login, h.login = "", "golubn"
	if holds(t, h.comeIn(t).Get("/list/1"), 200); h.seen != "" {
		t.Errorf("a parent is called %q", h.seen)
	}
}

// The navigation is for those signed in and says where one is.
func TestNavigation(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	holds(t, g.Get("/list"), 200, `!class="side"`, `!class="tool" href="/list"`, `<a href="/list?after=7" rel="next">Дальше</a>`, "!В начало")
	g = h.comeIn(t)
	holds(t, g.Get("/list"), 200, `<li><a href="/list" aria-current="page">`, `<li><a href="/list/deep">`, `<a class="tool" href="/list" aria-current="true">Список</a>`)
	holds(t, g.Get("/list/8"), 200, `<li><a href="/list" aria-current="page">`, `<li><a href="/list/deep">`, `!class="pager"`)
	holds(t, g.Get("/list/deep"), 200, `<li><a href="/list">`, `<li><a href="/list/deep" aria-current="page">`)
	holds(t, g.Get("/"), 200, `<li><a href="/list">`)
}

func unzip(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Pages are compressed but where a foreign page could measure what stands beside
// its own text.
func TestCompression(t *testing.T) {
	h := newHouse(t)
	for what, c := range map[string]struct {
		signedIn       bool
		accepts, site  string
		wantCompressed bool
	}{
		"a stranger":                      {false, "br, gzip;q=1.0", "cross-site", true},
		"a program that takes none":       {false, "", "", false},
		"it takes none of ours":           {false, "gzip;q=0, br", "", false},
		"somebody signed in":              {true, "gzip", "same-origin", true},
		"somebody typed the address":      {true, "gzip", "none", true},
		"a foreign page leads here":       {true, "gzip", "cross-site", false},
		"another site of the city":        {true, "gzip", "same-site", false},
		"a browser that tells not whence": {true, "gzip", "", false},
	} {
		g := newGuest(t, h.f)
		path := "/list?q=" + strings.Repeat("x", 2000)
		if c.signedIn {
			g, path = h.comeIn(t), "/list/1"
		}
		plain := g.Get(path).Body.String()
		g.Header.Set("Accept-Encoding", c.accepts)
		if c.site != "" {
			g.Header.Set("Sec-Fetch-Site", c.site)
		}
		res := g.Get(path)
		if compressed := res.Header().Get("Content-Encoding") == "gzip"; compressed != c.wantCompressed {
			t.Errorf("%s: %v", what, res.Header())
		} else if compressed && (unzip(t, res) != plain || res.Body.Len() > len(plain)) || !compressed && res.Body.String() != plain {
			t.Errorf("%s: another page", what)
		}
	}
}

// Assets are compressed once, and asked for again in vain.
func TestAssets(t *testing.T) {
	h := newHouse(t)
	g := newGuest(t, h.f)
	path := style(t, g)
	plain := g.Get(path)
	g.Header.Set("Accept-Encoding", "gzip")
	small := g.Get(path)
	if small.Header().Get("Content-Encoding") != "gzip" || unzip(t, small) != plain.Body.String() || small.Body.Len() > plain.Body.Len()/2 {
		t.Errorf("%d bytes for %d, %v", small.Body.Len(), plain.Body.Len(), small.Header())
	}
	for _, res := range []*httptest.ResponseRecorder{plain, small} {
		if res.Header().Get("Vary") != "Accept-Encoding" || !strings.HasPrefix(res.Header().Get("Content-Type"), "text/css") {
			t.Errorf("%v", res.Header())
		}
	}
	g.Header.Set("If-None-Match", plain.Header().Get("ETag"))
	if res := g.Get(path); res.Code != 200 {
		t.Errorf("the tag of the plain one for the compressed: %d", res.Code)
	}
	g.Header.Set("If-None-Match", small.Header().Get("ETag"))
	if res := g.Get(path); res.Code != http.StatusNotModified || res.Body.Len() != 0 {
		t.Errorf("%d, %d bytes", res.Code, res.Body.Len())
	}
}
