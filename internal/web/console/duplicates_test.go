package console

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
)

// nothingFound stands where no test looks at duplicates.
type nothingFound struct {
	Duplicates
	Repairs
}

func (nothingFound) Overview(context.Context, rights.Scope) (duplicates.Overview, error) {
	return duplicates.Overview{}, nil
}

// foundStore is the store with a brake.
type foundStore struct {
	store.Duplicates
	now func() time.Time
}

func (f foundStore) Figures(ctx context.Context) (duplicates.Figures, error) {
	n, err := f.Lately(ctx, f.now().Add(-24*time.Hour))
	return duplicates.Figures{Most: 2, Lately: n}, err
}

// found is a console over a store that holds a plan.
type found struct {
	*site
	desk foundStore
}

func newFound(t testing.TB, groups ...duplicates.Planned) *found {
	t.Helper()
	keys, err := store.NewKeyset()
	check(t, err)
	f := &found{}
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), keys, store.Options{Now: func() time.Time {
		if f.site == nil {
			return start
		}
		return f.clock.Now()
	}})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	f.desk = foundStore{db.Duplicates("ad"), func() time.Time { return f.clock.Now() }}
	f.site = newSite(t, func(o *Options) { o.Duplicates, o.Repairs = f.desk, f.desk })
	if len(groups) > 0 {
		f.put(groups...)
	}
	return f
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *found) put(groups ...duplicates.Planned) {
	f.t.Helper()
	p := duplicates.Plan{Made: f.clock.Now(), Base: "DC=obr", Accounts: 200_000, Groups: groups, Namesakes: []duplicates.Namesakes{{
		A: "titovp", B: "titovp1", FIO: "Титов Павел Львович", Reasons: []duplicates.Reason{duplicates.SameFIO, duplicates.LookAlike, duplicates.OtherBirth},
		IDs: [2]duplicates.GUID{{9, 1}, {9, 2}}, Schools: [2][]person.SchoolID{{"49"}, {"49"}}}}}
	hunt, err := f.desk.Hunt(f.t.Context()) // as whoever is at work on it
	check(f.t, err)
	hunt.Phase, hunt.Base = duplicates.HuntDone, p.Base
	check(f.t, f.desk.Put(f.t.Context(), &p, hunt))
}

// pair is a group of two at schools; "" is none that is known.
func pair(n int, level duplicates.Level, one, other person.SchoolID) duplicates.Planned {
	id := func(k byte) duplicates.GUID { return duplicates.GUID{byte(n >> 8), byte(n), k} }
	at := func(s person.SchoolID) []person.SchoolID {
		if s == "" {
			return nil
		}
		return []person.SchoolID{s}
	}
	day := time.Date(2024, 9, 1, 8, 0, 0, 0, time.UTC)
	return duplicates.Planned{
		ID: fmt.Sprintf("g%012x", n), Level: level, Score: 55 + 10*int(level)/2, Survivor: id(1), Because: duplicates.BecauseMosru,
		Members: []duplicates.Member{
			{ID: id(1), Name: fmt.Sprintf("evann%d", n), Display: "Еванова Нина Николаевна", UPN: fmt.Sprintf("evann%d@obr.mos.ru", n), Place: "OU=49,OU=people,DC=obr", Enabled: true, Owned: true,
				SignedIn: day.AddDate(2, 0, -3), Created: day, Schools: at(one)},
			{ID: id(2), Name: fmt.Sprintf("evann%d-1", n), Display: "Еванова Нина Николаевна", UPN: fmt.Sprintf("evann%d-1@obr.mos.ru", n), Place: "OU=49,OU=people,DC=obr", Enabled: true,
				Created: day.AddDate(1, 0, 0), Level: level, Schools: at(other), Reasons: []duplicates.Reason{duplicates.SameEmployeeID, duplicates.SameFIO, duplicates.LookAlike},
				Steps: []duplicates.Step{{Kind: duplicates.Retire, What: []string{"userAccountControl", "userPrincipalName", "proxyAddresses"}}, {Kind: duplicates.Claims},
					{Kind: duplicates.Join, What: []string{"CN=teachers,OU=groups,DC=obr"}}, {Kind: duplicates.Move, What: []string{fmt.Sprintf("CN=evann%d-1,OU=duplicates,DC=obr", n)}}}},
		},
	}
}

