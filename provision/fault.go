package provision

import (
	"context"
	"time"

	"schoolbridge/internal/identity"
)

// faults are what the worker remembers of errors that came.
type faults struct {
	outages    int   // runs in a row that ended with an error
	stumbles   int   // accounts in a row that were passed over
	passedOver int   // all of them
	last       error // of the last of them
}

const (
	firstOutage = 2 * time.Second
	lastOutage  = time.Minute
	// lastStoreOutage bounds the waiting for the store, which costs one query and
	// loads no controller.
	lastStoreOutage = 10 * time.Second
	// mostStumbles is after how many accounts in a row the fault is not theirs,
	// whatever the probes say.
	mostStumbles = 10
)

// blame finds out whose an error is that came with an account. If target and
// store answer to others, it is the account's: it is put aside, longer each
// time, and the others have their turn. Else it is returned, and the next run
// begins with others, in case that it is what brings them down.
func (w *Worker) blame(ctx context.Context, id identity.PersonID, cause error) error {
	now := w.o.Now()
	if w.faults.stumbles >= mostStumbles || w.probe(ctx) != nil {
		w.holds.sendBack(id, now)
		return cause
	}
	w.holds.add(id, now)
	w.faults.stumbles++
	w.faults.passedOver++
	w.faults.last = cause
	w.o.Logger.Error("an account cannot be worked with, though others can: it is passed over for a time", "error", cause)
	return nil
}

// probe says whether store and target work at all.
func (w *Worker) probe(ctx context.Context) error {
	if err := w.storeAnswers(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return w.target.Probe(ctx)
}

// storeAnswers asks the store for the first due account.
func (w *Worker) storeAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := w.queue.Due(ctx, w.o.Target, w.o.Now(), 1)
	return err
}

// failed notes that a run ended with an error, and says how long to wait. Where
// the store does not answer, nothing is said of the target.
func (w *Worker) failed(ctx context.Context) time.Duration {
	longest := lastOutage
	store := w.storeAnswers(ctx) != nil
	if store {
		longest = lastStoreOutage
	}
	w.faults.outages++
	w.faults.stumbles = 0
	w.metrics.errors.Inc()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.downAt.IsZero() || w.state.storeDown != store {
		w.state.downAt, w.state.storeDown = w.o.Now(), store
	}
	return min(firstOutage<<min(w.faults.outages-1, 10), longest)
}

// lookAgain is for a run that found nothing to do, or another worker doing it: after
// an outage no pass may come for hours by which it would be seen to be over.
func (w *Worker) lookAgain(ctx context.Context) error {
	if w.faults.outages == 0 {
		return nil
	}
	if err := w.probe(ctx); err != nil {
		return err
	}
	w.worked()
	return nil
}

// worked notes that store and target do what they are there for.
func (w *Worker) worked() {
	w.faults.stumbles = 0
	if w.faults.outages == 0 {
		return
	}
	w.faults.outages = 0
	w.holds.release()
	w.mu.Lock()
	down := w.o.Now().Sub(w.state.downAt)
	w.state.downAt = time.Time{}
	w.mu.Unlock()
	w.o.Logger.Info("the accounts can be brought to their state again", "after", down.Round(time.Second))
}
