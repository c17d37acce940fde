//go:build peers

package console

import (
	"net/http/httptest"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/census"
)

// The Wi-Fi as it is now and the switch-over, on a desk's screen and a phone's, with
// axe-core.
func TestScreensOfWifiAndLaunch(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			s := newSite(t, func(o *Options) {
				o.Launch = Launch{PublicURL: "https://id.example", Networks: []string{"Study"}}
				o.Deadlines = census.Deadlines{date("2026-10-01"), date("2026-11-01")}
			})
			s.person(holders[rights.Operator]) // whom the door lets in
			server := httptest.NewServer(s.f)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(server.URL + webtest.DoorAddress)
			tab.Go(server.URL + "/console/sign-in")
			tab.Type("#code", s.code())
			tab.Press("form button[type=submit]:not(.tool)")
			see := func(path, name string, reads ...string) {
				t.Helper()
				tab.Go(server.URL + path)
				tab.Reads(reads...)
				tab.Accessible()
				tab.Shot("console-" + name)
			}
			see("/console/wifi", "wifi", "ГБОУ Школа № 49")
			see("/console/wifi/49", "wifi-school", "Орлова", "floor-1")
			see("/console/wifi/49/refused", "wifi-refused", "OLD_PASSWORD")
			see("/console/wifi/49/on/0000000000000001", "wifi-stay", "10.49.0.7", "Отключить")
			see("/console/wifi?school=none", "wifi-empty", "никому не отказано")
			see("/console/launch", "launch-schools", "Выберите школу")
			see("/console/launch/49", "launch", "9Б", "Сроки вашей школы")
			see("/console/launch/49/letter", "launch-letter", "Здравствуйте, коллеги!", "Скопировать")
			see("/console/launch/49/missing", "launch-missing", "Ёлкин")
		})
	}
}
