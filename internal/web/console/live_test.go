package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
)

// air is the Wi-Fi of invented schools: one device of a teacher of school 49 at
// each, and a guest's at 49.
type air struct {
	off    []string
	cut    *explain.Disconnect
	gone   bool
	broken error
	many   int // more schools
	odd    []LiveSchool
}

// air's people: of school 49, and of another one.
var ofSchool49, ofSchool77 = identity.PersonID{49}, identity.PersonID{77}

func (a *air) Schools(scope rights.Scope) (list []LiveSchool) {
	all := []LiveSchool{{"49", "ГБОУ Школа № 49", 2, 7}, {"1050", "ГБОУ Школа № 1050", 1, 0}, {"", "", 1, 0}}
	all = append(all, a.odd...)
	for n := range a.many {
		all = append(all, LiveSchool{ID: person.SchoolID("m" + strings.Repeat("x", n)), On: 1})
	}
	return slices.DeleteFunc(all, func(s LiveSchool) bool { return !scope.Covers(s.ID) })
}

func (a *air) School(id person.SchoolID) LiveAt {
	for _, s := range a.Schools(rights.City()) {
		if s.ID == id {
			return LiveAt{LiveSchool: s, Since: time.Date(2026, 8, 31, 23, 0, 0, 0, time.UTC), Places: []LivePlace{{"floor-1", "ap-1", s.On}, {"floor-2", "", 0}},
				Causes: []LiveCause{{"floor-1", identity.ReasonOldPassword, 3, 7, 21}}}
		}
	}
	return LiveAt{LiveSchool: LiveSchool{ID: id}}
}

// see hides whom a scope does not cover.
func see(scope rights.Scope, s LiveStay, of person.SchoolID) LiveStay {
	if !scope.Covers(of) {
		s.Whose, s.Named, s.Hidden = identity.PersonID{}, "", true
	}
	return s
}

func (a *air) stays(scope rights.Scope) []LiveStay {
	began := time.Date(2026, 9, 1, 7, 0, 0, 0, time.UTC)
	return []LiveStay{
		see(scope, LiveStay{Session: "0000000000000001", Whose: ofSchool49, Named: "Орлова Мария Игоревна", Device: "02:00:5e:10:00:01", NAS: "floor-1", Unit: "ap-1", SSID: "Study", Began: began}, "49"),
		see(scope, LiveStay{Session: "0000000000000002", Whose: ofSchool77, Named: "Гостев Пётр Ильич", Device: "02:00:5e:10:00:02", NAS: "floor-1", Unit: "ap-1", Began: began.Add(-time.Minute)}, "77"),
		{Session: "0000000000000003", Thing: "device", Device: "02:00:5e:10:00:03", NAS: "floor-2", Began: began.Add(-time.Hour)},
	}
}

func (a *air) Present(scope rights.Scope, id person.SchoolID, at *LivePlace, after string) ([]LiveStay, string) {
	list := slices.DeleteFunc(a.stays(scope), func(s LiveStay) bool { return id != "49" || at != nil && (at.NAS != s.NAS || at.Unit != s.Unit) })
	if after == "" && at == nil && len(list) > 2 {
		return list[:2], "2"
	}
	if after != "" {
		return list[2:], ""
	}
	return list, ""
}

func (a *air) Refused(scope rights.Scope, id person.SchoolID) (list []LiveRefusal) {
	if id != "49" {
		return nil
	}
	for i, s := range a.stays(scope)[:2] {
		list = append(list, LiveRefusal{At: s.Began, Whose: s.Whose, Named: s.Named, Hidden: s.Hidden, Device: s.Device, NAS: "floor-1", Unit: "ap-1", Reason: identity.ReasonOldPassword, Times: 5 - 4*i})
	}
	return list
}

