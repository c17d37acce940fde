package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/queue"
)

// docket keeps questions in memory.
type docket struct {
	cases  []*kept
	asked  []CasesAsk
	fails  error // what Decide and Undo answer
	broken error
	undone []string
}

type kept struct {
	Case
	at []person.SchoolID
}

func stemOf(kind queue.Kind, n byte) string {
	return queue.Stem(kind, []byte{n, 0, 0, 0, 0, 0})
}

func newDocket() *docket {
	at := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	sides := func(record string, masked bool) []CaseSide {
		record2 := CaseSide{Source: "kadry", Name: record, Values: map[string]string{"fio": "Еваннова Нина", "school": "ГБОУ Школа № 49"}, Equal: map[string]bool{"fio": false}}
		if masked {
			record2 = CaseSide{Source: "kadry", Masked: true}
		}
		return []CaseSide{{Source: "mosru", Values: map[string]string{"fio": "Еванова Нина", "snils": "***-***-*45 95"}}, record2,
			{Source: "ad", Name: "evann", Values: map[string]string{"login": "evann", "owner": "неизвестно чья"}, Equal: map[string]bool{"login": true}}}
	}
	problem := []CaseProblem{{"FIO_MISMATCH", "ФИО отличаются", "кадровик", "Сверьте ФИО."}}
	choices := []CaseChoice{{queue.Bind, "kadry:k1"}, {queue.Adopt, "evann"}, {queue.Allocate, "evannovann"}, {queue.Refuse, ""}}
	own := kept{at: []person.SchoolID{"49"}, Case: Case{CaseLine: CaseLine{Stem: stemOf(queue.Activation, 1), Kind: queue.Activation, At: at, Who: "Еванова Нина Николаевна", Login: "evann",
		Schools: []string{"ГБОУ Школа № 49"}, Why: []string{"ФИО отличаются"}, Person: teacher.ID}, Problems: problem, Sides: sides("k1", false), Choices: choices}}
	shared := kept{at: []person.SchoolID{"49", "7"}, Case: Case{CaseLine: CaseLine{Stem: stemOf(queue.Activation, 2), Kind: queue.Activation, At: at.Add(time.Hour), Who: "Ким Вера Львовна",
		Schools: []string{"ГБОУ Школа № 49"}, Others: true, Why: []string{"Подходят несколько записей"}}, Problems: problem, Sides: sides("", true), Choices: choices}}
	letter := kept{at: []person.SchoolID{"49"}, Case: Case{CaseLine: CaseLine{Stem: queue.Stem(queue.Support, queue.Number(482719305).About()), Kind: queue.Support, At: at.Add(2 * time.Hour), Who: "Орлова Мария Игоревна",
		Number: "482 719 305", Schools: []string{"ГБОУ Школа № 49"}}, Sides: []CaseSide{{Source: "letter", Values: map[string]string{"fio": "Орлова Мария Игоревна"}}}, Choices: choices[3:]}}
	elsewhere := kept{at: []person.SchoolID{"7"}, Case: Case{CaseLine: CaseLine{Stem: stemOf(queue.Target, 4), Kind: queue.Target, At: at, Who: "Чужой Пётр Ильич", Schools: []string{"7"}}}}
	d := &docket{}
	for _, k := range []kept{own, shared, letter, elsewhere} {
		k.ID = k.Stem + "-abcd"
		d.cases = append(d.cases, &k)
	}
	return d
}

func (d *docket) seen(k *kept, s rights.Scope) bool { return slices.ContainsFunc(k.at, s.Covers) }

func (d *docket) Page(_ context.Context, ask CasesAsk) (page CasesPage, err error) {
	d.asked = append(d.asked, ask)
	for _, k := range d.cases {
		after := k.At.After(ask.After.At) || k.At.Equal(ask.After.At) && k.Stem > ask.After.Stem
		if !d.seen(k, ask.Scope) || !slices.Contains(ask.Kinds, k.Kind) || (k.Decided != nil) != ask.Answered || !after {
			continue
		}
		if len(page.Cases) == ask.N {
			last := page.Cases[ask.N-1]
			page.Next = &CasesPlace{last.At, last.Stem}
			break
		}
		page.Cases = append(page.Cases, k.CaseLine)
	}
	return page, d.broken
}

