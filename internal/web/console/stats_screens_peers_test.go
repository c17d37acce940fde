//go:build peers

package console

import (
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
)

// The statistics of a city and of one school, on a desk's screen and a phone's.
func TestStatisticsScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			shown := cityTables(60)
			s := newSite(t, withTables(shown))
			tab := browser.Open(t, screen, browsertest.Options{})
			at := goIn(t, s, tab, rights.Operator)
			tab.Go(at + "/console/stats")
			tab.Reads("Всего УЗ", "ГБОУ Школа №\u00a049", "Дальше")
			pictured(tab, "stats")
			tab.Type("#school", "1050")
			tab.Press(".filters button")
			tab.Reads("№\u00a01050", "!№\u00a049")
			tab.Press("tbody a")
			tab.Reads("Сотрудники", "прошло дней: 31")
			pictured(tab, "stats-school")
			shown.figures = Figures{Counting: true}
			tab.Go(at + "/console/stats")
			tab.Reads("Цифры считаются впервые")
			pictured(tab, "stats-counting")
		})
	}
}
