package cabinet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/onboard"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision"
)

var (
	begin  = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	orlova = identity.PersonID{1}
	belova = identity.PersonID{2}
)

// world is the cabinet, with one person's devices.
type world struct {
	looks  map[identity.PersonID]Look
	owners map[string]identity.PersonID // by session
	off    []string
	handed []onboard.Platform
	broken error
	net    onboard.Network
	who    web.Record
	shelf  *webtest.Shelf
	frame  *web.Frame
	room   web.Room
}

func (w *world) Standing(_ context.Context, _ identity.PersonID, login identity.Login) provision.Answer {
	return provision.Answer{State: provision.StateActive, Login: login, PC: string(login), WiFi: string(login), Teams: string(login) + "@uao.obr.mos.ru",
		Targets: map[string]provision.Progress{"ad": provision.Pending, "wifi": provision.Ready}}
}

func (w *world) Look(_ context.Context, id identity.PersonID, _ identity.Source) (Look, error) {
	return w.looks[id], w.broken
}

func (w *world) Disconnect(_ context.Context, id identity.PersonID, session string, _ identity.Source) error {
	if w.broken != nil {
		return w.broken
	}
	if w.owners[session] != id {
		return identity.ErrNotFound
	}
	w.off = append(w.off, session)
	return nil
}

func (w *world) Files(login identity.Login, p onboard.Platform, lang web.Lang) ([]onboard.File, error) {
	return onboard.Files(w.net, login, p, onboard.Lang(lang))
}

func (w *world) Steps(login identity.Login, p onboard.Platform, lang web.Lang) ([]onboard.Step, string) {
	return onboard.Steps(w.net, string(login), p, onboard.Lang(lang))
}

func (w *world) Handed(_ context.Context, _ identity.PersonID, p onboard.Platform, _ identity.Source) error {
	w.handed = append(w.handed, p)
	return w.broken
}

func authority(t testing.TB) *x509.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shape := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "School CA"}, NotBefore: begin, NotAfter: begin.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, shape, shape, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newWorld(t testing.TB, alter func(*Options)) *world {
	w := &world{shelf: &webtest.Shelf{}, owners: map[string]identity.PersonID{"a1": orlova, "b1": belova},
		net: onboard.Network{SSIDs: []string{"Study"}, ServerNames: []string{"radius.school.example"}, Authorities: []*x509.Certificate{authority(t)}, Outer: "anonymous",
			Method: onboard.TTLSPAP, Organization: "School 49"},
		who: web.Record{Person: orlova, Login: "orlovami", Profile: person.Profile{Subject: "sub-orlova", Login: "orlovami", First: "Мария", Middle: "Игоревна"}},
		looks: map[identity.PersonID]Look{orlova: {
			Refusal: &Refusal{Code: string(identity.ReasonOldPassword), At: begin.Add(-time.Hour), Device: "02:00:5e:10:00:02", Where: "corridor"},
			Devices: []Device{
				{Session: "a1", Address: "02:00:5e:10:00:01", Network: "Study", School: "School 49", Began: begin.Add(-2 * time.Hour)},
				{Session: "a0", Address: "02:00:5e:10:00:09", Network: "Study", School: "School 49", Began: begin.Add(-50 * time.Hour), Ended: begin.Add(-49 * time.Hour)},
			},
			SignIns: []SignIn{{At: begin, Channel: "wifi", Device: "02:00:5e:10:00:01", Where: "corridor", Accepted: true, Reason: "CONFIRMED", Times: 1},
				{At: begin.Add(-time.Hour), Channel: "wifi", Device: "02:00:5e:10:00:02", Reason: string(identity.ReasonOldPassword), Times: 7}},
			Bound: 3,
		}}}
	o := Options{Desk: w, Wifi: w, Setup: w, Networks: []string{"Study"}, PublicURL: "https://id.example"}
	if alter != nil {
		alter(&o)
	}
	room, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	home := web.Room{Table: map[string]web.Page{"GET /{$}": {Do: func(v *web.Visit) { v.Fail(404) }}}}
	w.room = room
	w.frame, err = web.New(web.Options{Sessions: w.shelf, Secure: true, Now: func() time.Time { return begin }}, room, home, webtest.Door(func() web.Record { return w.who }))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// enter gives the browser of whoever the door lets in.
func (w *world) enter(t testing.TB) *webtest.Guest {
	g := webtest.NewGuest(t, w.frame)
	webtest.Goes(t, g.Get(webtest.DoorAddress), "/")
	return g
}

func TestTexts(t *testing.T) {
	w := newWorld(t, nil)
	made := []string{"me.title", "devices.title", "setup.title", "me.way"}
	for _, id := range []string{"web", "wifi", "pc", "teams"} {
		made = append(made, "me.place."+id)
	}
	for _, s := range []provision.Progress{provision.Ready, provision.Pending, provision.Stuck} {
		made = append(made, "me.state."+string(s))
	}
	for _, c := range []string{"wifi", "ldap", "web"} {
		made = append(made, "devices.channel."+c)
	}
	for _, k := range kinds() {
		made = append(made, "setup.kind."+k)
	}
	webtest.Texts(t, w.frame, w.room, made, []string{"me.wifi", "me.place.teams", "devices.channel.wifi", "setup.kind.apple", "setup.kind.windows", "setup.kind.android", "setup.kind.linux"})
	for code, r := range reasons {
		webtest.Pair(t, string(code)+" what", r.what)
		webtest.Pair(t, string(code)+" how", r.how)
		for _, text := range []string{r.what[0], r.what[1], r.how[0], r.how[1]} {
			if !strings.HasSuffix(text, ".") || strings.Contains(text, "schoolbridge") {
				t.Errorf("%s: %q", code, text)
			}
		}
	}
}

// Every reason that there is for a refusal has words for the person.
func TestEveryReasonHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../identity/identity.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	accepted := []identity.Reason{identity.ReasonConfirmed, identity.ReasonRecent, identity.ReasonLocal, identity.ReasonKeptHash, identity.ReasonResumed, identity.ReasonListed, identity.ReasonCertificate}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		text, _ := strconv.Unquote(value.Value)
		n++
		if _, ok := reasons[identity.Reason(text)]; !ok && !slices.Contains(accepted, identity.Reason(text)) {
			t.Errorf("%s has no words", text)
		}
		return true
	})
	if n < 50 {
		t.Errorf("only %d reasons were found", n)
	}
}

