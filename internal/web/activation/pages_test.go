package activation

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
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

// sessionCookie is the frame's.
const sessionCookie = "__Host-session"

var (
	newGuest = webtest.NewGuest
	goes     = webtest.Goes
	holds    = webtest.Holds
)

// world is a front-end with mos.ru's page.
type world struct {
	*desk
	*page
	shelf *webtest.Shelf
	h     *web.Frame
	now   time.Time

	turned bool // a curator has said no
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{desk: &desk{answer: evann}, page: &page{who: evann.Profile}, shelf: &webtest.Shelf{}, now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	o, frame := options(w.desk), frameOptions()
	o.Mosru, o.PublicURL = w.page, "https://id.example"
	o.Turned = func(_ context.Context, who identity.Subject) bool { return w.turned && who == evann.Profile.Subject }
	frame.Secure, frame.Sessions, frame.Now = true, w.shelf, func() time.Time { return w.now }
	w.h = newFrame(t, o, frame)
	return w
}

// arrive signs in on mos.ru's page.
func (w *world) arrive(t testing.TB, g *webtest.Guest) *httptest.ResponseRecorder {
	t.Helper()
	to := g.Get("/sign-in").Header().Get("Location")
	u, err := url.Parse(to)
	if err != nil || u.Host != "login.example" {
		t.Fatalf("sent to %q", to)
	}
	return g.Get("/sign-in/mosru?code=c1&iss=https://login.example&state=" + u.Query().Get("state"))
}

// The whole way with mos.ru's page.
func TestActivationByCode(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword, Roles: evann.Roles}
	g := newGuest(t, w.h)
	holds(t, g.Get("/"), 200, "Вход", "Войти через mos.ru", "Как получить доступ?", "Помощь", "Написать нам", "Войти через dnevnik.mos.ru", "Госуслуги", `href="/sign-in"`)
	if csp := g.Get("/").Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://login.example;") {
		t.Errorf("whoever leaves is not sent to mos.ru: %q", csp)
	}
	goes(t, g.Get("/activate"), "/")
	goes(t, w.arrive(t, g), "/activate")
	if a := w.asked0(); a.Redirect != "https://id.example/sign-in/mosru" || len(a.State) < 43 || len(a.Nonce) < 43 || len(a.Verifier) < 43 {
		t.Errorf("the sign-in is %+v", a)
	}
	if len(w.arrived) != 1 || w.arrived[0].Profile.Subject != "sub-evann" || w.arrived[0].Source.Addr.String() != "192.0.2.1" {
		t.Errorf("arrived: %+v", w.arrived)
	}
	before := g.Cookies[sessionCookie]
	holds(t, g.Get("/activate"), 200, "Активация аккаунта МЭШ", "Нина Николаевна", "evann", "ГБОУ Школа №\u00a049", "Пароль от mos.ru", "Не помню пароль", "Активировать аккаунт", "Выйти")
	goes(t, g.Post("/activate", "password", "Zimorodok-2021"), "/activate")
	if w.kind != "activate as" || w.subject != "sub-evann" || w.desk.asked[0].Name != "evann" || w.desk.asked[0].Proof != identity.Password("Zimorodok-2021") {
		t.Errorf("asked %q as %q: %+v", w.kind, w.subject, w.desk.asked)
	}
	if g.Cookies[sessionCookie] == before {
		t.Error("the session has its old name")
	}
	old := newGuest(t, w.h)
	old.Cookies[sessionCookie] = before
	goes(t, old.Get("/activate"), "/")
	holds(t, g.Get("/activate"), 200, "Активация прошла успешно!", "Ваш логин:", "evann@uao.obr.mos.ru", "готово", "отличается от прежнего логина ЭЖД", "!AD_DUPLICATE", "!http-equiv")
	goes(t, g.Get("/"), "/activate")
	goes(t, g.Post("/sign-out"), "https://login.example/oauth/logout?back=https%3A%2F%2Fid.example%2Fsigned-out")
	if len(w.shelf.All()) != 0 || len(g.Cookies) != 0 {
		t.Errorf("left behind: %v, %v", w.shelf.All(), g.Cookies)
	}
	holds(t, g.Get("/signed-out"), 200, "Вы вышли", "Войти через mos.ru")
	for _, k := range w.shelf.All() {
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
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, "Вам активация не нужна", "https://diary.example/", "Перейти в дневник", "!Пароль")
	w = newWorld(t)
	w.arriving = evann
	g = newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, "Ваш логин:", "evann")
}

