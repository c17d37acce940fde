package provision

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/identity"
)

// hours is what Window said last, of a minute: with whole minutes it opens and closes.
type hours struct {
	minute time.Time
	open   bool
	opens  time.Time
}

// Patient says that an account has time until a window opens: nobody waits for
// it, and nobody comes or leaves.
func (j Job) Patient(d Drastic, zone *time.Location) bool {
	return !j.Urgent && !d[Off] && j.Row.Observed.Enabled == j.Active(zone) && j.Password == nil
}

// waits says that an account waits until the window opens. Where somebody may come or leave before that, it
// is looked at then.
func (w *Worker) waits(job Job, d Drastic) (until time.Time, wait bool) {
	if w.o.Window == nil || w.brake.whole || !job.Patient(d, w.o.Zone) {
		return time.Time{}, false
	}
	if minute := job.Now.Truncate(time.Minute); !minute.Equal(w.hours.minute) {
		w.hours.minute = minute
		w.hours.open, w.hours.opens = w.o.Window(job.Now)
	}
	until = w.hours.opens
	if at := w.pace.boundary(job.Entry, job.Now); !at.IsZero() {
		until = earlier(until, at)
	}
	return until, !w.hours.open
}

// slow waits until Rate lets the next account be written to. Those for which
// somebody waits have their turn meanwhile.
func (w *Worker) slow(ctx context.Context, job Job) error {
	passed := map[identity.PersonID]bool{}
	for w.o.Rate > 0 && !job.Urgent {
		wait := w.next.Sub(w.o.Now())
		if wait <= 0 {
			return nil
		}
		var wake <-chan struct{}
		if w.o.Wake != nil {
			wake = w.o.Wake() // before looking
		}
		if err := w.urgent(ctx, passed); err != nil {
			return err
		}
		timer := time.NewTimer(min(wait, w.o.Poll))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// urgent brings the due accounts for which somebody waits, while others have their
// turn; what the brake has to judge is passed over, once, and waits for the run.
func (w *Worker) urgent(ctx context.Context, passed map[identity.PersonID]bool) error {
	for {
		ids, err := w.due(ctx, passed)
		if err != nil {
			return err
		}
		before := len(passed)
		for _, id := range ids {
			job, err := w.job(ctx, id, w.o.Now())
			switch {
			case errors.Is(err, identity.ErrNotFound):
				continue
			case err != nil:
				return err
			case !job.Urgent: // those come first
				return nil
			}
			if d := w.drastic(job); d.any() && !w.atOnce(job, d) {
				passed[id] = true
				continue
			}
			if err := w.one(ctx, id, false); err != nil {
				return err
			}
		}
		if len(ids) == 0 || len(passed) < before+len(ids) {
			return nil
		} // else the whole page was passed over: others are behind it
	}
}

// written notes that an account was written to.
func (w *Worker) written(job Job, pass Pass) {
	if w.o.Rate > 0 && pass.Wrote > 0 && !job.Urgent {
		w.next = w.o.Now().Add(time.Duration(float64(time.Second) / w.o.Rate))
	}
}