func (d *docket) Open(ctx context.Context, s rights.Scope, kind queue.Kind) (int, error) {
	page, err := d.Page(ctx, CasesAsk{Scope: s, Kinds: []queue.Kind{kind}, N: 100})
	return len(page.Cases), err
}

func (d *docket) find(s rights.Scope, stem string) (*kept, error) {
	for _, k := range d.cases {
		if k.Stem == stem && d.seen(k, s) {
			return k, d.broken
		}
	}
	return nil, identity.ErrNotFound
}

func (d *docket) Case(_ context.Context, see, decide rights.Scope, _ web.Lang, stem string) (*Case, error) {
	k, err := d.find(see, stem)
	if err != nil {
		return nil, err
	}
	c := k.Case
	outside := slices.ContainsFunc(k.at, func(s person.SchoolID) bool { return !decide.Covers(s) })
	if outside || c.Decided != nil {
		c.Choices = nil
	}
	c.Foreign = outside && !decide.Empty()
	return &c, nil
}

func (d *docket) Decide(_ context.Context, s rights.Scope, a CaseAnswer) (CaseDone, error) {
	stem, _ := queue.Split(a.Case)
	k, err := d.find(s, stem)
	switch {
	case err != nil:
		return CaseDone{}, err
	case slices.ContainsFunc(k.at, func(id person.SchoolID) bool { return !s.Covers(id) }):
		return CaseDone{}, identity.ErrNotFound
	case d.fails != nil:
		return CaseDone{}, d.fails
	case a.Case != k.ID:
		return CaseDone{}, queue.ErrMoved
	case k.Decided != nil:
		return CaseDone{}, queue.ErrDecided
	}
	k.Decided = &CaseDecision{ID: "d1", By: a.By, Verb: a.Choice.Verb, What: a.Choice.What, Reason: a.Reason, At: a.Now}
	return CaseDone{"d1", k.Who, CasesPlace{k.At, k.Stem}}, nil
}

func (d *docket) Undo(_ context.Context, s rights.Scope, decision, _ string, _ time.Time) error {
	if d.fails != nil {
		return d.fails
	}
	for _, k := range d.cases {
		if k.Decided != nil && k.Decided.ID == decision && !slices.ContainsFunc(k.at, func(id person.SchoolID) bool { return !s.Covers(id) }) {
			k.Decided = nil
			d.undone = append(d.undone, decision)
			return nil
		}
	}
	return identity.ErrNotFound
}

func newQueueSite(t testing.TB) (*site, *docket) {
	d := newDocket()
	return newSite(t, func(o *Options) { o.Cases = d }), d
}

// queueMade are the keys that the queue's templates and code put together.
func queueMade() (keys []string) {
	for _, field := range caseFields {
		keys = append(keys, "field."+field)
	}
	for _, source := range []string{"mosru", "upstream", "bound", "letter", "kadry", "kontingent", "zapis", "ad"} {
		keys = append(keys, "source."+source)
	}
	for _, tab := range queueTabs[1:] {
		keys = append(keys, "queue.tab."+tab.name)
	}
	for _, verb := range []queue.Verb{queue.Bind, queue.Adopt, queue.Further, queue.Claim, queue.Allocate, queue.Transfer, queue.Refuse} {
		keys = append(keys, "verb."+string(verb))
	}
	return keys
}