// What the records say against it is told before a password is asked for, and
// once somebody has mended them, the way goes on.
func TestRefusedOnArrival(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH"}
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация не удалась", "СНИЛС на mos.ru и в кадровой системе школы разные", "Вы и кадровик школы", "1С", "Попробовать ещё раз", "Написать нам",
		"Войти через dnevnik.mos.ru", "SNILS_MISMATCH", `action="/activate/again"`, `href="/sign-in">Войдите заново`, "!Пароль от mos.ru")
	goes(t, g.Post("/activate/again"), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация не удалась")
	w.arriving = provision.Answer{State: provision.StatePassword}
	goes(t, g.Post("/activate/again"), "/activate")
	holds(t, g.Get("/activate"), 200, "Пароль от mos.ru")
	w.answer = provision.Answer{State: provision.StateManual, Problem: "AMBIGUOUS", Profile: evann.Profile}
	goes(t, g.Post("/activate", "password", "x"), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация ждёт проверки", "Куратор")
	w.turned = true
	holds(t, g.Get("/activate"), 200, "Активация не удалась", "Куратор рассмотрел ваш вопрос и отказал", "паспортом", "AMBIGUOUS", "!ждёт проверки")
	w.turned = false
	holds(t, g.Get("/activate"), 200, "Активация ждёт проверки", "!отказал")
	w.arriving = evann
	before := newGuest(t, w.h).With(g.Cookies)
	goes(t, g.Post("/activate/again"), "/activate")
	goes(t, before.Get("/activate"), "/") // it means more now
	w.answer = evann
	holds(t, g.Get("/activate"), 200, "Ваш логин:", "evann")
}

// What is mended at mos.ru is seen by another sign-in alone: the session keeps what
// mos.ru said before.
func TestMendedAtMosru(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StateRefused, Problem: "SNILS_NOT_CONFIRMED"}
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация не удалась", `<a class="button" href="/sign-in">Попробовать ещё раз`, "!/activate/again", "!Войдите заново")
	w.arriving = provision.Answer{State: provision.StatePassword}
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, "Пароль от mos.ru")
	w.arriving = provision.Answer{State: provision.StateRefused, Problem: "KADRY_SNILS_INVALID"}
	goes(t, w.arrive(t, g), "/activate")
	holds(t, g.Get("/activate"), 200, `action="/activate/again"`, "!Войдите заново") // 1C's to mend
}

// A wrong password, mos.ru that is away: the form stays, with the reason.
func TestPasswordAgain(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword}
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
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
		res := g.Post("/activate", "password", "Secret-Text-1")
		invalid := `aria-invalid="true"`
		if c.state == provision.StateUnavailable { // not what was typed is wrong
			invalid = "!" + invalid
		}
		holds(t, res, c.status, c.text, `role="alert"`, invalid, "Активировать аккаунт", `href="/activate?lang=en"`, "!Secret-Text-1")
		if (res.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%s: Retry-After %q", problem, res.Header().Get("Retry-After"))
		}
	}
}

