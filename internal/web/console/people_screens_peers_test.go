//go:build peers

package console

import (
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
	tab.Press(submit)
}

// Every page about people and the installation in each of its states, on a desk's
// screen and a phone's, with axe-core.
func TestPeopleScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			d := newTold(t)
			at := d.served(t)
			tab := browser.Open(t, screen, browsertest.Options{})
			d.enter(tab, at)
			look := func(q string) {
				tab.Go(at + "/console/people")
				tab.Type("#q", q)
				tab.Press(".seek button")
			}
			tab.Go(at + "/console/people")
			pictured(tab, "people")
			d.teller.next = "sealed"
			look("Еванов")
			tab.Reads("Еванова Полина Николаевна", "Показать дальше")
			pictured(tab, "people-found")
			d.teller.hits, d.teller.next = nil, ""
			look("Никто")
			tab.Reads("Никого не нашли")
			pictured(tab, "people-none")
			d.teller.hits = someHits()[:1]
			look("evann") // straight to the story
			tab.Reads("Всё на месте", "evann@uao.obr.mos.ru")
			pictured(tab, "person")
			d.teller.story = broken
			tab.Go(at + "/console/people/" + nina.String())
			tab.Reads("обрыв здесь", "Кто чинит")
			pictured(tab, "person-broken")
			d.teller.story = waiting
			tab.Go(at + "/console/people/" + nina.String() + "?lang=en")
			tab.Reads("broken here")
			pictured(tab, "person-waiting-en")
			tab.Press(".panel form button")
			tab.Reads("Active Directory was asked just now")
			tab.Go(at + "/console/people/nobody?lang=ru")
			pictured(tab, "person-missing")
			tab.Go(at + "/console/address")
			pictured(tab, "address")
			tab.Type("#address", "10.49.3.17")
			tab.Press(".filters button")
			tab.Reads("человек другой школы")
			pictured(tab, "address-found")
			tab.Type("#address", "10.49")
			tab.Press(".filters button")
			tab.Reads("Это не адрес")
			pictured(tab, "address-wrong")
			tab.Go(at + "/console/system")
			pictured(tab, "system")
			tab.Go(at + "/console/configuration")
			pictured(tab, "configuration")
			tab.Go(at + "/console/configuration?section=mosru")
			pictured(tab, "configuration-section")
		})
	}
}
