package provision

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// surveyed is a target that knows of some accounts beforehand that nothing has to be
// written.
type surveyed struct {
	*bench
	idle func(Job) bool
	err  error
	then func() // what happens while it looks
	jobs int    // that it was shown
}

func (s *surveyed) Idle(_ context.Context, jobs []Job) ([]*Pass, error) {
	s.jobs += len(jobs)
	passes := make([]*Pass, len(jobs))
	for i, job := range jobs {
		if s.idle(job) {
			passes[i] = &Pass{Object: job.Row.Object, Stamp: job.Row.Stamp, Observed: Observed{At: job.Now, Name: "idle", Enabled: true, Ready: true}}
		}
	}
	if s.then != nil {
		s.then()
	}
	return passes, s.err
}

// TestQuiet: who is known to be as he should be gets no pass of his own, and all
// others do: those whose row has moved on meanwhile, those to be changed
// drastically, those with a password that waits, those without an object.
func TestQuiet(t *testing.T) {
	const (
		well = iota + 1
		alsoWell
		moves
		waits
		fresh
		moved
		other
	)
	for name, c := range map[string]struct {
		change func(*surveyed)
		quiet  bool
	}{
		"as it should be": {func(*surveyed) {}, true},
		"a fault":         {func(s *surveyed) { s.err = errors.New("no answer") }, false},
		"a panic":         {func(s *surveyed) { s.then = func() { panic("in the target") } }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			q, b := newShelf(), &bench{zone: time.UTC, seen: map[byte][]time.Duration{}, began: time.Now()}
			b.plan = func(job Job) (d Drastic) { d[Move] = job.Person[0] == moves; return d }
			q.add(well, alsoWell, moves, waits, fresh, moved, other)
			for n := byte(well); n <= other; n++ {
				row := q.rows[[16]byte{n}]
				row.Row.Object, row.Row.Observed.Enabled = []byte{n}, true
			}
			q.rows[[16]byte{waits}].Password = &Password{ID: [16]byte{7}}
			q.rows[[16]byte{fresh}].Row.Object = nil
			s := &surveyed{bench: b, idle: func(job Job) bool { return job.Person[0] != other }}
			s.then = func() { q.touch(moved, nil); s.then = nil }
			c.change(s)
			w := newWorker(t, q, b, nil)
			w.target = s
			if sum, err := w.Once(t.Context()); err != nil || sum.Accounts != 7 || sum.Problems != 0 {
				t.Errorf("%s: %+v, %v", name, sum, err)
			}
			for n := byte(well); n <= other; n++ {
				passes, want := len(b.times(n)), 1
				if c.quiet && (n == well || n == alsoWell) {
					want = 0
				}
				if row := q.row(n); passes != want || !row.Row.Observed.Ready || (row.Row.Observed.Name == "idle") != (want == 0) || row.due.Before(time.Now().Add(time.Hour)) {
					t.Errorf("%s: account %d had %d passes: %+v, due %v", name, n, passes, row.Row, row.due)
				}
			}
			if s.jobs != 4 {
				t.Errorf("%s: it was shown %d accounts", name, s.jobs)
			}
		})
	}
}
