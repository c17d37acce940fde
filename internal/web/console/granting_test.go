package console

import (
	"encoding/base32"
	"net/http"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
)

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	inside, _, end := strings.Cut(rest, to)
	if !ok || !end {
		t.Fatalf("nothing between %q and %q:\n%s", from, to, text)
	}
	return inside
}

func decodeKey(t testing.TB, key string) []byte {
	t.Helper()
	raw, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestGrantAndRevoke: an operator lets somebody in, shows the code until it is put
// away, and lets them out again.
func TestGrantAndRevoke(t *testing.T) {
	s := newSite(t, nil)
	g := s.role(rights.Operator)
	holds(t, g.Get("/console/rights"), http.StatusOK, "Орлова Мария Игоревна", "ГБОУ Школа № 49", "это вы", "CN=bridge-{school},OU=admins", "!Еваннова")
	if list := s.noted(); len(list) != 4 {
		t.Errorf("the reading leaves %v", list)
	}
	for _, c := range []struct{ login, role, schools, says string }{
		{"nobody", "auditor", "", "Такого логина нет"}, {"evann", "root", "", "Выберите роль"}, {"evann", "school", "", "ровно одна школа"},
		{"evann", "school", "49 1050", "ровно одна школа"}, {"evann", "school", "50", "Школы с таким ID"}, {"evann", "curator", "", "хотя бы одна"},
		{"evann", "operator", "49", "уберите школы"}, {"evann", "auditor", "49", "уберите школы"}, {"evann", "curator", "49,49", "хотя бы одна"},
	} {
		holds(t, g.Post("/console/rights", "login", c.login, "role", c.role, "schools", c.schools), http.StatusUnprocessableEntity, c.says, `value="`+c.login+`"`)
	}
	if len(s.of(teacher.ID)) > 0 {
		t.Fatal("granted all the same")
	}
	goes(t, g.Post("/console/rights", "login", "evann", "role", "curator", "schools", "49, 1050", "code", s.later()), "/console/rights")
	w := g.Get("/console/rights")
	holds(t, w, http.StatusOK, "Код подключения для evann", "Еваннова Нина Николаевна", "operatora")
	code := between(t, w.Body.String(), `<p class="handed"><code>`, "<")
	goes(t, g.Post("/console/rights/code"), "/console/rights")
	holds(t, g.Get("/console/rights"), http.StatusOK, "!"+code)
	held := s.of(teacher.ID)
	if len(held) != 1 || held[0].By != operator.ID.String() || len(held[0].Schools) != 2 || !s.factors[teacher.ID].Invited(s.clock.Now().Add(6*24*time.Hour)) {
		t.Errorf("%+v, %+v", held, s.factors[teacher.ID])
	}
	// The code opens, and a second grant asks for no other app.
	her := s.person(teacher)
	key := between(t, her.Get("/console/sign-in").Body.String(), `<code class="key">`, "<")
	goes(t, her.Post("/console/enrol", "invitation", code, "code", s.appOf(key)()), "/console/codes")
	goes(t, g.Post("/console/rights", "login", "evann", "role", "auditor", "code", s.later()), "/console/rights")
	holds(t, g.Get("/console/rights"), http.StatusOK, "!Код подключения для evann")
	if !s.factors[teacher.ID].Invited(s.clock.Now()) && !s.hasApp(teacher.ID) {
		t.Error("the app is gone")
	}
	// She lost her phone.
	goes(t, g.Post("/console/rights/enrol", "person", teacher.ID.String(), "code", s.later()), "/console/rights")
	if s.hasApp(teacher.ID) {
		t.Error("the app of the lost phone counts on")
	}
	holds(t, g.Get("/console/rights"), http.StatusOK, "Код подключения для evann")
	goes(t, g.Post("/console/rights/revoke", "person", teacher.ID.String(), "role", "curator"), "/console/rights")
	if held := s.of(teacher.ID); len(held) != 1 || held[0].Role != rights.Auditor {
		t.Errorf("%+v", held)
	}
}

// TestRightsAskForTheApp: a browser that was left open gives nobody rights or a new
// app, and wrong codes cost what they cost at the way in.
func TestRightsAskForTheApp(t *testing.T) {
	s := newSite(t, nil)
	g := s.role(rights.Operator)
	used := s.code()
	holds(t, g.Get("/console/rights"), http.StatusOK, `name="code"`)
	for _, code := range []string{"", "000000", used} {
		holds(t, g.Post("/console/rights", "login", "evann", "role", "auditor", "code", code), http.StatusForbidden, "Код не подошёл", `value="evann"`)
	}
	holds(t, g.Post("/console/rights/enrol", "person", admin49.ID.String()), http.StatusForbidden, "Код не подошёл")
	if len(s.of(teacher.ID)) > 0 || !s.hasApp(admin49.ID) {
		t.Error("done all the same")
	}
	holds(t, g.Post("/console/rights/enrol", "person", admin49.ID.String(), "code", "1"), http.StatusForbidden, "Код не подошёл")
	holds(t, g.Post("/console/rights", "login", "evann", "role", "auditor", "code", s.code()), http.StatusTooManyRequests, "Слишком много неверных кодов", "01.09.2026")
	s.clock.Forward(2 * time.Minute)
	goes(t, g.Post("/console/rights", "login", "evann", "role", "auditor", "code", s.code()), "/console/rights")
}

func (s *site) hasApp(id identity.PersonID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.factors[id]
	return f.Enrolled()
}

// TestForgedForms: whom nobody granted anything, roles that do not exist, and
// oneself.
func TestForgedForms(t *testing.T) {
	s := newSite(t, nil)
	g := s.role(rights.Operator)
	for _, form := range [][]string{
		{"person", teacher.ID.String(), "role", "operator"}, {"person", "x", "role", "operator"}, {"person", "", "role", "operator"},
		{"person", identity.PersonID{77}.String(), "role", "operator"}, {"person", admin49.ID.String(), "role", "root"}, {"person", operator.ID.String(), "role", "operator"},
	} {
		holds(t, g.Post("/console/rights/revoke", form...), http.StatusNotFound)
	}
	for _, id := range []string{teacher.ID.String(), "x", identity.PersonID{77}.String()} {
		holds(t, g.Post("/console/rights/enrol", "person", id), http.StatusNotFound)
	}
	holds(t, g.Get("/console/rights?after=x"), http.StatusNotFound)
	holds(t, g.Get("/console/rights?after="+auditor.ID.String()), http.StatusOK, "Прав ещё никому не выдано", "В начало")
	if len(s.grants) != len(holders) {
		t.Errorf("%+v", s.grants)
	}
	for _, f := range s.factors {
		if !f.Enrolled() {
			t.Error("an app is gone")
		}
	}
}

// made are the keys that templates and code put together.
func made() []string {
	var keys []string
	for _, r := range rights.Roles() {
		keys = append(keys, "role."+string(r), "role."+string(r)+".may")
	}
	for _, sort := range []string{"on", "refused", "name"} {
		keys = append(keys, "wifi.sort."+sort)
	}
	keys = append(keys, "wifi.title", "wifi.on", "wifi.thing.device", "wifi.thing.machine", "launch.title", "missing.role.staff", "missing.role.pupil", "missing.sheet.missing", "missing.sheet.activated",
		"letter.until.staff", "letter.until.pupils", "letter.until.parents", "launch.date.staff", "launch.date.pupils", "launch.date.parents")
	for _, c := range statsColumns {
		keys = append(keys, "stats.col."+c.order)
		if c.means {
			keys = append(keys, "stats.means."+c.order)
		}
	}
	keys = append(keys, "stats.role.0", "stats.role.1", "stats.role.2")
	for _, level := range append(shownLevels, duplicates.None, duplicates.Different) {
		keys = append(keys, "dups.level."+level.String())
	}
	keys = append(keys, "dups.level.all", "case.beside.activation", "case.beside.account", "case.beside.target")
	for _, g := range trail.Groups() {
		keys = append(keys, "trail.group."+string(g))
	}
	for _, kind := range []string{ActorSelf, ActorHidden, ActorGlass, ActorCommand, ActorGone, "wrong.whom", "wrong.by", "wrong.day"} {
		keys = append(keys, "trail."+kind)
	}
	return append(append(keys, queueMade()...), "problems.role.staff", "problems.role.pupil", "problems.role.parent")
}

func TestTexts(t *testing.T) {
	s := newSite(t, nil)
	webtest.Texts(t, s.f, s.room, made(), []string{"source.mosru", "source.ad", "field.employee_id", "trail.group.directory"})
}

// TestEnglish: no Russian letter but those of names.
func TestEnglish(t *testing.T) {
	s := newSite(t, nil)
	stranger := webtest.NewGuest(t, s.f)
	ordinary, outside, g := s.person(teacher), s.person(operator), s.role(rights.Operator)
	delete(s.factors, curator.ID)
	if err := s.Invite(t.Context(), curator.ID, "A", s.clock.Now().Add(time.Hour), s.clock.Now(), nil); err != nil {
		t.Fatal(err)
	}
	names := []string{"Имя", "ГБОУ Школа № 49", "ГБОУ Школа № 1050"}
	for _, p := range people {
		names = append(names, p.FIO)
	}
	for _, c := range []struct {
		g    *webtest.Guest
		path string
	}{{stranger, "/console"}, {stranger, "/console/break-glass"}, {ordinary, "/console"}, {outside, "/console/sign-in"}, {s.person(curator), "/console/sign-in"}, {g, "/console"}, {g, "/console/rights"}} {
		c.g.Get("/console?lang=en")
		webtest.English(t, c.g.Get(c.path), names...)
	}
	if size := webtest.FirstView(g, "/console/rights"); size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
}
