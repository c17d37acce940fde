package duplicates

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lease is one, as the store keeps it.
type lease struct {
	mu     sync.Mutex
	holder string
	until  time.Time
}

func (l *lease) Lease(_ context.Context, _, holder string, now time.Time, term time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != "" && l.holder != holder && l.until.After(now) {
		return false, nil
	}
	l.holder, l.until = holder, now.Add(term)
	return true, nil
}

func (l *lease) Renew(_ context.Context, _, holder string, was, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder != holder || !l.until.Equal(was) {
		return false, nil
	}
	l.until = until
	return true, nil
}

func (l *lease) Release(_ context.Context, _, holder string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holder == holder {
		l.holder = ""
	}
	return nil
}

// taken has somebody else have had it meanwhile.
func (l *lease) taken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = ""
}

// TestTurnSlept: a run that slept goes on where nobody was at work meanwhile, and ends
// before its next write where somebody was, though the lease is free again.
func TestTurnSlept(t *testing.T) {
	for _, other := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := &lease{}
			sleep := func() {
				time.Sleep(time.Minute)
				if !other {
					return
				}
				if mine, _ := l.Lease(t.Context(), "", "other", time.Now(), leaseTerm); !mine {
					t.Error("the lease has run out, and the other does not get it")
				}
				_ = l.Release(t.Context(), "", "other")
			}
			turn := Turn{Leases: l, Name: "repairs", Holder: "one", Now: time.Now}
			err := turn.Mend(t.Context(), Mender{}, 1000, func(m *Mender) error {
				if err := m.Wait(t.Context()); err != nil {
					t.Errorf("before it slept: %v", err)
				}
				sleep()
				return m.Wait(t.Context())
			})
			if errors.Is(err, ErrBusy) != other {
				t.Errorf("repairs, another at work meanwhile %v: %v", other, err)
			}
			err = turn.Hold(t.Context(), func(ctx context.Context) error {
				for range 5 { // it is at work, and renews
					time.Sleep(leaseTerm / 2)
				}
				if ctx.Err() != nil {
					t.Errorf("at work: %v", context.Cause(ctx))
				}
				if other {
					l.taken()
				}
				time.Sleep(leaseTerm)
				return ctx.Err()
			})
			if errors.Is(err, ErrBusy) != other {
				t.Errorf("a search, another at work meanwhile %v: %v", other, err)
			}
		})
	}
}
