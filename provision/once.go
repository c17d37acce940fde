package provision

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// Summary is what a run over all accounts came to.
type Summary struct {
	Accounts int
	Wrote    int           // accounts that were written to
	Problems int           // accounts with problems
	Held     [drastics]int // accounts that the brakes left as they are, in part or whole
}

// Once brings every account once, or only those that are named, whether due or
// not, for a command, and meanwhile those for which somebody waits: it waits for the lease until ctx ends, for no window, and
// ends when target or store cannot be worked with. Accounts on which alone they
// fail are an error at the end.
func (w *Worker) Once(ctx context.Context, only ...identity.PersonID) (Summary, error) {
	var s Summary
	w.brake.whole, w.done = true, map[identity.PersonID]bool{}
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
	all := only
	if len(only) == 0 {
		var err error
		if all, err = w.queue.Due(ctx, w.o.Target, w.o.Now().AddDate(100, 0, 0), math.MaxInt32); err != nil {
			return s, err
		}
	}
	before, passedOver := w.metrics.totals(), w.faults.passedOver
	first := true
	for some := range slices.Chunk(all, workerBatch) {
		if !first { // nobody else has the lease meanwhile
			if err := w.urgent(ctx, map[identity.PersonID]bool{}); err != nil {
				return s, err
			}
		}
		first = false
		if err := w.some(ctx, some); err != nil {
			return s, err
		}
	}
	err := w.settle(ctx, ctx)
	if n := w.faults.passedOver - passedOver; n > 0 {
		err = errors.Join(err, fmt.Errorf("%d accounts could not be worked with, the last: %w", n, w.faults.last))
	}
	after := w.metrics.totals()
	s = Summary{Accounts: len(all), Wrote: after.wrote - before.wrote, Problems: after.problems - before.problems, Held: w.brake.waiting(w.o.Now())}
	return s, err
}

// some brings accounts, but for those that were brought because somebody waited.
func (w *Worker) some(ctx context.Context, ids []identity.PersonID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id identity.PersonID) bool { return w.done[id] })
	if err := w.lease(ctx); err != nil {
		return err
	}
	for _, id := range w.quiet(ctx, ids) {
		if err := errors.Join(ctx.Err(), w.one(ctx, id, false)); err != nil {
			return err
		}
	}
	return nil
}
