package console

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web/webtest"
)

// told is a site whose people somebody tells of.
type told struct {
	*site
	*teller
}

// elsewhere administers another school than 49.
var elsewhere = Person{identity.PersonID{9}, "elsewhere", "Дальнов Пётр Ильич"}

func newTold(t testing.TB) *told {
	t.Helper()
	d := &told{teller: &teller{story: sound, hits: someHits()}}
	d.site = newSite(t, func(o *Options) { o.Stories, o.Addresses, o.System = d.teller, d.teller, d.teller })
	d.grants = append(d.grants, rights.Granted{Person: elsewhere.ID, Grant: rights.Grant{Role: rights.School, Schools: []person.SchoolID{"1050"}}, At: d.clock.Now()})
	d.factors[elsewhere.ID] = factor.Factor{Secret: secret}
	return d
}

// TestPeopleForWhom: nobody finds or reads beyond his rights, and what is refused
// is the very page of what is not there.
func TestPeopleForWhom(t *testing.T) {
	d := newTold(t)
	mine, city, other := d.inside(admin49), d.inside(operator), d.inside(elsewhere)
	at := "/console/people/" + nina.String()
	holds(t, mine.Get(at), http.StatusOK, "Еванова Нина Николаевна")
	holds(t, city.Get(at), http.StatusOK, "Еванова Нина Николаевна")
	holds(t, mine.Get("/console"), http.StatusOK, `action="/console/people" role="search"`) // the first page asks for whom already
	if a := d.teller.asked; a[0].Scope.All() || !a[0].Scope.Covers("49") || a[0].Scope.Covers("1050") || !a[1].Scope.All() {
		t.Errorf("%+v", a)
	}
	if got := strings.Join(d.noted(), ", "); got != "console_read person 07, console_read person 07" {
		t.Error(got)
	}
	holds(t, mine.Get("/console/configuration"), http.StatusNotFound)
	// Another school's administrator, a forged handle, nobody at all: one page, and
	// nothing is noted.
	missing, unwritten := other.Get("/console/nowhere").Body.String(), other.Get("/console/%00").Body.String()
	for _, who := range []string{nina.String(), identity.PersonID{8}.String(), "forged", strings.Repeat("x", 5000), "%00", "..%2f.."} {
		want := missing
		if who == "%00" { // no text: turned away before anybody looks who asks
			want = unwritten
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := other.Ask(method, "/console/people/"+who, nil)
			if w.Code != http.StatusNotFound || inside(w.Body.String()) != inside(want) {
				t.Errorf("%s %.20s: %d", method, who, w.Code)
			}
		}
	}
	if got := d.noted(); len(got) != 0 {
		t.Errorf("readings that were none: %q", got)
	}
	// What cannot be noted is not shown.
	d.desk.broken = errors.New("full")
	if w := mine.Get(at); strings.Contains(w.Body.String(), "Еванова") {
		t.Errorf("%d", w.Code)
	}
}

// inside is what a page says, without its navigation and the address of the switch.
func inside(text string) string {
	_, text, _ = strings.Cut(text, "<main")
	text, _, _ = strings.Cut(text, "</main>")
	return text
}

func TestFindPeople(t *testing.T) {
	d := newTold(t)
	g := d.inside(admin49)
	d.teller.next = "sealed-place"
	w := g.Post("/console/people", "q", " Еванова ")
	holds(t, w, http.StatusOK, "Еванова Полина Николаевна", "sealed-place", "/console/people/"+nina.String(), "не активирован")
	if got := d.teller.typed; got[0] != "Еванова" || got[1] != "" || d.teller.asked[0].Scope.All() {
		t.Errorf("%q in %+v", got, d.teller.asked[0].Scope)
	}
	// Who was shown and is a person is noted, nothing that was typed is.
	if n := len(d.trail); n != 1 || d.trail[0].Person != nina || strings.Contains(string(d.trail[0].Payload), "Еванова") {
		t.Errorf("%d lines: %s", n, d.trail[0].Payload)
	}
	g.Post("/console/people", "q", "Еванова", "next", "sealed-place")
	if d.teller.typed[3] != "sealed-place" {
		t.Errorf("%q", d.teller.typed)
	}
	d.teller.err = identity.ErrNotFound // what a forged place comes to
	holds(t, g.Post("/console/people", "q", "Еванова", "next", "forged"), http.StatusNotFound)
	d.teller.err, d.teller.next = nil, ""
	d.teller.hits = d.teller.hits[:1]
	goes(t, g.Post("/console/people", "q", "evann"), "/console/people/"+nina.String())
	d.teller.hits = nil
	if w := g.Post("/console/people", "q", "<b>Никто"); !strings.Contains(w.Body.String(), "Никого не нашли") || strings.Contains(w.Body.String(), "<b>") {
		t.Error(w.Body)
	}
	goes(t, g.Post("/console/people", "q", "  "), "/console/people")
	holds(t, g.Post("/console/people", "q", strings.Repeat("я", 201)), http.StatusBadRequest)
	holds(t, g.Post("/console/people", "q", "\xff"), http.StatusBadRequest)
	d.teller.err = errors.New("down")
	holds(t, g.Post("/console/people", "q", "Еванова"), http.StatusServiceUnavailable)
}

