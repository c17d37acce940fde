//go:build peers

package activation

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// gate is mos.ru's page for a browser: it sends everybody back at once.
type gate struct {
	page
	at string
}

func (g *gate) AuthorizeURL(a Attempt) string { return g.at + "/gate?state=" + a.State }
func (g *gate) LogoutURL(back string) string  { return g.at + "/gate/logout" }
func (g *gate) Issuer() string                { return g.at }

// screens is a front-end for a browser, whose desk answers as told.
type screens struct {
	*desk
	gate *gate
	at   string
	now  time.Time
}

func newScreens(t *testing.T, alter func(*Options)) *screens {
	t.Helper()
	s := &screens{desk: &desk{answer: evann}, gate: &gate{page: page{who: evann.Profile}}, now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.at, s.gate.at = server.URL, server.URL
	o, frame := options(s.desk), frameOptions()
	o.Mosru, o.PublicURL, o.Networks = s.gate, server.URL, []string{"Study"}
	frame.Links.Start, frame.Now = "https://school.example/", func() time.Time { return s.now }
	if alter != nil {
		alter(&o)
	}
	mux.Handle("/", newFrame(t, o, frame))
	mux.HandleFunc("/gate", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/sign-in/mosru?code=c&state="+r.URL.Query().Get("state"), http.StatusSeeOther)
	})
	mux.HandleFunc("/gate/logout", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/signed-out", http.StatusSeeOther) })
	return s
}

// shown is a page as it is looked at: pictures, readers, width.
func shown(tab *browsertest.Tab, name string) {
	tab.Accessible()
	tab.Shot(name)
}

var parent = provision.Answer{State: provision.StateActive, Login: "smirnovao", Person: identity.PersonID{8}, Roles: []match.Role{{Role: person.RoleParent, Child: "c1"}}}

// Every page of activation in each of its states, on a desk's screen and a
// phone's, with axe-core.
func TestScreens(t *testing.T) {
	browser := browsertest.Start(t)
	for _, screen := range []browsertest.Screen{browsertest.Desktop, browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) {
			s := newScreens(t, nil)
			open := func() *browsertest.Tab { return browser.Open(t, screen, browsertest.Options{}) }
			arrive := func(a, standing provision.Answer) *browsertest.Tab {
				s.arriving, s.answer = a, standing
				tab := open()
				tab.Go(s.at + "/sign-in")
				return tab
			}
			tab := open()
			tab.Go(s.at + "/")
			shown(tab, "entry")
			tab.Go(s.at + "/help")
			shown(tab, "help")
			tab.Go(s.at + "/nowhere")
			shown(tab, "error-missing")
			tab.Go(s.at + "/sign-in/mosru?error=x")
			shown(tab, "sign-in-stale")
			tab.Go(s.at + "/?lang=en")
			shown(tab, "entry-en")

			tab = arrive(provision.Answer{State: provision.StatePassword, Roles: evann.Roles}, evann)
			tab.Reads("Вы вошли через mos.ru", "ГБОУ Школа")
			shown(tab, "password")
			pending := evann
			pending.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Pending}
			s.answer = pending
			tab.Type("#password", "Zimorodok-2021")
			tab.Press("form button[type=submit]:not(.tool):not(.link)")
			tab.Reads("Активация прошла успешно!", "evann", "готовится")
			shown(tab, "success-pending")
			tab.Go(s.at + "/help")
			tab.Reads("Ваш случай", "Ещё готовится")
			shown(tab, "help-own")
			tab.Go(s.at + "/activate")
			s.answer = evann
			tab.Await("#place-pc .ready") // the script has seen it
			tab.Reads("!готовится", "!Не закрывайте")
			shown(tab, "success")
			stuck := evann
			stuck.Targets = map[string]provision.Progress{"ad": provision.Stuck, "wifi": provision.Ready}
			stuck.Problems = []match.Problem{{Code: match.ADPasswordRefused}}
			s.answer = stuck
			tab.Go(s.at + "/activate")
			shown(tab, "success-stuck")
			tab.Press(".top form button")
			tab.Reads("Вы вышли")
			shown(tab, "signed-out")

			tab = arrive(parent, provision.Answer{State: provision.StateActive})
			tab.Reads("Вам активация не нужна")
			shown(tab, "parent")
			for _, c := range []struct {
				state provision.State
				code  string
			}{{provision.StateRefused, "SNILS_MISMATCH"}, {provision.StateRefused, "NO_SUCH_ACCOUNT"}, {provision.StateManual, "AMBIGUOUS"}, {provision.StateUnavailable, "STORE_UNREACHABLE"}} {
				tab = arrive(provision.Answer{State: c.state, Problem: c.code}, evann)
				tab.Reads(c.code, "Попробовать ещё раз", "Написать нам", "Войти через dnevnik.mos.ru")
				shown(tab, "failed-"+c.code)
			}
			tab = arrive(provision.Answer{State: provision.StatePassword, Roles: evann.Roles}, provision.Answer{State: provision.StateRefused, Problem: "WRONG_PASSWORD"})
			tab.Type("#password", "wrong")
			tab.Press("form button[type=submit]:not(.tool):not(.link)")
			tab.Reads("не принял логин или пароль")
			shown(tab, "password-wrong")
			tab.Go(s.at + "/activate?lang=en")
			tab.Reads("Activate your MESH account")
			shown(tab, "password-en")

			s = newScreens(t, func(o *Options) { o.Mosru = nil })
			tab = open()
			tab.Go(s.at + "/activate")
			tab.Reads("Логин mos.ru")
			shown(tab, "form")
		})
	}
	s := newScreens(t, nil)
	s.arriving = evann
	least := browser.Open(t, browsertest.Narrow, browsertest.Options{})
	least.Go(s.at + "/")
	least.Narrow("html, .card, .serves li") // nothing lies upon anything
	shown(least, "entry")
	tab := browser.Open(t, browsertest.Screen{Name: "dark", Width: 1280, Height: 800, Scale: 1}, browsertest.Options{Dark: true})
	tab.Go(s.at + "/")
	shown(tab, "entry")
	tab.Go(s.at + "/sign-in")
	shown(tab, "success")
}

// Without scripts every page works, and the one that waits looks by itself.
func TestWithoutScripts(t *testing.T) {
	s := newScreens(t, nil)
	s.arriving = provision.Answer{State: provision.StatePassword, Roles: evann.Roles}
	pending := evann
	pending.Targets = map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}
	s.answer = pending
	tab := browsertest.Start(t).Open(t, browsertest.Phone, browsertest.Options{NoScripts: true})
	tab.Go(s.at + "/")
	tab.Press("a.button")
	tab.Type("#password", "Zimorodok-2021")
	tab.Press("form button[type=submit]:not(.tool):not(.link)")
	tab.Reads("готовится")
	s.answer = evann
	tab.Await("#place-pc .ready") // the page has reloaded itself
	tab.Press(".top form button")
	tab.Reads("Вы вышли")
}
