// Package browsertest drives a real browser (Chromium, headless) for the tests of
// one package, gone with them: pages are opened, fields are filled in and buttons
// pressed as a person would, on a desk's screen or a phone's. Tests only.
//
//	Main ─► Start ─► Browser ─ Open ─► Tab ─┬─ Go, Type, Press, Await: one step, or the test fails
//	                                        ├─ Shot: a picture, kept in artefacts/screens
//	                                        └─ Accessible: axe-core finds nothing serious
//
// Each tab has cookies of its own. Limits: Linux, with Chromium and axe-core as
// scripts/peers.sh installs them. Start reading at Main.
package browsertest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const (
	// program is Chromium without its windows: where each tab has cookies of its own, the
	// other one builds a window around each, which takes six times as long as the tab.
	program = "/usr/lib/chromium/chromium-headless-shell"
	// patience bounds one step: only a browser that hangs takes so long, on
	// however busy a machine.
	patience = 3 * time.Minute
)

// Browser is a running one.
type Browser struct{ ctx context.Context }

// shared is the browser of the tests of a package.
var shared struct {
	sync.Mutex
	open    bool // Main will end it
	browser *Browser
	end     func()
}

// Main runs the tests of a package, and ends the browser that they had together. It is
// what TestMain hands to os.Exit.
func Main(m *testing.M) (code int) {
	shared.open = true
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.end != nil {
			shared.end()
		}
	}()
	return m.Run()
}

// Start gives the browser of the package's tests, which the first of them starts.
func Start(t testing.TB) *Browser {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.open {
		t.Fatal("who ends the browser? The package's TestMain has to be browsertest.Main")
	}
	if shared.browser == nil {
		ctx, end, err := launch()
		if err != nil {
			t.Fatal(err)
		}
		shared.browser, shared.end = &Browser{ctx}, end
	}
	return shared.browser
}

// launch starts a browser; end ends it and takes its files away.
func launch() (ctx context.Context, end func(), err error) {
	if _, err := os.Stat(program); err != nil {
		return nil, nil, fmt.Errorf("%w (make test installs it)", err)
	}
	folder, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return nil, nil, err
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(folder), chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("hide-scrollbars", true),
		// No tab is in front of the others: none may wait because it is not.
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-backgrounding-occluded-windows", true), chromedp.Flag("disable-renderer-backgrounding", true),
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endContext := chromedp.NewContext(allocator)
	end = func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintf(os.Stderr, "the browser does not end well: %v\n", err)
		}
		endContext()
		endAllocator()
		os.RemoveAll(folder)
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, fmt.Errorf("start the browser: %w", err)
	}
	return ctx, end, nil
}

// Screen is what a tab is shown on.
type Screen struct {
	Name          string
	Width, Height int64
	Scale         float64
	Phone         bool
}

// The screens of every test: an old PC's and a phone's, whose pixels are as large as a
// PC's here: no page depends on it, and a picture has a quarter of them.
var (
	Desktop = Screen{Name: "desktop", Width: 1280, Height: 800, Scale: 1}
	Phone   = Screen{Name: "phone", Width: 390, Height: 844, Scale: 1, Phone: true}
	// Narrow is the least width that pages have to do with (WCAG 2.2, 1.4.10).
	Narrow = Screen{Name: "narrow", Width: 320, Height: 640, Scale: 1, Phone: true}
)

// Options of a tab.
type Options struct {
	NoScripts bool // pages get none to run
	Dark      bool
	Print     bool   // pages look as they are printed
	Agent     string // what the browser says of itself; "": what it is
}

// Tab is a page of the browser.
type Tab struct {
	t      testing.TB
	ctx    context.Context
	screen Screen
}

// Open opens a tab with cookies of its own.
func (b *Browser) Open(t testing.TB, s Screen, o Options) *Tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	tab := &Tab{t: t, ctx: ctx, screen: s}
	// The tab lives as long as the context of its first step, which must not be one
	// with a deadline.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	view := []chromedp.EmulateViewportOption{chromedp.EmulateScale(s.Scale)}
	if s.Phone {
		view = append(view, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	steps := []chromedp.Action[chromedp.Void]{chromedp.EmulateViewport(s.Width, s.Height, view...)}
	if o.NoScripts {
		steps = append(steps, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
			return err
		}))
	}
	if o.Dark {
		steps = append(steps, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
			return err
		}))
	}
	if o.Print {
		steps = append(steps, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			return err
		}))
	}
	if o.Agent != "" {
		steps = append(steps, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: o.Agent})
			return err
		}))
	}
	tab.do("open", steps...)
	return tab
}

func (tab *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

func get[T any](tab *Tab, what string, a chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, a)
	if err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
	return value
}

// Go opens an address and gives the HTTP status of what came in the end.
func (tab *Tab) Go(address string) int {
	tab.t.Helper()
	return int(get(tab, "go to "+address, chromedp.NavigateResponse(address)).Status)
}