// Each role sees what its schools have, and nobody else's.
func TestQueue(t *testing.T) {
	s, _ := newQueueSite(t)
	webtest.Holds(t, s.role(rights.School).Get("/console/queue"), 200, "Еванова Нина Николаевна", "Ким Вера Львовна", "есть записи другой школы", "обращение 482 719 305", "!Чужой", "!ГБОУ Школа № 1050")
	webtest.Holds(t, s.role(rights.Operator).Get("/console/queue"), 200, "Чужой Пётр Ильич", "Еванова")
	webtest.Holds(t, s.role(rights.Auditor).Get("/console/queue?kind=target"), 200, "Чужой Пётр Ильич", "!Еванова")
	g := s.role(rights.Curator)
	webtest.Holds(t, g.Get("/console/queue?school=1050"), 200, "Здесь никто не ждёт", "!Еванова")
	webtest.Holds(t, g.Get("/console/queue?school=7"), 200, "Здесь никто не ждёт", "!Чужой") // a forged school
	webtest.Holds(t, g.Get("/console/queue?school=nowhere"), 200, "Здесь никто не ждёт")
	for _, path := range []string{"?kind=x", "?after=1", "?after=1-x", "?after=-5-" + stemOf(queue.Target, 1), "?school=" + strings.Repeat("7", 300)} {
		webtest.Holds(t, g.Get("/console/queue"+path), 404)
	}
	webtest.Holds(t, s.person(teacher).Get("/console/queue"), 404)
	webtest.Holds(t, g.Get("/console"), 200, "<strong>3</strong><span>вопроса о людях или обращения</span>", "ждут решения")
	webtest.Goes(t, g.Post("/console/queue", "number", "482-719-305"), "/console/queue/"+queue.Stem(queue.Support, queue.Number(482719305).About()))
	webtest.Goes(t, g.Post("/console/queue", "number", "482"), "/console/queue")
	webtest.Goes(t, newGuestOf(t, s).Get("/console/queue"), "/console")
}

func newGuestOf(t *testing.T, s *site) *webtest.Guest { return webtest.NewGuest(t, s.f) }

// The pages of a long queue follow each other.
func TestQueuePages(t *testing.T) {
	s, d := newQueueSite(t)
	for n := range byte(60) {
		k := *d.cases[0]
		k.Stem, k.At = stemOf(queue.Activation, 100+n), k.At.Add(time.Duration(n)*time.Minute+24*time.Hour)
		d.cases = append(d.cases, &k)
	}
	g, seen := s.role(rights.Operator), 0
	for path := "/console/queue"; path != ""; {
		w := g.Get(path)
		seen += strings.Count(w.Body.String(), `<th scope="row">`)
		before, _, more := strings.Cut(w.Body.String(), `" rel="next"`)
		path = ""
		if more {
			path = strings.ReplaceAll(before[strings.LastIndex(before, `href="`)+len(`href="`):], "&amp;", "&")
		}
	}
	if seen != 64 {
		t.Errorf("%d questions were shown", seen)
	}
}

// What belongs to others is not there, not told and not decided.
func TestCaseOfOthers(t *testing.T) {
	s, d := newQueueSite(t)
	g := s.role(rights.School)
	missing := g.Get("/console/queue/" + stemOf(queue.Target, 99)).Body.String()
	for _, stem := range []string{d.cases[3].Stem, stemOf(queue.Activation, 99), "x", "t", "t00", d.cases[3].ID} {
		w := g.Get("/console/queue/" + stem)
		webtest.Holds(t, w, 404, "!Чужой")
		if strings.ReplaceAll(w.Body.String(), "/"+stem+"?", "?") != strings.ReplaceAll(missing, "/"+stemOf(queue.Target, 99)+"?", "?") {
			t.Errorf("%s: another page than what is not there", stem)
		}
	}
	webtest.Holds(t, g.Get("/console/queue/"+d.cases[1].Stem), 200, "Данные другой школы", "поэтому решает оператор", `!name="verb"`)
	decide := func(g *webtest.Guest, k *kept, id string) int {
		return g.Post("/console/queue/"+k.Stem, "case", id, "verb", "bind", "what", "kadry:k1").Code
	}
	for _, k := range []*kept{d.cases[1], d.cases[3]} {
		if code := decide(g, k, k.ID); code != 404 || k.Decided != nil {
			t.Errorf("%s is decided: %d", k.Stem, code)
		}
	}
	a := s.role(rights.Auditor)
	webtest.Holds(t, a.Get("/console/queue/"+d.cases[0].Stem), 200, "без права решать", `!name="verb"`)
	for _, path := range []string{"", "/undo"} {
		webtest.Holds(t, a.Post("/console/queue/"+d.cases[0].Stem+path, "case", d.cases[0].ID, "verb", "bind", "what", "kadry:k1"), 404)
	}
	own := d.cases[0]
	for _, form := range [][]string{{"case", d.cases[3].ID, "verb", "bind", "what", "x"}, {"case", own.Stem, "verb", "bind", "what", "x"}, {"case", own.ID, "verb", "claim", "what", "x"},
		{"case", own.ID, "verb", "bind", "what", ""}, {"case", own.ID, "verb", "refuse", "what", "x"}, {}} {
		webtest.Holds(t, g.Post("/console/queue/"+own.Stem, form...), 404)
	}
	if own.Decided != nil {
		t.Error("a forged form decided")
	}
}

