//go:build peers

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

// office is a site whose people meet it in a real browser: the daemon's pages,
// a simulated mos.ru with its own sign-in page, a simulated Active Directory.
type office struct {
	site
	address string // of the pages
	sim     *sim.Server
	log     *logged
	stopAD  func()
}

// openOffice starts one before a simulated mos.ru; signIn is web.sign_in.
func openOffice(t *testing.T, signIn string, users ...sim.User) *office {
	t.Helper()
	var simulated *sim.Server
	o := openOfficeAt(t, signIn, func(public string) (issuer string) {
		theirs := httptest.NewUnstartedServer(nil)
		issuer = "http://" + theirs.Listener.Addr().String()
		var err error
		simulated, err = sim.New(sim.Options{Issuer: issuer, Users: users, Clients: []sim.Client{{ID: officeClient, Secret: officeSecret, PasswordGrant: true,
			Redirects: []string{public + "/sign-in/mosru"}, LogoutRedirect: []string{public + "/signed-out"}}}})
		if err != nil {
			t.Fatal(err)
		}
		theirs.Config.Handler = simulated
		theirs.Start()
		t.Cleanup(theirs.Close)
		return issuer
	})
	o.sim = simulated
	return o
}

// How an office is registered at mos.ru.
const officeClient, officeSecret = "test", "0123456789abcdef0123"

// openOfficeAt starts one before the mos.ru that is begun for the address of the
// pages.
func openOfficeAt(t *testing.T, signIn string, begin func(public string) (issuer string)) *office {
	t.Helper()
	o := &office{site: newSite(t), log: &logged{}}
	o.stopAD = o.directory(simad.User{Name: "somebody", Unit: siteManaged, Password: "Starling-2020-Old"})
	ours := httptest.NewUnstartedServer(nil)
	o.address = "http://" + ours.Listener.Addr().String()
	issuer := begin(o.address)
	text, err := os.ReadFile(o.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o.write("config.yaml", strings.Replace(string(text), "url: http://127.0.0.1:1\n", "url: "+issuer+"\n  client_secret_file: secret\n", 1)+
		"web:\n  public_url: "+o.address+"\n  sign_in: "+signIn+"\n  support_url: https://help.example/\n  fallback_url: https://dnevnik.example/\n"+
		"  start_url: https://school.example/\n  diary_url: https://diary.example/\n")
	o.write("kadry.csv", "id,fio,snils,school,start\nk1,Еванова Нина Николаевна,112-233-445 95,49,2015-09-01\nk2,Еванова Полина Николаевна,087-654-303 00,49,2015-09-01\n"+
		"k3,Сомов Пётр Ильич,000-000-001 00,49,2015-09-01\nk4,Лисов Егор Ильич,000-000-002 01,49,2015-09-01\n"+
		"k5,Рысев Олег Ильич,000-000-003 02,49,2015-09-01\n")
	o.write("zapis.csv", "child,parent_fio,phone,school\nc1,Смирнова Ольга Павловна,89165550102,49\n")
	if _, errs, code := o.command("registry", "import", "--config", o.path("config.yaml"), o.path("kadry.csv"), o.path("zapis.csv")); code > exitFindings {
		t.Fatal(errs)
	}
	pages, err := o.started(o.log).pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	ours.Config.Handler = pages
	ours.Start()
	t.Cleanup(ours.Close)
	return o
}

// citizen is an invented city account.
func citizen(login, last, first, middle, snils string, alter func(*sim.User)) sim.User {
	u := sim.User{Password: sitePassword, Profile: person.Profile{Subject: identity.Subject("sub-" + login), Login: login, Last: last, First: first, Middle: middle,
		SNILS: snils, SNILSConfirmed: snils != "", Trusted: true}}
	if alter != nil {
		alter(&u)
	}
	return u
}

func citizens() []sim.User {
	return []sim.User{
		citizen("evann", "Еванова", "Нина", "Николаевна", "11223344595", nil),
		citizen("evanp", "Еванова", "Полина", "Николаевна", "08765430300", nil),
		citizen("somovp", "Сомов", "Пётр", "Ильич", "98765432183", nil), // another СНИЛС than in Кадры, and nobody's there
		citizen("lisove", "Лисов", "Егор", "Ильич", "00000000201", func(u *sim.User) { u.Profile.SNILSConfirmed = false }),
		citizen("ryseo", "Рысев", "Олег", "Ильич", "00000000302", nil),
		citizen("nikto", "Никонов", "Лев", "Львович", "", nil),
		citizen("smirnovao", "Смирнова", "Ольга", "Павловна", "", func(u *sim.User) { u.Profile.Phone, u.Profile.PhoneVerified = "89165550102", true }),
	}
}

// On mos.ru's page.
const (
	simLogin    = "input[name=login]"
	simPassword = "input[name=password]"
	simButton   = "button:not(.no)"
	simDecline  = "button.no"
	ourButton   = "main form button[type=submit]:not(.link)"
)

// arrive goes from the entry over mos.ru's page and back.
func (o *office) arrive(tab *browsertest.Tab, login, password string) {
	tab.Go(o.address + "/")
	tab.Press("a.button")
	tab.Type(simLogin, login)
	tab.Type(simPassword, password)
	tab.Press(simButton)
}

// Everybody of facts about the screens, on a desk's screen and a phone's: mos.ru's
// own page, the password once, the account in Active Directory, and each way in
// which it fails.
func TestActivationInChromium(t *testing.T) {
	o := openOffice(t, "mosru", citizens()...)
	browser := browsertest.Start(t)
	for login, screen := range map[string]browsertest.Screen{"evann": browsertest.Desktop, "evanp": browsertest.Phone} {
		t.Run(screen.Name, func(t *testing.T) { o.flows(t, browser, screen, login) })
	}
	text := o.log.take()
	for _, secret := range []string{sitePassword, "Еванова", "11223344595", "evann", "?code", "state=", "no words"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q:\n%s", secret, text)
		}
	}
}

