package provision

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Summary is what a run over all accounts came to.
type Summary struct {
	Accounts int
	Wrote    int // accounts that were written to
	Problems int // accounts with problems
	Held     int // accounts that the brake left as they are
}

// Once brings every account once, whether due or not, for a command: it waits
// for the lease until ctx ends, and ends when target or store cannot be worked
// with. Accounts on which alone they fail are an error at the end.
func (w *Worker) Once(ctx context.Context) (Summary, error) {
	var s Summary
	w.brake.whole = true
	defer func() { w.release(ctx) }()
	for {
		err := w.lease(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, errLeased) {
			return s, err
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return s, fmt.Errorf("wait for the other worker: %w", ctx.Err())
		case <-timer.C:
		}
	}
	if err := w.measure(ctx, true); err != nil {
		return s, err
	}
	all, err := w.queue.Due(ctx, w.o.Target, w.o.Now().AddDate(100, 0, 0), math.MaxInt32)
	if err != nil {
		return s, err
	}
	before, passedOver := w.metrics.totals(), w.faults.passedOver
	for _, id := range all {
		if err := errors.Join(ctx.Err(), w.one(ctx, id, false)); err != nil {
			return s, err
		}
	}
	err = w.settle(ctx, ctx)
	if n := w.faults.passedOver - passedOver; n > 0 {
		err = errors.Join(err, fmt.Errorf("%d accounts could not be worked with, the last: %w", n, w.faults.last))
	}
	after := w.metrics.totals()
	s = Summary{Accounts: len(all), Wrote: after.wrote - before.wrote, Problems: after.problems - before.problems, Held: len(w.brake.held)}
	return s, err
}
