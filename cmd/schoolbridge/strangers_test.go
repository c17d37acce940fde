package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/bench/strangers"
)

// A difference tells something where chance does not bring it about (Z), and more than
// the way of an answer through a network hides.
const (
	tellableZ  = 4
	tellable   = 2 * time.Millisecond
	guessTries = 3 // a difference of the code is there every time
)

// guessed is a daemon's pages, of whose people a stranger types names.
type guessed struct {
	t     *testing.T
	pages http.Handler
	known []string     // logins of accounts
	asked int          // how many guesses there were
	leak  atomic.Int64 // by how much somebody's answer is later; 0: not
}

func newGuessed(t *testing.T) *guessed {
	t.Helper()
	people, _, pages := newInvented(t)
	g := &guessed{t: t, pages: pages}
	for _, login := range slices.Sorted(maps.Keys(people)) {
		if len(g.known) == 24 { // a refusal takes 100 ms
			break
		}
		g.asked++
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, g.from(activateRequest(login, people[login].Password)))
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"wifi"`) {
			g.known = append(g.known, login)
		}
	}
	if len(g.known) < 20 {
		t.Fatalf("only %d people have an account", len(g.known))
	}
	return g
}

func activateRequest(name, password string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/activate", strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q}`, name, password)))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func progressRequest(name, password string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/activate/"+name, nil)
	r.SetBasicAuth(name, password)
	return r
}

// from lets each guess come from an address of its own.
func (g *guessed) from(r *http.Request) *http.Request {
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:4000", 1+g.asked>>16, g.asked>>8&255, g.asked&255)
	return r
}

// guess gives how long the answer to a guess takes, and the answer.
func (g *guessed) guess(r *http.Request, somebody bool) (took time.Duration, answer string) {
	g.asked++
	w := httptest.NewRecorder()
	began := time.Now()
	g.pages.ServeHTTP(w, g.from(r))
	if leak := time.Duration(g.leak.Load()); somebody && leak > 0 {
		time.Sleep(leak)
	}
	return time.Since(began), fmt.Sprint(w.Code, " ", w.Body)
}

// compare asks about somebody and about nobody in turn, one guess a name. Each has been
// guessed at as often as the others, so that where a limit answers it does for both.
func (g *guessed) compare(round int, ask func(name, password string) *http.Request) strangers.Told {
	g.t.Helper()
	var times [2][]time.Duration
	for n, login := range g.known {
		var answers [2]string
		for i := range times {
			i := (i + n) % 2 // nobody is always the first
			name := []string{login, fmt.Sprintf("niktov%d", n)}[i]
			took, answer := g.guess(ask(name, fmt.Sprintf("guess-%d-%d", round, n)), i == 0)
			times[i], answers[i] = append(times[i], took), answer
		}
		if answers[0] != answers[1] {
			g.t.Errorf("guess %d at %s is answered by %s, at nobody by %s", round, login, answers[0], answers[1])
		}
	}
	return strangers.Compare(times[0], times[1])
}

// Whether somebody has an account is not to be told by how long the interface of
// activation takes to refuse a wrong password, and a difference would be found.
func TestInterfaceTellsNothingByTime(t *testing.T) {
	for name, ask := range map[string]func(name, password string) *http.Request{"activate": activateRequest, "progress": progressRequest} {
		t.Run(name, func(t *testing.T) {
			g := newGuessed(t)
			round := 0
			told := func() bool {
				for range guessTries {
					round++
					got := g.compare(round, ask)
					t.Logf("guess %d at each, somebody and nobody: %v", round, got)
					if got.Apart() <= tellable || max(got.Z, -got.Z) <= tellableZ {
						return false
					}
				}
				return true
			}
			for range 3 { // the last are those of names that were guessed at too often
				if told() {
					t.Error("how long the answer takes tells whether there is an account")
				}
			}
			g.leak.Store(int64(40 * time.Millisecond))
			if got := g.compare(round+1, ask); got.Apart() <= tellable || max(got.Z, -got.Z) <= tellableZ {
				t.Errorf("a leak of 40 ms is not found: %v", got)
			}
		})
	}
}
