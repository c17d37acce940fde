package console

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
)

// desk is the console before invented people, and whoever has come in.
type desk struct {
	*teller
	*trail
	frame *web.Frame
	who   identity.PersonID
	now   time.Time
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{teller: &teller{story: sound, hits: someHits()}, trail: &trail{}, now: testNow}
	room, err := New(Options{Rights: allMay(), Trail: d.trail, Stories: d.teller, Addresses: d.teller, System: d.teller, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	door := webtest.Door(func() web.Record { return web.Record{Person: d.who, Login: "admin"} })
	d.frame, err = web.New(web.Options{Sessions: &webtest.Shelf{}, Now: func() time.Time { return d.now }}, room, door)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// comes is somebody who has come in.
func (d *desk) comes(t testing.TB, who identity.PersonID) *webtest.Guest {
	t.Helper()
	d.who = who
	g := webtest.NewGuest(t, d.frame)
	g.Get(webtest.DoorAddress)
	return g
}

// TestPeopleForWhom: nobody finds or reads beyond his rights, and what is refused
// is the very page of what is not there.
func TestPeopleForWhom(t *testing.T) {
	d := newDesk(t)
	pages := []struct{ method, path string }{
		{"GET", "/console/people"}, {"POST", "/console/people"}, {"GET", "/console/people/" + nina.String()}, {"POST", "/console/people/" + nina.String()},
		{"GET", "/console/address"}, {"POST", "/console/address"}, {"GET", "/console/system"}, {"GET", "/console/configuration"},
	}
	stranger := webtest.NewGuest(t, d.frame)
	none := d.comes(t, nobody)
	missing := none.Get("/console/nowhere")
	for _, p := range pages {
		if w := stranger.Ask(p.method, p.path, nil); w.Code == http.StatusOK || strings.Contains(w.Body.String(), "Еванова") {
			t.Errorf("a stranger at %v: %d", p, w.Code)
		}
		w := none.Ask(p.method, p.path, map[string][]string{"q": {"Еванова"}, "address": {"10.49.3.17"}})
		if w.Code != http.StatusNotFound || inside(w.Body.String()) != inside(missing.Body.String()) {
			t.Errorf("somebody without rights at %v: %d", p, w.Code)
		}
	}
	if len(d.teller.asked) != 0 || len(d.trail.lines) != 0 {
		t.Errorf("%d questions were asked for nobody, %d lines", len(d.teller.asked), len(d.trail.lines))
	}
	if w := d.comes(t, atSchool).Get("/console/configuration"); w.Code != http.StatusNotFound {
		t.Errorf("a school's administrator at the configuration: %d", w.Code)
	}
	for name, who := range map[string]identity.PersonID{"own": atSchool, "city": operator} {
		webtest.Holds(t, d.comes(t, who).Get("/console/people/"+nina.String()), http.StatusOK, "Еванова Нина Николаевна", name[:0])
	}
	if last := d.teller.asked[0].Scope; last.All() != d.teller.asked[0].Scope.All() || len(d.trail.lines) != 2 || d.trail.lines[0].Person != nina {
		t.Errorf("%+v, %+v", last, d.trail.lines)
	}
	// Another school's administrator, a forged handle, nobody at all: one page, and
	// nothing is noted.
	other, n := d.comes(t, elsewhere), len(d.trail.lines)
	for _, who := range []string{nina.String(), identity.PersonID{8}.String(), "forged", strings.Repeat("x", 5000), "%00", "..%2f.."} {
		w := other.Get("/console/people/" + who)
		if w.Code != http.StatusNotFound || inside(w.Body.String()) != inside(missing.Body.String()) {
			t.Errorf("%.20s: %d", who, w.Code)
		}
	}
	if len(d.trail.lines) != n {
		t.Errorf("%d readings that were none", len(d.trail.lines)-n)
	}
}

// inside is what a page says, without its navigation and the address of the switch.
func inside(text string) string {
	_, text, _ = strings.Cut(text, "<main")
	text, _, _ = strings.Cut(text, "</main>")
	return text
}

func TestFindPeople(t *testing.T) {
	d := newDesk(t)
	g := d.comes(t, atSchool)
	d.teller.next = "sealed-place"
	w := g.Post("/console/people", "q", " Еванова ")
	webtest.Holds(t, w, http.StatusOK, "Еванова Полина Николаевна", "sealed-place", "/console/people/"+nina.String(), "не активирован")
	if got := d.teller.typed; got[0] != "Еванова" || got[1] != "" || d.teller.asked[0].Scope.All() {
		t.Errorf("%q in %+v", got, d.teller.asked[0].Scope)
	}
	// Who was shown and is a person is noted, nothing that was typed is.
	if n := len(d.trail.lines); n != 1 || d.trail.lines[0].Person != nina || strings.Contains(string(d.trail.lines[0].Payload), "Еванова") {
		t.Errorf("%d lines: %s", n, d.trail.lines[0].Payload)
	}
	g.Post("/console/people", "q", "Еванова", "next", "sealed-place")
	if d.teller.typed[3] != "sealed-place" {
		t.Errorf("%q", d.teller.typed)
	}
	d.teller.err = identity.ErrNotFound // what a forged place comes to
	webtest.Holds(t, g.Post("/console/people", "q", "Еванова", "next", "forged"), http.StatusNotFound)
	d.teller.err, d.teller.next = nil, ""
	d.teller.hits = d.teller.hits[:1]
	webtest.Goes(t, g.Post("/console/people", "q", "evann"), "/console/people/"+nina.String())
	d.teller.hits = nil
	if w := g.Post("/console/people", "q", "<b>Никто"); !strings.Contains(w.Body.String(), "Никого не нашли") || strings.Contains(w.Body.String(), "<b>") {
		t.Error(w.Body)
	}
	webtest.Goes(t, g.Post("/console/people", "q", "  "), "/console/people")
	webtest.Holds(t, g.Post("/console/people", "q", strings.Repeat("я", 201)), http.StatusBadRequest)
	webtest.Holds(t, g.Post("/console/people", "q", "\xff"), http.StatusBadRequest)
	d.teller.err = errors.New("down")
	webtest.Holds(t, g.Post("/console/people", "q", "Еванова"), http.StatusServiceUnavailable)
}

func TestStory(t *testing.T) {
	d := newDesk(t)
	g := d.comes(t, operator)
	at := "/console/people/" + nina.String()
	webtest.Holds(t, g.Get(at), http.StatusOK, "Всё на месте", "evann@uao.obr.mos.ru", "Путь от mos.ru", "Спросить Active Directory сейчас", "!обрыв здесь", "отличается от mos.ru")
	webtest.Holds(t, g.Post(at), http.StatusOK, "Active Directory ответил только что")
	d.teller.story = broken
	webtest.Holds(t, g.Get(at), http.StatusOK, "обрыв здесь", "Кто чинит", "SNILS_MISMATCH", "сотрудник и кадровик школы", "!Всё на месте")
	d.teller.story = waiting
	webtest.Holds(t, g.Get(at), http.StatusOK, "обрыв здесь", "AD_PASSWORD_REFUSED", "×2")
	for _, story := range []func(explain.Lang) *Story{sound, broken, waiting} {
		d.teller.story = story
		g.Cookies["__Host-language"] = "en"
		webtest.English(t, g.Get(at), "Еванова Нина Николаевна", "Школа № 49", "СНИЛС и фамилия совпали с Кадрами.", "СНИЛС в Кадрах другой.")
	}
	if size := webtest.FirstView(g, at); size > 100<<10 {
		t.Errorf("%d bytes before anybody sees it", size)
	}
}

func TestAddress(t *testing.T) {
	d := newDesk(t)
	g := d.comes(t, atSchool)
	webtest.Holds(t, g.Post("/console/address", "address", " 10.49.3.17 ", "at", "2026-09-01T10:30"), http.StatusOK, "evann, Еванова Нина Николаевна", "человек другой школы", "по косвенным данным", "board-7")
	if n := len(d.trail.lines); n != 1 || d.trail.lines[0].Person != nina {
		t.Errorf("%d lines", n)
	}
	webtest.Holds(t, g.Post("/console/address", "address", "10.49.3.99"), http.StatusOK, "ни у кого не было")
	if n := len(d.trail.lines); n != 2 || !d.trail.lines[1].Person.IsZero() {
		t.Errorf("%d lines", n)
	}
	webtest.Holds(t, g.Post("/console/address", "address", "<i>10.49"), http.StatusUnprocessableEntity, "Это не адрес")
	webtest.Holds(t, g.Post("/console/address", "address", "02:00:5e:10:00:01", "at", "вчера"), http.StatusUnprocessableEntity, "Это не время")
	webtest.Holds(t, g.Post("/console/address", "address", "fe80::1%eth0"), http.StatusUnprocessableEntity)
}

func TestSystem(t *testing.T) {
	d := newDesk(t)
	g := d.comes(t, operator)
	webtest.Holds(t, g.Get("/console/system"), http.StatusOK, "312", "08:40", "mos.ru does not answer", "Сервер: LDAPS", "13.09.2026")
	webtest.Holds(t, g.Get("/console/configuration"), http.StatusOK, "mosru.client_secret_file", "•••", "после перезапуска изменится", "Папка с данными службы")
	g.Cookies["__Host-language"] = "en"
	for _, at := range []string{"/console/system", "/console/configuration", "/console/people", "/console/address"} {
		webtest.English(t, g.Get(at))
	}
	if len(d.trail.lines) != 0 {
		t.Errorf("%d readings of nobody", len(d.trail.lines))
	}
	d.teller.err = errors.New("down")
	webtest.Holds(t, g.Get("/console/system"), http.StatusServiceUnavailable)
}

// TestWords holds the pages against their texts.
func TestWords(t *testing.T) {
	d := newDesk(t)
	room, err := New(Options{Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	webtest.Texts(t, d.frame, room, nil, []string{"path.ad", "path.wifi", "path.teams", "system.ad", "certificate.eap"})
}

// FuzzAddress: whatever somebody types is an address at a time, or told to be none.
func FuzzAddress(f *testing.F) {
	for _, s := range [][2]string{{"10.49.3.17", "2026-09-01T10:30"}, {"02-00-5E-10-00-01", "01.09.2026 10:30"}, {"fe80::1%1", ""}, {"", "x"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, typed, at string) {
		q, wrong := readAddress(typed, at, time.UTC)
		if wrong == "" && (q.Address.IsValid() == (q.Device != "") || q.Address.Zone() != "" || (at == "") != q.At.IsZero() && at == "") {
			t.Errorf("%q %q: %+v", typed, at, q)
		}
	})
}
