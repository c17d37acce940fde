package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
)

// picky refuses some entries, all of what they are appended with.
type picky struct {
	memory
	bad   map[string]bool
	after time.Duration // and says so after a while
	until time.Time     // or for good
	calls int
}

func (p *picky) Append(ctx context.Context, entries []identity.AuditEntry) error {
	p.calls++
	for _, e := range entries {
		if p.bad[e.Kind] && (p.until.IsZero() || time.Now().Before(p.until)) {
			select {
			case <-time.After(p.after):
			case <-ctx.Done():
			}
			return errors.New("refused: " + string(e.Payload))
		}
	}
	return p.memory.Append(ctx, entries)
}

// siftNumbers sends n entries, and gives what is in the store after a minute.
func siftNumbers(t *testing.T, store *picky, n int, o TrailOptions) (trail *Trail, kept string) {
	t.Helper()
	trail, stop := running(t, store, o)
	for i := range n {
		e := entry(fmt.Sprint(i))
		e.Person, e.Payload = identity.PersonID{byte(i)}, []byte("secret")
		trail.Audit(e)
	}
	time.Sleep(time.Minute)
	kept = store.kinds()
	if err := stop(); (err == nil) != (trail.holds() == 0) {
		t.Errorf("the end is %v with %d entries left", err, trail.holds())
	}
	return trail, kept
}

// What the store refuses is put aside, all else is written once and in order.
func TestTrailPutsAside(t *testing.T) {
	for _, bad := range [][]int{{0}, {99}, {50}, {0, 1, 2}, {7, 31, 32, 98, 99}} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			store := &picky{bad: map[string]bool{}}
			for _, i := range bad {
				store.bad[fmt.Sprint(i)] = true
			}
			var want []string
			for i := range 100 {
				if want = append(want, fmt.Sprint(i)); store.bad[want[i]] {
					want[i] = AuditLost
				}
			}
			trail, kept := siftNumbers(t, store, 100, TrailOptions{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))})
			if kept != strings.Join(want, " ") {
				t.Errorf("%v refused: kept are %s", bad, kept)
			}
			if count(t, trail.dropped) != float64(len(bad)) || count(t, trail.written) != float64(100-len(bad)) || trail.holds() != 0 {
				t.Errorf("%v refused: %v dropped, %v written, %d wait", bad, count(t, trail.dropped), count(t, trail.written), trail.holds())
			}
			if most := siftAfter + 30*len(bad); store.calls > most {
				t.Errorf("%v refused: the store was asked %d times, more than %d", bad, store.calls, most)
			}
			if n := strings.Count(log.String(), "AN AUDIT ENTRY IS LOST"); n != len(bad) || strings.Contains(log.String(), "secret") {
				t.Errorf("%v refused: %s", bad, log.String())
			}
			for _, e := range store.entries {
				if e.Kind == AuditLost && (bytes.Contains(e.Payload, []byte("secret")) || !store.bad[fmt.Sprint(e.Person[0])]) {
					t.Errorf("the line in its place is %+v", e)
				}
			}
		})
	}
}

// A store that takes nothing, or is slow about an entry, loses none.
func TestTrailKeepsWhatTheStoreIsToBlameFor(t *testing.T) {
	for name, store := range map[string]*picky{
		"all refused": {bad: map[string]bool{"0": true, "1": true, "2": true, AuditLost: true}},
		"slow":        {bad: map[string]bool{"1": true}, after: time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			trail, _ := siftNumbers(t, store, 3, TrailOptions{})
			if got := trail.holds(); got != 3 || count(t, trail.dropped) != 3 || count(t, trail.written) != 0 {
				t.Errorf("%s: %d of 3 wait to the end, %v dropped, %v written", name, got, count(t, trail.dropped), count(t, trail.written))
			}
			if store.calls > 60 {
				t.Errorf("%s: the store was asked %d times in a minute", name, store.calls)
			}
		})
	}
}

// An entry that the store refuses for a moment only is written after all.
func TestTrailAsksAgainAboutOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const alone = 4300 * time.Millisecond // it is asked about alone by then
		store := &picky{bad: map[string]bool{"1": true}, until: time.Now().Add(alone)}
		trail, stop := running(t, store, TrailOptions{})
		for i := range 3 {
			trail.Audit(entry(fmt.Sprint(i)))
		}
		time.Sleep(alone - time.Millisecond)
		if got := store.kinds(); got != "0" {
			t.Fatalf("before: %q", got)
		}
		time.Sleep(10 * time.Second)
		if got := store.kinds(); got != "0 1 2" || count(t, trail.dropped) != 0 {
			t.Errorf("after: %q", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
