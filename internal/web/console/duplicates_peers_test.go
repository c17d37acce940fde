//go:build peers

package console

import (
	"net/http/httptest"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
)

// The pages about duplicates in each of their states, on a desk's screen and a
// phone's, with axe-core.
func TestDuplicateScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			asks := pair(2, duplicates.Probable, "49", "1777")
			asks.Questions = []duplicates.Question{duplicates.SurvivorDisabled, duplicates.AnchoredLoser}
			groups := []duplicates.Planned{pair(1, duplicates.Certain, "49", ""), asks, pair(3, duplicates.Possible, "1777", "1777"), pair(4, duplicates.Certain, "49", ""), pair(5, duplicates.Certain, "49", "")}
			f := newFound(t)
			server := httptest.NewServer(f.f)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			enter := func(who Person) {
				f.who = web.Record{Person: who.ID, Login: who.Login, Profile: person.Profile{First: "Анна", Middle: "Львовна"}}
				tab.Go(server.URL + webtest.DoorAddress)
				f.clock.Forward(31e9)
				tab.Go(server.URL + "/console/sign-in")
				tab.Type("input[name=code]", f.code())
				tab.Press("main form button[type=submit]")
			}
			shot := func(name string) {
				t.Helper()
				tab.Accessible()
				tab.Shot("console-duplicates-" + name)
			}
			at := func(path string) { tab.Go(server.URL + path) }
			enter(operator)
			at("/console/duplicates")
			tab.Reads("Найти дубликаты")
			shot("never")
			tab.Press(".acts button")
			tab.Reads("Идёт поиск")
			shot("search")
			f.put(groups...)
			at("/console/duplicates")
			tab.Reads("evann3-1", "Одобрить всё достоверное")
			shot("list")
			at(key(2))
			tab.Reads("Решает человек", "один табельный номер")
			shot("group")
			tab.Press(".acts a.button")
			tab.Reads("Отметьте, что проверили")
			shot("approve")
			tab.Click("#q0")
			tab.Click("#q1")
			tab.Press("form .danger")
			tab.Reads("одобрено, ждёт очереди")
			f.carry(duplicates.PhaseApplied)
			at(key(2))
			tab.Reads("Что сделано", "сделано")
			shot("done")
			tab.Press(".acts a.button")
			tab.Press("main form button[type=submit]")
			f.carry(duplicates.PhaseStopped, duplicates.Difference{Account: asks.Members[1].ID, Name: "evann2-1", Why: duplicates.StopChanged, What: "mail", Before: "nina@obr.mos.ru", Now: "by-hand@obr.mos.ru"})
			at(key(2) + "/undo")
			tab.Reads("by-hand@obr.mos.ru")
			shot("undo")
			at("/console/duplicates/certain")
			tab.Reads("Сверх суточного предела")
			shot("certain")
			tab.Press("form .danger")
			shot("work")
			at("/console/duplicates/namesakes?lang=en")
			tab.Reads("different people")
			shot("namesakes-en")
			at("/console/duplicates?lang=ru")
			enter(curator)
			at("/console/duplicates")
			tab.Reads("запись другой школы", "!evann3")
			shot("curator")
			at(key(2))
			tab.Reads("решает оператор города")
			shot("masked")
		})
	}
}