// One question after the other is decided, taken back, and never twice.
func TestDecide(t *testing.T) {
	s, d := newQueueSite(t)
	g := s.role(rights.School)
	own := d.cases[0]
	s.noted()
	webtest.Holds(t, g.Get("/console/queue/"+own.Stem), 200, "Запись kadry:k1 — этот человек", "Учётная запись AD «evann» — этого человека", "Дать имя «evannovann»", "Отказать", `data-key="4"`, "отличается", "совпадает",
		"Сверьте ФИО.", own.ID)
	if got := s.noted(); !slices.Equal(got, []string{"console_read case 01"}) {
		t.Errorf("the trail: %q", got)
	}
	answer := []string{"case", own.ID, "verb", "allocate", "what", "evannovann"}
	webtest.Goes(t, g.Post("/console/queue/"+own.Stem, answer...), "/console/queue/"+d.cases[1].Stem) // the next that waits
	if own.Decided == nil || own.Decided.By != admin49.ID.String() || own.Decided.What != "evannovann" {
		t.Errorf("%+v", own.Decided)
	}
	webtest.Holds(t, g.Get("/console/queue"), 200, "Решение записано: Еванова Нина Николаевна — Имя дано", "Отменить решение", "!"+own.Stem+`">`)
	webtest.Goes(t, g.Post("/console/queue/"+own.Stem, answer...), "/console/queue") // «back» and the button again
	webtest.Holds(t, g.Get("/console/queue?decided=1"), 200, "Еванова", "orlovami", "<h1>Решённые вопросы</h1>", "!кто ждёт дольше", "!Ждёт с")
	// A colleague had the page open.
	c := s.role(rights.Curator)
	webtest.Holds(t, c.Post("/console/queue/"+own.Stem, "case", own.ID, "verb", "bind", "what", "kadry:k1"), http.StatusConflict, "Пока вы смотрели, вопрос решили", "orlovami")
	webtest.Holds(t, c.Get("/console/queue"), 200, "!Решение записано")
	webtest.Holds(t, g.Post("/console/queue/..%2F..%2F%5Cevil.example/undo", "decision", "d1"), 404)
	webtest.Goes(t, g.Post("/console/queue/"+own.Stem+"/undo", "decision", "d1"), "/console/queue/"+own.Stem)
	webtest.Holds(t, g.Get("/console/queue/"+own.Stem), 200, "!Решение записано", `name="verb"`)
	webtest.Holds(t, g.Post("/console/queue/"+own.Stem+"/undo", "decision", "d9"), 404)
	// The data changed since the page was shown.
	own.ID = own.Stem + "-beef"
	webtest.Holds(t, g.Post("/console/queue/"+own.Stem, answer...), http.StatusConflict, "данные изменились", own.ID)
	// A refusal says why; the last one leads to the list.
	letter := d.cases[2]
	webtest.Holds(t, g.Get("/console/queue/"+letter.Stem), 200, "Закрыть обращение", "Отправлено без входа")
	webtest.Holds(t, g.Post("/console/queue/"+letter.Stem, "case", letter.ID, "verb", "refuse"), http.StatusUnprocessableEntity, "Напишите, почему")
	webtest.Holds(t, g.Post("/console/queue/"+letter.Stem, "case", letter.ID, "verb", "refuse", "reason", strings.Repeat("а", 501)), http.StatusUnprocessableEntity)
	webtest.Goes(t, g.Post("/console/queue/"+letter.Stem, "case", letter.ID, "verb", "refuse", "reason", "исправлено"), "/console/queue?kind=support")
	webtest.Holds(t, g.Get("/console/queue/"+own.Stem), 200, "Решение записано по предыдущему вопросу: Орлова Мария Игоревна — Обращение закрыто", "!Отказ или закрыто")
	webtest.Holds(t, g.Get("/console/queue?decided=1"), 200, "Обращение закрыто: исправлено")
	// What has become an account meanwhile is not taken back, and no longer offered.
	d.fails = queue.ErrUsed
	webtest.Holds(t, g.Post("/console/queue/"+letter.Stem+"/undo", "decision", "d1"), http.StatusConflict, "Решение уже стало учётной записью", "То, что правила оставили человеку", "!Решение записано")
	d.fails = nil
	if letter.Decided.Reason != "исправлено" {
		t.Errorf("%+v", letter.Decided)
	}
	for _, slip := range caseSlips {
		d.fails = slip.err
		w := g.Post("/console/queue/"+own.Stem, "case", own.ID, "verb", "bind", "what", "kadry:k1")
		webtest.Holds(t, w, http.StatusConflict, wordsQueue[slip.key].In(web.Russian), "Решение не принято")
	}
	d.fails = CaseRefused{"учётной записи evann нет"}
	webtest.Holds(t, g.Post("/console/queue/"+own.Stem, "case", own.ID, "verb", "adopt", "what", "evann"), http.StatusConflict, "учётной записи evann нет")
	d.broken = context.DeadlineExceeded
	webtest.Holds(t, g.Get("/console/queue"), 503)
	webtest.Holds(t, g.Get("/console/queue/"+own.Stem), 503)
}

