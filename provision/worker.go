package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
)

// Auditor takes lines of the audit trail. It must not wait.
type Auditor interface {
	Audit(entry identity.AuditEntry)
}

// WorkerOptions are what a worker may be told. Target, Holder and Zone are
// required; other zero values are sensible.
type WorkerOptions struct {
	Target string         // its name in the store: "ad"
	Holder string         // names this process among the target's workers
	Zone   *time.Location // where the days begin and end on which people come and leave
	// Wake gives a channel that closes when there may be work; nil: Poll alone.
	Wake func() <-chan struct{}

	Poll     time.Duration // how often is looked without being woken: others write too; 0: 5 s
	Term     time.Duration // of the lease; 0: 30 s
	Sweep    time.Duration // when an account comes again with which all is well; 0: 6 h
	First    time.Duration // when one comes again after its first problem; 0: 1 min
	Last     time.Duration // and after many; 0: 6 h
	Patience time.Duration // deadline of one pass; 0: 1 min
	Grace    time.Duration // how long Run may take to finish the pass under way; 0: 8 s
	Brakes   Brakes
	// LeaveGrace is for how many days after their last day people who leave keep
	// the account.
	LeaveGrace int
	// Window says whether accounts for which nobody waits may be changed, and if
	// not, from when on; nil: always. Who signs in, comes or leaves does not wait
	// for it.
	Window func(time.Time) (open bool, opens time.Time)
	// Rate is how many accounts a second are written to at most, but for those for
	// which somebody waits; 0: as many as can be.
	Rate float64

	Chance     func() float64   // in [0,1), for jitter; nil: random
	Now        func() time.Time // nil: time.Now
	Auditor    Auditor          // nil: none
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Worker brings the accounts of one target to the state that the store asks
// for:
//
//	Due ─► Job ─► Target.Bring ─► Save ─┬─ saved: again after Sweep, or back-off
//	       ▲                            ├─ Again: at once
//	       └────────────────────────────┴─ conflict: something happened since, at once
//
// It is level-triggered: whatever was lost, repeated or reordered on the way,
// the next pass compares again. Only one process works at a time (a lease);
// that saves work and guards nothing, which is the stamp's part. An outage stops
// all work for a time; an account on which alone target or store fail is passed
// over (blame). Accounts to be switched off, moved, renamed or taken out of groups are gathered first
// and counted (Brake).
type Worker struct {
	target  Target
	queue   Queue
	o       WorkerOptions
	pace    pace
	metrics *workerMetrics

	// Of the goroutine that runs.
	leased time.Time // when the lease was taken or renewed; zero: not held
	holds  holds
	brake  brake
	faults faults
	next   time.Time // before which Rate lets nothing be written
	hours  hours
	done   map[identity.PersonID]bool // by a command, before it was their turn; nil: nobody counts them

	mu      sync.Mutex
	state   workerState
	perPass time.Duration // moving average
}

// workerState is what others may ask about.
type workerState struct {
	depth    Depth
	measured time.Time
	downAt   time.Time     // since when the target or the store cannot be worked with
	held     [drastics]int // by the brake

	storeDown bool // of the two it is the store
}

const (
	workerBatch  = 20               // accounts that are taken on at once: whoever comes meanwhile and is waited for waits as long
	rereads      = 8                // passes over one account in a row
	storeTimeout = 10 * time.Second // deadline of one call to the queue
	runLimit     = 5 * time.Minute  // after which a run ends, so that those to be switched off get their turn
	measureEvery = 15 * time.Second
)

// NewWorker makes a worker; Run or Once sets it to work.
func NewWorker(target Target, queue Queue, o WorkerOptions) (*Worker, error) {
	if o.Target == "" || o.Holder == "" || o.Zone == nil {
		return nil, errors.New("a worker needs a target, a holder and a time zone")
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Poll, 5 * time.Second}, {&o.Term, 30 * time.Second}, {&o.Sweep, 6 * time.Hour}, {&o.First, time.Minute},
		{&o.Last, 6 * time.Hour}, {&o.Patience, time.Minute}, {&o.Grace, 8 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if o.Chance == nil {
		o.Chance = rand.Float64
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = o.Logger.With("target", o.Target)
	w := &Worker{
		target: target, queue: queue, o: o, holds: holds{},
		pace:  pace{sweep: o.Sweep, first: o.First, last: o.Last, zone: o.Zone, grace: o.LeaveGrace},
		brake: brake{Brakes: o.Brakes, held: map[identity.PersonID]heldBack{}},
	}
	w.metrics = newWorkerMetrics(o.Registerer, w)
	return w, nil
}

// Run works until ctx ends; the pass that is under way then is finished, if
// that takes no longer than Grace.
func (w *Worker) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(w.o.Grace, end) })
	defer stop()
	defer func() { w.release(life) }()
	for ctx.Err() == nil {
		var wake <-chan struct{}
		if w.o.Wake != nil {
			wake = w.o.Wake() // before looking, so that no commit falls between
		}
		wait, wakeable := w.run(ctx, life)
		if !wakeable {
			wake = nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// run works through what is due. It says how long to wait then, and whether
// a commit of the store is a reason to look earlier.
func (w *Worker) run(ctx, life context.Context) (wait time.Duration, wakeable bool) {
	err := w.dueAccounts(ctx, life)
	w.release(life)
	if err == nil || errors.Is(err, errLeased) {
		wakeable = err == nil
		if err = w.lookAgain(life); err == nil {
			return w.o.Poll, wakeable
		}
	}
	wait = w.failed(life)
	wait += time.Duration(w.o.Chance() * float64(wait) / 2)
	w.o.Logger.Warn("the accounts cannot be brought to their state now", "error", err, "again_in", wait.Round(time.Second))
	return wait, false
}

// dueAccounts is one run: every due account once, those to be switched off
// last.
func (w *Worker) dueAccounts(ctx, life context.Context) error {
	w.brake.begin()
	began := w.o.Now()
	for ctx.Err() == nil && w.o.Now().Sub(began) < runLimit {
		ids, err := w.due(life, nil)
		if err != nil {
			return err
		}
		if err := w.measure(life, len(ids) == 0); err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		if err := w.lease(life); err != nil {
			return err
		}
		for _, id := range w.quiet(life, ids) {
			if ctx.Err() != nil {
				return nil
			}
			if err := w.one(life, id, false); err != nil {
				return err
			}
		}
	}
	return w.settle(ctx, life)
}

// due gives the accounts that are due and neither held nor gathered nor passed over,
// those last that were sent back.
func (w *Worker) due(ctx context.Context, passed map[identity.PersonID]bool) ([]identity.PersonID, error) {
	now := w.o.Now()
	skip := make(map[identity.PersonID]bool, len(w.brake.gather)+len(passed))
	maps.Copy(skip, passed)
	for _, g := range w.brake.gather {
		skip[g.id] = true
	}
	for id := range w.holds {
		if w.holds.active(id, now) {
			skip[id] = true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	all, err := w.queue.Due(ctx, w.o.Target, now, workerBatch+len(skip)+len(w.holds))
	ids := slices.DeleteFunc(all, func(id identity.PersonID) bool { return skip[id] })
	w.holds.sort(ids)
	return ids[:min(len(ids), workerBatch)], err
}

// one brings one account, under the lease. judged says that the brake lets it
// be switched off.
func (w *Worker) one(ctx context.Context, id identity.PersonID, judged bool) error {
	if err := w.lease(ctx); err != nil {
		return err
	}
	if err := w.measure(ctx, false); err != nil {
		return err
	}
	err := w.account(ctx, id, judged)
	switch {
	case err == nil:
		delete(w.holds, id)
		return nil
	case errors.Is(err, errRestless):
		w.holds.add(id, w.o.Now())
		return nil
	}
	return w.blame(ctx, id, fmt.Errorf("account of person %s: %w", id, err))
}

// errRestless says that an account changed faster than it could be brought.
var errRestless = errors.New("the account changes all the time")

// account makes passes over one account until one is saved that left nothing
// to do at once.
func (w *Worker) account(ctx context.Context, id identity.PersonID, judged bool) error {
	for range rereads {
		began := w.o.Now()
		job, err := w.job(ctx, id, began)
		if errors.Is(err, identity.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		d := w.drastic(job)
		if opens, wait := w.waits(job, d); wait {
			return w.putOff(ctx, id, began, opens)
		}
		if d.any() && !judged && !w.atOnce(job, d) {
			return w.gather(ctx, job, d)
		}
		if job.Keep = w.keep(d); job.Keep[Off] && job.Password == nil { // which must not go on opening it as it was before
			return w.postpone(ctx, gathered{id: id, Drastic: d}, began)
		}
		done, err := w.pass(ctx, job, d, began)
		if err != nil || done {
			return err
		}
	}
	return errRestless
}

// pass makes one pass and saves it; done says that nothing is left to do at
// once.
func (w *Worker) pass(ctx context.Context, job Job, d Drastic, began time.Time) (done bool, err error) {
	if err := w.slow(ctx, job); err != nil {
		return false, err
	}
	pass, err := w.bring(ctx, job)
	if err != nil {
		return false, err
	}
	w.audit(job, pass)
	w.written(job, pass)
	pass.Made = w.made(job, d, pass)
	failures, due := w.pace.next(job, pass, w.o.Chance())
	if job.Keep.any() {
		due = earlier(due, job.Now.Add(BrakeHold))
	}
	err = w.save(ctx, job, pass, failures, due)
	w.count(job, pass, err, w.o.Now().Sub(began))
	if err != nil && !errors.Is(err, identity.ErrConflict) {
		return false, err
	}
	w.worked()
	if err != nil {
		return false, nil
	}
	for kind, made := range pass.Made {
		if made {
			w.brake.since[kind]++
		}
	}
	if pass.Again {
		return false, nil
	}
	delete(w.brake.held, job.Person)
	if job.Keep.any() {
		w.hold(job.Person, job.Keep, due)
	}
	return true, nil
}

// made says which drastic changes a pass has made. What somebody has consented
// to takes nothing from the others of the day.
func (w *Worker) made(job Job, d Drastic, pass Pass) Drastic {
	if pass.Observed.At.IsZero() {
		return Drastic{}
	}
	job.Row.Observed, job.Row.Object = pass.Observed, pass.Object
	still := w.target.Foresee(job)
	still[Off] = pass.Observed.Enabled
	for kind := range d {
		d[kind] = d[kind] && !still[kind]
	}
	w.brake.gaveWay = w.brake.gaveWay || w.brake.trying && d.any()
	for kind := range d {
		d[kind] = d[kind] && w.o.Brakes[kind].Accept == 0
	}
	return d
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (w *Worker) job(ctx context.Context, id identity.PersonID, now time.Time) (Job, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	job, err := w.queue.Job(ctx, w.o.Target, id, now)
	job.Grace = w.o.LeaveGrace
	return job, err
}

func (w *Worker) save(ctx context.Context, job Job, pass Pass, failures int, due time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return w.queue.Save(ctx, w.o.Target, job.Person, job.Row.Revision, pass, failures, due)
}

// bring guards the one call out of the house.
func (w *Worker) bring(ctx context.Context, job Job) (pass Pass, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.o.Logger.Error("the target panicked", "person", job.Person, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("the target panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, w.o.Patience)
	defer cancel()
	return w.target.Bring(ctx, job)
}
