//go:build peers

package soak

import (
	"context"
	"flag"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

var activationsFlag = flag.Float64("activations", 4, "activations a second while the primary dies")

// TestFailover: the store is in PostgreSQL, and its primary dies twice under people who
// sign in and activate. People in memory go on, nobody comes in who may not, whoever
// was told that he is in has an account, and one.
func TestFailover(t *testing.T) {
	cluster := pgtest.Replicated(t)
	address := cluster.Database(t, "schoolbridge")
	duration := max(*forFlag, 45*time.Second)
	s := newSchool(t, *peopleFlag, int(*activationsFlag*duration.Seconds()), 1, "url_file: store-url")
	s.put(t, address, "store-url")
	d := startDaemon(t, s, s.fronts[0])
	s.activateAll(t, d)
	w := newWorld(s, d, newOracle(*strictFlag, &s.history))
	defer w.close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var joined joins
	w.under.Go(func() { w.change(ctx) })
	w.under.Go(func() { w.joinSteadily(ctx, &joined) })
	over := make(chan struct{})
	w.under.Go(func() {
		defer close(over)
		for round := range 2 {
			w.loseThePrimary(t, cluster, round, duration, &joined)
		}
	})
	w.live(ctx, t, duration, over)
	if n := w.tally.of("primary killed"); n != 2 {
		t.Errorf("the primary died %d times", n)
	}
	w.sweep(t)
	d.stop(t)
	w.judgeShared(t, address, d.missed)
}

// judgeShared holds a store in PostgreSQL, which no daemon uses any more, against what
// people and access points were told.
func (w *world) judgeShared(t *testing.T, address string, missed func(from, to time.Time) bool) {
	t.Helper()
	db, err := postgres.OpenFiles(t.Context(), address, filepath.Join(w.dir, "keyset.json"), store.Options{})
	must(t, err)
	defer db.Close()
	w.judgeStops(t, db)
	w.oracle.judge(t, verdicts(t, db))
	w.oracle.judgeHistory(t, w.accounts(t, db), verdicts(t, db), missed)
	t.Log(w.tally.String())
	must(t, db.Audit().Verify(t.Context(), nil))
}

// joins are the activations that were confirmed.
type joins struct {
	mu   sync.Mutex
	n    int
	last time.Time
}

func (j *joins) note() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	j.last = time.Now()
}

func (j *joins) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.n
}

func (j *joins) after(t time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last.After(t)
}

// joinSteadily activates those who wait, so many a second, each until it is confirmed.
func (w *world) joinSteadily(ctx context.Context, joined *joins) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, p := range w.people {
		if p.early {
			continue
		}
		if !w.wait(time.Duration(float64(time.Second) / *activationsFlag)) || ctx.Err() != nil {
			return
		}
		all.Go(func() {
			for {
				if err := w.activate(p); err == nil {
					w.tally.add("activation confirmed")
					joined.note()
					return
				}
				w.tally.add("activation put off")
				if !w.wait(time.Second) {
					return
				}
			}
		})
	}
}

// loseThePrimary kills the primary after a share of the time, waits until activations
// are confirmed again, and brings the node back as a standby.
func (w *world) loseThePrimary(t *testing.T, cluster *pgtest.Cluster, round int, duration time.Duration, joined *joins) {
	if !w.wait(duration / 8) {
		return
	}
	primary, _ := cluster.Primary(t)
	w.tally.add("primary killed")
	mended := w.history.broken(storeClosed, everywhere)
	killed := time.Now()
	came := w.tally.of("sign-in pap right accepted")
	primary.Kill()
	// What is confirmed in the first second was on its way.
	if !until(2*time.Minute, func() bool { return joined.after(killed.Add(time.Second)) }) {
		t.Error("activations are not confirmed any more")
	}
	t.Logf("round %d: activations again %v after the primary was killed; meanwhile %d sign-ins by PAP", round, time.Since(killed).Round(time.Millisecond),
		w.tally.of("sign-in pap right accepted")-came)
	if w.tally.of("sign-in pap right accepted") == came {
		t.Error("nobody came in without the store")
	}
	mended()
	must(t, primary.Start())
	cluster.Synchronous(t)
}
