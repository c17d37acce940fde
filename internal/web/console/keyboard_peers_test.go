//go:build peers

package console

import (
	"net/http/httptest"
	"strings"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
)

// The queue is decided without a mouse: the focus is seen at every stop, and digits that
// are typed into a field answer nothing.
func TestQueueByKeyboard(t *testing.T) {
	s, d := newQueueSite(t)
	tab := browsertest.Start(t).Open(t, browsertest.Desktop, browsertest.Options{})
	at := goIn(t, s, tab, rights.School)
	tab.Go(at + "/console/queue")
	tab.TabTo("Еванова Нина Николаевна")
	tab.Enter()
	tab.Reads("Запись kadry:k1 — этот человек")
	tab.Strike("4")
	tab.Await("#do-4")
	tab.Strike("3 ошибки, 1 и 2")
	// The driver sends a key and its character apart; a keyboard does not.
	if got := tab.Value("#reason-4"); strings.TrimPrefix(got, "4") != "3 ошибки, 1 и 2" || !strings.HasSuffix(tab.Address(), "#do-4") {
		t.Errorf("typing %q led to %s", got, tab.Address())
	}
	tab.Shot("console-case-typed")
	tab.Strike("\x1b")
	tab.Strike("3")
	tab.Await("#do-3")
	tab.Enter()
	tab.Reads("Решение записано")
	if got := d.cases[0].Decided; got == nil || got.What != "evannovann" {
		t.Errorf("%+v", got)
	}
	tab.TabTo("Отменить решение")
	tab.Enter()
	tab.Reads("Еванова", "!Решение записано")
}

// A group of duplicates is approved, and that is withdrawn, without a mouse.
func TestDuplicatesByKeyboard(t *testing.T) {
	f := newFound(t, pair(1, duplicates.Certain, "49", ""))
	server := httptest.NewServer(f.f)
	t.Cleanup(server.Close)
	tab := browsertest.Start(t).Open(t, browsertest.Desktop, browsertest.Options{})
	f.who = web.Record{Person: curator.ID, Login: curator.Login}
	tab.Go(server.URL + webtest.DoorAddress)
	tab.Go(server.URL + "/console/sign-in")
	tab.Type("input[name=code]", f.code())
	tab.Press(submit)
	tab.Go(server.URL + "/console/duplicates")
	tab.TabTo("Открыть")
	tab.Enter()
	tab.TabTo("Одобрить")
	tab.Enter()
	tab.TabTo("Отключить лишние записи")
	tab.Enter()
	tab.Reads("одобрено, ждёт очереди")
	f.carry(duplicates.PhaseApplied)
	tab.Go(server.URL + key(1))
	tab.TabTo("Вернуть")
	tab.Enter()
	tab.TabTo("Вернуть")
	tab.Enter()
	f.carry(duplicates.PhaseUndone)
	tab.Go(server.URL + key(1))
	tab.Reads("возвращено")
}

// On the narrowest screen nothing has to be moved sideways, and the open section is in
// sight, also without scripts.
func TestNarrowScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			queued, d := newQueueSite(t)
			listed, _ := newProblemSite(t, 3)
			for _, c := range []struct {
				s     *site
				paths []string
			}{
				{queued, []string{"/console", "/console/queue", "/console/queue/" + d.cases[0].Stem, "/console/queue/" + d.cases[2].Stem, "/console/wifi", "/console/wifi/49", "/console/wifi/49/refused", "/console/launch/49", "/console/rights"}},
				{newTold(t).site, []string{"/console/address", "/console/system", "/console/configuration", "/console/configuration?section=state"}},
				{listed, []string{"/console/problems", "/console/people"}},
				{newSite(t, withTables(cityTables(60))), []string{"/console/stats", "/console/stats/49"}},
				{newFound(t, pair(1, duplicates.Certain, "49", ""), pair(2, duplicates.Possible, "49", "")).site, []string{"/console/duplicates", key(1), key(1) + "/approve"}},
			} {
				tab := browser.Open(t, browsertest.Narrow, browsertest.Options{NoScripts: !scripts})
				at := goIn(t, c.s, tab, rights.Operator)
				for _, path := range c.paths {
					tab.Go(at + path)
					tab.InSight(".side [aria-current]")
					tab.Narrow("html, .panel, .scroll:has(.stack)")
					tab.Shot(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.Trim(path, "/")))
				}
			}
		})
	}
}
