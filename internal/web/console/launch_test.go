package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/census"
)

// rolls are the rolls of two invented schools.
type rolls struct {
	dates  map[person.SchoolID]census.Deadlines
	by     any // who set them last
	roll   []census.Listed
	broken error
}

func newRolls() *rolls {
	staff := func(fio string, who byte) census.Listed {
		return census.Listed{Role: person.RoleStaff, FIO: fio, Place: "учитель", Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, Person: identity.PersonID{who}, Account: who > 0}
	}
	pupil := func(fio, class string, who byte) census.Listed {
		l := staff(fio, who)
		l.Role, l.Place = person.RolePupil, class
		return l
	}
	return &rolls{dates: map[person.SchoolID]census.Deadlines{}, roll: []census.Listed{staff("Еванова Нина Николаевна", 0), staff("Орлова Мария Игоревна", 49),
		pupil("Белова Софья Олеговна", "9Б", 7), pupil("Ёлкин Пётр Ильич", "9Б", 0), pupil("=HYPERLINK(1)", "10А", 0)}}
}

func (l *rolls) Schools(scope rights.Scope) []person.School {
	return slices.DeleteFunc([]person.School{{ID: "49", Name: "ГБОУ Школа № 49"}, {ID: "1050", Name: "ГБОУ Школа № 1050"}}, func(s person.School) bool { return !scope.Covers(s.ID) })
}

func (l *rolls) Roll(_ context.Context, id person.SchoolID, _ time.Time) ([]census.Listed, error) {
	if id != "49" {
		return nil, l.broken
	}
	return slices.Clone(l.roll), l.broken
}

func (l *rolls) Deadlines(_ context.Context, id person.SchoolID) (census.Deadlines, error) {
	return l.dates[id], l.broken
}

func (l *rolls) SetDeadlines(_ context.Context, id person.SchoolID, d census.Deadlines, _ time.Time, line map[string]any) error {
	if l.broken == nil {
		l.dates[id], l.by = d, line["by"]
	}
	return l.broken
}

func (l *rolls) Account(id identity.PersonID) (identity.Login, time.Time) {
	return identity.Login("login" + id.String()[:2]), time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC)
}

func withRolls(t testing.TB) (*site, *rolls) {
	l := newRolls()
	return newSite(t, func(o *Options) {
		o.Rolls = l
		o.Launch = Launch{PublicURL: "https://id.example", Networks: []string{"Study"}}
		o.Deadlines = census.Deadlines{date("2026-10-01"), date("2026-11-01")}
	}), l
}

