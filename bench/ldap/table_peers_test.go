//go:build linux && peers

package ldap

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/load"
)

// sizes are how much of everything is done.
type sizes struct {
	people, turns, sessions, dumps, idle int
	rate                                 float64
	steady                               time.Duration
	rounds                               int
}

var (
	tiny  = sizes{people: 150, turns: 300, sessions: 60, dumps: 2, idle: 50, rate: 200, steady: time.Second, rounds: 1}
	small = sizes{people: 2000, turns: 40_000, sessions: 4000, dumps: 20, idle: 2000, rate: 5000, steady: 3 * time.Second, rounds: 1}
	whole = sizes{people: usual, turns: 100_000, sessions: 10_000, dumps: 20, idle: 9000, rate: 5000, steady: 10 * time.Second, rounds: 5}
)

// rows are design.md's, what is wanted too. Bounds in µs are of the machine that
// they were set on; the ratio is what counts.
func rows(z sizes) []stand.Row[*server] {
	of := func(work load.LDAPWork, n int) func(testing.TB, *server) (stand.Figure, error) {
		return turns{work: work, n: n}.run
	}
	return []stand.Row[*server]{
		{Name: "bind", Unit: stand.CPU, Run: of(load.LDAPBind, z.turns), Ratio: 2.5},
		{Name: "search by uid", Unit: stand.CPU, Run: of(load.LDAPSearch, z.turns), Ratio: 4},
		{Name: "search + bind", Unit: stand.CPU, Run: of(load.LDAPSearchBind, z.turns/2), Ratio: 3},
		{Name: "connect + service bind + unbind", Unit: stand.CPU, Run: of(load.LDAPConnect, z.sessions)},
		{Name: "connect + service bind + search + bind + unbind", Unit: stand.CPU, Run: of(load.LDAPSignIn, z.sessions), Ratio: 2.3},
		{Name: "paged dump, an entry", Unit: stand.CPU, Run: of(load.LDAPDump, z.dumps), Ratio: 10},
		{Name: "LDAPS connect + bind", Unit: stand.CPU, Run: turns{work: load.LDAPConnect, secure: true, n: z.sessions / 2}.run, Ratio: 1.4},
		{Name: "LDAPS connect + bind + search + bind", Unit: stand.CPU, Run: turns{work: load.LDAPSignIn, secure: true, n: z.sessions / 2}.run},
		{Name: "search over LDAPS", Unit: stand.CPU, Run: turns{work: load.LDAPSearch, secure: true, n: z.turns}.run},
		{Name: fmt.Sprintf("search by uid, %.0f/s, p99", z.rate), Unit: stand.MS, Run: steady{z.rate, z.steady}.run, Most: 1},
	}
}

// TestTable measures slapd and ours.
func TestTable(t *testing.T) {
	z := tiny
	switch {
	case *stand.Real && *stand.Quick:
		z = small
	case *stand.Real:
		z = whole
	}
	if *stand.Real && *people > 0 {
		z.people = *people
	}
	z.dumps = max(z.dumps*10_000/max(z.people, 10_000), 1)
	w, bare := newWorld(t, z.people), newWorld(t, few)
	start := func(t testing.TB) (peer, ours *server, stop func()) {
		ours, first := w.daemon(t)
		peer, second := w.peer(t, ours, true)
		return peer, ours, func() { second(); first() }
	}
	silent := func(t testing.TB) (peer, ours *server, stop func()) {
		var known [2]float64
		for i, w := range []*world{bare, w} {
			var first, second func()
			ours, _, first = w.silent(t)
			peer, second = w.peer(t, ours, false)
			if stop = func() { second(); first() }; i == 0 {
				for k, s := range []*server{peer, ours} {
					f, err := resident(t, s)
					stand.Must(t, err)
					known[k] = f.Value
				}
				stop()
			}
		}
		peer.bare, ours.bare = known[0], known[1]
		return peer, ours, stop
	}
	peer, version := "slapd", stand.FirstLine("/usr/bin/dpkg-query", "-W", "-f", "${Package} ${Version}", "slapd")
	if *stand.Beside != "" {
		peer, version = stand.Before, *stand.Beside
	}
	stand.Table(t, peer, version, stand.Sizes{People: z.people, Rounds: z.rounds}, []stand.Group[*server]{
		{Start: start, Rows: rows(z)},
		{Start: start, Fresh: true, Rows: []stand.Row[*server]{
			{Name: fmt.Sprintf("memory of a silent connection, of %d", z.idle), Unit: stand.KiB, Run: idle{n: z.idle}.run, Most: 8},
		}},
		{Start: silent, Fresh: true, Rows: []stand.Row[*server]{
			{Name: fmt.Sprintf("memory, %d people", z.people), Unit: stand.MiB, Run: resident},
			{Name: fmt.Sprintf("memory of one more person, to %d", z.people), Unit: stand.Bytes, Run: person, Ratio: 3},
		}},
		{Start: start, Fresh: true, Rows: []stand.Row[*server]{
			{Name: fmt.Sprintf("memory of a silent connection with TLS, of %d", z.idle), Unit: stand.KiB, Run: idle{n: z.idle, secure: true}.run, Most: 25},
		}},
	})
}

// peer runs slapd, or the other build of ours that is measured in its place;
// known says whether everybody has signed in there.
func (w *world) peer(t testing.TB, ours *server, known bool) (s *server, stop func()) {
	if *stand.Beside == "" {
		return w.slapd(t, ours)
	}
	before := *w
	before.School = w.With(*stand.Beside)
	if known {
		s, stop = before.daemon(t)
	} else {
		s, _, stop = before.silent(t)
	}
	s.Name = stand.Before
	return s, stop
}
