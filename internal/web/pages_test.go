package web

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// page is mos.ru's sign-in page: it says who comes back.
type page struct {
	who   person.Profile
	err   error
	asked []Attempt
	codes []string
}

func (p *page) AuthorizeURL(a Attempt) string {
	p.asked = append(p.asked, a)
	return "https://login.example/oauth/ae?" + url.Values{"state": {a.State}, "nonce": {a.Nonce}}.Encode()
}

func (p *page) Redeem(_ context.Context, _ Attempt, code string) (person.Profile, error) {
	p.codes = append(p.codes, code)
	return p.who, p.err
}

func (p *page) LogoutURL(back string) string {
	return "https://login.example/oauth/logout?back=" + url.QueryEscape(back)
}

func (p *page) Issuer() string { return "https://login.example" }

// guest is a browser: it keeps cookies and does not follow.
type guest struct {
	t       *testing.T
	h       http.Handler
	cookies map[string]string
	from    string
}

func newGuest(t *testing.T, h http.Handler) *guest {
	return &guest{t: t, h: h, cookies: map[string]string{}, from: "192.0.2.1:1"}
}

func (g *guest) ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.RemoteAddr = g.from
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range g.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	g.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") || c.SameSite != http.SameSiteLaxMode {
			g.t.Errorf("the cookie %+v", c)
		}
		if c.MaxAge < 0 {
			delete(g.cookies, c.Name)
		} else {
			g.cookies[c.Name] = c.Value
		}
	}
	return w
}

func (g *guest) get(path string) *httptest.ResponseRecorder {
	return g.ask(http.MethodGet, path, nil)
}

func (g *guest) post(path string, fields ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return g.ask(http.MethodPost, path, form)
}

// goes says that the answer leads to an address.
func goes(t *testing.T, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
		t.Fatalf("%d to %q, want %q\n%s", w.Code, w.Header().Get("Location"), to, w.Body)
	}
}

