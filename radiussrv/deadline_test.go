package radiussrv

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/radiussrv/wire"
)

func TestLazyDeadlineIsAContext(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{})
		begin := func(parent context.Context) (context.Context, context.CancelFunc) {
			return s.within(parent, &wire.Received{At: time.Now().Add(-600 * time.Millisecond)})
		}
		parent, cancelParent := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
		ctx, cancel := begin(parent)
		if until, ok := ctx.Deadline(); !ok || time.Until(until) != 2*time.Second {
			t.Errorf("the deadline is in %v", time.Until(until))
		}
		if ctx.Err() != nil || ctx.Value(key{}) != "kept" {
			t.Error("not a child of its parent")
		}
		child, cancelChild := context.WithTimeout(ctx, time.Hour)
		<-child.Done()
		if !errors.Is(child.Err(), context.DeadlineExceeded) || !errors.Is(ctx.Err(), context.DeadlineExceeded) || ctx.Value(key{}) != "kept" {
			t.Errorf("after the deadline: %v, %v", ctx.Err(), child.Err())
		}
		cancelChild()
		cancel()

		unwatched, cancel := begin(parent)
		time.Sleep(2 * time.Second)
		if !errors.Is(unwatched.Err(), context.DeadlineExceeded) {
			t.Errorf("nobody waited, and it says %v", unwatched.Err())
		}
		cancel()

		cancelled, cancel := begin(parent)
		cancel()
		<-cancelled.Done()
		if !errors.Is(cancelled.Err(), context.Canceled) || cancelled.Value(key{}) != "kept" {
			t.Errorf("cancelled, it says %v", cancelled.Err())
		}

		orphan, cancel := begin(parent)
		cancelParent()
		<-orphan.Done()
		if !errors.Is(orphan.Err(), context.Canceled) {
			t.Errorf("without parent it says %v", orphan.Err())
		}
		cancel()
	})
}
