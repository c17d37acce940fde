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

// The statistics of a city and of one school, on a desk's screen and a phone's.
func TestStatisticsScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			shown := cityTables(60)
			s := newSite(t, withTables(shown))
			server := httptest.NewServer(s.f)
			t.Cleanup(server.Close)
			who := holders[rights.Operator]
			s.who = web.Record{Person: who.ID, Login: who.Login}
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(server.URL + webtest.DoorAddress)
			tab.Go(server.URL + "/console/sign-in")
			tab.Type("#code", s.code())
			tab.Press("main form button[type=submit]")
			tab.Go(server.URL + "/console/stats")
			tab.Reads("Всего УЗ", "ГБОУ Школа №\u00a049", "Дальше")
			tab.Accessible()
			tab.Shot("console-stats")
			tab.Type("#school", "1050")
			tab.Press(".filters button")
			tab.Reads("№\u00a01050", "!№\u00a049")
			tab.Press("tbody a")
			tab.Reads("Сотрудники", "прошло дней: 31")
			tab.Accessible()
			tab.Shot("console-stats-school")
			shown.figures = Figures{Counting: true}
			tab.Go(server.URL + "/console/stats")
			tab.Reads("Цифры считаются впервые")
			tab.Shot("console-stats-counting")
		})
	}
}