func (o *office) flows(t *testing.T, browser *browsertest.Browser, screen browsertest.Screen, login string) {
	open := func(t *testing.T) *browsertest.Tab { return browser.Open(t, screen, browsertest.Options{}) }
	t.Run("activation", func(t *testing.T) {
		tab := open(t)
		tab.Go(o.address + "/")
		tab.Reads("Вход", "Войти через mos.ru", "Как получить доступ?", "Помощь", "Написать нам", "Войти через dnevnik.mos.ru")
		tab.Press("a.button")
		tab.Reads("Имитация mos.ru")
		tab.Shot("flow-mosru")
		tab.Type(simLogin, login)
		tab.Type(simPassword, "Not-Her-Password-1")
		if status := tab.Press(simButton); status != http.StatusUnauthorized {
			t.Errorf("mos.ru says %d", status)
		}
		tab.Type(simLogin, login)
		tab.Type(simPassword, sitePassword)
		tab.Press(simButton)
		tab.Reads("Активация аккаунта МЭШ", "Вы вошли через mos.ru", login, "Не помню пароль", "Активировать аккаунт", "Выйти")
		tab.Accessible()
		tab.Shot("flow-password")
		tab.Type("#password", "Not-Her-Password-2")
		if status := tab.Press(ourButton); status != http.StatusForbidden {
			t.Errorf("a wrong password: %d", status)
		}
		tab.Reads("не принял логин или пароль")
		tab.Type("#password", sitePassword)
		tab.Press(ourButton)
		tab.Reads("Активация прошла успешно!", "Ваш логин:", login, "Приступить к работе")
		for _, place := range []string{"web", "wifi", "pc", "teams"} {
			tab.Await("#place-" + place + " .state.ready")
		}
		tab.Reads(login+"@obr.example", "готово")
		tab.Accessible()
		tab.Shot("flow-success")
		tab.Press(".top form button")
		tab.Reads("Вы вышли")
		if left := tab.Cookies(o.address); left["__Host-session"] != "" {
			t.Error("the cookie is still there")
		}
		tab.Go(o.address + "/activate")
		tab.Reads("Войти через mos.ru", "!Ваш логин")
	})
	t.Run("with an account", func(t *testing.T) {
		tab := open(t)
		o.arrive(tab, login, sitePassword)
		tab.Reads("Ваш логин:", login, "!Активировать аккаунт")
		tab.Click("summary")
		tab.Type("#password", sitePassword) // a changed one is passed on in the same way
		tab.Press(ourButton)
		tab.Reads("Ваш логин:")
	})
	t.Run("a parent", func(t *testing.T) {
		tab := open(t)
		o.arrive(tab, "smirnovao", sitePassword)
		tab.Reads("Вам активация не нужна", "Перейти в дневник", "!Пароль от mos.ru")
		tab.Accessible()
		tab.Shot("flow-parent")
	})
	for login, c := range map[string]struct{ code, text string }{
		"somovp": {"SNILS_MISMATCH", "СНИЛС на mos.ru и в кадровой системе школы разные"},
		"lisove": {"SNILS_NOT_CONFIRMED", "СНИЛС на mos.ru не указан или не подтверждён"},
		"nikto":  {"NO_SUCH_ACCOUNT", "вас не нашлось"},
	} {
		t.Run(c.code, func(t *testing.T) {
			tab := open(t)
			o.arrive(tab, login, sitePassword)
			tab.Reads(c.text, c.code, "Попробовать ещё раз", "Написать нам", "Войти через dnevnik.mos.ru", "!Пароль от mos.ru")
			tab.Accessible()
			tab.Shot("flow-" + c.code)
			if c.code == "SNILS_NOT_CONFIRMED" { // mended at mos.ru alone, and told by it at another sign-in
				tab.Press("main a.button")
				tab.Reads("Имитация mos.ru")
				return
			}
			tab.Press(ourButton)
			tab.Reads(c.text)
		})
	}
	t.Run("declined", func(t *testing.T) {
		tab := open(t)
		tab.Go(o.address + "/sign-in")
		tab.Press(simDecline)
		tab.Reads("Вход не завершён", "вход отменён", "Попробовать ещё раз")
		tab.Accessible()
		tab.Press("main a.button")
		tab.Reads("Имитация mos.ru")
	})
	t.Run("back", func(t *testing.T) { // the address with the code once more, in another browser
		tab := open(t)
		if status := tab.Go(o.address + "/sign-in/mosru?code=x&state=y"); status != http.StatusBadRequest {
			t.Errorf("%d", status)
		}
		tab.Reads("начат слишком давно")
	})
}