// What is shown is in the trail first: without it, nothing is shown.
func TestQueueIsNoted(t *testing.T) {
	s, d := newQueueSite(t)
	g := s.role(rights.School)
	s.noted()
	g.Get("/console/queue")
	if got := s.noted(); !slices.Equal(got, []string{"console_read queue 01", "console_read queue 00"}) {
		t.Errorf("%q", got)
	}
	if strings.Contains(s.log.String(), "Еванова") {
		t.Error("a name is in the log")
	}
	webtest.Goes(t, g.Get("/console/queue?lang=en"), "/console/queue")
	names := []string{"Еванова", "Нина", "Николаевна", "ГБОУ Школа № 49", "Ким Вера Львовна", "ФИО отличаются", "Подходят несколько записей", "Орлова Мария Игоревна", "Имя", "Еваннова", "неизвестно чья", "кадровик", "Сверьте ФИО"}
	webtest.English(t, g.Get("/console/queue"), names...)
	for _, k := range d.cases[:3] {
		webtest.English(t, g.Get("/console/queue/"+k.Stem), names...)
	}
}

// The first page counts those who wait, and apart from them the old accounts of the
// directory, of one's own schools.
func TestQueueGlance(t *testing.T) {
	s, d := newQueueSite(t)
	webtest.Holds(t, s.role(rights.Operator).Get("/console"), 200, "<strong>4</strong>", "вопроса о людях или обращения", "!прежн")
	for n, school := range []person.SchoolID{"49", "49", "7"} {
		d.cases = append(d.cases, &kept{at: []person.SchoolID{school}, Case: Case{CaseLine: CaseLine{Stem: stemOf(queue.Account, byte(9+n)), Kind: queue.Account}}})
	}
	webtest.Holds(t, s.role(rights.Operator).Get("/console"), 200, "<strong>4</strong>", "3 прежние учётные записи AD ждут ответа")
	webtest.Holds(t, s.role(rights.School).Get("/console"), 200, "<strong>3</strong>", "2 прежние учётные записи AD ждут ответа")
}
