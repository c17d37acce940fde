//go:build peers

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// ledger is what writers were told of each of their writes.
type ledger struct {
	mu        sync.Mutex
	confirmed map[string]bool
	refused   map[string]bool // it was said that nothing changed
	last      time.Time       // of a confirmation
}

func (l *ledger) note(id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.confirmed[id] = true
		l.last = time.Now()
	case !errors.Is(err, store.ErrUnknown):
		l.refused[id] = true
	}
}

func (l *ledger) confirmations() (int, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.confirmed), l.last
}

// await waits until more is confirmed after a moment, and says how long after.
func (l *ledger) await(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if _, last := l.confirmations(); last.After(since) {
			return last.Sub(since)
		}
	}
	t.Fatal("nothing is confirmed any more")
	return 0
}

// TestFailover: the primary dies under daemons that write, twice, and the other node
// takes over. What was confirmed is there, what was refused is not, nobody who follows
// the feed misses anything, and the audit trail is whole.
func TestFailover(t *testing.T) {
	cluster := pgtest.Replicated(t)
	address := cluster.Database(t, "schoolbridge")
	keys := newKeys(t)
	told := &ledger{confirmed: map[string]bool{}, refused: map[string]bool{}}
	follower := opened(t, address, keys)
	feed, at := followed(t, follower)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	for n := range 2 {
		db := opened(t, address, keys)
		for m := range 3 {
			writers.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					id := fmt.Sprintf("%d-%d-%d", n, m, i)
					told.note(id, school(db, id))
					line := identity.AuditEntry{At: time.Now(), Kind: "test", Payload: []byte(`"` + id + `"`)}
					_ = db.Audit().Append(context.Background(), []identity.AuditEntry{line}) // whether it is whole is asked at the end
				}
			})
		}
	}
	for round := range 2 {
		told.await(t, time.Now().Add(time.Second))
		primary, other := cluster.Primary(t)
		killed := time.Now()
		primary.Kill()
		// What is confirmed in the first second may have been on its way.
		took := told.await(t, killed.Add(time.Second)) + time.Second
		t.Logf("round %d: writes again after %v", round, took.Round(time.Millisecond))
		if !other.Leads() {
			t.Errorf("round %d: confirmed by nobody who leads", round)
		}
		if err := primary.Start(); err != nil {
			t.Fatal(err)
		}
		cluster.Synchronous(t)
	}
	told.await(t, time.Now())
	stop()
	writers.Wait()

	seen := map[string]bool{}
	for {
		changes, after, err := feed.Since(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			for _, s := range c.Schools {
				seen[string(s.ID)] = true
			}
		}
		if after == at {
			break
		}
		at = after
	}
	there := map[string]bool{}
	if err := schools(t, follower, there); err != nil {
		t.Fatal(err)
	}
	for id := range told.confirmed {
		if !there[id] || !seen[id] {
			t.Errorf("%s was confirmed: in the store %v, in the feed %v", id, there[id], seen[id])
		}
	}
	for id := range told.refused {
		if there[id] {
			t.Errorf("%s was refused and is there", id)
		}
	}
	t.Logf("%d confirmed, %d refused, %d there", len(told.confirmed), len(told.refused), len(there))
	if len(told.refused) == 0 || len(told.confirmed) < 100 {
		t.Error("nothing was going on")
	}
	if err := follower.Audit().Verify(t.Context(), nil); err != nil {
		t.Errorf("the audit trail: %v", err)
	}
}

// schools collects which there are.
func schools(t *testing.T, db *store.DB, there map[string]bool) error {
	t.Helper()
	_, err := db.Directory().Load(t.Context(), func(s person.School) error {
		there[string(s.ID)] = true
		return nil
	}, nil)
	return err
}