// holds says that the page was given with a status and holds texts; what begins
// with "!" it does not.
func holds(t *testing.T, w *httptest.ResponseRecorder, status int, texts ...string) {
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

// world is a front-end with mos.ru's page.
type world struct {
	*desk
	*page
	*shelf
	h   *Handler
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{desk: &desk{answer: evann}, page: &page{who: evann.Profile}, shelf: newShelf(), now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	o := options(w.desk)
	o.Mosru, o.PublicURL, o.Sessions = w.page, "https://id.example", w.shelf
	o.Now = func() time.Time { return w.now }
	var err error
	if w.h, err = New(o); err != nil {
		t.Fatal(err)
	}
	return w
}

// arrive signs in on mos.ru's page.
func (w *world) arrive(g *guest) *httptest.ResponseRecorder {
	g.t.Helper()
	to := g.get("/sign-in").Header().Get("Location")
	u, err := url.Parse(to)
	if err != nil || u.Host != "login.example" {
		g.t.Fatalf("sent to %q", to)
	}
	return g.get("/sign-in/mosru?code=c1&iss=https://login.example&state=" + u.Query().Get("state"))
}

// The whole way with mos.ru's page.
func TestActivationByCode(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword, Roles: evann.Roles}
	g := newGuest(t, w.h)
	holds(t, g.get("/"), 200, "Вход", "Войти через mos.ru", "Как получить доступ?", "Помощь", "Написать нам", "Войти через dnevnik.mos.ru", "Госуслуги", `href="/sign-in"`)
	goes(t, g.get("/activate"), "/")
	goes(t, w.arrive(g), "/activate")
	if a := w.asked0(); a.Redirect != "https://id.example/sign-in/mosru" || len(a.State) < 43 || len(a.Nonce) < 43 || len(a.Verifier) < 43 {
		t.Errorf("the sign-in is %+v", a)
	}
	if len(w.arrived) != 1 || w.arrived[0].Profile.Subject != "sub-evann" || w.arrived[0].Source.Addr.String() != "192.0.2.1" {
		t.Errorf("arrived: %+v", w.arrived)
	}
	before := g.cookies[sessionCookie]
	holds(t, g.get("/activate"), 200, "Активация аккаунта МЭШ", "Нина Николаевна", "evann", "ГБОУ Школа №\u00a049", "Пароль от mos.ru", "Не помню пароль", "Активировать аккаунт", "Выйти")
	goes(t, g.post("/activate", "password", "Zimorodok-2021"), "/activate")
	if w.kind != "activate as" || w.subject != "sub-evann" || w.desk.asked[0].Name != "evann" || w.desk.asked[0].Proof != identity.Password("Zimorodok-2021") {
		t.Errorf("asked %q as %q: %+v", w.kind, w.subject, w.desk.asked)
	}
	if g.cookies[sessionCookie] == before {
		t.Error("the session has its old name")
	}
	old := newGuest(t, w.h)
	old.cookies[sessionCookie] = before
	goes(t, old.get("/activate"), "/")
	holds(t, g.get("/activate"), 200, "Активация прошла успешно!", "Ваш логин:", "evann@uao.obr.mos.ru", "готово", "отличается от прежнего логина ЭЖД", "!AD_DUPLICATE", "!http-equiv")
	goes(t, g.get("/"), "/activate")
	goes(t, g.post("/sign-out"), "https://login.example/oauth/logout?back=https%3A%2F%2Fid.example%2Fsigned-out")
	if len(w.all) != 0 || len(g.cookies) != 0 {
		t.Errorf("left behind: %v, %v", w.all, g.cookies)
	}
	holds(t, g.get("/signed-out"), 200, "Вы вышли", "Войти через mos.ru")
	for _, k := range w.all {
		if strings.Contains(string(k.Data), "Zimorodok") {
			t.Error("the session holds the password")
		}
	}
}

func (w *world) asked0() Attempt { return w.page.asked[0] }

// A parent needs no password; somebody with an account neither.
func TestArriving(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StateActive, Login: "smirnovao", Person: identity.PersonID{8}, Roles: []match.Role{{Role: person.RoleParent, Child: "c1"}}}
	w.answer = provision.Answer{State: provision.StateActive}
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	holds(t, g.get("/activate"), 200, "Вам активация не нужна", "https://diary.example/", "Перейти в дневник", "!Пароль")
	w = newWorld(t)
	w.arriving = evann
	g = newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	holds(t, g.get("/activate"), 200, "Ваш логин:", "evann")
}