// A browser that comes back must be the one that left, and lately.
func TestComeBack(t *testing.T) {
	for what, c := range map[string]struct {
		alter  func(w *world, g *webtest.Guest, state *string)
		query  string
		status int
		text   string
		codes  int
	}{
		"another state":      {func(_ *world, _ *webtest.Guest, state *string) { *state += "x" }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"without the cookie": {func(_ *world, g *webtest.Guest, _ *string) { clear(g.Cookies) }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"a made-up cookie": {func(_ *world, g *webtest.Guest, _ *string) {
			g.Cookies[attemptCookie] = "AAAA" + g.Cookies[attemptCookie][4:]
		}, "&code=c", 400, "SIGN_IN_STALE", 0},
		"too late":            {func(w *world, _ *webtest.Guest, _ *string) { w.now = w.now.Add(16 * time.Minute) }, "&code=c", 400, "SIGN_IN_STALE", 0},
		"another provider":    {nil, "&code=c&iss=https://evil.example", 400, "SIGN_IN_STALE", 0},
		"declined":            {nil, "&error=access_denied", 403, "вход отменён", 0},
		"refused as a client": {nil, "&error=invalid_scope", 503, "MOSRU_FAULT", 0},
		"an old code":         {func(w *world, _ *webtest.Guest, _ *string) { w.err = identity.ErrStale }, "&code=c", 400, "SIGN_IN_STALE", 1},
		"mos.ru is away":      {func(w *world, _ *webtest.Guest, _ *string) { w.err = identity.ErrUnreachable }, "&code=c", 503, "MOSRU_UNREACHABLE", 1},
		"mos.ru is busy":      {func(w *world, _ *webtest.Guest, _ *string) { w.err = identity.ErrThrottled }, "&code=c", 503, "MOSRU_THROTTLED", 1},
		"an odd answer":       {func(w *world, _ *webtest.Guest, _ *string) { w.err = identity.ErrFault }, "&code=c", 503, "MOSRU_FAULT", 1},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			g := newGuest(t, w.h)
			to, _ := url.Parse(g.Get("/sign-in").Header().Get("Location"))
			state := to.Query().Get("state")
			if c.alter != nil {
				c.alter(w, g, &state)
			}
			holds(t, g.Get("/sign-in/mosru?state="+state+c.query), c.status, c.text, "Попробовать ещё раз", `href="/sign-in"`)
			if len(w.codes) != c.codes || len(w.shelf.All()) != 0 || len(w.arrived) != 0 {
				t.Errorf("%d codes, %d sessions", len(w.codes), len(w.shelf.All()))
			}
		})
	}
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	to, _ := url.Parse(g.Get("/sign-in").Header().Get("Location"))
	holds(t, g.Get("/sign-in/mosru?code=c&state=made-up"), 400, `href="/?lang=en"`, "!made-up")
	goes(t, g.Get("/sign-in/mosru?code=c&state="+to.Query().Get("state")), "/activate") // a made-up address ends no sign-in
	w = newWorld(t)
	w.arriving = evann
	g = newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	goes(t, g.Get("/sign-in/mosru?code=c1&state="+w.asked0().State), "/activate") // «back» in the browser of somebody signed in
	if len(w.codes) != 1 {
		t.Error("a code was brought to mos.ru twice")
	}
}

// Midnight between leaving and coming back.
func TestComeBackAfterMidnight(t *testing.T) {
	w := newWorld(t)
	w.arriving, w.now = evann, time.Date(2026, 9, 1, 23, 59, 0, 0, time.UTC)
	g := newGuest(t, w.h)
	to, _ := url.Parse(g.Get("/sign-in").Header().Get("Location"))
	w.now = w.now.Add(5 * time.Minute)
	goes(t, g.Get("/sign-in/mosru?code=c&state="+to.Query().Get("state")), "/activate")
}