// Nobody without a session comes in, and nobody without an account has a cabinet.
func TestWhoComesIn(t *testing.T) {
	w := newWorld(t, nil)
	pages := []string{"/me", "/me/devices", "/me/wifi", "/me/wifi/apple", "/me/wifi/apple/school-wifi.mobileconfig"}
	stranger := webtest.NewGuest(t, w.frame)
	for i, p := range pages {
		webtest.Goes(t, stranger.Get(p), "/")
		if want := []string{"/me", "/me/devices", "/me/wifi", "/me/wifi", "/me/wifi"}[i]; stranger.Cookies["__Host-after"] != want {
			t.Errorf("%s: after the sign-in to %q", p, stranger.Cookies["__Host-after"])
		}
	}
	webtest.Goes(t, stranger.Post("/me/devices", "session", "a1"), "/")
	w.who.Login = "" // a parent, or not activated
	parent := w.enter(t)
	for _, p := range pages {
		webtest.Goes(t, parent.Get(p), "/activate")
	}
	webtest.Goes(t, parent.Post("/me/devices", "session", "a1"), "/activate")
	if len(w.off)+len(w.handed) > 0 {
		t.Errorf("%v %v", w.off, w.handed)
	}
}

func TestMe(t *testing.T) {
	w := newWorld(t, nil)
	g := w.enter(t)
	webtest.Holds(t, g.Get("/me"), 200, "orlovami", "orlovami@uao.obr.mos.ru", "Wi-Fi школы: Study", "готовится", "Почему Wi-Fi не пускает", "прежний пароль", "забудьте сеть",
		"30.11.2026 08:00", "corridor, 02:00:5e:10:00:02", "OLD_PASSWORD", `href="/me/wifi"`)
	look := w.looks[orlova]
	look.Refusal.Unproven = true
	webtest.Holds(t, g.Get("/me"), 200, "Кто-то пытался войти", "!Почему Wi-Fi")
	look.Refusal = &Refusal{Code: "BRAND_NEW", Meaning: "нечто новое", Remedy: "Сделайте так."}
	w.looks[orlova] = look
	webtest.Holds(t, g.Get("/me"), 200, "нечто новое.", "Сделайте так.", "BRAND_NEW")
	look.Refusal = nil
	w.looks[orlova] = look
	webtest.Holds(t, g.Get("/me"), 200, "Wi-Fi вас пускает", "подключено устройств: 1")
	w.broken = errors.New("down")
	webtest.Holds(t, g.Get("/me"), 503)
	webtest.Holds(t, g.Get("/me/devices"), 503)
}

