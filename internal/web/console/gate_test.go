package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

var (
	goes  = webtest.Goes
	holds = webtest.Holds
)

// filled is an address with something in place of its wildcards.
func filled(path string) string {
	for {
		from := strings.Index(path, "{")
		to := strings.Index(path, "}")
		if from < 0 || to < from {
			return path
		}
		path = path[:from] + "0102030405060708090a0b0c0d0e0f10" + path[to+1:]
	}
}

// TestEveryPageAsksWho walks all pages of all parts with everybody who may not see
// them: they see what is not there. No part can bring a page past it.
func TestEveryPageAsksWho(t *testing.T) {
	s := newSite(t, nil)
	stranger, ordinary := webtest.NewGuest(t, s.f), s.person(teacher)
	inside := map[rights.Role]*webtest.Guest{}
	for _, role := range rights.Roles() {
		inside[role] = s.role(role)
	}
	outside := s.person(operator) // has not shown the second factor
	asked, gates := 0, []string{"/console/", "GET /console", "GET /console/break-glass", "GET /console/codes", "GET /console/sign-in", "POST /console/break-glass",
		"POST /console/codes", "POST /console/enrol", "POST /console/leave", "POST /console/sign-in"}
	missing := ordinary.Get("/console/nowhere").Body.String()
	mays := map[string]rights.Action{}
	for _, p := range parts() {
		for pattern, page := range p.pages {
			mays[pattern] = page.may
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(s.room.Table)) {
		may, known := mays[pattern]
		if !known {
			if !slices.Contains(gates, pattern) {
				t.Errorf("%s is of no part", pattern)
			}
			continue
		}
		asked++
		method, path, _ := strings.Cut(pattern, " ")
		path = filled(path)
		goes(t, stranger.Ask(method, path, nil), "/console")
		goes(t, outside.Ask(method, path, nil), "/console/sign-in")
		if w := ordinary.Ask(method, path, nil); w.Code != http.StatusNotFound || method == http.MethodGet && sameBut(w.Body.String(), path) != sameBut(missing, "/console/nowhere") {
			t.Errorf("somebody without rights, %s: %d, or not what is not there", pattern, w.Code)
		}
		for role, g := range inside {
			if role.May(may) {
				continue
			}
			if w := g.Ask(method, path, nil); w.Code != http.StatusNotFound {
				t.Errorf("%s, %s: %d", role, pattern, w.Code)
			}
		}
	}
	if asked < 5 {
		t.Errorf("only %d pages were asked", asked)
	}
	if list := s.noted(); len(list) > 0 {
		t.Errorf("somebody read %v", list)
	}
	if len(s.lines) != len(inside) { // each of them took one code
		t.Errorf("somebody changed something: %v", s.lines)
	}
}

// sameBut is a page without the address that it was asked for at.
func sameBut(text, path string) string { return strings.ReplaceAll(text, path, "") }

// TestPartsThatForget: a page that says not which action it is makes no console.
func TestPartsThatForget(t *testing.T) {
	do := func(*visit) {}
	s := newSite(t, nil)
	o := Options{Rights: s.desk, Factors: s.desk, Grants: keptGrants{s.desk}, People: crowd{s.desk}, Trail: s.desk, BreakGlass: s.desk}
	for what, pages := range map[string]map[string]page{
		"no action": {"GET /console/a": {do: do}}, "no page": {"GET /console/a": {may: rights.Decide}}, "elsewhere": {"GET /a": {do: do, may: rights.Decide}},
		"the way in": {"GET /console/sign-in": {do: do, may: rights.Decide}}, "the first page": {"GET /console": {do: do, may: rights.Decide}},
	} {
		if _, err := newRoom(o, []part{{pages: pages}}); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a console of nothing")
	}
	o.BreakGlass = nil
	room, err := newRoom(o, []part{{pages: map[string]page{"GET /console/a": {do: do, may: rights.Decide}}, there: func(*Options) bool { return false }}})
	if err != nil || room.Table["GET /console/a"].Do != nil || room.Table["GET /console/break-glass"].Do != nil {
		t.Errorf("what is not connected is there: %v", err)
	}
}

// TestTheWayIn: from the entrance over mos.ru's page and the second factor to the
// page that somebody wanted, under a new name of the session.
func TestTheWayIn(t *testing.T) {
	s := newSite(t, nil)
	stranger := webtest.NewGuest(t, s.f)
	goes(t, stranger.Get("/console/rights"), "/console")
	holds(t, stranger.Get("/console"), http.StatusOK, "Войти через mos.ru", "Аварийный вход", "!Права")
	goes(t, stranger.Get("/sign-in"), "/console") // where mos.ru's page leads back to
	goes(t, stranger.Get("/sign-in"), "/")        // once

	g := s.person(operator)
	holds(t, g.Get("/"), http.StatusNotFound, "Администрирование") // the way from every page
	goes(t, g.Get("/console/rights"), "/console/sign-in")
	holds(t, g.Get("/console/sign-in"), http.StatusOK, "Код из приложения", `!href="/console/rights"`)
	before := maps.Clone(g.Cookies)
	goes(t, g.Post("/console/sign-in", "code", s.code()), "/console/rights")
	if g.Cookies["__Host-session"] == before["__Host-session"] {
		t.Error("the session keeps its name")
	}
	holds(t, g.Get("/console"), http.StatusOK, "Оператор города", `href="/console/rights"`)
	goes(t, g.Get("/console/sign-in"), "/console")
	thief := webtest.NewGuest(t, s.f)
	thief.Cookies = before
	goes(t, thief.Get("/console/rights"), "/console")

	holds(t, s.person(teacher).Get("/"), http.StatusNotFound, "!Администрирование")
	holds(t, s.person(teacher).Get("/console"), http.StatusForbidden, "Нет прав администратора", "Аварийный вход")
	goes(t, s.person(teacher).Post("/console/sign-in", "code", s.code()), "/console")
	goes(t, s.person(teacher).Get("/console/codes"), "/console")
}

// TestTheWayInStaysHere: where somebody was going when the code was asked for is a
// page of ours, whatever its address was made to look like.
func TestTheWayInStaysHere(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/console/wifi/..%2F..%2F%5Cevil.example", "/console/wifi/..%2F..%2F%2Fevil.example", "/console/wifi/49%3Fa=b"} {
		g := s.person(operator)
		goes(t, g.Get(path), "/console/sign-in")
		s.clock.Forward(time.Minute)
		goes(t, g.Post("/console/sign-in", "code", s.code()), path)
		goes(t, g.Get(path+"?lang=en"), path) // the same page in the other language
	}
}