func (a *air) Stay(_ context.Context, scope rights.Scope, id person.SchoolID, session string) (LiveStay, error) {
	if a.broken != nil {
		return LiveStay{}, a.broken
	}
	for _, s := range a.stays(scope) {
		if id == "49" && s.Session == session {
			if s.Cut = a.cut; a.gone {
				s.Ended = s.Began.Add(time.Hour)
			}
			s.Addresses = []string{"10.49.0.7"}
			return s, nil
		}
	}
	return LiveStay{}, identity.ErrNotFound
}

func (a *air) Disconnect(_ context.Context, session string) error {
	a.off = append(a.off, session)
	return a.broken
}

// withAir is a console before that Wi-Fi.
func withAir(t testing.TB) (*site, *air) {
	a := &air{}
	return newSite(t, func(o *Options) { o.Live = a }), a
}

// An identifier is any text that a registry has: each school has an address of its own,
// and none is that of access points without a school.
func TestSchoolsWithOddIdentifiers(t *testing.T) {
	s, a := withAir(t)
	for _, id := range []person.SchoolID{"-", "--", "-7", ".", "..", "../49", "a/b", "50%", "имя школы", "?q=1#x"} {
		a.odd = append(a.odd, LiveSchool{ID: id, Name: "Школа (" + string(id) + ")", On: 1})
	}
	city, seen := s.role(rights.Operator), map[string]bool{schoolPath(""): true}
	list := city.Get("/console/wifi").Body.String()
	for _, school := range a.odd {
		address := schoolPath(school.ID)
		if seen[address] {
			t.Errorf("%q shares the address %s", school.ID, address)
		}
		seen[address] = true
		if !strings.Contains(list, `href="`+address+`"`) {
			t.Errorf("the list does not lead to %s", address)
		}
		webtest.Holds(t, city.Get(address), 200, school.Name)
		webtest.Holds(t, city.Get(address+"/refused"), 200, school.Name)
	}
	webtest.Holds(t, city.Get(schoolPath("")), 200, "Точки без школы")
}

