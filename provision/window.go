package provision

import (
	"context"
	"time"
)

// waits says that an account has time until the window opens: nobody waits for
// it, and nobody comes or leaves.
func (w *Worker) waits(job Job, d Drastic) (opens time.Time, wait bool) {
	if w.o.Window == nil || w.brake.whole || job.Urgent || d[Off] || job.Row.Observed.Enabled != job.Active(w.o.Zone) || job.Password != nil {
		return time.Time{}, false
	}
	open, opens := w.o.Window(job.Now)
	return opens, !open
}

// slow waits until Rate lets the next account be written to.
func (w *Worker) slow(ctx context.Context, job Job) error {
	wait := w.next.Sub(w.o.Now())
	if w.o.Rate <= 0 || job.Urgent || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// written notes that an account was written to.
func (w *Worker) written(job Job, pass Pass) {
	if w.o.Rate > 0 && pass.Wrote > 0 && !job.Urgent {
		w.next = w.o.Now().Add(time.Duration(float64(time.Second) / w.o.Rate))
	}
}