// TestWrongCodes: wrong, replayed and skewed codes, and how soon they cost a wait.
func TestWrongCodes(t *testing.T) {
	s := newSite(t, nil)
	g := s.person(operator)
	right := s.code()
	holds(t, g.Post("/console/sign-in", "code", "000000"), http.StatusForbidden, "Код не подошёл")
	goes(t, g.Post("/console/sign-in", "code", right[:3]+" "+right[3:]), "/console")
	other := s.person(operator) // another browser with the same code
	holds(t, other.Post("/console/sign-in", "code", right), http.StatusForbidden, "Код не подошёл")
	s.clock.Forward(10 * time.Minute)
	late := s.clock.Now()
	s.clock.Set(late.Add(-61 * time.Second))
	old := s.code()
	s.clock.Set(late)
	holds(t, other.Post("/console/sign-in", "code", old), http.StatusForbidden, "Код не подошёл")
	for range 3 {
		other.Post("/console/sign-in", "code", "000000")
	}
	w := other.Post("/console/sign-in", "code", s.code())
	holds(t, w, http.StatusTooManyRequests, "Слишком много неверных кодов", "01.09.2026")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	goes(t, other.Get("/console/rights"), "/console/sign-in")
	s.clock.Forward(2 * time.Minute)
	goes(t, other.Post("/console/sign-in", "code", s.code()), "/console/rights")
	// Another site's page takes no code.
	other.Header.Set("Sec-Fetch-Site", "cross-site")
	r := other.Post("/console/rights", "login", "evann", "role", "operator")
	if r.Code != http.StatusForbidden && r.Code != http.StatusSeeOther {
		t.Error(r.Code)
	}
	other.Header.Del("Sec-Fetch-Site")
	if len(s.of(teacher.ID)) > 0 {
		t.Error("granted from another site")
	}
}

