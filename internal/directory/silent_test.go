package directory

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// silentFeed leaves one read of the feed unanswered.
type silentFeed struct {
	*feed
	silent atomic.Bool
}

func (f *silentFeed) Since(ctx context.Context, after Position) ([]Change, Position, error) {
	if f.silent.CompareAndSwap(true, false) {
		<-ctx.Done()
		return nil, after, ctx.Err()
	}
	return f.feed.Since(ctx, after)
}

// A store that leaves a question unanswered is asked again: a revocation behind it is
// heard of.
func TestASilentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &silentFeed{feed: newFeed(entry(1, "one"))}
		d := New(f, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = d.Run(ctx) }()
		synctest.Wait()
		f.silent.Store(true)
		time.Sleep(2 * time.Second) // it asks, and hears nothing
		synctest.Wait()
		if f.silent.Load() {
			t.Fatal("it did not ask: this test does not test")
		}
		f.change(Change{Removed: entry(1, "one").Person})
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if d.Len() != 0 {
			t.Error("nobody has heard of it")
		}
	})
}
