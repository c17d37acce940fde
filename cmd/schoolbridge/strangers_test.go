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
	"schoolbridge/internal/identity"
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
	inventedDaemon
	t      *testing.T
	known  []string     // logins of accounts
	others []string     // of people whom mos.ru knows and we do not
	asked  int          // how many guesses there were
	leak   atomic.Int64 // by how much somebody's answer is later; 0: not
	out    map[int]bool // pairs of which one met a mos.ru that was too slow, for which the other is not to pay
}

// asks makes the request of a guess at a name.
type asks func(name, password string) *http.Request

func newGuessed(t *testing.T) *guessed {
	t.Helper()
	g := &guessed{t: t, inventedDaemon: newInvented(t, ""), out: map[int]bool{}}
	for _, login := range slices.Sorted(maps.Keys(g.people)) {
		if len(g.known) == 24 { // a refusal takes 100 ms
			if !g.twice(login) {
				g.others = append(g.others, login)
			}
			continue
		}
		g.asked++
		w := httptest.NewRecorder()
		g.pages.ServeHTTP(w, g.from(activateRequest(login, g.people[login].Password)))
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"wifi"`) {
			g.known = append(g.known, login)
		}
	}
	if len(g.known) < 20 || len(g.others) < 20 {
		t.Fatalf("only %d people have an account, and %d have none", len(g.known), len(g.others))
	}
	return g
}

// twice says that a login is one of two that may be one person's, whose tries count
// together.
func (g *guessed) twice(login string) bool {
	named := g.people[login].Profile
	for other, p := range g.people {
		if other != login && p.Profile.Last == named.Last && p.Profile.First == named.First && p.Profile.Middle == named.Middle {
			return true
		}
	}
	return false
}

// nameless gives names that nobody has.
func nameless(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("niktov%d", i))
	}
	return names
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
	w := httptest.NewRecorder()
	began := time.Now()
	g.pages.ServeHTTP(w, g.from(r))
	if leak := time.Duration(g.leak.Load()); somebody && leak > 0 {
		time.Sleep(leak)
	}
	return time.Since(began), fmt.Sprint(w.Code, " ", w.Header().Get("Location"), " ", w.Body)
}

// compare asks about one kind of names and another in turn, one guess a name. Each has
// been guessed at as often as the others, so that where a limit answers it does for both.
func (g *guessed) compare(round int, one, other []string, ask asks) strangers.Told {
	g.t.Helper()
	var times [2][]time.Duration
	for n := range min(len(one), len(other)) {
		if g.out[n] {
			continue
		}
		var answers [2]string
		var took [2]time.Duration
		for i := range times {
			i := (i + n) % 2 // nobody is always the first
			name := [][]string{one, other}[i][n]
			g.asked++
			var answer string
			took[i], answer = g.guess(ask(name, fmt.Sprintf("guess-%d-%d", round, n)), i == 0)
			answers[i] = strings.ReplaceAll(answer, name, "NAME")
		}
		if answers[0] != answers[1] && strings.Contains(answers[0]+answers[1], string(identity.ReasonUpstreamDown)) {
			g.out[n] = true
			continue
		}
		times[0], times[1] = append(times[0], took[0]), append(times[1], took[1])
		if answers[0] != answers[1] {
			g.t.Errorf("guess %d at %s is answered by %s, at %s by %s", round, one[n], answers[0], other[n], answers[1])
		}
	}
	if len(times[0]) < 15 {
		g.t.Fatalf("mos.ru was too slow for all but %d pairs", len(times[0]))
	}
	return strangers.Compare(times[0], times[1])
}

// tellsNothing says that the times of both kinds' answers are alike, and that a leak
// would be found: one that is longer where other work on the machine hides it.
func (g *guessed) tellsNothing(one, other []string, ask asks, leak time.Duration) {
	g.t.Helper()
	round := 0
	told := func() bool {
		for range guessTries {
			round++
			got := g.compare(round, one, other, ask)
			g.t.Logf("guess %d at each, one kind and the other: %v", round, got)
			if got.Apart() <= tellable || max(got.Z, -got.Z) <= tellableZ {
				return false
			}
		}
		return true
	}
	for range 3 { // the last are those of names that were guessed at too often
		if told() {
			g.t.Error("how long the answer takes tells which it is")
		}
	}
	defer g.leak.Store(0)
	var got strangers.Told
	for range 2 * guessTries {
		round++
		g.leak.Store(int64(leak))
		if got = g.compare(round, one, other, ask); got.Apart() > tellable && max(got.Z, -got.Z) > tellableZ {
			return
		}
		leak *= 2
	}
	g.t.Errorf("a leak of %v is not found: %v", leak/2, got)
}

// Whether somebody has an account is not to be told by how long the interface of
// activation takes to refuse a wrong password, and a difference would be found.
func TestInterfaceTellsNothingByTime(t *testing.T) {
	for name, ask := range map[string]asks{"activate": activateRequest, "progress": progressRequest} {
		t.Run(name, func(t *testing.T) {
			g := newGuessed(t)
			g.tellsNothing(g.known, nameless(len(g.known)), ask, 40*time.Millisecond)
		})
	}
}