// TestEnrolment: only who has both the invitation and the app connects one; the
// recovery codes are shown until they are noted down, and let in.
func TestEnrolment(t *testing.T) {
	s := newSite(t, nil)
	delete(s.factors, operator.ID)
	g := s.person(operator)
	holds(t, g.Get("/console/sign-in"), http.StatusOK, "Нужен код подключения", "!<svg class=\"qr\"")
	if err := s.Invite(t.Context(), operator.ID, "ABCD-EFGH-JKMN", s.clock.Now().Add(time.Hour), s.clock.Now(), nil); err != nil {
		t.Fatal(err)
	}
	holds(t, g.Post("/console/enrol", "invitation", "ABCD-EFGH-JKMN", "code", ""), http.StatusForbidden) // no secret yet
	w := g.Get("/console/sign-in")
	holds(t, w, http.StatusOK, `<svg class="qr"`, "Код подключения", "Яндекс Ключ")
	key := between(t, w.Body.String(), `<code class="key">`, "<")
	if again := between(t, g.Get("/console/sign-in").Body.String(), `<code class="key">`, "<"); again != key {
		t.Error("a reload gives another key")
	}
	if strings.Contains(w.Body.String(), "otpauth:") {
		t.Error("the secret stands in the page as an address")
	}
	app := s.appOf(key)
	holds(t, g.Post("/console/enrol", "invitation", "XXXX-EFGH-JKMN", "code", app()), http.StatusForbidden, "Код не подошёл", "Сверьте код подключения")
	holds(t, g.Post("/console/enrol", "invitation", "ABCD-EFGH-JKMN", "code", "000000"), http.StatusForbidden)
	goes(t, g.Post("/console/enrol", "invitation", "abcd efgh jkmn", "code", app()), "/console/codes")
	w = g.Get("/console/codes")
	holds(t, w, http.StatusOK, "Запишите резервные коды")
	if n := strings.Count(w.Body.String(), "<li><code>"); n != factor.RecoveryCodes {
		t.Errorf("%d codes", n)
	}
	one := between(t, w.Body.String(), "<li><code>", "<")
	goes(t, g.Get("/console"), "/console/codes") // not forgotten on the way
	goes(t, g.Post("/console/codes"), "/console")
	goes(t, g.Get("/console/codes"), "/console")
	holds(t, g.Get("/console"), http.StatusOK, "Оператор города", "!Осталось резервных")

	lost := s.person(operator)
	goes(t, lost.Post("/console/sign-in", "code", one), "/console")
	holds(t, s.person(operator).Post("/console/sign-in", "code", one), http.StatusForbidden)
	if !strings.Contains(s.log.String(), "recovery code") {
		t.Error("the log does not tell of a recovery code")
	}
	s.factors[operator.ID] = factor.Factor{Secret: secret, Since: s.factors[operator.ID].Since, Recovery: make([][]byte, 2)}
	holds(t, lost.Get("/console"), http.StatusOK, "Осталось резервных кодов: 2")
}

