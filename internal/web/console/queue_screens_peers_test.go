//go:build peers

package console

import (
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// goIn opens administration as somebody with a role.
func goIn(t *testing.T, s *site, tab *browsertest.Tab, role rights.Role) (at string) {
	t.Helper()
	at = s.served(t)
	who := holders[role]
	s.who = web.Record{Person: who.ID, Login: who.Login}
	tab.Go(at + webtest.DoorAddress)
	tab.Go(at + "/console/sign-in")
	tab.Type("#code", s.code())
	tab.Press("main form button[type=submit]")
	return at
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
			tab.Beside("#number", ".find button")
			pictured(tab, "queue")
			tab.Press("tbody th a")
			tab.Reads("Еванова Нина Николаевна", "Запись kadry:k1 — этот человек")
			if wide, _ := tab.Size(".evidence th[scope=row]"); wide < 40 { // its widest word has more
				t.Errorf("a title of the evidence is %.0f pixels wide: a letter a line", wide)
			}
			pictured(tab, "case")
			tab.Key("4")
			tab.Await("#do-4")
			tab.Key("\x1b")
			tab.Key("3")
			tab.Await("#do-3")
			pictured(tab, "case-confirm")
			tab.Press("#do-3 button")
			tab.Reads("Решение записано", "Ким Вера Львовна", "Данные другой школы", "решает оператор")
			pictured(tab, "case-foreign")
			if got := d.cases[0].Decided; got == nil || got.What != "evannovann" {
				t.Errorf("%+v", got)
			}
			tab.Press(".box.good button")
			tab.Reads("Еванова", "!Решение записано")
			tab.Go(at + "/console/queue/" + d.cases[2].Stem)
			pictured(tab, "case-letter")
			tab.Key("1")
			tab.Type("#reason-1", "СНИЛС в Кадрах исправлен")
			tab.Press("#do-1 button")
			tab.Reads("Здесь никто не ждёт", "Решение записано")
			pictured(tab, "queue-empty")
			tab.Go(at + "/console/queue?decided=1")
			tab.Reads("СНИЛС в Кадрах исправлен")
			pictured(tab, "queue-decided")
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
			pictured(tab, "problems")
			tab.Press(".tabs a:not([aria-current])")
			tab.Reads("дней после срока: 10")
			pictured(tab, "problems-behind")
			l.board = nil
			tab.Go(at + "/console/problems")
			pictured(tab, "problems-making")
		})
	}
}
