//go:build peers

package cabinet

import (
	"net/http/httptest"
	"os"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/web/webtest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// Every page of the cabinet in its states, on a desk's screen and a phone's, with
// axe-core.
func TestScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			w := newWorld(t, nil)
			server := httptest.NewServer(w.frame)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			see := func(path, name string, reads ...string) {
				t.Helper()
				tab.Go(server.URL + path)
				tab.Reads(reads...)
				tab.Accessible()
				tab.Shot("cabinet-" + name)
			}
			tab.Go(server.URL + webtest.DoorAddress)
			see("/me", "me-refused", "orlovami", "Почему Wi-Fi не пускает")
			see("/me/devices", "devices", "02:00:5e:10:00:01", "Отключить")
			see("/me/wifi", "setup")
			see("/me/wifi/apple", "setup-apple", "Скачать")
			see("/me/wifi/android", "setup-android", "Метод EAP")
			see("/me/wifi/board", "setup-board", "На доске")
			tab.Go(server.URL + "/me/devices")
			tab.Press("form.inline button")
			tab.Reads("Устройства и входы")
			if len(w.off) != 1 || w.off[0] != "a1" {
				t.Errorf("disconnected %q", w.off)
			}
			look := w.looks[orlova]
			look.Devices[0].Asked = "waiting"
			see("/me/devices", "devices-waiting", "отключаем")
			w.looks[orlova] = Look{}
			see("/me", "me-good", "Wi-Fi вас пускает")
			see("/me/devices", "devices-empty", "Входов пока не было")
			see("/me?lang=en", "me-en", "Your login")
		})
	}
}