func TestStory(t *testing.T) {
	d := newTold(t)
	g := d.inside(operator)
	at := "/console/people/" + nina.String()
	holds(t, g.Get(at), http.StatusOK, "Всё на месте", "evann@uao.obr.mos.ru", "Путь от mos.ru", "Спросить Active Directory сейчас", "!обрыв здесь", "отличается от mos.ru")
	holds(t, g.Post(at), http.StatusOK, "Active Directory ответил только что")
	d.teller.story = broken
	holds(t, g.Get(at), http.StatusOK, "обрыв здесь", "Кто чинит", "SNILS_MISMATCH", "сотрудник и кадровик школы", "!Всё на месте")
	d.teller.story = waiting
	holds(t, g.Get(at), http.StatusOK, "обрыв здесь", "AD_PASSWORD_REFUSED", "×2", "ждёт согласия")
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
	d := newTold(t)
	g := d.inside(admin49)
	holds(t, g.Post("/console/address", "address", " 10.49.3.17 ", "at", "2026-09-01T10:30"), http.StatusOK, "evann, Еванова Нина Николаевна", "человек другой школы", "по косвенным данным", "board-7")
	if got := strings.Join(d.noted(), ", "); got != "console_read address 07" {
		t.Error(got)
	}
	holds(t, g.Post("/console/address", "address", "10.49.3.99"), http.StatusOK, "ни у кого не было")
	if got := strings.Join(d.noted(), ", "); got != "console_read address 00" {
		t.Error(got)
	}
	holds(t, g.Post("/console/address", "address", "<i>10.49"), http.StatusUnprocessableEntity, "Это не адрес")
	holds(t, g.Post("/console/address", "address", "02:00:5e:10:00:01", "at", "вчера"), http.StatusUnprocessableEntity, "Это не время")
	holds(t, g.Post("/console/address", "address", "fe80::1%eth0"), http.StatusUnprocessableEntity)
}

func TestSystem(t *testing.T) {
	d := newTold(t)
	g := d.inside(operator)
	holds(t, g.Get("/console/system"), http.StatusOK, "312", "08:40", "mos.ru does not answer", "Сервер: LDAPS", "13.09.2026")
	holds(t, g.Get("/console/configuration"), http.StatusOK, "mosru.client_secret_file", "•••", "после перезапуска изменится", "!Папка с данными службы", "section=state")
	holds(t, g.Get("/console/configuration?section=state"), http.StatusOK, "Папка с данными службы", "!mosru.url")
	holds(t, g.Get("/console/configuration?section=nothing"), http.StatusNotFound)
	g.Cookies["__Host-language"] = "en"
	for _, at := range []string{"/console/system", "/console/configuration", "/console/people", "/console/address"} {
		webtest.English(t, g.Get(at))
	}
	if got := d.noted(); len(got) != 0 {
		t.Errorf("readings of nobody: %q", got)
	}
	d.teller.err = errors.New("down")
	holds(t, g.Get("/console/system"), http.StatusServiceUnavailable)
	d.teller.err = nil
	for range 14 { // a page that asks for itself again is nobody's use
		d.clock.Forward(time.Minute)
		holds(t, g.Get("/console/system"), http.StatusOK)
	}
	d.clock.Forward(time.Minute)
	goes(t, g.Get("/console/system"), "/console/sign-in")
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