// Type fills in the field that a CSS selector finds, as if it were empty.
func (tab *Tab) Type(field, text string) {
	tab.t.Helper()
	sel := chromedp.CSS(field)
	tab.do("type into "+field, chromedp.WaitVisible(sel), chromedp.Clear(sel), chromedp.SendKeys(sel, text))
}

// Key presses keys while no field has the focus.
func (tab *Tab) Key(keys string) {
	tab.t.Helper()
	tab.do("press "+keys, chromedp.SendKeys(chromedp.CSS("#main"), keys))
}

// Press clicks on what a CSS selector finds, and waits for the page that comes;
// it gives the HTTP status of that.
func (tab *Tab) Press(what string) int {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	sel := chromedp.CSS(what)
	response, err := chromedp.RunResponse(ctx, chromedp.ScrollIntoView(sel), chromedp.Click(sel))
	if err != nil {
		tab.t.Fatalf("press %s: %v", what, err)
	}
	return int(response.Status)
}

// Click clicks on what leads to no other page.
func (tab *Tab) Click(what string) {
	tab.t.Helper()
	tab.do("click "+what, chromedp.ScrollIntoView(chromedp.CSS(what)), chromedp.Click(chromedp.CSS(what)))
}

// Await waits until a CSS selector finds something to be seen.
func (tab *Tab) Await(what string) {
	tab.t.Helper()
	tab.do("await "+what, chromedp.WaitVisible(chromedp.CSS(what)))
}

// Text is what can be read on the page.
func (tab *Tab) Text() string {
	tab.t.Helper()
	// Not by a node, which a page that is still coming can take away again.
	return get(tab, "read the page", chromedp.Evaluate[string]("document.body.innerText"))
}

// Reads says that the page can be read to hold texts; what begins with "!" it
// does not.
func (tab *Tab) Reads(texts ...string) {
	tab.t.Helper()
	text := tab.Text()
	for _, want := range texts {
		no := strings.HasPrefix(want, "!")
		if strings.Contains(text, strings.TrimPrefix(want, "!")) == no {
			tab.t.Errorf("the page at %s and %q:\n%s", tab.Address(), want, text)
		}
	}
}

// Narrow says that nothing which a CSS selector finds has more in it than it shows
// without being moved sideways.
func (tab *Tab) Narrow(what string) {
	tab.t.Helper()
	wide := get(tab, "measure", chromedp.Evaluate[float64]("Math.max(0, ...[...document.querySelectorAll("+strconv.Quote(what)+")].map(e => e.scrollWidth - e.clientWidth))"))
	if wide > 1 {
		tab.t.Errorf("%s at %s is %.0f pixels wider than what is shown of it", what, tab.Address(), wide)
	}
}

// Size gives the least width and the greatest height of what a CSS selector finds.
func (tab *Tab) Size(what string) (width, height float64) {
	tab.t.Helper()
	const script = `(() => { const all = [...document.querySelectorAll(%q)].map(e => e.getBoundingClientRect());
		return all.length ? [Math.min(...all.map(r => r.width)), Math.max(...all.map(r => r.height))] : []; })()`
	size := get(tab, "measure "+what, chromedp.Evaluate[[]float64](fmt.Sprintf(script, what)))
	if len(size) != 2 {
		tab.t.Fatalf("%s has no %s", tab.Address(), what)
	}
	return size[0], size[1]
}

// InSight says that what a CSS selector finds lies within the screen, or within what
// moves in itself, without anything being moved.
func (tab *Tab) InSight(what string) {
	tab.t.Helper()
	const script = `(() => { const e = document.querySelector(%q); if (!e) return "is not there"; const r = e.getBoundingClientRect();
		const in_ = p => { const b = p.getBoundingClientRect(); return r.left >= b.left - 1 && r.right <= b.right + 1; };
		for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible" && !in_(p)) return "is hidden in " + p.tagName;
		return r.left >= -1 && r.right <= innerWidth + 1 ? "" : "is beyond the edge"; })()`
	if said := get(tab, "look for "+what, chromedp.Evaluate[string](fmt.Sprintf(script, what))); said != "" {
		tab.t.Errorf("%s at %s %s", what, tab.Address(), said)
	}
}

// Beside says that what two CSS selectors find stands on one line.
func (tab *Tab) Beside(one, other string) {
	tab.t.Helper()
	const script = `(() => { const [a, b] = [%q, %q].map(s => document.querySelector(s).getBoundingClientRect()); return Math.abs(a.top + a.bottom - b.top - b.bottom) / 2; })()`
	if apart := get(tab, "measure", chromedp.Evaluate[float64](fmt.Sprintf(script, one, other))); apart > 4 {
		tab.t.Errorf("%s and %s at %s are %.0f pixels from one line", one, other, tab.Address(), apart)
	}
}