// TestSecretOfOneBrowser: whoever has stolen a session does not see the secret of the
// app that its owner connects, and the other way round.
func TestSecretOfOneBrowser(t *testing.T) {
	s := newSite(t, nil)
	delete(s.factors, operator.ID)
	if err := s.Invite(t.Context(), operator.ID, "ABCD-EFGH-JKMN", s.clock.Now().Add(time.Hour), s.clock.Now(), nil); err != nil {
		t.Fatal(err)
	}
	owner := s.person(operator)
	thief := webtest.NewGuest(t, s.f).With(owner.Cookies)
	holds(t, owner.Get("/console/sign-in"), http.StatusOK, `<code class="key">`)
	goes(t, thief.Get("/console/sign-in"), "/console")
	holds(t, owner.Get("/console/sign-in"), http.StatusOK, `<code class="key">`)
}

// appOf is an app that was given a key.
func (s *site) appOf(key string) func() string {
	raw := decodeKey(s.t, key)
	return func() string {
		code, err := factor.Code(raw, s.clock.Now())
		if err != nil {
			s.t.Fatal(err)
		}
		return code
	}
}

// TestElevationEnds: unused, after its longest time, at once where the rights are
// gone, on leaving; the person stays signed in.
func TestElevationEnds(t *testing.T) {
	s := newSite(t, nil)
	g := s.role(rights.Operator)
	for range 10 { // in use it lives
		s.clock.Forward(14 * time.Minute)
		holds(t, g.Get("/console/rights"), http.StatusOK)
	}
	s.clock.Forward(16 * time.Minute)
	goes(t, g.Get("/console/rights"), "/console/sign-in")
	holds(t, g.Get("/console/sign-in"), http.StatusOK, "Код из приложения")
	goes(t, g.Post("/console/sign-in", "code", s.code()), "/console/rights")
	for range 8 * 5 {
		s.clock.Forward(12 * time.Minute)
		g.Get("/console")
	}
	s.clock.Forward(time.Minute)
	goes(t, g.Get("/console"), "/console/sign-in")

	g = s.role(rights.School)
	holds(t, g.Get("/console"), http.StatusOK, "ГБОУ Школа № 49")
	s.grants = slices.DeleteFunc(s.grants, func(x rights.Granted) bool { return x.Person == admin49.ID })
	holds(t, g.Get("/console"), http.StatusForbidden, "Нет прав администратора")
	g = s.role(rights.Operator)
	holds(t, g.Get("/console/rights"), http.StatusOK)
	s.gone[operator.ID] = true // suspended, or has left
	holds(t, g.Get("/console/rights"), http.StatusNotFound)
	holds(t, g.Post("/console/rights", "login", "evann", "role", "auditor"), http.StatusNotFound)
	s.gone[operator.ID] = false

	before := maps.Clone(g.Cookies)
	goes(t, g.Post("/console/leave"), "/")
	holds(t, g.Get("/"), http.StatusNotFound, "Администрирование")
	goes(t, g.Get("/console/rights"), "/console/sign-in")
	thief := webtest.NewGuest(t, s.f)
	thief.Cookies = before
	holds(t, thief.Get("/console"), http.StatusOK, "Войти через mos.ru")
}

// TestAloneIsNoUse: a page that asks for itself keeps neither administration nor the
// session alive, and one of them that stands is a use like another.
func TestAloneIsNoUse(t *testing.T) {
	again := 1
	s := newSite(t, nil, part{pages: map[string]page{"GET /console/asks": {may: rights.Manage, alone: true, do: func(v *visit) {
		v.showAgain("codes.html", "codes.title", []string{}, again)
	}}}})
	g := s.role(rights.Operator)
	for range 5 {
		s.clock.Forward(3 * time.Minute)
		g.Get("/console/asks")
	}
	goes(t, g.Get("/console/asks"), "/console/sign-in")
	for range 9 {
		s.clock.Forward(3 * time.Minute)
		g.Get("/console/asks")
	}
	s.clock.Forward(4 * time.Minute) // where to come back to was noted 31 minutes ago
	goes(t, g.Get("/console/rights"), "/console")

	g, again = s.role(rights.Operator), 0
	for range 8 {
		s.clock.Forward(10 * time.Minute)
		holds(t, g.Get("/console/asks"), http.StatusOK)
	}
}