// Ways in which mos.ru fails while somebody is on the way, each told apart.
func TestMosruFailsInChromium(t *testing.T) {
	o := openOffice(t, "mosru", citizens()...)
	browser := browsertest.Start(t)
	for what, c := range map[string]struct {
		login string // another each time: what mos.ru says of somebody counts for a while
		alter func()
		text  string
	}{
		"away":          {"evann", func() { _ = o.sim.SetOutage("503") }, "mos.ru сейчас не отвечает"},
		"second factor": {"evanp", func() { _ = o.sim.SetFlags("evanp", sim.Flags{SecondFactor: true}) }, "подтвердить вход вторым способом"},
		"locked":        {"ryseo", func() { _ = o.sim.SetFlags("ryseo", sim.Flags{Locked: true}) }, "временно закрыл вход"},
	} {
		t.Run(what, func(t *testing.T) {
			tab := browser.Open(t, browsertest.Phone, browsertest.Options{})
			o.arrive(tab, c.login, sitePassword)
			tab.Reads("Активация аккаунта МЭШ")
			c.alter()
			tab.Type("#password", sitePassword)
			if status := tab.Press(ourButton); status != http.StatusServiceUnavailable {
				t.Errorf("%d", status)
			}
			tab.Reads(c.text, "Активировать аккаунт")
			tab.Accessible()
			tab.Shot("flow-mosru-" + strings.ReplaceAll(what, " ", "-"))
			_ = o.sim.SetOutage("off")
		})
	}
}

// Where only the password grant exists, with scripts off: the whole way.
func TestFormInChromium(t *testing.T) {
	o := openOffice(t, "form", citizens()...)
	tab := browsertest.Start(t).Open(t, browsertest.Desktop, browsertest.Options{NoScripts: true})
	tab.Go(o.address + "/")
	tab.Press("main a.button")
	tab.Type("#login", "112-233-445 95") // any of the four kinds of names
	tab.Type("#password", "Not-Her-Password-1")
	if status := tab.Press(ourButton); status != http.StatusForbidden {
		t.Errorf("%d", status)
	}
	tab.Reads("не принял логин или пароль")
	tab.Type("#password", sitePassword)
	tab.Press(ourButton)
	tab.Reads("Активация прошла успешно!", "evann")
	tab.Await("#place-pc .state.ready")
	tab.Press(".top a[hreflang=en]")
	tab.Reads("Activation succeeded!", "evann")
	tab.Shot("flow-form-success-en")
}