// A person takes own devices off and no others; whose a session is cannot be told
// from the answer.
func TestDisconnect(t *testing.T) {
	w := newWorld(t, nil)
	g := w.enter(t)
	webtest.Holds(t, g.Get("/me/devices"), 200, "02:00:5e:10:00:01", `value="a1"`, "Отключить", "02:00:5e:10:00:09", "раз: 7", "прежний пароль", "устройств: 3", "!http-equiv", `!value="a0"`)
	for _, session := range []string{"a1", "b1", "zz", ""} {
		webtest.Goes(t, g.Post("/me/devices", "session", session), "/me/devices")
	}
	if !slices.Equal(w.off, []string{"a1"}) {
		t.Errorf("disconnected %q", w.off)
	}
	look := w.looks[orlova]
	look.Devices[0].Asked = "waiting"
	webtest.Holds(t, g.Get("/me/devices"), 200, "отключаем…", `!value="a1"`, `http-equiv="refresh"`)
	look.Devices[0].Asked = "no"
	webtest.Holds(t, g.Get("/me/devices"), 200, "точка доступа не отключила", `value="a1"`)
	w.looks[orlova] = Look{}
	webtest.Holds(t, g.Get("/me/devices"), 200, "Ни одного вашего устройства", "Входов пока не было")
	w.broken = errors.New("down")
	webtest.Holds(t, g.Post("/me/devices", "session", "a1"), 503)
}

func TestSetupKnowsTheDevice(t *testing.T) {
	w := newWorld(t, nil)
	g := w.enter(t)
	for agent, want := range map[string][]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile/15E148": {"school-wifi.mobileconfig", "Профиль загружен", "!class=\"qr\""},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605":                      {"school-wifi.mobileconfig", "class=\"qr\"", "https://id.example/me/wifi"},
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537 Mobile Safari/537":           {"school-ca.crt", "Метод EAP", "radius.school.example", "orlovami", "!class=\"qr\""},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)":                                            {"school-wifi.ps1", "PowerShell", "class=\"qr\""},
		"Mozilla/5.0 (X11; Linux x86_64)":                                                      {"school-wifi.sh", "sh school-wifi.sh", "class=\"qr\""},
		"curl/8":                                                                               {"school-wifi.ps1", "!Мы узнали"},
	} {
		g.Header.Set("User-Agent", agent)
		webtest.Holds(t, g.Get("/me/wifi"), 200, want...)
	}
	webtest.Holds(t, g.Get("/me/wifi/linux"), 200, "school-wifi.sh", "!Мы узнали")
	webtest.Holds(t, g.Get("/me/wifi/board"), 200, "На доске вводят", "!/me/wifi/board/")
	webtest.Holds(t, g.Get("/me/wifi/toaster"), 404)
}

// Files are those of onboard, for the login of whoever is signed in, hold no
// password, and each that is handed out is in the trail.
func TestFiles(t *testing.T) {
	w := newWorld(t, nil)
	g := w.enter(t)
	n := 0
	for _, p := range onboard.Platforms() {
		files, err := onboard.Files(w.net, "orlovami", p, onboard.Russian)
		if err != nil {
			t.Fatal(err)
		}
		page := g.Get("/me/wifi/" + string(p)).Body.String()
		for _, f := range files {
			at := "/me/wifi/" + string(p) + "/" + f.Name
			if f.Name != "android.txt" && !strings.Contains(page, at) { // its text is the page
				t.Errorf("no link to %s", at)
			}
			n++
			a := g.Get(at)
			if a.Code != 200 || a.Body.String() != string(f.Body) || a.Header().Get("Content-Type") != f.Type || a.Header().Get("Content-Disposition") != "attachment; filename="+f.Name {
				t.Errorf("%s: %d %v", at, a.Code, a.Header())
			}
			if len(w.handed) != n || w.handed[n-1] != p {
				t.Errorf("%s: the trail has %v", at, w.handed)
			}
		}
	}
	for _, none := range []string{"/me/wifi/board/x", "/me/wifi/apple/x", "/me/wifi/apple/..%2fx", "/me/wifi/toaster/school-wifi.sh"} {
		webtest.Holds(t, g.Get(none), 404)
	}
	if w.broken = errors.New("down"); g.Get("/me/wifi/linux/school-wifi.sh").Code != 503 {
		t.Error("a file was handed out that the trail does not know of")
	}
}

// Without Wi-Fi the pages about it are not there.
func TestWithoutWifi(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Wifi, o.Setup = nil, nil })
	g := w.enter(t)
	webtest.Holds(t, g.Get("/me"), 200, "orlovami", "!/me/wifi", "!/me/devices")
	webtest.Holds(t, g.Get("/me/devices"), 404)
	webtest.Holds(t, g.Get("/me/wifi"), 404)
}

func TestEnglish(t *testing.T) {
	w := newWorld(t, nil)
	g := w.enter(t)
	webtest.Goes(t, g.Get("/me?lang=en"), "/me")
	for _, p := range []string{"/me", "/me/devices", "/me/wifi", "/me/wifi/apple", "/me/wifi/android", "/me/wifi/linux", "/me/wifi/board"} {
		webtest.English(t, g.Get(p))
	}
	if size := webtest.FirstView(g, "/me/wifi"); size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
}