func TestLaunchForWhom(t *testing.T) {
	s, l := withRolls(t)
	own := s.role(rights.School)
	webtest.Goes(t, own.Get("/console/launch"), "/console/launch/49")
	webtest.Holds(t, own.Get("/console/launch/49"), 200, "ГБОУ Школа № 49", "Сотрудники", "9Б", "10А", "срок города: 01.10.2026", "активировали, CSV", "Запомнить", "!Все школы")
	missing := own.Get("/console/launch/nowhere").Body.String()
	for _, path := range []string{"/console/launch/1050", "/console/launch/1050/letter", "/console/launch/1050/missing", "/console/launch/1050/file/activated.csv", "/console/launch/none",
		"/console/launch/49/file/x.csv", "/console/launch/49/file/activated.xml", "/console/launch/49/file/activated"} {
		if w := own.Get(path); w.Code != 404 || sameBut(w.Body.String(), path) != sameBut(missing, "/console/launch/nowhere") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	webtest.Holds(t, own.Post("/console/launch/1050", "staff", "2026-12-01"), 404)
	auditor := s.role(rights.Auditor)
	webtest.Holds(t, auditor.Get("/console/launch"), 200, "Школа № 49", "Школа № 1050")
	webtest.Holds(t, auditor.Get("/console/launch?school=1050"), 200, "!Школа № 49")
	webtest.Holds(t, auditor.Get("/console/launch?school=none"), 200, "Такой школы среди ваших нет")
	webtest.Holds(t, auditor.Get("/console/launch/49"), 200, "!Запомнить", "01.10.2026")
	webtest.Holds(t, auditor.Post("/console/launch/49", "staff", "2026-12-01"), http.StatusNotFound)
	webtest.Holds(t, auditor.Get("/console/launch/1050"), 200, "нет никого, кому нужен аккаунт")
	if len(l.dates) > 0 {
		t.Errorf("somebody set %v", l.dates)
	}
}

// The letter has the school's dates, the city's where it has none, and is what goes
// into the mail.
func TestLetter(t *testing.T) {
	s, l := withRolls(t)
	g := s.role(rights.School)
	webtest.Holds(t, g.Get("/console/launch/49/letter"), 200, "активируйте аккаунт до 01.10.2026", "сотрудники активируют аккаунт до 01.10.2026", "ученики — до 01.11.2026", "родителям активация не нужна: они",
		"https://id.example", "Wi-Fi (Study)", "ГБОУ Школа № 49", "mailto:?subject=")
	webtest.Goes(t, g.Post("/console/launch/49", "staff", "2026-09-15", "pupils", "", "parents", "2026-10-20"), "/console/launch/49")
	if l.dates["49"] != (census.Deadlines{date("2026-09-15"), {}, date("2026-10-20")}) || l.by != admin49.ID.String() {
		t.Errorf("%v by %v", l.dates, l.by)
	}
	page := g.Get("/console/launch/49/letter")
	webtest.Holds(t, page, 200, "до 15.09.2026", "ученики — до 01.11.2026", "войти на mos.ru стоит до 20.10.2026")
	_, link, _ := strings.Cut(page.Body.String(), `href="mailto:?`)
	link, _, _ = strings.Cut(link, `"`)
	mail, err := url.ParseQuery(strings.ReplaceAll(link, "&amp;", "&"))
	if err != nil || !strings.Contains(mail.Get("subject"), "15.09.2026") || !strings.Contains(mail.Get("body"), "до 20.10.2026.\r\n\r\nЧто сделать:") || strings.Contains(link, "+") {
		t.Errorf("%v %q", err, mail)
	}
	webtest.Holds(t, g.Post("/console/launch/49", "staff", "31.02.2026"), 422, "Это не дата")
	webtest.Holds(t, g.Post("/console/launch/49", "staff", "31.02.2026", "pupils", "2026-11-20", "parents", "x"), 422, `value="2026-11-20"`) // else it would be gone with the correction
	glass := webtest.NewGuest(t, s.f)
	webtest.Goes(t, glass.Post("/console/break-glass", "login", "admin", "password", glassPassword), "/console")
	webtest.Goes(t, glass.Post("/console/launch/49", "staff", "2026-09-15"), "/console/launch/49")
	if l.by != GlassName {
		t.Errorf("the break-glass account acts as %v", l.by)
	}
	if l.dates["49"][0] != date("2026-09-15") {
		t.Error("a date that is none was kept")
	}
}

func TestListsOfActivated(t *testing.T) {
	s, l := withRolls(t)
	g := s.role(rights.School)
	s.noted()
	webtest.Holds(t, g.Get("/console/launch/49/missing?group=class+9%D0%91"), 200, "Ёлкин", "!Белова", "!Еванова", "Всего: 1")
	webtest.Holds(t, g.Get("/console/launch/49/missing?group=staff"), 200, "Еванова", "учитель", "!Ёлкин", "!Орлова")
	webtest.Holds(t, g.Get("/console/launch/49/missing"), 200, "Еванова", "Ёлкин", "Всего: 3")
	webtest.Holds(t, g.Get("/console/launch/49/missing?group=class+1"), 200, "Здесь активировали все")
	if payload := string(s.trail[len(s.trail)-1].Payload); !strings.Contains(payload, `"group":""`) {
		t.Errorf("what was typed is in the trail: %s", payload)
	}
	file := g.Get("/console/launch/49/file/missing.csv")
	webtest.Holds(t, file, 200, "Еванова Нина Николаевна", "Ёлкин Пётр Ильич", "!Орлова", "!\n=HYPER", "!;=HYPER")
	if !strings.HasPrefix(file.Body.String(), "\ufeff") || strings.Count(file.Body.String(), "\ufeff") != 1 {
		t.Errorf("Excel would show no Cyrillic: %q", file.Body)
	}
	if file.Header().Get("Content-Type") != "text/csv; charset=utf-8" || file.Header().Get("Content-Disposition") != `attachment; filename="missing.csv"` {
		t.Errorf("%v", file.Header())
	}
	rows := webtest.Files(t, g, "/console/launch/49/file/activated", "")
	if len(rows) != 3 || !slices.Equal(rows[1], []string{"сотрудник", "учитель", "Орлова Мария Игоревна", "k1", "login31", "20.08.2026 09:00"}) || rows[2][2] != "Белова Софья Олеговна" {
		t.Errorf("%q", rows)
	}
	want := []string{"console_read launch missing 00", "console_read launch missing 00", "console_read launch missing 00", "console_read launch missing 00", "console_read launch file 00",
		"console_read launch file 07", "console_read launch file 31", "console_read launch file 07", "console_read launch file 31"}
	if got := s.noted(); !slices.Equal(got, want) {
		t.Errorf("noted %q", got)
	}
	for _, path := range []string{"/console/launch/49", "/console/launch/49/letter", "/console/launch/49/missing?group=class+1"} {
		g.Get("/console?lang=en")
		webtest.English(t, g.Get(path), "ГБОУ Школа № 49", "9Б", "10А", "Имя", "Еванова Нина Николаевна", "учитель")
	}
	l.broken = errors.New("down")
	for _, path := range []string{"/console/launch/49", "/console/launch/49/letter", "/console/launch/49/missing", "/console/launch/49/file/missing.csv"} {
		webtest.Holds(t, g.Get(path), 503)
	}
	webtest.Holds(t, g.Post("/console/launch/49", "staff", ""), 503)
}