// Nobody sees more than the own schools: whoever is on there from elsewhere has no
// name, and another school's page is what is not there.
func TestLiveForWhom(t *testing.T) {
	s, a := withAir(t)
	own := s.role(rights.School)
	webtest.Goes(t, own.Get("/console/wifi"), "/console/wifi/49")
	s.noted()
	webtest.Holds(t, own.Get("/console/wifi/49"), 200, "Орлова Мария Игоревна", "человек из другой школы", "!Гостев", "floor-1, ap-1", "В сети: 2", "Дальше", "!1050", "02:00:5e:10:00:02")
	webtest.Holds(t, own.Get("/console/wifi/49/refused"), 200, "OLD_PASSWORD", "21", "Орлова Мария Игоревна", "человек из другой школы", "!Гостев", "раз: 5", "31.08.2026 23:00")
	webtest.Holds(t, own.Get("/console/wifi/49/on/0000000000000002"), 200, "человек из другой школы", "10.49.0.7", "!Гостев")
	if got := s.noted(); !slices.Equal(got, []string{"console_read wifi 31", "console_read wifi refused 31"}) {
		t.Errorf("noted: %q", got)
	}
	missing := own.Get("/console/wifi/nowhere/at").Body.String()
	for _, path := range []string{"/console/wifi/1050", "/console/wifi/-", "/console/wifi/77", "/console/wifi/1050/refused", "/console/wifi/1050/on/0000000000000001", "/console/wifi/49/on/0000000000000009",
		"/console/wifi/49/on/x"} {
		if w := own.Get(path); w.Code != 404 || sameBut(w.Body.String(), path) != sameBut(missing, "/console/wifi/nowhere/at") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	city := s.role(rights.Operator)
	webtest.Holds(t, city.Get("/console/wifi"), 200, "ГБОУ Школа № 49", "ГБОУ Школа № 1050", "Точки без школы", `href="/console/wifi/-"`)
	webtest.Holds(t, city.Get("/console/wifi/49"), 200, "Орлова", "Гостев Пётр Ильич", "!другой школы")
	webtest.Holds(t, city.Get("/console"), 200, "устройства в сети")
	if len(a.off) > 0 {
		t.Error(a.off)
	}
}

func TestLiveDisconnect(t *testing.T) {
	s, a := withAir(t)
	at := "/console/wifi/49/on/0000000000000001"
	auditor := s.role(rights.Auditor)
	webtest.Holds(t, auditor.Get(at), 200, "!Отключить")
	webtest.Holds(t, auditor.Post(at), http.StatusNotFound)
	curator := s.role(rights.Curator)
	webtest.Holds(t, curator.Post("/console/wifi/77/on/0000000000000001"), http.StatusNotFound)
	webtest.Holds(t, curator.Post("/console/wifi/49/on/0000000000000009"), http.StatusNotFound)
	own := s.role(rights.School)
	webtest.Holds(t, own.Get(at), 200, "Отключить", "подключится снова")
	if len(a.off) > 0 {
		t.Fatal(a.off)
	}
	s.noted()
	webtest.Goes(t, own.Post(at), at)
	if !slices.Equal(a.off, []string{"0000000000000001"}) || !slices.Equal(s.noted(), []string{"console_disconnect  31"}) {
		t.Errorf("%q %q", a.off, s.noted())
	}
	a.cut = &explain.Disconnect{Why: "ADMINISTRATOR", State: "waiting", Request: "disconnect"}
	webtest.Holds(t, own.Get(at), 200, "ждёт ответа точки доступа", `http-equiv="refresh"`, "!<button class=\"danger\"")
	a.cut.State = "refused"
	webtest.Holds(t, own.Get(at), 200, "точка доступа отказала", "Отключить")
	a.gone = true
	webtest.Holds(t, own.Get(at), 200, "уже не в сети", "!<button class=\"danger\"")
	webtest.Goes(t, own.Post(at), at)
	if len(a.off) != 1 {
		t.Error("a session that has ended was asked to end")
	}
	a.broken = errors.New("down")
	webtest.Holds(t, own.Get(at), 503)
	webtest.Holds(t, own.Post(at), 503)
}

func TestLivePages(t *testing.T) {
	s, a := withAir(t)
	a.many = 120
	g := s.role(rights.Operator)
	webtest.Holds(t, g.Get("/console/wifi"), 200, "/console/wifi?page=1")
	webtest.Holds(t, g.Get("/console/wifi?page=2&sort=name"), 200, "В начало", "!page=3")
	for _, odd := range []string{"?page=-7", "?page=999999999", "?page=x", "?sort=x"} {
		webtest.Holds(t, g.Get("/console/wifi"+odd), 200)
	}
	webtest.Holds(t, g.Get("/console/wifi?school=1050"), 200, "Школа № 1050", "!Школа № 49")
	webtest.Holds(t, g.Get("/console/wifi?school=none"), 200, "никого, и никому")
	webtest.Holds(t, g.Get("/console/wifi/49?after=2"), 200, "устройство из списка", "В начало", "!Орлова")
	webtest.Holds(t, g.Get("/console/wifi/49?nas=floor-1&unit=ap-1"), 200, "Все точки", "Орлова", "!устройство из списка")
	webtest.Holds(t, g.Get("/console/wifi/1050"), 200, "Сейчас здесь никого нет")
	webtest.Holds(t, g.Get("/console/wifi/1050/refused"), 200, "OLD_PASSWORD")
	if size := webtest.FirstView(g, "/console/wifi"); size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
	g.Get("/console?lang=en")
	for _, p := range []string{"/console/wifi", "/console/wifi/49", "/console/wifi/49/refused", "/console/wifi/49/on/0000000000000001"} {
		webtest.English(t, g.Get(p), "ГБОУ Школа № 49", "ГБОУ Школа № 1050", "Орлова Мария Игоревна", "Гостев Пётр Ильич", "Имя")
	}
}
