//go:build peers

package console

import (
	"net/http/httptest"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// goIn opens administration as somebody with a role.
func goIn(t *testing.T, s *site, tab *browsertest.Tab, role rights.Role) (at string) {
	t.Helper()
	server := httptest.NewServer(s.f)
	t.Cleanup(server.Close)
	who := holders[role]
	s.who = web.Record{Person: who.ID, Login: who.Login}
	tab.Go(server.URL + webtest.DoorAddress)
	tab.Go(server.URL + "/console/sign-in")
	tab.Type("#code", s.code())
	tab.Press("main form button[type=submit]")
	return server.URL
}

func lookAt(tab *browsertest.Tab, name string) {
	tab.Accessible()
	tab.Shot(name)
}

// The queue is decided with the keyboard, and taken back.
func TestQueueScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			s, d := newQueueSite(t)
			tab := browser.Open(t, screen, browsertest.Options{})
			at := goIn(t, s, tab, rights.School)
			tab.Go(at + "/console/queue")
			lookAt(tab, "console-queue")
			tab.Press("tbody th a")
			tab.Reads("Еванова Нина Николаевна", "Запись kadry:k1 — этот человек")
			lookAt(tab, "console-case")
			tab.Key("4")
			tab.Await("#do-4")
			tab.Key("\x1b")
			tab.Key("3")
			tab.Await("#do-3")
			lookAt(tab, "console-case-confirm")
			tab.Press("#do-3 button")
			tab.Reads("Решение записано", "Ким Вера Львовна", "Данные другой школы", "решает оператор")
			lookAt(tab, "console-case-foreign")
			if got := d.cases[0].Decided; got == nil || got.What != "evannovann" {
				t.Errorf("%+v", got)
			}
			tab.Press(".box.good button")
			tab.Reads("Еванова", "!Решение записано")
			tab.Go(at + "/console/queue/" + d.cases[2].Stem)
			lookAt(tab, "console-case-letter")
			tab.Key("1")
			tab.Type("#reason-1", "СНИЛС в Кадрах исправлен")
			tab.Press("#do-1 button")
			tab.Reads("Здесь никто не ждёт", "Решение записано")
			lookAt(tab, "console-queue-empty")
			tab.Go(at + "/console/queue?decided=1")
			tab.Reads("СНИЛС в Кадрах исправлен")
			lookAt(tab, "console-queue-decided")
		})
	}
	// Without scripts an answer is a link, then a button.
	s, d := newQueueSite(t)
	tab := browser.Open(t, browsertest.Phone, browsertest.Options{NoScripts: true})
	at := goIn(t, s, tab, rights.School)
	tab.Go(at + "/console/queue/" + d.cases[0].Stem)
	tab.Click("a[href='#do-1']")
	tab.Await("#do-1")
	tab.Press("#do-1 button")
	tab.Reads("Решение записано")
}

func TestProblemScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			s, l := newProblemSite(t, 60)
			tab := browser.Open(t, screen, browsertest.Options{})
			at := goIn(t, s, tab, rights.Operator)
			tab.Go(at + "/console/problems")
			tab.Reads("Белова", "Дальше")
			lookAt(tab, "console-problems")
			tab.Press(".tabs a:not([aria-current])")
			tab.Reads("дней после срока: 10")
			lookAt(tab, "console-problems-behind")
			l.board = nil
			tab.Go(at + "/console/problems")
			lookAt(tab, "console-problems-making")
		})
	}
}
