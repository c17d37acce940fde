//go:build peers

package main

import (
	"encoding/base32"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/factor"
)

// demoWalk is somebody who tries the demo in a browser.
type demoWalk struct {
	*demoProcess
	program string
	browser *browsertest.Browser
}

const demoAddress = "http://" + demoWeb

// TestDemoInChromium walks through the demo as each of its people: what it prints and
// promises is there, and does what it says.
func TestDemoInChromium(t *testing.T) {
	w := &demoWalk{program: buildProgram(t), browser: browsertest.Start(t)}
	w.demoProcess = startDemo(t, w.program, filepath.Join(t.TempDir(), "state"))
	t.Run("the city", w.city)
	t.Run("a school", w.school)
	t.Run("a pupil", w.pupil)
	if err := w.stop(); err != nil {
		t.Fatalf("Ctrl-C: %v\n%s", err, w.stderr.String())
	}
	if out, code := w.run("", w.program, "sessions", "--config", w.config(), "--live"); code == exitDone && strings.Contains(out, "ap-") {
		t.Errorf("after its end devices are on the Wi-Fi:\n%s", out)
	}
}

func (w *demoWalk) config() string { return filepath.Join(w.state, "config.yaml") }

// printed gives what the demo printed behind a text.
func (w *demoWalk) printed(t *testing.T, at *regexp.Regexp) string {
	t.Helper()
	found := at.FindStringSubmatch(strings.Join(w.lines, "\n"))
	if found == nil {
		t.Fatalf("the demo does not print %v:\n%s", at, strings.Join(w.lines, "\n"))
	}
	return found[1]
}

// until goes to an address again and again until the page holds a text.
func (w *demoWalk) until(t *testing.T, tab *browsertest.Tab, address, text string) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(300 * time.Millisecond) {
		if tab.Go(address); strings.Contains(strings.Join(strings.Fields(tab.Text()), " "), text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to hold %q:\n%s", address, text, tab.Text())
		}
	}
}

var (
	printedGlass  = regexp.MustCompile(`(?m)^  admin +(\S+) `)
	printedInvite = regexp.MustCompile(`(?m)^  orlovami .*: (\S+)$`)
)

// city is the operator with the emergency account.
func (w *demoWalk) city(t *testing.T) {
	w.t = t
	tab := w.browser.Open(t, browsertest.Desktop, browsertest.Options{})
	tab.Go(demoAddress + "/console/break-glass")
	tab.Type("#login", "admin")
	tab.Type("#password", "AAAAA-AAAAA-AAAAA")
	if status := tab.Press(ourButton); status != http.StatusForbidden {
		t.Errorf("a wrong password: %d", status)
	}
	tab.Type("#login", "admin")
	tab.Type("#password", w.printed(t, printedGlass))
	tab.Press(ourButton)
	w.until(t, tab, demoAddress+"/console/wifi", "49")
	for _, page := range []struct {
		path, name string
		reads      []string
	}{
		{"/console", "home", []string{"Оператор города"}},
		{"/console/stats", "stats", []string{"000149", "000707", "Активировано по дням"}},
		{"/console/stats/000149", "stats-school", nil},
		{"/console/problems", "problems", nil},
		{"/console/system", "system", nil},
	} {
		if status := tab.Go(demoAddress + page.path); status != http.StatusOK {
			t.Errorf("%s: %d", page.path, status)
		}
		tab.Reads(page.reads...)
		tab.Accessible()
		tab.Shot("demo-" + page.name)
	}
	w.files(t, tab)
	w.wifi(t, tab)
	w.queue(t, tab)
	w.duplicates(t, tab)
	tab.Press(".top form button")
	tab.Go(demoAddress + "/console/stats")
	tab.Reads("Войти через mos.ru", "!000707")
	out, _ := w.run("", w.program, "audit", "show", "--lang", "en", "--config", w.config(), "--nobody", "--kinds", "break_glass_wrong")
	if strings.Count(out, "wrong try at the break-glass account") != 1 || strings.Contains(out, "AAAAA") {
		t.Errorf("the audit trail of a wrong password:\n%s", out)
	}
}

