//go:build peers

package activation

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/provision"
)

// The support form, as it is typed and sent.
func TestSupportScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			w, box, _ := newLetterbox(t)
			mux := http.NewServeMux()
			mux.Handle("/", w.h)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(server.URL + "/")
			tab.Press(".bottom a[href='/support']")
			tab.Reads("Форма обратной связи", "Укажите сведения о персоне", "нет отчества")
			shown(tab, "support")
			tab.Type("#snils", "112-233-445 9")
			tab.Reads("Осталось цифр: 1")
			tab.Go(server.URL + "/support")
			tab.Type("#snils", "112-233-445 96")
			tab.Reads("контрольное число не сходится")
			shown(tab, "support-slip")
			tab.Go(server.URL + "/support")
			tab.Type("#last", "Орлова")
			tab.Type("#first", "Мария")
			tab.Click("#no-middle")
			tab.Type("#school", "лицей")
			tab.Type("#snils", "112-233-445 95")
			tab.Reads("Номер записан верно")
			shown(tab, "support-typed")
			tab.Press("#support button")
			tab.Reads("Выберите, какая из них ваша", "ГБОУ Лицей № 8")
			shown(tab, "support-fault")
			tab.Click("#choice-1")
			tab.Press("#support button")
			tab.Reads("Обращение принято", "000 000 001", "Что дальше")
			shown(tab, "support-sent")
			if got := box.letters[0]; got.School != "8" || got.Middle != "" {
				t.Errorf("%+v", got)
			}
		})
	}
	w, box, _ := newLetterbox(t)
	w.answer = provision.Answer{}
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	tab := browser.Open(t, browsertest.Phone, browsertest.Options{NoScripts: true})
	tab.Go(server.URL + "/support")
	for field, text := range map[string]string{"#last": "Орлова", "#first": "Мария", "#middle": "Игоревна", "#school": "школа 49", "#snils": "11223344595"} {
		tab.Type(field, text)
	}
	tab.Press("#support button")
	tab.Reads("Обращение принято")
	if len(box.letters) != 1 {
		t.Errorf("%d letters", len(box.letters))
	}
}