func key(n int) string { return fmt.Sprintf("/console/duplicates/g%012x", n) }

// carry does what the daemon does with the next order.
func (f *found) carry(phase duplicates.Phase, differs ...duplicates.Difference) {
	f.t.Helper()
	ctx := f.t.Context()
	o, err := f.desk.Next(ctx, duplicates.Order{})
	check(f.t, err)
	if o.Verb == duplicates.Apply {
		before, after := duplicates.State{Name: "x", Control: 512, UPN: "x@obr"}, duplicates.State{Name: "x", Control: 514}
		check(f.t, f.desk.Begin(ctx, duplicates.Repair{ID: o.ID, Phase: duplicates.PhaseApplying, Group: o.Group, Made: f.clock.Now(), Entries: []duplicates.Entry{
			{Kind: duplicates.Retire, Account: o.Accounts[0], Stage: duplicates.StageDone, Before: &before, After: &after},
			{Seq: 1, Kind: duplicates.Join, Account: o.Accounts[0], Stage: duplicates.StageBegun, To: "CN=teachers,DC=obr"}}}))
	}
	r, err := f.desk.Repair(ctx, o.ID)
	check(f.t, err)
	in := r.Phase // of a return: before it, whose beginning is left out here
	if phase == duplicates.PhaseStopped {
		o.Stopped, o.Differs = duplicates.StopChanged, differs
		check(f.t, f.desk.SetPhase(ctx, o.ID, in, phase, o.Stopped))
		check(f.t, f.desk.Stop(ctx, o))
		return
	}
	check(f.t, f.desk.SetPhase(ctx, o.ID, in, phase, ""))
	check(f.t, f.desk.Finish(ctx, o))
}

func version(t *testing.T, g *webtest.Guest, path string) string {
	t.Helper()
	return between(t, g.Get(path).Body.String(), `name="version" value="`, `"`)
}