// files are what a spreadsheet takes, and what leaves a printer.
func (w *demoWalk) files(t *testing.T, tab *browsertest.Tab) {
	for path, begins := range map[string]string{"/console/stats.csv": "\ufeffID ЕКИС", "/console/stats.xlsx": "PK", "/console/duplicates/report.xlsx": "PK", "/console/duplicates/report.html": "<!"} {
		if status, body := tab.Fetch(path); status != http.StatusOK || !strings.HasPrefix(string(body), begins) {
			t.Errorf("%s: %d, %.60q", path, status, body)
		}
	}
}

var stayLink = regexp.MustCompile(`/console/wifi/000149/on/[0-9a-f]+`)

// wifi: who is on, who is refused, and a device that is taken off.
func (w *demoWalk) wifi(t *testing.T, tab *browsertest.Tab) {
	w.until(t, tab, demoAddress+"/console/wifi/000149/refused", "недавно уже не принял")
	tab.Reads("NO_SUCH_DEVICE", "NO_SUCH_ACCOUNT")
	tab.Shot("demo-wifi-refused")
	tab.Go(demoAddress + "/console/wifi/000149")
	tab.Reads("ap-entrance", "ap-library")
	tab.Accessible()
	tab.Shot("demo-wifi")
	tab.Press("a[href*='/on/']")
	tab.Reads("10.49.0.")
	at := tab.Address()
	if !stayLink.MatchString(at) {
		t.Fatal(at)
	}
	tab.Press("button.danger")
	w.until(t, tab, at, "уже не в сети")
	tab.Shot("demo-stay-off")
}

// queue: a letter is answered; the account of a teacher is taken over, that is taken
// back, a name is given instead; the teacher activates and has the new account.
func (w *demoWalk) queue(t *testing.T, tab *browsertest.Tab) {
	w.until(t, tab, demoAddress+"/console/queue?kind=support", "Юдин")
	tab.Shot("demo-queue")
	tab.Press("tbody th a")
	tab.Reads("Отправлено без входа")
	tab.Key("1")
	tab.Type("#reason-1", "СНИЛС в Кадрах исправлен")
	tab.Press("#do-1 button")
	tab.Go(demoAddress + "/console/queue?kind=support")
	tab.Reads("Здесь никто не ждёт")
	tab.Go(demoAddress + "/console/queue")
	tab.Press("a[href*='/queue/t']")
	tab.Reads("AD_UNOWNED")
	at := tab.Address()
	tab.Accessible()
	tab.Shot("demo-case")
	w.answer(t, tab, "Учётная запись AD")
	tab.Go(at)
	tab.Press(".box.good form button")
	tab.Reads("!Решение записано")
	tab.Go(at)
	w.answer(t, tab, "Дать имя")
	tab.Shot("demo-case-done")
}

