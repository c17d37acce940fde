//go:build peers

package console

import (
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// The audit trail in each of its states, and the tables of the console, which on a
// phone are no wider than its screen.
func TestTrailScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			a := &annals{n: 130}
			s := newSite(t, func(o *Options) { o.Audit, o.Stories = a, &teller{story: sound, hits: someHits()} })
			at := s.served(t)
			s.who = web.Record{Person: operator.ID, Login: operator.Login}
			s.who.Profile.Subject = identity.Subject("sub-operator")
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(at + webtest.DoorAddress)
			tab.Go(at + "/console/sign-in")
			tab.Type("input[name=code]", s.code())
			tab.Press(submit)
			tab.Go(at + "/console/audit")
			tab.Reads("прочитано на странице", "команда на сервере")
			pictured(tab, "trail")
			tab.Go(at + "/console/audit?lang=en")
			tab.Reads("Audit trail")
			pictured(tab, "trail-en")
			tab.Type("#whom", "nobody")
			tab.Press("form.filters button")
			tab.Reads("Nobody has this login")
			pictured(tab, "trail-wrong")
			a.n = 0
			tab.Go(at + "/console/audit?lang=ru")
			tab.Reads("Таких строк нет")
			pictured(tab, "trail-none")
			tab.Go(at + "/console/people/" + nina.String())
			tab.Reads("новый аккаунт")
			pictured(tab, "trail-person")
		})
	}
}