// TestDuplicatePages: what each role sees, and that a group of others is not there.
func TestDuplicatePages(t *testing.T) {
	f := newFound(t, pair(1, duplicates.Certain, "49", ""), pair(2, duplicates.Probable, "49", "1777"), pair(3, duplicates.Possible, "1777", "1777"))
	op, cur, school, aud := f.role(rights.Operator), f.role(rights.Curator), f.role(rights.School), f.role(rights.Auditor)
	f.noted()
	holds(t, op.Get("/console/duplicates"), http.StatusOK, "evann1-1", "evann2-1", "evann3", "все: 3", "достоверно: 1", "Одобрить всё достоверное", "Найти заново", "200000")
	if list := f.noted(); !slices.Equal(list, []string{"console_read duplicates 00"}) {
		t.Error(list)
	}
	holds(t, op.Get("/console/duplicates?level=probable"), http.StatusOK, "evann2", "!evann1-1", "!evann3-1")
	for _, wrong := range []string{"?level=x", "?after=x", "?after=-1", "?after=99999999999999999999", "/work?before=x", "/work?before=x-y", "/namesakes?after=0"} {
		holds(t, op.Get("/console/duplicates"+wrong), http.StatusNotFound)
	}
	holds(t, aud.Get("/console/duplicates"), http.StatusOK, "evann3-1", "!Одобрить", "!Найти заново", "Отчёт директору")
	for _, g := range []*webtest.Guest{cur, school} {
		holds(t, g.Get("/console/duplicates"), http.StatusOK, "evann1-1", "evann2", "!evann2-1", "!evann3", "решает оператор", "запись другой школы", "все: 2")
		holds(t, g.Get(key(2)), http.StatusOK, "evann2", "!evann2-1", "!1777", "запись другой школы", "решает оператор города", "!Одобрить", `!name="version"`)
		missing := g.Get("/console/duplicates/g0123456789ab")
		for _, path := range []string{key(3), "/console/duplicates/x", "/console/duplicates/" + strings.Repeat("g", 33)} {
			if w := g.Get(path); w.Code != http.StatusNotFound || sameBut(w.Body.String(), path) != sameBut(missing.Body.String(), "/console/duplicates/g0123456789ab") {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	}
	holds(t, school.Get(key(1)), http.StatusOK, "evann1-1", "один табельный номер", "названа логином mos.ru", "userPrincipalName", "!Одобрить…", "решение принимает куратор")
	holds(t, cur.Get(key(1)), http.StatusOK, "Одобрить…", "CN=teachers")
	holds(t, op.Get(key(3)), http.StatusOK, "Одобрить…")
	holds(t, op.Get("/console/duplicates/namesakes"), http.StatusOK, "titovp1", "разные даты рождения")
	for _, g := range []*webtest.Guest{school, aud} {
		for _, path := range []string{"/console/duplicates/search", "/console/duplicates/certain", key(1) + "/approve", key(1) + "/undo", key(1) + "/withdraw"} {
			holds(t, g.Post(path), http.StatusNotFound)
		}
	}
	w := cur.Get("/console/duplicates/report.html")
	holds(t, w, http.StatusOK, "evann1-1", "!evann2", "!evann3")
	if !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Error("a report opens in the browser")
	}
	book, gone := webtest.Book(t, op.Get("/console/duplicates/report.xlsx")), "отключить, снять userPrincipalName, proxyAddresses; заявки перенести на остающуюся; остающуюся добавить в CN=teachers,OU=groups,DC=obr; перенести: CN=evann1-1,OU=duplicates,DC=obr"
	if at := slices.Index(book[0], "Что предлагается"); len(book) != 7 || at < 0 || book[1][4] != "evann1" || book[1][at] != "остаётся" || book[2][4] != "evann1-1" || book[2][at] != gone {
		t.Errorf("%q", book)
	}
	holds(t, op.Get("/console"), http.StatusOK, "группы дубликатов найдены", `href="/console/duplicates"`)
}

// TestDuplicateApproval: what was seen is approved, once, by whom it concerns; then
// it is withdrawn, or carried out and taken back.
func TestDuplicateApproval(t *testing.T) {
	one, two := pair(1, duplicates.Certain, "49", ""), pair(2, duplicates.Probable, "49", "1777")
	f := newFound(t, one, two, pair(3, duplicates.Certain, "1777", "1777"))
	g := f.role(rights.Curator)
	for _, n := range []int{2, 3, 4} {
		holds(t, g.Get(key(n)+"/approve"), http.StatusNotFound)
		holds(t, g.Post(key(n)+"/approve", "version", two.Version()), http.StatusNotFound)
		holds(t, g.Post(key(n)+"/undo", "version", two.Version()), http.StatusNotFound)
		holds(t, g.Post(key(n)+"/withdraw"), http.StatusNotFound)
	}
	holds(t, g.Get(key(1)+"/approve"), http.StatusOK, "evann1-1", "Отключить лишние записи")
	old := version(t, g, key(1)+"/approve")
	holds(t, g.Post(key(1)+"/approve"), http.StatusConflict, "Ничего не сделано")
	holds(t, g.Post(key(1)+"/withdraw"), http.StatusConflict, "Ничего не сделано")
	holds(t, g.Post(key(1)+"/undo", "version", old), http.StatusConflict, "Ничего не сделано")
	f.clock.Forward(time.Minute)
	one.Questions = []duplicates.Question{duplicates.SurvivorDisabled}
	f.put(one)
	holds(t, g.Post(key(1)+"/approve", "version", old), http.StatusConflict, "Ничего не сделано", "остающаяся запись отключена")
	fresh := version(t, g, key(1)+"/approve")
	holds(t, g.Post(key(1)+"/approve", "version", fresh), http.StatusUnprocessableEntity, "Отметьте каждый вопрос")
	if o, err := f.desk.Overview(t.Context(), rights.City()); err != nil || o.Orders != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	answer := []string{"version", fresh, "answer", string(duplicates.SurvivorDisabled)}
	goes(t, g.Post(key(1)+"/approve", answer...), key(1))
	holds(t, g.Post(key(1)+"/approve", answer...), http.StatusConflict) // replayed
	holds(t, g.Get(key(1)), http.StatusOK, "одобрено, ждёт очереди", "Отозвать одобрение", `http-equiv="refresh"`)
	goes(t, g.Post(key(1)+"/withdraw"), key(1))
	goes(t, g.Post(key(1)+"/approve", answer...), key(1))
	f.carry(duplicates.PhaseApplied)
	holds(t, g.Get(key(1)), http.StatusOK, "сделано", "Вернуть как было…", "отключить, снять userPrincipalName", "!Одобрить…", `!http-equiv="refresh"`)
	holds(t, g.Post(key(1)+"/approve", answer...), http.StatusConflict)                                      // replayed later
	holds(t, g.Get("/console/duplicates/work"), http.StatusOK, "evann1-1", "сделано", "!За сутки отключено") // of the whole domain
	holds(t, f.role(rights.Operator).Get("/console/duplicates/work"), http.StatusOK, "evann1-1", "За сутки отключено: 1, предел без согласия оператора: 2")

	holds(t, g.Get(key(1)+"/undo"), http.StatusOK, "Вернуть как было?", "evann1-1")
	goes(t, g.Post(key(1)+"/undo", "version", fresh), key(1))
	holds(t, g.Get(key(1)), http.StatusOK, "ждёт возврата")
	f.carry(duplicates.PhaseStopped, duplicates.Difference{Account: one.Members[1].ID, Name: "evann1-1", Why: duplicates.StopChanged, What: "mail", Before: "a@obr", Now: "by-hand@obr"})
	holds(t, g.Get(key(1)), http.StatusOK, "С тех пор записи изменили", "остановлено")
	w := g.Get(key(1) + "/undo")
	holds(t, w, http.StatusOK, "by-hand@obr", "a@obr")
	keep := between(t, w.Body.String(), `name="keep" value="`, `"`)
	holds(t, g.Post(key(1)+"/undo", "version", fresh, "keep", strings.Replace(keep, ":mail", ":stamp", 1)), http.StatusConflict)
	holds(t, g.Post(key(1)+"/undo", "version", old, "keep", keep), http.StatusConflict)
	goes(t, g.Post(key(1)+"/undo", "version", fresh, "keep", keep), key(1))
	if o, err := f.desk.Next(t.Context(), duplicates.Order{}); err != nil || len(o.Keep) != 1 || o.Keep[0].What != "mail" || o.By != curator.ID.String() {
		t.Errorf("%+v, %v", o, err)
	}
	f.carry(duplicates.PhaseUndone)
	holds(t, g.Get(key(1)), http.StatusOK, "возвращено", "Одобрить…")
	holds(t, g.Post(key(1)+"/undo", "version", fresh), http.StatusConflict)
}

// TestDuplicateBulk: the figures that were shown are those that are approved; only
// the operator lets the brake be passed.
func TestDuplicateBulk(t *testing.T) {
	f := newFound(t, pair(1, duplicates.Certain, "49", ""), pair(2, duplicates.Certain, "49", ""), pair(3, duplicates.Certain, "49", ""), pair(4, duplicates.Certain, "1777", ""))
	cur, op := f.role(rights.Curator), f.role(rights.Operator)
	w := cur.Get("/console/duplicates/certain")
	holds(t, w, http.StatusOK, "<strong>3</strong>", "Сверх суточного предела: 1", `!name="accept"`)
	plan := between(t, w.Body.String(), `name="plan" value="`, `"`)
	holds(t, op.Get("/console/duplicates/certain"), http.StatusOK, "<strong>4</strong>", `name="accept"`, "отключить сразу все 4")
	holds(t, cur.Post("/console/duplicates/certain", "plan", plan, "disabling", "3", "accept", "1"), http.StatusNotFound)
	holds(t, cur.Post("/console/duplicates/certain", "plan", plan, "disabling", "4"), http.StatusConflict, "Ничего не сделано")
	holds(t, cur.Post("/console/duplicates/certain", "plan", "x", "disabling", "3"), http.StatusConflict)
	holds(t, cur.Post("/console/duplicates/certain", "plan", "", "disabling", "0"), http.StatusConflict)
	goes(t, cur.Post("/console/duplicates/certain", "plan", plan, "disabling", "3"), "/console/duplicates/work")
	holds(t, cur.Post("/console/duplicates/certain", "plan", plan, "disabling", "3"), http.StatusConflict) // replayed
	holds(t, cur.Get("/console/duplicates/work"), http.StatusOK, "Ждут очереди", "evann3-1", "!evann4")
	f.carry(duplicates.PhaseApplied)
	f.carry(duplicates.PhaseApplied)
	holds(t, cur.Get(key(3)), http.StatusOK, "За сутки отключено 2, без согласия оператора можно 2")
	goes(t, op.Post("/console/duplicates/certain", "plan", plan, "disabling", "1", "accept", "1"), "/console/duplicates/work")
	holds(t, op.Get("/console/duplicates/certain"), http.StatusOK, "нет")
}

// TestDuplicateSearch: asked for once, its progress is shown, and the first of all
// has words of its own.
func TestDuplicateSearch(t *testing.T) {
	f := newFound(t)
	g := f.role(rights.Curator)
	holds(t, g.Get("/console/duplicates"), http.StatusOK, "Найти дубликаты", "ничего не меняет")
	holds(t, f.role(rights.School).Get("/console/duplicates"), http.StatusOK, "!Найти дубликаты", "Поиск запускает куратор")
	for range 2 {
		goes(t, g.Post("/console/duplicates/search"), "/console/duplicates")
	}
	holds(t, g.Get("/console/duplicates"), http.StatusOK, "вот-вот начнётся", `http-equiv="refresh"`, "!Найти")
	h, err := f.desk.Hunt(t.Context())
	check(t, err)
	if h.By != curator.ID.String() {
		t.Error(h.By)
	}
	h.Phase, h.Read = duplicates.HuntReading, 1200
	check(t, f.desk.Tell(t.Context(), h))
	holds(t, g.Get("/console/duplicates"), http.StatusOK, "Прочитано учётных записей: 1200")
	h.Phase, h.Looked, h.All = duplicates.HuntPlanning, 3, 9
	check(t, f.desk.Tell(t.Context(), h))
	holds(t, g.Get("/console/duplicates"), http.StatusOK, "3 из 9")
	h.Phase = duplicates.HuntFailed
	check(t, f.desk.Tell(t.Context(), h))
	holds(t, g.Get("/console/duplicates"), http.StatusOK, "Поиск не удался", "Найти дубликаты")
	holds(t, g.Get("/console/duplicates/work"), http.StatusOK, "ничего не одобряли")
	holds(t, g.Get("/console/duplicates/namesakes"), http.StatusOK, "не нашлось")
}

// Lists are read page by page.
func TestDuplicatesPaged(t *testing.T) {
	var groups []duplicates.Planned
	for n := range 120 {
		groups = append(groups, pair(n, duplicates.Certain, "49", ""))
	}
	f := newFound(t, groups...)
	g := f.role(rights.Curator)
	w := g.Get("/console/duplicates?level=certain")
	holds(t, w, http.StatusOK, "evann49-1", "!evann50-1", "/console/duplicates?level=certain&after=50")
	if n := w.Body.Len(); n > 100<<10 {
		t.Errorf("%d bytes", n)
	}
	holds(t, g.Get("/console/duplicates?level=certain&after=100"), http.StatusOK, "evann119-1", "!evann99-1", "!Дальше")
	for n := range 60 {
		goes(t, g.Post(key(n)+"/approve", "version", groups[n].Version()), key(n))
		f.clock.Forward(time.Second)
		f.carry(duplicates.PhaseApplied)
	}
	w = g.Get("/console/duplicates/work")
	holds(t, w, http.StatusOK, "evann59-1", "evann10-1", "!evann9-1")
	holds(t, g.Get("/console/duplicates/work?before="+between(t, w.Body.String(), "/console/duplicates/work?before=", `"`)), http.StatusOK, "evann9-1", "evann0-1", "!evann10-1")
}