// TestCodesStayAway: a page that was asked for before the recovery codes were noted
// down, and is shown after, brings them back to nobody.
func TestCodesStayAway(t *testing.T) {
	var between func()
	s := newSite(t, nil, part{pages: map[string]page{"GET /console/slow": {may: rights.Manage, alone: true, do: func(v *visit) {
		between()
		v.showAgain("codes.html", "codes.title", []string{}, 0)
	}}}})
	g := s.role(rights.Operator)
	v := func(change func(*state)) {
		for _, kept := range s.shelf.All() {
			var r web.Record
			var st state
			if err := json.Unmarshal(kept.Data, &r); err != nil || r.Get(roomName, &st) != nil {
				t.Fatal(err)
			}
			change(&st)
			if err := r.Set(roomName, st); err != nil {
				t.Fatal(err)
			}
			found := kept.Seen
			kept.Data, _ = json.Marshal(r)
			kept.Seen = kept.Seen.Add(time.Microsecond)
			if err := s.shelf.Renew(t.Context(), kept, found); err != nil {
				t.Fatal(err)
			}
		}
	}
	v(func(st *state) { st.Codes = []string{"AAAAA-BBBBB"} })
	holds(t, g.Get("/console/codes"), http.StatusOK, "AAAAA-BBBBB")
	s.clock.Forward(2 * time.Minute)
	between = func() { v(func(st *state) { st.Codes = nil }) }
	holds(t, g.Get("/console/slow"), http.StatusOK)
	goes(t, g.Get("/console/codes"), "/console")
}

// TestLostPhone: with the app that somebody lost goes what it had opened; whoever
// invites himself stays, for he has to read the code.
func TestLostPhone(t *testing.T) {
	s := newSite(t, nil)
	s.factors[curator.ID] = factor.Factor{Secret: secret, Since: s.clock.Now().Add(-time.Hour)}
	s.factors[operator.ID] = factor.Factor{Secret: secret, Since: s.clock.Now().Add(-time.Hour)}
	thief, g := s.role(rights.Curator), s.role(rights.Operator)
	goes(t, g.Post("/console/rights/enrol", "person", curator.ID.String(), "code", s.later()), "/console/rights")
	goes(t, thief.Get("/console"), "/console/sign-in")
	holds(t, thief.Get("/console/sign-in"), http.StatusOK, "Код подключения")
	s.factors[curator.ID] = factor.Factor{Secret: secret, Since: s.clock.Now()} // another app
	goes(t, thief.Get("/console/launch"), "/console/sign-in")

	other := s.role(rights.Operator)
	goes(t, g.Post("/console/rights/enrol", "person", operator.ID.String(), "code", s.later()), "/console/rights")
	holds(t, g.Get("/console/rights"), http.StatusOK, "Код подключения")
	goes(t, other.Get("/console/rights"), "/console/sign-in")
	// Another operator's invitation ends what his own had left.
	if err := s.Invite(t.Context(), operator.ID, "ABCD-EFGH-JKMN", s.clock.Now().Add(time.Hour), s.clock.Now(), nil); err != nil {
		t.Fatal(err)
	}
	goes(t, g.Get("/console/rights"), "/console/sign-in")
}

// TestEndedMeanwhile: a session that another browser or a suspension ends while a
// page is made does nothing more.
func TestEndedMeanwhile(t *testing.T) {
	var s *site
	s = newSite(t, nil, part{pages: map[string]page{"GET /console/ended": {may: rights.Manage, do: func(v *visit) {
		for _, kept := range s.shelf.All() {
			if err := s.shelf.End(t.Context(), kept.Handle); err != nil {
				t.Error(err)
			}
		}
		if v.keep() {
			t.Error("a session that has ended is kept")
		}
	}}}})
	goes(t, s.role(rights.Operator).Get("/console/ended"), "/console")
}

