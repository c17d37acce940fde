package console

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// annals are an audit trail of n lines.
type annals struct {
	n     int
	asked []TrailAsk
	short bool // a page has but one line, and there are more
	err   error
}

func (a *annals) Lines(_ context.Context, view View, ask TrailAsk) (page TrailPage, err error) {
	a.asked = append(a.asked, ask)
	if !view.Scope.All() {
		return page, errors.New("somebody without the city reads the trail")
	}
	from := 0
	if ask.After != "" {
		if _, err := fmt.Sscanf(ask.After, "place-%d", &from); err != nil {
			return page, identity.ErrNotFound
		}
	}
	en := view.Lang == web.English
	word := func(ru, english string) string {
		if en {
			return english
		}
		return ru
	}
	for i := from; i < min(a.n, from+ask.N); i++ {
		l := AuditLine{At: testNow.Add(-time.Duration(i) * time.Minute), What: word("прочитано на странице", "read on a page"), Details: word("страница человека", "a person's page"),
			By: AuditActor{Kind: ActorPerson, Name: "Орлова Мария Игоревна", Handle: admin49.ID.String()}, Whom: AuditActor{Kind: ActorPerson, Name: "=Еванова Нина Николаевна", Handle: nina.String()}, From: "10.49.3.2"}
		switch i % 5 {
		case 1:
			l.What, l.Details, l.Tone, l.By = "Active Directory", word("учётная запись создана; всё как должно быть", "the account was made; all is as it should be"), trail.Good, AuditActor{}
		case 2:
			l.What, l.Details, l.Tone, l.Whom = word("код администратора не принят", "administrator's code refused"), word("неудач подряд: 3", "failures in a row: 3"), trail.Bad, AuditActor{Kind: ActorGone, Name: strings.Repeat("0a", 16)}
		case 3:
			l.What, l.Details, l.By, l.Whom, l.From, l.Here = word("настройки", "configuration"), "", AuditActor{Kind: ActorCommand, Name: "uid 1000"}, AuditActor{}, "", true
		}
		page.Lines = append(page.Lines, l)
		if a.short {
			break
		}
	}
	if next := from + len(page.Lines); next < a.n && (a.short || len(page.Lines) == ask.N) {
		page.Next, page.Until = fmt.Sprintf("place-%d", next), testNow.Add(-time.Hour)
	}
	return page, a.err
}

func newAnnals(t testing.TB, n int) (*site, *annals) {
	a := &annals{n: n}
	return newSite(t, func(o *Options) { o.Audit = a }), a
}

// Whoever reads the audit of the city reads the trail page by page, and each reading
// is one line of it.
func TestTrail(t *testing.T) {
	s, a := newAnnals(t, 130)
	for _, r := range []rights.Role{rights.School, rights.Curator} {
		g := s.role(r)
		webtest.Holds(t, g.Get("/console/audit"), 404)
		webtest.Holds(t, g.Post("/console/audit", "whom", "evann"), 404)
		webtest.Holds(t, g.Get("/console/audit.csv"), 404)
	}
	if len(a.asked) > 0 {
		t.Error("somebody who may not has the trail read")
	}
	g := s.role(rights.Auditor)
	s.noted()
	webtest.Holds(t, g.Get("/console/audit"), 200, "прочитано на странице", "страница человека", `<a href="/console/people/`+nina.String()+`">=Еванова Нина`, "команда на сервере, uid 1000", "на сервере", "служба",
		`badge good">Active Directory`, `badge bad">код администратора`, "человека уже нет", "10.49.3.2", "after=place-50")
	if got := s.noted(); !slices.Equal(got, []string{"console_read trail 00"}) {
		t.Errorf("the trail: %q", got)
	}
	webtest.Holds(t, g.Get("/console/audit?after=place-100"), 200, "В начало", "!rel=\"next\"")
	webtest.Holds(t, g.Get("/console/audit?after=forged"), 404)
	for _, bad := range []string{"?group=x", "?from=x", "?to=9999-12-31", "?to=2026-13-01", "?whom=evann", "?by=evann", "?school=" + strings.Repeat("7", 300)} {
		webtest.Holds(t, g.Get("/console/audit"+bad), 404)
	}
	w := g.Get("/console/audit.csv?group=readings")
	if lines := strings.Count(w.Body.String(), "\n"); w.Code != 200 || lines != 131 || !strings.Contains(w.Body.String(), "'=Еванова") || !strings.Contains(w.Header().Get("Content-Disposition"), "audit-2026-09-01.csv") {
		t.Errorf("%d, %d lines, %v", w.Code, lines, w.Header())
	}
	if got := s.noted(); !slices.Contains(got, "console_read trail file 00") {
		t.Errorf("%q", got)
	}
	if strings.Contains(w.Body.String(), "дальше не записано") {
		t.Error("a whole file says that it is none")
	}
	a.n = trailMost + 1
	rows := strings.Split(strings.TrimSpace(g.Get("/console/audit.csv").Body.String()), "\n")
	if last := rows[len(rows)-1]; len(rows) != trailMost+2 || !strings.Contains(last, "дальше не записано") {
		t.Errorf("a part looks as all of it: %d rows, the last %q", len(rows), last)
	}
	a.n = 130
	a.short = true
	webtest.Holds(t, g.Get("/console/audit?school=49"), 200, "Просмотрено до 01.09.2026 07:00")
	a.n, a.short = 0, false
	webtest.Holds(t, g.Get("/console/audit"), 200, "Таких строк нет")
	a.err = errors.New("the store is down")
	webtest.Holds(t, g.Get("/console/audit"), 503, "!Орлова")
	a.err, a.n = nil, 60
	s.broken = errors.New("the trail takes nothing")
	webtest.Holds(t, g.Get("/console/audit"), 503, "!Орлова")
}