// Strike presses keys where the focus is.
func (tab *Tab) Strike(keys string) {
	tab.t.Helper()
	tab.do("strike "+keys, chromedp.KeyEvent(keys))
}

// Value is what a field holds.
func (tab *Tab) Value(field string) string {
	tab.t.Helper()
	return get(tab, "read "+field, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).value", field)))
}

// TabTo presses the tabulator until what has the focus begins with a text.
func (tab *Tab) TabTo(text string) {
	tab.t.Helper()
	var passed []string
	for range 120 {
		at := tab.Tab()
		if strings.HasPrefix(at, text) {
			return
		}
		passed = append(passed, at)
	}
	tab.t.Fatalf("the tabulator does not come to %q: %q", text, passed)
}

// Tab presses the tabulator once from wherever the focus is, and gives what has it then:
// its text, else its tag. It says that the focus can be seen.
func (tab *Tab) Tab() string {
	tab.t.Helper()
	tab.Strike("\t")
	const script = `(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const seen = e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && r.width > 0 && r.top < innerHeight && r.bottom > 0;
		return (seen ? "" : "unseen: ") + (e.innerText || e.value || e.id || e.tagName).trim(); })()`
	at := get(tab, "read the focus", chromedp.Evaluate[string](script))
	if strings.HasPrefix(at, "unseen: ") {
		tab.t.Errorf("the focus at %s is not seen on %q", tab.Address(), at)
	}
	return at
}

// Enter presses the key where the focus is, and waits for the page that comes.
func (tab *Tab) Enter() int {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r"))
	if err != nil {
		tab.t.Fatalf("press Enter: %v", err)
	}
	return int(response.Status)
}

// Address is that of the page.
func (tab *Tab) Address() string {
	tab.t.Helper()
	return get(tab, "read the address", chromedp.Location())
}

// Cookies are those that a server at the address would be sent, by name.
func (tab *Tab) Cookies(address string) map[string]string {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{address}})
	if err != nil {
		tab.t.Fatalf("read cookies: %v", err)
	}
	all := map[string]string{}
	for _, c := range answer.Cookies {
		all[c.Name] = c.Value
	}
	return all
}

// Fetch gets what a link of the page leads to, with the page's own session, as a
// download does.
func (tab *Tab) Fetch(path string) (status int, body []byte) {
	tab.t.Helper()
	const script = `fetch(%q).then(async r => { let s = ""; for (const b of new Uint8Array(await r.arrayBuffer())) s += String.fromCharCode(b); return r.status + " " + btoa(s); })`
	text := get(tab, "fetch "+path, chromedp.Evaluate[string](fmt.Sprintf(script, path), chromedp.EvalAwaitPromise))
	number, coded, _ := strings.Cut(text, " ")
	body, err := base64.StdEncoding.DecodeString(coded)
	if status, _ = strconv.Atoi(number); err != nil || status == 0 {
		tab.t.Fatalf("fetch %s: %q, %v", path, number, err)
	}
	return status, body
}

// Part keeps a picture of what a CSS selector finds, and gives its file.
func (tab *Tab) Part(what, name string) string {
	tab.t.Helper()
	return tab.keep(name, get(tab, "take a picture of "+what, chromedp.Screenshot(chromedp.CSS(what))))
}

// Shot keeps a picture of the whole page as artefacts/screens/NAME-SCREEN.png.
func (tab *Tab) Shot(name string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true)})
	if err != nil {
		tab.t.Fatalf("take a picture: %v", err)
	}
	tab.keep(name, answer.Data)
}

func (tab *Tab) keep(name string, picture []byte) (file string) {
	tab.t.Helper()
	return tab.save(name+"-"+tab.screen.Name+".png", picture)
}

func (tab *Tab) save(name string, content []byte) (file string) {
	tab.t.Helper()
	folder := filepath.Join(root(tab.t), "artefacts", "screens")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		tab.t.Fatal(err)
	}
	file = filepath.Join(folder, name)
	if err := os.WriteFile(file, content, 0o644); err != nil {
		tab.t.Fatal(err)
	}
	return file
}

// Paper prints the page as a browser does, on A4 or what the page asks for, keeps it as
// artefacts/screens/NAME.pdf, and gives what can be read on each sheet.
func (tab *Tab) Paper(name string) (sheets []string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PreferCSSPageSize: new(true)})
	if err != nil {
		tab.t.Fatalf("print the page: %v", err)
	}
	file := tab.save(name+".pdf", answer.Data)
	text, err := exec.CommandContext(ctx, "pdftotext", "-raw", file, "-").Output() // cell by cell; it leaves out what lies beyond the edge
	if err != nil {
		tab.t.Fatalf("read %s: %v (make test installs pdftotext)", file, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\f"), "\f")
}

// root is the folder of the module.
func root(t testing.TB) string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		err = os.ErrNotExist
	}
	t.Fatal(err)
	return ""
}
