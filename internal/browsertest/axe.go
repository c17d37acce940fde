package browsertest

import (
	"encoding/json"
	"os"

	"github.com/chromedp/chromedp"
)

const axeFile = "/usr/local/share/schoolbridge-peers/axe.min.js"

// violation is a rule of axe-core that the page breaks.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML string `json:"html"`
	} `json:"nodes"`
}

// Accessible says that axe-core finds nothing on the page, serious or not, and
// that nothing is wider than the screen.
func (tab *Tab) Accessible() {
	tab.t.Helper()
	// As a script of every new page it takes longer, and of pages too that nobody holds it against.
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		tab.t.Fatalf("%v (make test installs it)", err)
	}
	get(tab, "bring axe-core in", chromedp.Evaluate[bool](string(axe)+";true"))
	// Without preload it does not fetch the styles once more; no rule that runs looks at them.
	text := get(tab, "run axe-core", chromedp.Evaluate[string]("axe.run(document, {resultTypes: ['violations'], preload: false}).then(r => JSON.stringify(r.violations))", chromedp.EvalAwaitPromise))
	var found []violation
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		tab.t.Fatal(err)
	}
	for _, v := range found {
		tab.t.Errorf("%s at %s: %s (%s): %+v", tab.screen.Name, tab.Address(), v.ID, v.Impact, v.Nodes)
	}
	if wide := get(tab, "measure", chromedp.Evaluate[float64]("document.documentElement.scrollWidth")); wide > float64(tab.screen.Width) {
		tab.t.Errorf("%s at %s: the page is %v wide", tab.screen.Name, tab.Address(), wide)
	}
}
