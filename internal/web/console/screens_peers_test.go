//go:build peers

package console

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// served is the address of a site for a browser.
func (s *site) served(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	return server.URL
}

// pictured is a page as it is looked at: pictures, readers, width, lists that nobody
// has to move sideways.
func pictured(tab *browsertest.Tab, name string) {
	tab.Accessible()
	tab.Narrow(".scroll:has(.stack)")
	tab.Shot("console-" + name)
}

const submit = "main form button[type=submit]"

// TestScreens: every page of the shell, on a desk's screen and a phone's, with
// axe-core.
func TestScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			figures := part{nav: entry{address: "/console/rights/x", title: "rights.nav", may: rights.SeePeople}, glance: func(*visit) (glance, error) {
				return glance{Figure: "12", Title: "home.waits", State: "wait", Text: "home.unknown"}, nil
			}}
			s := newSite(t, nil, figures)
			at := s.served(t)
			open := func(who Person) *browsertest.Tab {
				s.who = web.Record{Person: who.ID, Login: who.Login, Profile: person.Profile{Subject: identity.Subject("sub-" + who.Login), Login: string(who.Login), First: "Анна", Middle: "Львовна"}}
				tab := browser.Open(t, screen, browsertest.Options{})
				tab.Go(at + webtest.DoorAddress)
				return tab
			}
			tab := browser.Open(t, screen, browsertest.Options{})
			tab.Go(at + "/console")
			pictured(tab, "entrance")
			tab.Go(at + "/console/break-glass")
			tab.Type("#login", "admin")
			tab.Type("#password", "wrong")
			tab.Press(submit)
			pictured(tab, "break-glass")
			tab.Type("#login", "admin")
			tab.Type("#password", glassPassword)
			tab.Press(submit)
			tab.Reads("Вы вошли аварийно")
			pictured(tab, "home-break-glass")

			tab = open(teacher)
			tab.Go(at + "/console")
			pictured(tab, "no-rights")

			delete(s.factors, operator.ID)
			tab = open(operator)
			tab.Go(at + "/console/rights")
			pictured(tab, "not-invited")
			if err := s.Invite(t.Context(), operator.ID, "ABCD-EFGH-JKMN", s.clock.Now().Add(time.Hour), s.clock.Now(), nil); err != nil {
				t.Fatal(err)
			}
			tab.Go(at + "/console/sign-in")
			pictured(tab, "enrol")
			_, key, _ := strings.Cut(tab.Text(), "ключ: ")
			app := s.appOf(strings.TrimSpace(strings.SplitN(key, "\n", 2)[0]))
			tab.Type("#invitation", "ABCD-EFGH-JKMN")
			tab.Type("#code", app())
			tab.Press(submit)
			tab.Reads("Запишите резервные коды")
			pictured(tab, "codes")
			tab.Press(submit)
			tab.Reads("Оператор города")
			pictured(tab, "home")
			tab.Go(at + "/console/rights")
			pictured(tab, "rights")
			tab.Type("#login", "evann")
			tab.Type("#schools", "49 1050")
			tab.Type("#code", app())
			tab.Press("form.filters button")
			tab.Reads("ровно одна школа")
			pictured(tab, "rights-wrong")
			tab.Type("#login", "evann")
			tab.Type("#schools", "49")
			s.clock.Forward(time.Minute)
			tab.Type("#code", app())
			tab.Press("form.filters button")
			tab.Reads("Код подключения для evann")
			pictured(tab, "rights-invited")
			tab.Go(at + "/console/rights?lang=en")
			pictured(tab, "rights-en")
			tab.Go(at + "/console/rights?lang=ru")

			s.clock.Forward(20 * time.Minute)
			tab.Go(at + "/console/rights")
			pictured(tab, "code")
			tab.Type("#code", "000000")
			tab.Press(submit)
			tab.Reads("Код не подошёл")
			pictured(tab, "code-wrong")
			tab.Type("#code", app())
			tab.Press(submit)
			tab.Reads("Кто что администрирует")

			s.factors[admin49.ID] = factor.Factor{Secret: secret, Failures: 9, Until: s.clock.Now().Add(10 * time.Minute)}
			tab = open(admin49)
			tab.Go(at + "/console")
			tab.Type("#code", s.code())
			tab.Press(submit)
			tab.Reads("Слишком много")
			pictured(tab, "code-locked")
		})
	}
}
