package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// desk answers as told and remembers what it was asked.
type desk struct {
	answer provision.Answer
	asked  []identity.Credential
	kind   string
}

func (d *desk) Activate(_ context.Context, c identity.Credential) provision.Answer {
	d.asked, d.kind = append(d.asked, c), "activate"
	return d.answer
}

func (d *desk) Progress(_ context.Context, c identity.Credential) provision.Answer {
	d.asked, d.kind = append(d.asked, c), "progress"
	return d.answer
}

func newHandler(t *testing.T, d *desk) *Handler {
	t.Helper()
	h, err := New(Options{Desk: d, Advice: func(code, home string) (string, string, bool) {
		if code == "NO_WORDS" {
			return "", "", false
		}
		return "что не так: " + code, "Что делать.", true
	}, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Links: Links{Recovery: "https://login.example/recovery", Support: "https://help.example/", Fallback: "https://dnevnik.example/"}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var evann = provision.Answer{
	State: provision.StateActive, Login: "evann", PC: "evann", WiFi: "evann", Teams: "evann@uao.obr.mos.ru",
	Targets:  map[string]provision.Progress{"ad": provision.Ready, "wifi": provision.Ready},
	Roles:    []match.Role{{Role: person.RoleStaff, School: "ГБОУ Школа № 49"}},
	Problems: []match.Problem{{Code: match.ADDuplicate, Arg: "evann-1"}, {Code: match.LoginDiffers}},
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
		"another type": {"text/plain", `{"login":"a","password":"b"}`}, "no type": {"", `{"login":"a","password":"b"}`}, "too long": {asJSON, `{"login":"` + strings.Repeat("a", maxBody) + `","password":"b"}`},
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
		d := &desk{answer: evann}
		post(newHandler(t, d), "/api/activate", asJSON, `{"login":"a","password":"b"}`, func(r *http.Request) {
			r.RemoteAddr = c.remote
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
		})
		if got := d.asked[0].Source.Addr.String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestPages(t *testing.T) {
	d := &desk{answer: evann}
	h := newHandler(t, d)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if w := get("/"); w.Code != http.StatusFound || w.Header().Get("Location") != "/activate" {
		t.Errorf("/: %d", w.Code)
	}
	form := func(name, password string) *httptest.ResponseRecorder {
		return post(h, "/activate", "application/x-www-form-urlencoded", url.Values{"login": {name}, "password": {password}}.Encode())
	}
	holds := func(w *httptest.ResponseRecorder, status int, texts ...string) {
		t.Helper()
		if w.Code != status || w.Header().Get("Cache-Control") == "" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%d with %v", w.Code, w.Header())
		}
		for _, text := range texts {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("the page does not hold %q:\n%s", text, w.Body)
			}
		}
	}
	holds(get("/activate"), 200, "Активация аккаунта МЭШ", "Пароль от mos.ru", "Не помню пароль", "Активировать аккаунт")
	holds(get("/style.css"), 200, "main")
	holds(form("evann", "Zimorodok-2021"), 200, "Активация прошла успешно!", "Ваш логин:", "evann@uao.obr.mos.ru", "LOGIN_DIFFERS")
	if w := form("evann", "x"); strings.Contains(w.Body.String(), "AD_DUPLICATE") {
		t.Error("the administrator's business is shown to the person")
	}
	d.answer = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH"}
	w := form(`<b>"evil"`, "Secret-Text-1")
	holds(w, 403, "Активация не удалась", "SNILS_MISMATCH", "Написать нам", "Войти через dnevnik.mos.ru", "&lt;b&gt;")
	if strings.Contains(w.Body.String(), "Secret-Text-1") || strings.Contains(w.Body.String(), "<b>") {
		t.Error("the page shows the password or somebody's markup")
	}
	d.answer = provision.Answer{State: provision.StateActive, Login: "smirnovao"}
	holds(form("smirnovao", "x"), 200, "Вы вошли как родитель")
}

// Whose password another system checks is told nothing of mos.ru, and who is
// refused is told of a system by the look of the name alone.
func TestPagesOfOtherSystems(t *testing.T) {
	d := &desk{answer: evann}
	h, err := New(Options{Desk: d, Others: true, Home: func(name string) string {
		if strings.HasPrefix(name, `SCHOOL49\`) {
			return "school49"
		}
		return ""
	}, Advice: func(code, home string) (string, string, bool) {
		return code + " at " + cmp.Or(home, "the city"), "", true
	}})
	if err != nil {
		t.Fatal(err)
	}
	form := func(name string) string {
		return post(h, "/activate", "application/x-www-form-urlencoded", url.Values{"login": {name}, "password": {"x"}}.Encode()).Body.String()
	}
	shows := func(page string, want bool, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if strings.Contains(page, text) != want {
				t.Errorf("%q is shown: %v\n%s", text, !want, page)
			}
		}
	}
	front := httptest.NewRecorder()
	h.ServeHTTP(front, httptest.NewRequest(http.MethodGet, "/activate", nil))
	shows(front.Body.String(), true, "системы своей школы")
	shows(form("evann"), true, "mos.ru и сервисы МЭШ", "паролем mos.ru", "Почта, телефон")
	d.answer.Proven, d.answer.Home = true, "anna@mail.example"
	shows(form("anna@mail.example"), true, "<strong>anna@mail.example</strong>")
	d.answer.Upstream, d.answer.Home = "school49", "evann"
	page := form(`SCHOOL49\evann`)
	shows(page, true, "паролем school49", "LOGIN_DIFFERS at school49")
	shows(page, false, "mos.ru и сервисы", "паролем mos.ru", "Почта, телефон")
	d.answer = provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"}
	shows(form(`SCHOOL49\evann`), true, "WRONG_PASSWORD at school49", ">Логин</label>", ">Пароль</label>", "ДОМЕН\\логин")
	shows(form("evann"), true, "WRONG_PASSWORD at the city")
	d.answer = provision.Answer{State: provision.StateManual, Problem: "AD_NAME_TAKEN", Proven: true, Upstream: "school49"}
	shows(form("evann"), true, "AD_NAME_TAKEN at school49")
	w := post(h, "/api/activate", asJSON, `{"login":"SCHOOL49\\evann","password":"b"}`)
	if !strings.Contains(w.Body.String(), "at school49") {
		t.Error(w.Body)
	}
}

// What is not ready, and what the person can do about it.
func TestPagesTellProgress(t *testing.T) {
	a := evann
	a.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}
	show := func() string {
		return post(newHandler(t, &desk{answer: a}), "/activate", "application/x-www-form-urlencoded", "login=evann&password=x").Body.String()
	}
	for _, want := range []string{`"state pending"`, "готовится", `"state ready"`, "второй учётной записи от этого не появится"} {
		if page := show(); !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	a.Targets["ad"] = provision.Stuck
	a.Problems = []match.Problem{{Code: match.ADPasswordRefused}, {Code: match.ADRefused, Arg: "group: 50"}}
	page := show()
	if !strings.Contains(page, `"state problem"`) || !strings.Contains(page, "AD_PASSWORD_REFUSED") || strings.Contains(page, "AD_REFUSED") || strings.Contains(page, "ещё раз</a>") {
		t.Error(page)
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
	h, err := New(Options{Desk: d, Advice: func(string, string) (string, string, bool) { return "", "", true }, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, forwarded string) {
		d.asked = nil
		w := post(h, "/api/activate", asJSON, text, func(r *http.Request) { r.Header.Set("X-Forwarded-For", forwarded) })
		if w.Code != 200 && w.Code != 400 || (w.Code == 200) != (len(d.asked) == 1) {
			t.Fatalf("%d after %d calls", w.Code, len(d.asked))
		}
	})
}