// answer presses the key of the answer that begins with a text.
func (w *demoWalk) answer(t *testing.T, tab *browsertest.Tab, text string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s*(\d)\s+` + text).FindStringSubmatch(tab.Text())
	if found == nil {
		t.Fatalf("no answer %q:\n%s", text, tab.Text())
	}
	tab.Key(found[1])
	tab.Await("#do-" + found[1])
	tab.Press("#do-" + found[1] + " button")
	tab.Reads("Решение записано")
}

// duplicates: two groups stand ready, the sure one is approved, carried out and taken
// back.
func (w *demoWalk) duplicates(t *testing.T, tab *browsertest.Tab) {
	w.until(t, tab, demoAddress+"/console/duplicates", "evann-1")
	tab.Accessible()
	tab.Shot("demo-duplicates")
	tab.Press("tbody tr:first-child a")
	group := tab.Address()
	tab.Press("a[href$='/approve']")
	tab.Press("main form button[type=submit]")
	w.until(t, tab, group, "Вернуть")
	tab.Shot("demo-duplicates-done")
	tab.Press("a[href$='/undo']")
	tab.Press("main form button[type=submit]")
	w.until(t, tab, group, "Одобрить")
}

// school is the administrator of one, with an app for codes, on a phone.
func (w *demoWalk) school(t *testing.T) {
	w.t = t
	tab := w.browser.Open(t, browsertest.Phone, browsertest.Options{})
	w.signIn(tab, "orlovami", "Snegir-2021")
	tab.Go(demoAddress + "/console")
	key := strings.TrimSpace(regexp.MustCompile(`[A-Z2-7]{32}`).FindString(strings.ReplaceAll(tab.Text(), " ", "")))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil || len(secret) == 0 {
		t.Fatalf("no key for an app: %v\n%s", err, tab.Text())
	}
	code, err := factor.Code(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tab.Type("#invitation", w.printed(t, printedInvite))
	tab.Type("#code", code)
	tab.Shot("demo-enrol")
	tab.Press(ourButton)
	tab.Go(demoAddress + "/console/queue")
	tab.Reads("!Титова", "!Майборода") // of another school
	tab.Shot("demo-school-queue")
	tab.Go(demoAddress + "/console/wifi")
	if !strings.HasSuffix(tab.Address(), "/console/wifi/000149") {
		t.Error(tab.Address())
	}
	tab.Accessible()
	tab.Shot("demo-school-wifi")
	tab.Go(demoAddress + "/console/launch/000149/missing")
	tab.Accessible()
	tab.Shot("demo-missing")
	for _, foreign := range []string{"/console/wifi/001050", "/console/stats/001050", "/console/launch/001050", "/console/wifi/-", "/console/wifi/nowhere"} {
		if status := tab.Go(demoAddress + foreign); status != http.StatusNotFound {
			t.Errorf("%s: %d", foreign, status)
		}
	}
	paper := w.browser.Open(t, browsertest.Desktop, browsertest.Options{Print: true})
	w.signIn(paper, "orlovami", "Snegir-2021")
	paper.Go(demoAddress + "/me")
	paper.Shot("demo-me-print")
	tab.Press(".top form button")
	tab.Reads("Вы вышли")
}

func (w *demoWalk) signIn(tab *browsertest.Tab, login, password string) {
	tab.Go(demoAddress + "/")
	tab.Press("a.button")
	tab.Type(simLogin, login)
	tab.Type(simPassword, password)
	tab.Press(simButton)
	tab.Reads("Ваш логин:", login)
}

// pupil: the own account; the set-up for each kind of device, as such a device's own
// browser is shown it; a device that is taken off; another login, without signing in
// anew.
func (w *demoWalk) pupil(t *testing.T) {
	w.t = t
	for _, device := range []struct {
		kind, agent, file string
		screen            browsertest.Screen
		code              bool
	}{
		{"apple", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "school-wifi.mobileconfig",
			browsertest.Screen{Name: "iphone", Width: 375, Height: 667, Scale: 2, Phone: true}, false},
		{"android", "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36", "school-ca.crt",
			browsertest.Screen{Name: "android", Width: 360, Height: 800, Scale: 3, Phone: true}, false},
		{"windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36", "school-wifi.ps1",
			browsertest.Screen{Name: "windows", Width: 1366, Height: 768, Scale: 1}, true},
		{"linux", "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "school-wifi.sh",
			browsertest.Screen{Name: "linux", Width: 1024, Height: 768, Scale: 1}, true},
	} {
		t.Run(device.kind, func(t *testing.T) {
			w.t = t
			tab := w.browser.Open(t, device.screen, browsertest.Options{Agent: device.agent})
			w.signIn(tab, "belovas", "Sinica-2021")
			tab.Press("main a[href='/me/wifi']")
			tab.Reads(device.file, "Мы узнали")
			tab.Accessible()
			tab.Shot("demo-setup")
			status, body := tab.Fetch("/me/wifi/" + device.kind + "/" + device.file)
			if status != http.StatusOK || len(body) == 0 || strings.Contains(string(body), "Sinica") {
				t.Errorf("%s: %d, %d bytes", device.file, status, len(body))
			}
			w.opens(t, tab, device.kind, body)
			if !device.code {
				return
			}
			out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", tab.Part("svg.qr", "demo-setup-code")).Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != demoAddress+"/me/wifi" {
				t.Errorf("the code on the page reads %q, %v", got, err)
			}
		})
	}
	w.t = t
	tab := w.browser.Open(t, browsertest.Phone, browsertest.Options{})
	w.signIn(tab, "belovas", "Sinica-2021")
	w.until(t, tab, demoAddress+"/me/devices", "Последние входы")
	tab.Shot("demo-devices")
	out, code := w.run("", w.program, "provision", "rename", "--lang", "en", "--config", w.config(), "--person", "belovas", "--to", "belova.sofya", "--yes")
	if code > exitFindings {
		t.Fatalf("rename: %d %s", code, out)
	}
	w.until(t, tab, demoAddress+"/me", "Ваш логин belova.sofya")
	tab.Shot("demo-me-renamed")
	_, steps := tab.Fetch("/me/wifi/linux/school-wifi.wpa_supplicant.conf")
	if !strings.Contains(string(steps), `identity="belova.sofya"`) {
		t.Errorf("the set-up has the login of before:\n%s", steps)
	}
}

// opens says that a file is what such a device takes, as far as programs of others can
// tell.
func (w *demoWalk) opens(t *testing.T, tab *browsertest.Tab, kind string, body []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "apple": // signed by the demo's certificate
		plist := file + ".plist"
		if out, code := w.run("", "openssl", "cms", "-verify", "-binary", "-inform", "der", "-purpose", "any", "-CAfile", filepath.Join(w.state, "ca.pem"), "-in", file, "-out", plist); code != 0 {
			t.Fatalf("the signature: %s", out)
		}
		out, code := w.run("", "/usr/bin/python3", "-c", "import plistlib,sys; p=plistlib.load(open(sys.argv[1],'rb')); print([c['EAPClientConfiguration']['UserName'] for c in p['PayloadContent'] if 'EAPClientConfiguration' in c])", plist)
		if code != 0 || !strings.Contains(out, "['belovas']") {
			t.Errorf("the profile: %s", out)
		}
	case "android":
		if _, code := w.run("", "openssl", "x509", "-noout", "-in", file); code != 0 {
			if out, code := w.run("", "openssl", "x509", "-noout", "-inform", "der", "-in", file); code != 0 {
				t.Errorf("the authority: %s", out)
			}
		}
	case "linux":
		w.joins(t, tab)
	}
}

// joins signs in with the block of the page, as wpa_supplicant reads it.
func (w *demoWalk) joins(t *testing.T, tab *browsertest.Tab) {
	t.Helper()
	_, block := tab.Fetch("/me/wifi/linux/school-wifi.wpa_supplicant.conf")
	path := regexp.MustCompile(`ca_cert="[^"]+"`)
	text := path.ReplaceAllString(string(block), `ca_cert="`+filepath.Join(w.state, "ca.pem")+`"`)
	file := filepath.Join(t.TempDir(), "wpa.conf")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "\n}\n", "\n\tpassword=\"Sinica-2021\"\n}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := w.run("", "eapol_test", "-c", file, "-a", "127.0.0.1", "-p", "1812", "-s", demoSecret, "-t", "20"); code != 0 || !strings.HasSuffix(strings.TrimSpace(out), "SUCCESS") {
		t.Errorf("eapol_test with the page's block: %d\n%s\n%s", code, text, out)
	}
}
