package activation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// desk answers as told and remembers what it was asked.
type desk struct {
	answer   provision.Answer
	arriving provision.Answer
	asked    []identity.Credential
	kind     string
	subject  identity.Subject
	arrived  []provision.Arrival
	during   func() // what happens while mos.ru is asked; nil: nothing
}

func (d *desk) Arrive(_ context.Context, who provision.Arrival) provision.Answer {
	d.arrived = append(d.arrived, who)
	a := d.arriving
	a.Profile = who.Profile
	return a
}

func (d *desk) ActivateAs(_ context.Context, who identity.Subject, c identity.Credential) provision.Answer {
	d.asked, d.kind, d.subject = append(d.asked, c), "activate as", who
	if d.during != nil {
		d.during()
	}
	return d.answer
}

func (d *desk) Standing(_ context.Context, _ identity.PersonID, login identity.Login) provision.Answer {
	a := d.answer
	a.Login = login
	return a
}

// options are those of every test.
func options(d *desk) Options {
	return Options{Desk: d, Key: func(day string) ([32]byte, error) { return sha256.Sum256([]byte(day)), nil }, Advice: func(_ web.Lang, code, home string) (string, string, bool) {
		if code == "NO_WORDS" {
			return "", "", false
		}
		if home != "" {
			return code + " at " + home, "", true
		}
		return "что не так: " + code, "Что делать.", true
	}}
}

// frameOptions are the frame's.
func frameOptions() web.Options {
	return web.Options{Sessions: &webtest.Shelf{}, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Links: web.Links{Recovery: "https://login.example/recovery", Support: "https://help.example/", Fallback: "https://dnevnik.example/", Diary: "https://diary.example/"}}
}