// Where only the password grant exists, name and password are typed here.
func TestActivationByForm(t *testing.T) {
	d := &desk{answer: provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"}}
	h := newHandler(t, d)
	g := newGuest(t, h)
	holds(t, g.Get("/"), 200, "Войти через mos.ru", `href="/activate"`)
	goes(t, g.Get("/sign-in"), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация аккаунта МЭШ", "Логин mos.ru", "Пароль от mos.ru", "Не помню пароль", "Активировать аккаунт")
	holds(t, g.Post("/activate", "login", `<b>"evil"`, "password", "Secret-Text-1"), 403, "не принял логин или пароль", `value="<b>"evil""`, "!Secret-Text-1")
	if w := g.Post("/activate", "login", `<b>`, "password", "x"); strings.Contains(w.Body.String(), "<b>") {
		t.Error("somebody's markup is on the page")
	}
	d.answer = provision.Answer{State: provision.StateUnavailable, Problem: "MOSRU_UNREACHABLE"}
	holds(t, g.Post("/activate", "login", "evann", "password", "x"), 503, "Сейчас проверить нельзя", `href="/activate"`)
	if len(g.Cookies) != 0 {
		t.Error("a stranger has a session")
	}
	d.answer = evann
	goes(t, g.Post("/activate", "login", "evann", "password", "Zimorodok-2021"), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация прошла успешно!")
	goes(t, g.Post("/sign-out"), "/signed-out")
	d.answer = provision.Answer{State: provision.StateRefused, Problem: "SNILS_MISMATCH", Profile: evann.Profile}
	goes(t, g.Post("/activate", "login", "evann", "password", "x"), "/activate")
	holds(t, g.Get("/activate"), 200, "Активация не удалась")
	if w := newGuest(t, h).Get("/sign-in/mosru?code=c&state=s"); w.Code != 404 {
		t.Errorf("a way back from nowhere: %d", w.Code)
	}
}

// What is not ready is looked at again: by the script, or by the page itself.
func TestProgressOfThePage(t *testing.T) {
	w := newWorld(t)
	w.arriving, w.answer = provision.Answer{State: provision.StatePassword}, evann
	w.answer.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}
	g := newGuest(t, w.h)
	if res := g.Get("/activate/state"); res.Code != http.StatusUnauthorized || res.Body.Len() != 0 {
		t.Errorf("a stranger sees %d %s", res.Code, res.Body)
	}
	goes(t, w.arrive(t, g), "/activate")
	goes(t, g.Post("/activate", "password", "x"), "/activate")
	for _, c := range []struct {
		after time.Duration
		next  string
	}{{0, "4"}, {5 * time.Minute, "15"}, {20 * time.Minute, "60"}} {
		w.now = w.now.Add(c.after)
		holds(t, g.Get("/activate"), 200, `<noscript><meta http-equiv="refresh" content="`+c.next+`"></noscript>`, `data-next="`+c.next+`"`, "готовится", `src="/assets/live-`)
		res := g.Get("/activate/state")
		if want := `{"next":` + c.next + `,"places":[{"id":"web","login":"evann","state":"ready","text":"готово"},{"id":"wifi",`; res.Code != 200 || !strings.HasPrefix(res.Body.String(), want) {
			t.Errorf("%d %s", res.Code, res.Body)
		}
	}
	w.answer.Targets["ad"] = provision.Stuck
	w.answer.Problems = []match.Problem{{Code: match.ADPasswordRefused}, {Code: match.ADRefused, Arg: "group: 50"}}
	holds(t, g.Get("/activate"), 200, `class="state problem"`, "слишком прост", "Сообщите администратору", "!AD_REFUSED", "!http-equiv")
}

// A page that asks for itself keeps nobody signed in.
func TestProgressIsNoUse(t *testing.T) {
	w := newWorld(t)
	w.arriving, w.answer = provision.Answer{State: provision.StatePassword}, evann
	w.answer.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	goes(t, g.Post("/activate", "password", "x"), "/activate")
	for range 5 {
		w.now = w.now.Add(5 * time.Minute)
		holds(t, g.Get("/activate"), 200, "готовится")
		if res := g.Get("/activate/state"); res.Code != 200 {
			t.Errorf("%d", res.Code)
		}
	}
	w.now = w.now.Add(6 * time.Minute)
	if res := g.Get("/activate/state"); res.Code != http.StatusUnauthorized {
		t.Errorf("asking for itself kept it alive: %d", res.Code)
	}
	goes(t, g.Get("/activate"), "/")
}

// A session ends unused, and after its whole time; what is used lives on.
func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	for range 28 {
		w.now = w.now.Add(25 * time.Minute)
		holds(t, g.Get("/activate"), 200, "Ваш логин:")
	}
	w.now = w.now.Add(25 * time.Minute) // more than twelve hours after the sign-in
	goes(t, g.Get("/activate"), "/")
	goes(t, w.arrive(t, g), "/activate")
	w.now = w.now.Add(31 * time.Minute)
	goes(t, g.Get("/activate"), "/")
	goes(t, g.Post("/activate", "password", "x"), "/")
	if len(w.desk.asked) != 0 {
		t.Error("a password without a session was brought to mos.ru")
	}
	g.Cookies[sessionCookie] = strings.Repeat("A", 43)
	goes(t, g.Get("/activate"), "/")
}

// Who signs out in another tab while mos.ru is asked about the password is signed out,
// and so is whose sessions a suspension ends: the answer brings no session back.
func TestSignedOutMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.arriving = provision.Answer{State: provision.StatePassword, Roles: evann.Roles}
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	w.during = func() { newGuest(t, w.h).With(g.Cookies).Post("/sign-out") }
	goes(t, g.Post("/activate", "password", "Zimorodok-2021"), "/activate")
	if all := w.shelf.All(); len(all) != 0 {
		t.Errorf("%d sessions after the sign-out", len(all))
	}
	goes(t, g.Get("/activate"), "/")
}

// Without the store nobody is signed out, and nothing is told that is not so.
func TestStoreIsAway(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	w.shelf.Break(errors.New("away"))
	for _, path := range []string{"/", "/activate", "/help"} {
		holds(t, g.Get(path), 503, "Сейчас не получается", "!away")
	}
	holds(t, g.Post("/sign-out"), 503)
	if g.Cookies[sessionCookie] == "" {
		t.Error("the session is lost")
	}
	w.shelf.Break(nil)
	holds(t, g.Get("/activate"), 200, "Ваш логин:")
}
