package provision

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// Brake bounds how many accounts may be switched off within a day without
// somebody's consent: a registry that came in half must not lock out schools.
type Brake struct {
	Share   float64 // of all accounts
	Minimum int     // so many always may
	Accept  int     // so many may at once, because somebody said so
}

// Allowed is how many of so many accounts may be switched off within a day
// without consent.
func (b Brake) Allowed(accounts int) int { return max(b.Minimum, int(b.Share*float64(accounts))) }

const (
	// BrakeDay is how long an account that was switched off counts.
	BrakeDay  = 24 * time.Hour
	brakeHold = time.Hour // until a held account is looked at again
)

// brake gathers the accounts of a run that would be switched off, until it is
// known how many they are. How many were within the last day is in the store: a
// restart, or another process, is no consent.
type brake struct {
	Brake
	since   int                             // switched off since the queue was measured
	whole   bool                            // a command: its plan counted all of them together
	gather  []identity.PersonID             // those of this run, not judged yet
	tripped bool                            // this run has gathered too many
	held    map[identity.PersonID]time.Time // those left as they are, and until when
}

// limit is how many may be switched off now.
func (b *brake) limit(d Depth) int {
	return max(b.Allowed(d.Accounts)-d.SwitchedOff-b.since, b.Accept)
}

// waiting counts the accounts that are held, and forgets those that somebody
// else has brought since: they would have come back.
func (b *brake) waiting(now time.Time) int {
	for id, until := range b.held {
		if now.Sub(until) > brakeHold/4 {
			delete(b.held, id)
		}
	}
	return len(b.held)
}

// atOnce says that an account may be switched off without waiting for the end
// of the run: somebody suspended it, and no registry had a part in that.
func (w *Worker) atOnce(job Job) bool {
	suspended := job.Entry != nil && job.Entry.State != directory.StateActive
	return suspended && !w.brake.whole && !w.brake.tripped && len(w.brake.gather) < w.brake.limit(w.depth())
}

// gather puts an account aside that would be switched off; when they are too
// many for this run, all of them are left as they are.
func (w *Worker) gather(ctx context.Context, job Job) error {
	b := &w.brake
	b.gather = append(b.gather, job.Person)
	if !b.tripped && len(b.gather) <= b.limit(w.depth()) {
		return nil
	}
	if !b.tripped {
		b.tripped = true
		w.o.Logger.Error("more accounts would be switched off than the brake allows: they are left as they are",
			"remedy", "see whether the registries are whole; then schoolbridge provision apply with the number that is right")
	}
	ids := b.gather
	b.gather = nil
	for _, id := range ids {
		if err := w.postpone(ctx, id, job.Now); err != nil {
			return err
		}
	}
	return nil
}

// postpone leaves an account as it is, until somebody has looked.
func (w *Worker) postpone(ctx context.Context, id identity.PersonID, now time.Time) error {
	until := now.Add(brakeHold)
	w.brake.held[id] = until
	for range rereads {
		job, err := w.job(ctx, id, now)
		if errors.Is(err, identity.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		err = w.save(ctx, job, Pass{}, job.Row.Failures, until)
		if !errors.Is(err, identity.ErrConflict) {
			return err
		}
	}
	w.holds.add(id, now)
	return nil
}

// settle switches off those that were gathered: they are few enough.
func (w *Worker) settle(ctx, life context.Context) error {
	ids := w.brake.gather
	w.brake.gather = nil
	for _, id := range ids {
		if ctx.Err() != nil {
			return nil
		}
		if err := w.one(life, id, true); err != nil {
			return err
		}
	}
	return nil
}
