//go:build peers

package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision/duplicates"
)

// On paper a page is what it is printed for, and all of it: no navigation, no buttons,
// nothing beyond the edge of A4.
func TestOnPaper(t *testing.T) {
	browser := browsertest.Start(t)
	problems, _ := newProblemSite(t, 120)
	launched := newSite(t, withTables(cityTables(20)))
	for _, c := range []struct {
		s          *site
		path, name string
		sheets     [2]int // at least and at most
		reads      []string
	}{
		{launched, "/console/stats", "console-stats", [2]int{1, 3}, []string{"Посчитано", "ГБОУ Школа №\u00a049", "Учредитель", "Все вместе", "!Что значат столбцы"}},
		{launched, "/console/launch/49/letter", "console-letter", [2]int{1, 2}, []string{"Здравствуйте, коллеги!", "ГБОУ Школа № 49", "!Скопировать", "!Отправить"}},
		{launched, "/console/launch/49/missing", "console-missing", [2]int{1, 12}, []string{"Кто ещё не активировал"}},
		{problems, "/console/problems?print=1", "console-problems", [2]int{2, 60}, []string{"Белова Анна-0", "Белова Анна-119", "Кураева Анна"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			paper := browsertest.Screen{Name: "paper", Width: 718, Height: 1046, Scale: 1} // A4 with margins of 1 cm
			tab := browser.Open(t, paper, browsertest.Options{Print: true})
			at := c.s.served(t)
			c.s.who = web.Record{Person: operator.ID, Login: operator.Login}
			tab.Go(at + webtest.DoorAddress)
			tab.Go(at + "/console/sign-in")
			tab.Type("#code", c.s.code())
			tab.Enter() // paper has no button
			tab.Go(at + c.path)
			tab.Reads(append(c.reads, "!CSV", "!Excel", "!Разделы", "!English", "!Выйти", "!Напечатать", "!Для печати", "!Показать")...)
			tab.Narrow("html, .scroll")
			tab.Shot(c.name)
			if n := len(tab.Paper(c.name)); n < c.sheets[0] || n > c.sheets[1] {
				t.Errorf("%d sheets", n)
			}
			c.s.clock.Forward(time.Minute) // each code counts once
		})
	}
}

// The report about duplicates that is handed out is read on paper: every account of every
// group with all that it says, and nothing that is for a screen.
func TestReportOnPaper(t *testing.T) {
	var groups []duplicates.Planned
	for n := range 60 {
		groups = append(groups, pair(n+1, duplicates.Probable, "49", "49"))
	}
	f := newFound(t, groups...)
	browser := browsertest.Start(t)
	tab := browser.Open(t, browsertest.Desktop, browsertest.Options{})
	goIn(t, f.site, tab, rights.Operator)
	status, file := tab.Fetch("/console/duplicates/report.html")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(file) }))
	t.Cleanup(server.Close)
	paper := browser.Open(t, browsertest.Desktop, browsertest.Options{})
	paper.Go(server.URL)
	sheets := paper.Paper("console-duplicates-report")
	if n := len(sheets); n < 5 || n > 40 {
		t.Errorf("%d sheets", n)
	}
	// What is broken within a cell is read without the break, and without a hyphen there.
	plain := func(s string) string { return strings.ReplaceAll(strings.Join(strings.Fields(s), ""), "-", "") }
	text := plain(strings.Join(sheets, " "))
	for n := range 60 {
		for _, want := range []string{fmt.Sprintf("evann%d@obr.mos.ru", n+1), fmt.Sprintf("evann%d-1@obr.mos.ru", n+1), fmt.Sprintf("CN=evann%d-1,OU=duplicates,DC=obr", n+1)} {
			if !strings.Contains(text, plain(want)) {
				t.Errorf("nothing of %s on %d sheets", want, len(sheets))
			}
		}
	}
	for _, no := range []string{"Разделы", "Выйти", "English", "Напечатать"} {
		if strings.Contains(text, no) {
			t.Errorf("%q is for a screen", no)
		}
	}
	if t.Failed() {
		t.Log(sheets[0])
	}
}
