package provision

import (
	"context"
	"errors"
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// Surveyor is a Target that can look at many accounts together.
type Surveyor interface {
	// Idle gives, for each of the jobs, the pass that Bring would make if there is
	// nothing to write; nil where that is not certain.
	Idle(ctx context.Context, jobs []Job) ([]*Pass, error)
}

// Saving is a pass as Queue.Save takes it.
type Saving struct {
	Person   identity.PersonID
	Revision uint64
	Pass     Pass
	Failures int
	Due      time.Time
}

// quiet makes the passes over those accounts about which nothing has to be changed,
// together, and gives the others: of a city that is swept they are few. It decides nothing that a
// pass of its own would not, and is only cheaper: what it cannot do, because
// something goes wrong or has moved on since, is left to that.
func (w *Worker) quiet(ctx context.Context, ids []identity.PersonID) []identity.PersonID {
	target, ok := w.target.(Surveyor)
	if !ok || len(ids) < 2 {
		return ids
	}
	began := w.o.Now()
	jobs, err := w.jobs(ctx, ids, began)
	if err != nil {
		return ids
	}
	jobs = slices.DeleteFunc(jobs, func(job Job) bool {
		d := w.drastic(job)
		_, wait := w.waits(job, d)
		return d.any() || wait || job.Password != nil || len(job.Row.Object) == 0
	})
	passes, err := w.idle(ctx, target, jobs)
	if err != nil {
		return ids
	}
	var list []Saving
	for i, pass := range passes {
		if pass != nil {
			failures, due := w.pace.next(jobs[i], *pass, w.o.Chance())
			list = append(list, Saving{jobs[i].Person, jobs[i].Row.Revision, *pass, failures, due})
		}
	}
	saved, err := w.saveAll(ctx, list)
	if err != nil {
		return ids
	}
	took := w.o.Now().Sub(began)
	for i, job := range jobs {
		if passes[i] != nil && saved[job.Person] {
			w.count(job, *passes[i], nil, took/time.Duration(len(saved)))
			w.worked()
			delete(w.holds, job.Person)
			delete(w.brake.held, job.Person)
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id identity.PersonID) bool { return saved[id] })
}

func (w *Worker) jobs(ctx context.Context, ids []identity.PersonID, now time.Time) ([]Job, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	jobs, err := w.queue.Jobs(ctx, w.o.Target, ids, now)
	for i := range jobs {
		jobs[i].Grace = w.o.LeaveGrace
	}
	return jobs, err
}

// idle guards the call out of the house.
func (w *Worker) idle(ctx context.Context, target Surveyor, jobs []Job) (passes []*Pass, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the target panicked") // the pass over the account says more
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, w.o.Patience)
	defer cancel()
	return target.Idle(ctx, jobs)
}

func (w *Worker) saveAll(ctx context.Context, list []Saving) (map[identity.PersonID]bool, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return w.queue.SaveAll(ctx, w.o.Target, list)
}