// What is asked for comes to the trail, and no login stands in an address.
func TestTrailIsAsked(t *testing.T) {
	s, a := newAnnals(t, 3)
	g := s.role(rights.Operator)
	w := g.Post("/console/audit", "whom", " evann ", "by", "orlovami", "group", "accounts", "school", "49", "from", "2026-08-01", "to", "2026-08-31")
	at := w.Header().Get("Location")
	to, err := url.Parse(at)
	if err != nil || w.Code != 303 || strings.Contains(at, "evann") || strings.Contains(at, "orlovami") {
		t.Fatalf("%d %s", w.Code, at)
	}
	s.noted()
	webtest.Holds(t, g.Get(to.RequestURI()), 200, `value="evann"`, `value="orlovami"`, `value="2026-08-31"`, "Сбросить")
	want := TrailAsk{Group: trail.Accounts, Whom: teacher.ID, Actor: admin49.ID.String(), School: "49", N: trailLines,
		From: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)}
	if got := a.asked[len(a.asked)-1]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := s.noted(); !slices.Equal(got, []string{"console_read trail 01"}) { // of whom is read
		t.Errorf("%q", got)
	}
	for field, typed := range map[string]string{"whom": "nobody", "by": "nobody"} {
		webtest.Holds(t, g.Post("/console/audit", field, typed), 422, "Такого логина нет", `value="nobody"`, `aria-invalid="true"`)
	}
	webtest.Holds(t, g.Post("/console/audit", "from", "yesterday"), 422, "Это не день")
	webtest.Goes(t, g.Post("/console/audit", "by", "uid 1000"), "/console/audit?by=uid+1000")
	for _, name := range []string{"break-glass", "admin"} { // as the page says it, and as it signs in
		webtest.Goes(t, g.Post("/console/audit", "by", name), "/console/audit?by="+name)
		webtest.Holds(t, g.Get("/console/audit?by="+name), 200)
		if got := a.asked[len(a.asked)-1].Actor; got != GlassName {
			t.Errorf("%s is looked for as %q", name, got)
		}
	}
	webtest.Goes(t, g.Post("/console/audit", "whom", strings.Repeat("0A", 16)), "/console/audit?whom="+strings.Repeat("0a", 16))
	webtest.Holds(t, g.Get("/console/audit?by=uid+1000"), 200)
	s.payloads()
	webtest.Holds(t, g.Get("/console/audit?school=typed-school"), 200)
	webtest.Holds(t, g.Get("/console/audit.csv?school=typed-school"), 200)
	webtest.Holds(t, g.Get("/console/audit?school=1050"), 200)
	tells(t, s.payloads(), `"page":"trail"`, `"page":"trail file"`, `"school":"1050"`, "!typed-school")
	g.Get("/console?lang=en")
	webtest.English(t, g.Get("/console/audit"), "Орлова Мария Игоревна", "=Еванова Нина Николаевна", "ГБОУ Школа № 49", "ГБОУ Школа № 1050", "Имя")
	if n := webtest.FirstView(g, "/console/audit"); n > 100_000 {
		t.Errorf("%d bytes", n)
	}
}

// The page of a person says its lines in words, and leads those to the whole trail
// who may read it.
func TestStoryTellsTheTrail(t *testing.T) {
	tell := &teller{story: sound}
	s := newSite(t, func(o *Options) { o.Stories, o.Audit = tell, &annals{} })
	page := "/console/people/" + nina.String()
	webtest.Holds(t, s.role(rights.Auditor).Get(page), 200, "новый аккаунт", "сам человек", `badge bad">доступ закрыт`, "команда на сервере, uid 0", "администратор вне ваших школ", `href="/console/audit?whom=`+nina.String())
	webtest.Holds(t, s.role(rights.School).Get(page), 200, "новый аккаунт", "!/console/audit")
}

// An activation that went well is calm, and one that was refused stands out.
func TestTriesOfAStory(t *testing.T) {
	tell := &teller{story: func(lang explain.Lang) *Story {
		s := sound(lang)
		for _, d := range [][2]string{{"match", "match"}, {"no_match", "no_match"}, {"no_match", "match"}, {"manual", ""}} {
			s.Report.Tries = append(s.Report.Tries, explain.Try{Login: "evann", At: testNow, Own: true, Decision: d[0], NowDecision: d[1]})
		}
		return s
	}}
	s := newSite(t, func(o *Options) { o.Stories = tell })
	body := s.role(rights.School).Get("/console/people/" + nina.String()).Body.String()
	_, body, _ = strings.Cut(body, "Попытки активации")
	body, _, _ = strings.Cut(body, "Active Directory и Teams")
	var boxes []string
	for _, part := range strings.Split(body, `<div class="box `)[1:] {
		state, _, _ := strings.Cut(part, `"`)
		boxes = append(boxes, state)
	}
	if !slices.Equal(boxes, []string{"good", "bad", "wait", "wait"}) {
		t.Errorf("%q", boxes)
	}
	// Another city account is one where the account here has its own.
	for _, known := range []string{nina.String(), ""} {
		tell.story = func(lang explain.Lang) *Story {
			s := sound(lang)
			s.Report.Person, s.Report.Tries = known, []explain.Try{{Login: "evann2", At: testNow, Decision: "manual"}}
			return s
		}
		body := s.role(rights.School).Get("/console/people/" + nina.String()).Body.String()
		if strings.Contains(body, "другая учётная запись mos.ru") != (known != "") {
			t.Errorf("of %q:\n%s", known, body)
		}
	}
}
