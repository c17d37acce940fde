package duplicates

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Leases keep runs apart that must not be at work at once; the store has them.
type Leases interface {
	Lease(ctx context.Context, name, holder string, now time.Time, term time.Duration) (bool, error)
	// Renew prolongs a lease that ends at was; false where somebody else has had it
	// meanwhile, also where nobody has it now.
	Renew(ctx context.Context, name, holder string, was, until time.Time) (bool, error)
	Release(ctx context.Context, name, holder string) error
}

// ErrBusy says that somebody else is at work.
var ErrBusy = errors.New("somebody else is at work on duplicates")

// leaseTerm is how long the next one waits after a kill -9.
const leaseTerm = 30 * time.Second

// Turn is who takes a lease. Repairs, by a command or by the daemon, are made under
// one lease, so that there is one run at a time: before every write it is as its holder
// left it, or the run is over, for the journal that it has read is another one by now.
// The worker that brings accounts to their state goes on beside it: what both write is
// guarded by stamps.
type Turn struct {
	Leases       Leases
	Name, Holder string
	Now          func() time.Time
}

// Mend gives do a Mender that writes so often a second, as long as the turn is
// ours; ErrBusy.
func (t Turn) Mend(ctx context.Context, m Mender, perSecond float64, do func(*Mender) error) error {
	taken := t.Now()
	if err := t.take(ctx, taken); err != nil {
		return err
	}
	renew := func() error {
		now := t.Now()
		if now.Before(taken.Add(leaseTerm / 3)) {
			return nil
		}
		err := t.renew(ctx, taken, now)
		if err == nil {
			taken = now
		}
		return err
	}
	limiter := rate.NewLimiter(rate.Limit(perSecond), 1)
	m.Now = t.Now
	m.Wait = func(ctx context.Context) error {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		return renew()
	}
	return errors.Join(do(&m), t.release(ctx))
}

func (t Turn) take(ctx context.Context, now time.Time) error {
	mine, err := t.Leases.Lease(ctx, t.Name, t.Holder, now, leaseTerm)
	if err == nil && !mine {
		err = ErrBusy
	}
	return err
}

// renew prolongs what was taken before; ErrBusy where it was lost meanwhile.
func (t Turn) renew(ctx context.Context, taken, now time.Time) error {
	mine, err := t.Leases.Renew(ctx, t.Name, t.Holder, taken.Add(leaseTerm), now.Add(leaseTerm))
	if err == nil && !mine {
		err = ErrBusy
	}
	return err
}

func (t Turn) release(ctx context.Context) error {
	return t.Leases.Release(context.WithoutCancel(ctx), t.Name, t.Holder)
}

// Hold is for work that only reads: the lease is renewed beside it, and its context
// ends with the lease; ErrBusy.
func (t Turn) Hold(ctx context.Context, do func(ctx context.Context) error) error {
	taken := t.Now()
	if err := t.take(ctx, taken); err != nil {
		return err
	}
	inner, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		tick := time.NewTicker(leaseTerm / 3)
		defer tick.Stop()
		for {
			select {
			case <-inner.Done():
				return
			case <-tick.C:
				now := t.Now()
				switch err := t.renew(inner, taken, now); {
				case err == nil:
					taken = now
				case errors.Is(err, ErrBusy):
					cancel(err) // another error is the store's: the next try may do
				}
			}
		}
	})
	err := do(inner)
	if cause := context.Cause(inner); errors.Is(cause, ErrBusy) {
		err = cause
	}
	cancel(nil)
	renewing.Wait()
	return errors.Join(err, t.release(ctx))
}