// TestLeftMeanwhile: a sign-out or a leaving that another tab was faster with stands,
// whatever this one's session is to become.
func TestLeftMeanwhile(t *testing.T) {
	for _, first := range []string{"/sign-out", "/console/leave"} {
		for _, last := range []string{"/console/leave", "/console/sign-in"} {
			var s *site
			var g *webtest.Guest
			ended := false
			s = newSite(t, func(o *Options) {
				o.Rights = slow{o.Rights, func() {
					if ended {
						return
					}
					ended = true
					webtest.NewGuest(t, s.f).With(g.Cookies).Post(first)
				}}
			})
			ended = true
			if g = s.person(operator); last == "/console/leave" {
				goes(t, g.Post("/console/sign-in", "code", s.code()), "/console")
			}
			ended = false
			g.Post(last, "code", s.code())
			n := 0
			if first == "/console/leave" { // goes on under its new name, in the other tab
				n = 1
			}
			if all := s.shelf.All(); len(all) != n {
				t.Errorf("%s, then %s: %d sessions", first, last, len(all))
			}
			goes(t, g.Get("/console/rights"), "/console")
		}
	}
}

// slow are rights while which are read something happens.
type slow struct {
	Rights
	then func()
}

func (r slow) Of(ctx context.Context, id identity.PersonID) (rights.Rights, error) {
	r.then()
	return r.Rights.Of(ctx, id)
}

// TestBreakGlass opens the console, for itself alone, until the password is another
// one; nobody misses it.
func TestBreakGlass(t *testing.T) {
	s := newSite(t, nil)
	g := webtest.NewGuest(t, s.f)
	holds(t, g.Get("/console/break-glass"), http.StatusOK, "Аварийный вход")
	for _, wrong := range [][2]string{{"admin", "x"}, {"root", glassPassword}, {"", ""}, {"admin", ""}} {
		holds(t, g.Post("/console/break-glass", "login", wrong[0], "password", wrong[1]), http.StatusForbidden, "Имя или пароль не подошли", "!"+glassPassword)
	}
	goes(t, g.Get("/console/rights"), "/console")
	goes(t, g.Post("/console/break-glass", "login", "admin", "password", glassPassword), "/console")
	holds(t, g.Get("/console"), http.StatusOK, "Вы вошли аварийно", "Был аварийный вход", "192.0.2.1", "Оператор города")
	holds(t, g.Get("/console/rights"), http.StatusOK, "Орлова")
	holds(t, g.Get("/"), http.StatusForbidden) // nobody elsewhere
	if !strings.Contains(s.log.String(), "level=ERROR") || !strings.Contains(s.log.String(), "break-glass account was used") {
		t.Errorf("the log does not tell:\n%s", s.log.String())
	}
	if line := s.lines[len(s.lines)-1]; line["by"] != "admin" || line["addr"] != "192.0.2.1" {
		t.Error(line)
	}
	goes(t, g.Post("/console/rights", "login", "evann", "role", "auditor"), "/console/rights")
	if held := s.of(teacher.ID); len(held) != 1 || held[0].By != "admin" {
		t.Errorf("%+v", held)
	}
	holds(t, s.role(rights.Auditor).Get("/console"), http.StatusOK, "Был аварийный вход")
	holds(t, s.role(rights.School).Get("/console"), http.StatusOK, "!Был аварийный вход")
	s.glass.Made = s.clock.Now() // another password
	holds(t, g.Get("/console/rights"), http.StatusNotFound)
	holds(t, g.Get("/console"), http.StatusForbidden)

	again := webtest.NewGuest(t, s.f)
	goes(t, again.Post("/console/break-glass", "login", "admin", "password", glassPassword), "/console")
	s.clock.Forward(16 * time.Minute)
	goes(t, again.Get("/console/rights"), "/console")
	holds(t, again.Get("/console"), http.StatusOK, "Войти через mos.ru")

	// One source does not go on trying.
	guesser := webtest.NewGuest(t, s.f)
	guesser.From = "198.51.100.7:1"
	codes := map[int]int{}
	for range 30 {
		codes[guesser.Post("/console/break-glass", "login", "admin", "password", "x").Code]++
	}
	if codes[http.StatusForbidden] != glassBurst || codes[http.StatusTooManyRequests] != 30-glassBurst {
		t.Error(codes)
	}
	goes(t, webtest.NewGuest(t, s.f).Post("/console/break-glass", "login", "admin", "password", glassPassword), "/console")

	off := newSite(t, func(o *Options) { o.BreakGlass = nil })
	stranger := webtest.NewGuest(t, off.f)
	holds(t, stranger.Get("/console"), http.StatusOK, "!Аварийный вход")
	goes(t, stranger.Get("/console/break-glass"), "/console")
	goes(t, stranger.Post("/console/break-glass", "login", "admin", "password", glassPassword), "/console")
	goes(t, stranger.Get("/console/rights"), "/console")
}

