package provision

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/provision/match"
)

// leaveAtOnce lets people leave in one commit.
func (w *floor) leaveAtOnce(ids ...byte) {
	w.q.mu.Lock()
	for _, n := range ids {
		for id, r := range w.q.rows {
			if id[0] == n {
				r.Entry, r.due = nil, time.Now()
				r.Row.Revision++
			}
		}
	}
	w.q.mu.Unlock()
	w.q.touch(ids[0], func(*shelfRow) {})
}

func (w *floor) off(ids ...byte) (n int) {
	for _, id := range ids {
		if !w.q.row(id).Row.Observed.Enabled {
			n++
		}
	}
	return n
}

// refuses lets the target write nothing of some accounts, for this reason.
func (w *floor) refuses(p match.Problem, ids map[byte]bool) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
		if ids[job.Person[0]] && !pass.Observed.Enabled {
			pass.Observed.Enabled, pass.Observed.Ready, pass.Observed.Problems, pass.Wrote = true, false, []match.Problem{p}, 0
		}
		return pass, nil
	}
}

// Accounts that cannot be written take nothing from those that can: the target says
// so when there are too many, and of what it refused before nobody has to ask.
func TestBrakeCountsWhatIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		problem match.Problem
		planned bool
	}{
		"by the plan": {match.Problem{Code: match.OwnerMarkChanged}, true},
		"refused":     {match.Problem{Code: match.ADRefused, Arg: "account: 50"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Minimum: 3} }, func(t *testing.T, w *floor) {
				w.q.add(1, 2, 3, 4, 5, 6, 7, 8, 9)
				cannot := map[byte]bool{1: true, 2: true, 3: true, 4: true}
				w.refuses(c.problem, cannot)
				w.b.guarded = map[byte]bool{}
				if c.planned {
					w.b.guarded = cannot
				}
				w.start()
				if !c.planned { // it was tried before
					for n := range cannot {
						w.leaveAtOnce(n)
						pass(time.Second)
					}
				}
				w.leaveAtOnce(1, 2, 3, 4, 5, 6, 7)
				pass(time.Minute)
				if w.off(5, 6, 7) != 3 || w.off(1, 2, 3, 4) != 0 {
					t.Errorf("%d of the three are off, %d of those that cannot be", w.off(5, 6, 7), w.off(1, 2, 3, 4))
				}
				// A day's worth is done: whoever comes now is too many, as ever.
				w.leaveAtOnce(8, 9)
				pass(time.Minute)
				if w.off(8, 9) != 0 || w.Outlook().Held[Off] < 2 {
					t.Errorf("the brake is off: %d, %d held", w.off(8, 9), w.Outlook().Held[Off])
				}
			})
		})
	}
}

// Rights that come back let no crowd through: one is tried, the rest is counted.
func TestBrakeRightsComeBack(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Minimum: 3} }, func(t *testing.T, w *floor) {
		ids := []byte{1, 2, 3, 4, 5, 6, 7, 8}
		w.q.add(ids...)
		cannot := map[byte]bool{}
		for _, n := range ids {
			cannot[n] = true
		}
		w.refuses(match.Problem{Code: match.ADRefused, Arg: "account: 50"}, cannot)
		w.b.guarded = map[byte]bool{}
		w.start()
		for _, n := range ids { // each is tried, and refused
			w.leaveAtOnce(n)
			pass(time.Second)
		}
		if w.off(ids...) != 0 {
			t.Fatalf("%d are off", w.off(ids...))
		}
		w.refuses(match.Problem{}, nil)
		synctest.Wait()
		pass(20 * time.Hour)
		if n := w.off(ids...); n < 1 || n > 3 {
			t.Errorf("%d are off within the day, want no more than the brake lets", n)
		}
	})
}
