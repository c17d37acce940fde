//go:build peers

package console

import (
	"net/http/httptest"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// enter comes in as the operator, with the second factor.
func (d *told) enter(tab *browsertest.Tab, at string) {
	d.who = web.Record{Person: operator.ID, Login: operator.Login, Profile: person.Profile{First: "Анна", Middle: "Львовна"}}
	tab.Go(at + webtest.DoorAddress)
	tab.Go(at + "/console/sign-in")
	tab.Type("input[name=code]", d.code())
	tab.Press("main form button[type=submit]")
}

// Every page about people and the installation in each of its states, on a desk's
// screen and a phone's, with axe-core.
func TestPeopleScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			d := newTold(t)
			server := httptest.NewServer(d.f)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			d.enter(tab, server.URL)
			shot := func(name string) {
				t.Helper()
				tab.Accessible()
				tab.Shot("console-" + name)
			}
			look := func(q string) {
				tab.Go(server.URL + "/console/people")
				tab.Type("#q", q)
				tab.Press(".seek button")
			}
			tab.Go(server.URL + "/console/people")
			shot("people")
			d.teller.next = "sealed"
			look("Еванов")
			tab.Reads("Еванова Полина Николаевна", "Показать дальше")
			shot("people-found")
			d.teller.hits, d.teller.next = nil, ""
			look("Никто")
			tab.Reads("Никого не нашли")
			shot("people-none")
			d.teller.hits = someHits()[:1]
			look("evann") // straight to the story
			tab.Reads("Всё на месте", "evann@uao.obr.mos.ru")
			shot("person")
			d.teller.story = broken
			tab.Go(server.URL + "/console/people/" + nina.String())
			tab.Reads("обрыв здесь", "Кто чинит")
			shot("person-broken")
			d.teller.story = waiting
			tab.Go(server.URL + "/console/people/" + nina.String() + "?lang=en")
			tab.Reads("broken here")
			shot("person-waiting-en")
			tab.Press(".panel form button")
			tab.Reads("Active Directory was asked just now")
			tab.Go(server.URL + "/console/people/nobody?lang=ru")
			shot("person-missing")
			tab.Go(server.URL + "/console/address")
			shot("address")
			tab.Type("#address", "10.49.3.17")
			tab.Press(".filters button")
			tab.Reads("человек другой школы")
			shot("address-found")
			tab.Type("#address", "10.49")
			tab.Press(".filters button")
			tab.Reads("Это не адрес")
			shot("address-wrong")
			tab.Go(server.URL + "/console/system")
			shot("system")
			tab.Go(server.URL + "/console/configuration")
			shot("configuration")
		})
	}
}