// TestUnknown: where the store does not answer, nobody is let in and nobody is told
// that he has no rights.
func TestUnknown(t *testing.T) {
	s := newSite(t, nil)
	g := s.role(rights.Operator)
	s.broken = errors.New("the store is away")
	for _, path := range []string{"/console", "/console/rights", "/console/sign-in"} {
		holds(t, g.Get(path), http.StatusServiceUnavailable)
	}
	s.broken = nil
	s.shelf.Break(errors.New("no sessions"))
	holds(t, g.Get("/console/rights"), http.StatusServiceUnavailable)
	holds(t, g.Post("/console/sign-in", "code", s.code()), http.StatusServiceUnavailable)
}

// TestPartOfAnother shows how a part is asked: where its action is allowed, and what
// its reading leaves in the trail.
func TestPartOfAnother(t *testing.T) {
	var scopes []string
	one := part{
		nav: entry{address: "/console/list", title: "console.home", icon: "person", may: rights.SeePeople},
		pages: map[string]page{"GET /console/list": {may: rights.SeePeople, do: func(v *visit) {
			scopes = append(scopes, fmt.Sprint(v.scope.All(), v.scope.Schools()))
			if v.read("list", map[string]any{"found": 2}, teacher.ID, admin49.ID) {
				v.missing()
			}
		}}},
		glance: func(v *visit) (glance, error) {
			if v.scope.All() {
				return glance{}, errors.New("too many")
			}
			return glance{Figure: "12", Title: "console.home", State: "bad", Text: "home.unknown"}, nil
		},
	}
	s := newSite(t, nil, one)
	holds(t, s.role(rights.School).Get("/console"), http.StatusOK, "<strong>12</strong>", "badge bad")
	holds(t, s.role(rights.Operator).Get("/console"), http.StatusOK, "<strong>—</strong>", "не удалось узнать")
	for _, role := range rights.Roles() {
		s.role(role).Get("/console/list")
	}
	if want := []string{"false [49]", "false [1050 49]", "true []", "true []"}; !slices.Equal(scopes, want) {
		t.Error(scopes)
	}
	if list := s.noted(); len(list) != 8 || list[0] != "console_read list 01" || list[1] != "console_read list 02" {
		t.Error(list)
	}
	g := s.role(rights.School)
	g.Header.Set("X-Forwarded-For", "10.0.0.1") // not from a proxy of ours
	g.Get("/console/list")
	s.mu.Lock()
	payload := string(s.trail[0].Payload)
	s.mu.Unlock()
	for _, want := range []string{`"action":"see people"`, `"addr":"192.0.2.1"`, `"by":"` + admin49.ID.String() + `"`, `"found":2`, `"request":"`} {
		if !strings.Contains(payload, want) {
			t.Errorf("%s lacks %s", payload, want)
		}
	}
	holds(t, g.Ask(http.MethodGet, "/console?lang=en", nil), http.StatusSeeOther)
	webtest.English(t, g.Get("/console"), "ГБОУ Школа № 49", "Имя")
}
