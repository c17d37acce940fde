//go:build peers

package web_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/web/webtest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// A room's navigation beside its page, on a desk's screen and a phone's, and what
// is compressed is read by a real browser.
func TestScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			server := httptest.NewServer(newHouse(t).f)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(server.URL + webtest.DoorAddress)
			tab.Go(server.URL + "/list/deep")
			tab.Reads("Список", "Подробно", "Нина")
			tab.Press(".side a") // the first
			tab.Reads("Ещё", "Дальше")
			tab.Accessible()
			tab.Shot("frame-navigation")
			tab.Go(server.URL + "/nowhere")
			tab.Reads("Такой страницы нет")
		})
	}
}
