package storetest

import (
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/store"
)

func testLease(t *testing.T, s *suite) {
	one, two := s.db.Targets(), s.open(t, s.keys).Targets()
	lease := func(q *store.Targets, holder string, want bool) {
		t.Helper()
		if got, err := q.Lease(t.Context(), "ad", holder, s.now, 30*time.Second); err != nil || got != want {
			t.Errorf("lease for %s: %v, %v, want %v", holder, got, err, want)
		}
	}
	lease(one, "a", true)
	lease(two, "b", false)
	if got, err := two.Lease(t.Context(), "teams", "b", s.now, time.Minute); err != nil || !got {
		t.Errorf("another target's lease: %v, %v", got, err)
	}
	s.now = s.now.Add(20 * time.Second)
	lease(one, "a", true) // renewed
	s.now = s.now.Add(20 * time.Second)
	lease(two, "b", false)
	s.now = s.now.Add(10 * time.Second)
	lease(two, "b", true) // it has run out
	lease(one, "a", false)
	check(t, one.Release(t.Context(), "ad", "a")) // no longer a's to give back
	lease(one, "a", false)
	check(t, two.Release(t.Context(), "ad", "b"))
	lease(one, "a", true)

	s.now = s.now.Add(24 * time.Hour) // a clock that is wrong, and a holder that dies
	lease(one, "a", true)
	s.now = s.now.Add(-24 * time.Hour)
	lease(two, "b", true)
	check(t, two.Release(t.Context(), "ad", "b"))

	renew := func(q *store.Targets, holder string, was, until time.Duration, want bool) {
		t.Helper()
		if got, err := q.Renew(t.Context(), "ad", holder, s.now.Add(was), s.now.Add(until)); err != nil || got != want {
			t.Errorf("%s renews: %v, %v, want %v", holder, got, err, want)
		}
	}
	lease(one, "a", true)
	renew(one, "a", 30*time.Second, 60*time.Second, true)
	renew(one, "a", 30*time.Second, 90*time.Second, false) // not as it was left: a process of the same name
	renew(two, "b", 60*time.Second, 90*time.Second, false)
	s.now = s.now.Add(2 * time.Minute)               // it sleeps
	renew(one, "a", -time.Minute, time.Minute, true) // and nobody has had it
	s.now = s.now.Add(2 * time.Minute)
	lease(two, "b", true)
	check(t, two.Release(t.Context(), "ad", "b"))
	renew(one, "a", -time.Minute, time.Minute, false) // somebody has had it
	lease(two, "b", true)
	check(t, two.Release(t.Context(), "ad", "b"))

	var group sync.WaitGroup
	won := make([]bool, 8)
	for i := range won {
		group.Go(func() {
			var err error
			won[i], err = []*store.Targets{one, two}[i%2].Lease(t.Context(), "ad", string(rune('a'+i)), s.now, time.Minute)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d holders of one lease", n)
	}
}
