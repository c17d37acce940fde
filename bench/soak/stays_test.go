package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/journal"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/store"
)

// stop is one that the daemon has answered.
type stop struct {
	unit, key string
	duration  time.Duration
}

// ledger holds the answered Stops, by the device's address.
type ledger struct {
	mu    sync.Mutex
	stops map[string][]stop
	n     int
}

func (l *ledger) add(mac string, s stop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stops == nil {
		l.stops = map[string][]stop{}
	}
	l.stops[mac] = append(l.stops[mac], s)
	l.n++
}

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

var numbers atomic.Uint64

// stay is a session: Start, perhaps interim records, Stop; some come twice, and
// some Stops before the Start.
func (w *world) stay(d *device, point nas.Point, class []byte) {
	number := numbers.Add(1)
	r := rand.New(rand.NewPCG(*seedFlag, 1<<61|number))
	s := nas.Session{Name: d.owner.profile.Login, ID: fmt.Sprintf("soak-%d", number), Class: class}
	length := time.Duration(1+r.IntN(int(min(*forFlag/20, time.Minute)/time.Second+1))) * time.Second
	w.under.Go(func() {
		begun := time.Now()
		elapsed := func() time.Duration { return time.Since(begun).Truncate(time.Second) }
		if r.Float64() < 0.05 { // what was told first comes last
			w.wait(length)
			w.told(&point, s, nas.Stop, elapsed(), d.mac)
			w.told(&point, s, nas.Start, 0, d.mac)
			return
		}
		if w.told(&point, s, nas.Start, 0, d.mac) {
			d.recorded.Store(true)
		}
		if r.Float64() < 0.5 {
			w.wait(length / 2)
			w.told(&point, s, nas.Interim, elapsed(), d.mac)
		}
		w.wait(length / 2)
		whole := elapsed()
		w.told(&point, s, nas.Stop, whole, d.mac)
		if r.Float64() < 0.1 {
			w.told(&point, s, nas.Stop, whole, d.mac)
		}
	})
}

// told tells until there is an answer, as an access point does for a while; it
// says whether one came.
func (w *world) told(point *nas.Point, s nas.Session, status nas.Status, after time.Duration, mac string) bool {
	s.Time = after
	word := map[nas.Status]string{nas.Start: "start", nas.Interim: "interim", nas.Stop: "stop"}[status]
	for range 20 {
		_, err := point.Account(context.Background(), some(w.acct), s, status)
		if err == nil {
			w.tally.add("accounting", word, "answered")
			if status == nas.Stop {
				w.ledger.add(mac, stop{point.Identifier, s.ID, after})
			}
			return true
		}
		w.tally.add("accounting", word, outcomeOf(nil, err))
		time.Sleep(500 * time.Millisecond)
	}
	w.tally.add("accounting", word, "given up")
	return false
}

// judgeStops looks for every answered Stop in the journal of the stopped daemon.
func (w *world) judgeStops(t *testing.T, db *store.DB) {
	t.Helper()
	lost, odd := 0, 0
	for mac, stops := range w.ledger.stops {
		found, err := db.Journal().Find(t.Context(), journal.Query{Device: strings.ToLower(strings.ReplaceAll(mac, "-", ":"))})
		must(t, err)
		// A Start or Interim that comes late may look like another session under
		// the same name.
		known := map[string]*journal.Session{}
		for _, s := range found {
			if k := s.Unit + " " + s.Key; known[k] == nil || s.Ending == journal.EndTold {
				known[k] = s
			}
		}
		for _, s := range stops {
			switch k := known[s.unit+" "+s.key]; {
			case k == nil, k.Ending != journal.EndTold, k.Stopped.IsZero():
				if lost++; lost < 20 {
					t.Logf("lost: %+v of %s: %+v", s, mac, k)
				}
			case k.Duration != s.duration || k.Person.IsZero():
				if odd++; odd < 20 {
					t.Logf("odd: %+v of %s: %+v", s, mac, k)
				}
			}
		}
	}
	t.Logf("%d answered Stops, %d not in the journal, %d otherwise than told", w.ledger.n, lost, odd)
	if lost+odd > 0 || w.ledger.n == 0 {
		t.Errorf("of %d answered Stops %d are not in the journal, %d are otherwise than told", w.ledger.n, lost, odd)
	}
}