// What the records say against it is told before a password is asked for, and
// once somebody has mended them, the way goes on.
func TestRefusedOnArrival(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH"}
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	holds(t, g.get("/activate"), 200, "Активация не удалась", "СНИЛС на mos.ru и в кадровой системе школы разные", "Вы и кадровик школы", "1С", "Попробовать ещё раз", "Написать нам",
		"Войти через dnevnik.mos.ru", "SNILS_MISMATCH", `action="/activate/again"`, "!Пароль от mos.ru")
	goes(t, g.post("/activate/again"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация не удалась")
	w.arriving = provision.Answer{State: provision.StatePassword}
	goes(t, g.post("/activate/again"), "/activate")
	holds(t, g.get("/activate"), 200, "Пароль от mos.ru")
	w.answer = provision.Answer{State: provision.StateManual, Problem: "AMBIGUOUS", Profile: evann.Profile}
	goes(t, g.post("/activate", "password", "x"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация ждёт проверки", "Куратор")
}

// A wrong password, mos.ru that is away: the form stays, with the reason.
func TestPasswordAgain(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword}
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	for problem, c := range map[string]struct {
		state  provision.State
		status int
		text   string
	}{
		"WRONG_PASSWORD":      {provision.StateRefused, 403, "Caps Lock"},
		"KNOWN_BAD_PASSWORD":  {provision.StateRefused, 403, "только что не принял"},
		"MOSRU_UNREACHABLE":   {provision.StateUnavailable, 503, "mos.ru сейчас не отвечает"},
		"MOSRU_SECOND_FACTOR": {provision.StateUnavailable, 503, "подтвердить вход вторым способом"},
	} {
		w.answer = provision.Answer{State: c.state, Problem: problem}
		res := g.post("/activate", "password", "Secret-Text-1")
		holds(t, res, c.status, c.text, `role="alert"`, `aria-invalid="true"`, "Активировать аккаунт", "!Secret-Text-1")
		if (res.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%s: Retry-After %q", problem, res.Header().Get("Retry-After"))
		}
	}
}

// A browser that comes back must be the one that left, and lately.
func TestComeBack(t *testing.T) {
	for what, c := range map[string]struct {
		alter  func(w *world, g *guest, state *string)
		query  string
		status int
		text   string
		codes  int
	}{
		"another state":       {func(_ *world, _ *guest, state *string) { *state += "x" }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"without the cookie":  {func(_ *world, g *guest, _ *string) { clear(g.cookies) }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"a made-up cookie":    {func(_ *world, g *guest, _ *string) { g.cookies[attemptCookie] = "AAAA" + g.cookies[attemptCookie][4:] }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"too late":            {func(w *world, _ *guest, _ *string) { w.now = w.now.Add(16 * time.Minute) }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"another provider":    {nil, "&code=c&iss=https://evil.example", 400, "SIGN_IN_STALE", 0},
		"declined":            {nil, "&error=access_denied", 403, "вход отменён", 0},
		"refused as a client": {nil, "&error=invalid_scope", 503, "MOSRU_FAULT", 0},
		"an old code":         {func(w *world, _ *guest, _ *string) { w.err = identity.ErrStale }, "&code=c", 400, "SIGN_IN_STALE", 1},
		"mos.ru is away":      {func(w *world, _ *guest, _ *string) { w.err = identity.ErrUnreachable }, "&code=c", 503, "MOSRU_UNREACHABLE", 1},
		"mos.ru is busy":      {func(w *world, _ *guest, _ *string) { w.err = identity.ErrThrottled }, "&code=c", 503, "MOSRU_THROTTLED", 1},
		"an odd answer":       {func(w *world, _ *guest, _ *string) { w.err = identity.ErrFault }, "&code=c", 503, "MOSRU_FAULT", 1},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			g := newGuest(t, w.h)
			to, _ := url.Parse(g.get("/sign-in").Header().Get("Location"))
			state := to.Query().Get("state")
			if c.alter != nil {
				c.alter(w, g, &state)
			}
			holds(t, g.get("/sign-in/mosru?state="+state+c.query), c.status, c.text, "Попробовать ещё раз", `href="/sign-in"`)
			if len(w.codes) != c.codes || len(w.all) != 0 || len(w.arrived) != 0 {
				t.Errorf("%d codes, %d sessions", len(w.codes), len(w.all))
			}
		})
	}
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	to, _ := url.Parse(g.get("/sign-in").Header().Get("Location"))
	holds(t, g.get("/sign-in/mosru?code=c&state=made-up"), 400, `href="/?lang=en"`, "!made-up")
	goes(t, g.get("/sign-in/mosru?code=c&state="+to.Query().Get("state")), "/activate") // a made-up address ends no sign-in
	w = newWorld(t)
	w.arriving = evann
	g = newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	goes(t, g.get("/sign-in/mosru?code=c1&state="+w.asked0().State), "/activate") // «back» in the browser of somebody signed in
	if len(w.codes) != 1 {
		t.Error("a code was brought to mos.ru twice")
	}
}

// Midnight between leaving and coming back.
func TestComeBackAfterMidnight(t *testing.T) {
	w := newWorld(t)
	w.arriving, w.now = evann, time.Date(2026, 9, 1, 23, 59, 0, 0, time.UTC)
	g := newGuest(t, w.h)
	to, _ := url.Parse(g.get("/sign-in").Header().Get("Location"))
	w.now = w.now.Add(5 * time.Minute)
	goes(t, g.get("/sign-in/mosru?code=c&state="+to.Query().Get("state")), "/activate")
}

// Where only the password grant exists, name and password are typed here.
func TestActivationByForm(t *testing.T) {
	d := &desk{answer: provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"}}
	h := newHandler(t, d)
	g := newGuest(t, h)
	holds(t, g.get("/"), 200, "Войти через mos.ru", `href="/activate"`)
	goes(t, g.get("/sign-in"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация аккаунта МЭШ", "Логин mos.ru", "Пароль от mos.ru", "Не помню пароль", "Активировать аккаунт")
	holds(t, g.post("/activate", "login", `<b>"evil"`, "password", "Secret-Text-1"), 403, "не принял логин или пароль", `value="<b>"evil""`, "!Secret-Text-1")
	if w := g.post("/activate", "login", `<b>`, "password", "x"); strings.Contains(w.Body.String(), "<b>") {
		t.Error("somebody's markup is on the page")
	}
	d.answer = provision.Answer{State: provision.StateUnavailable, Problem: "MOSRU_UNREACHABLE"}
	holds(t, g.post("/activate", "login", "evann", "password", "x"), 503, "Сейчас проверить нельзя", `href="/activate"`)
	if len(g.cookies) != 0 {
		t.Error("a stranger has a session")
	}
	d.answer = evann
	goes(t, g.post("/activate", "login", "evann", "password", "Zimorodok-2021"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация прошла успешно!")
	goes(t, g.post("/sign-out"), "/signed-out")
	d.answer = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH", Profile: evann.Profile}
	goes(t, g.post("/activate", "login", "evann", "password", "x"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация не удалась")
	if w := newGuest(t, h).get("/sign-in/mosru?code=c&state=s"); w.Code != 404 {
		t.Errorf("a way back from nowhere: %d", w.Code)
	}
}

// What is not ready is looked at again: by the script, or by the page itself.
func TestProgressOfThePage(t *testing.T) {
	w := newWorld(t)
	w.arriving, w.answer = provision.Answer{State: provision.StatePassword}, evann
	w.answer.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}
	g := newGuest(t, w.h)
	if res := g.get("/activate/state"); res.Code != http.StatusUnauthorized || res.Body.Len() != 0 {
		t.Errorf("a stranger sees %d %s", res.Code, res.Body)
	}
	goes(t, w.arrive(g), "/activate")
	goes(t, g.post("/activate", "password", "x"), "/activate")
	for _, c := range []struct {
		after time.Duration
		next  string
	}{{0, "4"}, {5 * time.Minute, "15"}, {20 * time.Minute, "60"}} {
		w.now = w.now.Add(c.after)
		holds(t, g.get("/activate"), 200, `<noscript><meta http-equiv="refresh" content="`+c.next+`"></noscript>`, `data-next="`+c.next+`"`, "готовится", `src="/assets/live-`)
		res := g.get("/activate/state")
		if want := `{"next":` + c.next + `,"places":[{"id":"web","login":"evann","state":"ready","text":"готово"},{"id":"wifi",`; res.Code != 200 || !strings.HasPrefix(res.Body.String(), want) {
			t.Errorf("%d %s", res.Code, res.Body)
		}
	}
	w.answer.Targets["ad"] = provision.Stuck
	w.answer.Problems = []match.Problem{{Code: match.ADPasswordRefused}, {Code: match.ADRefused, Arg: "group: 50"}}
	holds(t, g.get("/activate"), 200, `class="state problem"`, "слишком прост", "Сообщите администратору", "!AD_REFUSED", "!http-equiv")
}

// A session ends unused, and after its whole time; what is used lives on.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	for range 28 {
		w.now = w.now.Add(25 * time.Minute)
		holds(t, g.get("/activate"), 200, "Ваш логин:")
	}
	w.now = w.now.Add(25 * time.Minute) // more than twelve hours after the sign-in
	goes(t, g.get("/activate"), "/")
	goes(t, w.arrive(g), "/activate")
	w.now = w.now.Add(31 * time.Minute)
	goes(t, g.get("/activate"), "/")
	goes(t, g.post("/activate", "password", "x"), "/")
	if len(w.desk.asked) != 0 {
		t.Error("a password without a session was brought to mos.ru")
	}
	g.cookies[sessionCookie] = strings.Repeat("A", 43)
	goes(t, g.get("/activate"), "/")
}

// Without the store nobody is signed out, and nothing is told that is not so.
func TestStoreIsAway(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	w.broken = errors.New("away")
	for _, path := range []string{"/", "/activate", "/help"} {
		holds(t, g.get(path), 503, "Сейчас не получается", "!away")
	}
	holds(t, g.post("/sign-out"), 503)
	if g.cookies[sessionCookie] == "" {
		t.Error("the session is lost")
	}
	w.broken = nil
	holds(t, g.get("/activate"), 200, "Ваш логин:")
}

// Every answer keeps other sites and inline code out.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	g := newGuest(t, w.h)
	for _, path := range []string{"/", "/activate", "/nowhere", "/help", "/assets/" + assetNames["style.css"], "/sign-in/mosru?error=x", "/api/activate/x"} {
		head := g.get(path).Header()
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
	if res := g.get("/assets/style.css"); res.Code != 404 {
		t.Errorf("an asset without its digest: %d", res.Code)
	}
}

// Designed pages for what is wrong with a request.
func TestErrorPages(t *testing.T) {
	w := newWorld(t)
	g := newGuest(t, w.h)
	holds(t, g.get("/nowhere"), 404, "Такой страницы нет", "На первую страницу")
	holds(t, g.ask(http.MethodDelete, "/activate", nil), 404, "Такой страницы нет")
	holds(t, g.post("/activate", "password", strings.Repeat("x", maxBody)), 400, "Форма не прочитана")
	r := httptest.NewRequest(http.MethodPost, "/sign-out", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	holds(t, rec, 403, "Запрос пришёл с чужого сайта")
}

// A program is slowed down, the next source is not, and after a while all is well.
func TestPace(t *testing.T) {
	w := newWorld(t)
	g := newGuest(t, w.h)
	for i := range paceBurst {
		if res := g.post("/sign-out"); res.Code != http.StatusSeeOther {
			t.Fatalf("number %d: %d", i, res.Code)
		}
	}
	res := g.post("/sign-out")
	holds(t, res, 429, "Слишком много запросов")
	if res.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	holds(t, g.get("/"), 200) // reading is free
	g.from = "192.0.2.2:1"
	goes(t, g.post("/sign-out"), "/signed-out")
	for i, from := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1"} {
		g.from = from
		for range paceBurst - i*paceBurst {
			g.post("/sign-out")
		}
		if res := g.post("/sign-out"); res.Code != 429 {
			t.Errorf("%s: %d", from, res.Code)
		}
	}
	g.from, w.now = "192.0.2.1:1", w.now.Add(paceEvery)
	goes(t, g.post("/sign-out"), "/signed-out")
}

// The language is switched where one is, stays so, and leads to no other site.
func TestLanguage(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword}
	g := newGuest(t, w.h)
	holds(t, g.get("/"), 200, `lang="ru"`, `href="/?lang=en"`)
	goes(t, g.get("/help?lang=en"), "/help")
	holds(t, g.get("/help"), 200, `<html lang="en">`, `href="/help?lang=ru"`)
	goes(t, w.arrive(g), "/activate")
	holds(t, g.get("/activate"), 200, "Activate your MESH account", "I forgot my password")
	for path, want := range map[string]string{"//evil.example/?lang=ru": "/evil.example/", "/%5C/evil.example?lang=ru": "/evil.example", "/a?x=1&lang=ru": "/a?x=1"} {
		goes(t, g.get("https://id.example"+path), want)
	}
	holds(t, g.get("/"), 303)
	goes(t, g.get("/activate?lang=nonsense"), "/activate")
	holds(t, g.get("/activate"), 200, "Активация аккаунта МЭШ")
}