func newFrame(t testing.TB, o Options, frame web.Options) *web.Frame {
	t.Helper()
	room, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := web.New(frame, room)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (d *desk) Activate(_ context.Context, c identity.Credential) provision.Answer {
	d.asked, d.kind = append(d.asked, c), "activate"
	return d.answer
}

func (d *desk) Progress(_ context.Context, c identity.Credential) provision.Answer {
	d.asked, d.kind = append(d.asked, c), "progress"
	return d.answer
}

func newHandler(t *testing.T, d *desk) *web.Frame {
	t.Helper()
	return newFrame(t, options(d), frameOptions())
}

var evann = provision.Answer{
	State: provision.StateActive, Login: "evann", PC: "evann", WiFi: "evann", Teams: "evann@uao.obr.mos.ru",
	Targets:  map[string]provision.Progress{"ad": provision.Ready, "wifi": provision.Ready},
	Roles:    []match.Role{{Role: person.RoleStaff, School: "ГБОУ Школа № 49"}},
	Problems: []match.Problem{{Code: match.ADDuplicate, Arg: "evann-1"}, {Code: match.LoginDiffers}},
	Person:   identity.PersonID{7}, Profile: person.Profile{Subject: "sub-evann", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна"},
}

func post(h http.Handler, path, kind, body string, alter ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	for _, f := range alter {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const asJSON = "application/json"

func TestActivateAnswers(t *testing.T) {
	d := &desk{answer: evann}
	w := post(newHandler(t, d), "/api/activate", asJSON, `{"login":" evann ","password":" Zimorodok-2021"}`)
	want := `{"state":"active","login":"evann","logins":{"pc":"evann","teams":"evann@uao.obr.mos.ru","wifi":"evann"},"targets":{"ad":"ready","wifi":"ready"},` +
		`"roles":["staff@ГБОУ Школа № 49"],"problems":["AD_DUPLICATE(evann-1)","LOGIN_DIFFERS"]}` + "\n"
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d %s\nwant %s", w.Code, w.Body, want)
	}
	c := d.asked[0]
	if c.Name != "evann" || c.Proof != identity.Password(" Zimorodok-2021") || c.Channel != identity.ChannelWeb || c.Source.Addr.String() != "192.0.2.1" || c.Source.Request == "" {
		t.Errorf("asked with name %q on %v from %+v", c.Name, c.Channel, c.Source)
	}
	for _, c := range []struct {
		answer  provision.Answer
		status  int
		problem string
	}{
		{provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH"}, 403, "SNILS_MISMATCH"},
		{provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"}, 403, "WRONG_PASSWORD"},
		{provision.Answer{State: provision.StateRefused, Problem: "BAD_REQUEST"}, 400, "BAD_REQUEST"},
		{provision.Answer{State: provision.StateManual, Problem: "AMBIGUOUS"}, 409, "AMBIGUOUS"},
		{provision.Answer{State: provision.StateUnavailable, Problem: "MOSRU_UNREACHABLE"}, 503, "MOSRU_UNREACHABLE"},
		{provision.Answer{State: provision.StateManual, Problem: "NO_WORDS"}, 409, "NO_WORDS"},
	} {
		d.answer = c.answer
		w := post(newHandler(t, d), "/api/activate", asJSON, `{"login":"evann","password":"x"}`)
		var got body
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || got.Problem != c.problem || got.Message == "" || got.State != c.answer.State || strings.Contains(w.Body.String(), `"login"`) {
			t.Errorf("%s: %d %s", c.problem, w.Code, w.Body)
		}
		if (w.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%s: Retry-After %q", c.problem, w.Header().Get("Retry-After"))
		}
	}
}

// A parent's answer has all its members, empty.
func TestActivateParent(t *testing.T) {
	d := &desk{answer: provision.Answer{State: provision.StateActive, Login: "smirnovao", Roles: []match.Role{{Role: person.RoleParent, Child: "c1"}}}}
	w := post(newHandler(t, d), "/api/activate", asJSON, `{"login":"smirnovao","password":"x"}`)
	if want := `{"state":"active","login":"smirnovao","logins":{},"targets":{},"roles":["parent(c1)"],"problems":[]}` + "\n"; w.Body.String() != want {
		t.Errorf("%s", w.Body)
	}
}

func TestActivateRefusesForms(t *testing.T) {
	for what, c := range map[string]struct{ kind, body string }{
		"no JSON": {asJSON, "login=evann"}, "unknown members": {asJSON, `{"login":"a","password":"b","admin":true}`}, "two objects": {asJSON, `{"login":"a","password":"b"}{}`},
		"another type": {"text/plain", `{"login":"a","password":"b"}`}, "no type": {"", `{"login":"a","password":"b"}`}, "too long": {asJSON, `{"login":"` + strings.Repeat("a", 8<<10) + `","password":"b"}`},
		"a list": {asJSON, `[]`}, "numbers": {asJSON, `{"login":1,"password":2}`},
	} {
		d := &desk{answer: evann}
		if w := post(newHandler(t, d), "/api/activate", c.kind, c.body); w.Code != http.StatusBadRequest || len(d.asked) != 0 || strings.Contains(w.Body.String(), `"b"`) {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	// curl -d names no type of its own.
	d := &desk{answer: evann}
	if w := post(newHandler(t, d), "/api/activate", "application/x-www-form-urlencoded", `{"login":"a","password":"b"}`); w.Code != http.StatusOK {
		t.Errorf("curl -d: %d", w.Code)
	}
}

func TestForeignPages(t *testing.T) {
	for _, path := range []string{"/api/activate", "/activate"} {
		d := &desk{answer: evann}
		w := post(newHandler(t, d), path, asJSON, `{"login":"a","password":"b"}`, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
		if w.Code != http.StatusForbidden || len(d.asked) != 0 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestProgress(t *testing.T) {
	ask := func(path, name, password string) (*httptest.ResponseRecorder, *desk) {
		d := &desk{answer: evann}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if name != "" {
			r.SetBasicAuth(name, password)
		}
		w := httptest.NewRecorder()
		newHandler(t, d).ServeHTTP(w, r)
		return w, d
	}
	if w, d := ask("/api/activate/evann", "EVANN", "Zimorodok-2021"); w.Code != 200 || d.kind != "progress" || d.asked[0].Proof != identity.Password("Zimorodok-2021") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, name := range []string{"", "somebody"} {
		if w, d := ask("/api/activate/evann", name, "x"); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" || len(d.asked) != 0 {
			t.Errorf("%q: %d", name, w.Code)
		}
	}
}

// A refusal leaves when it may, not sooner.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD", NotBefore: time.Now().Add(time.Second)}}
		h := newHandler(t, d)
		start := time.Now()
		post(h, "/api/activate", asJSON, `{"login":"a","password":"b"}`)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it left after %v", took)
		}
	})
}

func FuzzActivate(f *testing.F) {
	f.Add(`{"login":"evann","password":"x"}`, "127.0.0.1")
	f.Add(`{`, "::1, ,")
	d := &desk{answer: evann}
	o := frameOptions()
	o.Proxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	h := newFrame(f, options(d), o)
	f.Fuzz(func(t *testing.T, text, forwarded string) {
		d.asked = nil
		w := post(h, "/api/activate", asJSON, text, func(r *http.Request) { r.Header.Set("X-Forwarded-For", forwarded) })
		if w.Code != 200 && w.Code != 400 || (w.Code == 200) != (len(d.asked) == 1) {
			t.Fatalf("%d after %d calls", w.Code, len(d.asked))
		}
	})
}
