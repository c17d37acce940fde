package provision

import (
	"context"
	"errors"
	"time"
)

// releaseTimeout is short: a lease that is not given back ends by itself.
const releaseTimeout = time.Second

// errLeased says that another process is at work.
var errLeased = errors.New("another worker holds the lease")

// lease takes the lease, or renews it in good time. Where it was lost meanwhile, the run
// is over: a worker that slept does not go on with what it had gathered, also where
// nobody is at work any more.
func (w *Worker) lease(ctx context.Context) error {
	now := w.o.Now()
	if !w.leased.IsZero() && now.Sub(w.leased) < w.o.Term/3 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var mine bool
	var err error
	if w.leased.IsZero() {
		mine, err = w.queue.Lease(ctx, w.o.Target, w.o.Holder, now, w.o.Term)
	} else {
		mine, err = w.queue.Renew(ctx, w.o.Target, w.o.Holder, w.leased.Add(w.o.Term), now.Add(w.o.Term))
	}
	if err != nil {
		return err
	}
	if !mine {
		w.leased = time.Time{}
		return errLeased
	}
	w.leased = now
	return nil
}

func (w *Worker) release(ctx context.Context) {
	if w.leased.IsZero() {
		return
	}
	w.leased = time.Time{}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := w.queue.Release(ctx, w.o.Target, w.o.Holder); err != nil {
		w.o.Logger.Warn("the lease was not given back; it ends by itself", "error", err)
	}
}
