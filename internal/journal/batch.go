package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Ledger keeps sessions; the store does. Each call is one transaction, durable
// when it returns.
type Ledger interface {
	// Record enters records and gives the sessions that they changed. It may change
	// the records and keeps none of them.
	Record(ctx context.Context, records []Record, rules Rules, now time.Time) ([]*Session, error)
	// Live calls f for every session that lives.
	Live(ctx context.Context, f func(*Session)) error
	// Sweep ends at most limit sessions by silence, Prune forgets at most limit
	// that ended before a time. Span brings up to date by what some limit sessions
	// are found that ended a while ago, fewer where there are no more.
	Sweep(ctx context.Context, rules Rules, now time.Time, limit int) ([]*Session, error)
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
	Span(ctx context.Context, now time.Time, limit int) (int, error)
}

// Options of a Journal; zero values are sensible.
type Options struct {
	Rules Rules         // 0: 35 min of silence, 24 h where no interim ever came
	Keep  time.Duration // how long an ended session is kept; 0: 184 days
	// Queue bounds the records that wait, each with a worker of the RADIUS
	// server: half of the workers, so that sign-ins always have the others; 0: 512.
	Queue int
	Batch int           // records of one transaction; 0: 256
	Every time.Duration // how long a batch gathers; 0: 20 ms
	// Patience is the deadline of one transaction; 0: 8 s. It is longer than any NAS waits
	// for an answer: what is entered late is known when the NAS tells it again, and costs
	// next to nothing then, where a transaction that is broken off would be made anew for
	// as long as the store is slow.
	Patience time.Duration
	// Simultaneous bounds the devices of one person at once, by the role that
	// admits; a role that is missing or 0 has no bound.
	Simultaneous map[string]int
	Now          func() time.Time
	Logger       *slog.Logger
	Registerer   prometheus.Registerer
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&o.Rules.Silence, 35 * time.Minute}, {&o.Rules.Quiet, 24 * time.Hour}, {&o.Keep, 184 * 24 * time.Hour},
		{&o.Every, 20 * time.Millisecond}, {&o.Patience, 8 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if o.Queue <= 0 {
		o.Queue = 512
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Journal takes records and knows who is on the Wi-Fi. One goroutine, Run,
// writes: what it keeps in memory follows the store in the store's order.
type Journal struct {
	ledger  Ledger
	opt     Options
	live    *live
	queue   chan waiting
	jobs    chan job
	metrics *metrics

	batch   []waiting // Run's alone, as are the records in it
	records []Record
	size    int       // records of the next batch: fewer after a failure
	failing bool      // the last transaction failed
	stale   bool      // one did, and may have been made all the same: memory is to be read anew
	prune   time.Time // when to prune next
}

type waiting struct {
	record Record
	done   chan error // with room for one: nobody may wait any more
}

// job is a transaction of somebody else's that changes sessions.
type job struct {
	run  func(context.Context) ([]*Session, error)
	done chan error
}

// Why a record is not kept. Nothing is answered then, and the NAS tells again.
var (
	ErrBusy    = errors.New("too many accounting records wait for the store")
	errPanic   = errors.New("the store panicked")
	errStopped = errors.New("the journal has stopped")
)

// New makes a Journal; it takes records at once and keeps them while Run runs.
func New(ledger Ledger, o Options) *Journal {
	o = o.withDefaults()
	j := &Journal{ledger: ledger, opt: o, live: newLive(), queue: make(chan waiting, o.Queue), jobs: make(chan job), size: o.Batch}
	j.metrics = newMetrics(o.Registerer, j)
	return j
}

// Account keeps a record: nil says that it is durable. It waits for the
// transaction that takes it along, at most until ctx ends.
func (j *Journal) Account(ctx context.Context, r Record) error {
	w := waiting{r, make(chan error, 1)}
	select {
	case j.queue <- w:
	default:
		j.metrics.busy.Inc()
		return ErrBusy
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the session journal: %w", ctx.Err())
	}
}

// change runs a transaction in turn with the others and takes over the sessions
// that it changed.
func (j *Journal) change(ctx context.Context, run func(context.Context) ([]*Session, error)) error {
	work := job{run, make(chan error, 1)}
	select {
	case j.jobs <- work:
		return <-work.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// upkeepEvery is how often silence is looked for.
const upkeepEvery = time.Minute

// Run writes until ctx ends, and then what waits.
func (j *Journal) Run(ctx context.Context) error {
	if !j.load(ctx) {
		return nil
	}
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	j.upkeep(ctx)
	late, cancel := outlasting(ctx)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case w := <-j.queue:
			j.write(late, j.gather(ctx, w))
		case work := <-j.jobs:
			work.done <- j.transact(ctx, j.opt.Patience, work.run)
		case <-tick.C:
			j.upkeep(ctx)
		case <-ctx.Done():
		}
	}
	j.drain(late)
	return nil
}

// outlasting is for what waits at the end, and is written still: it ends drainWithin
// after ctx does.
func outlasting(ctx context.Context) (late context.Context, cancel func()) {
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainWithin, end) })
	return late, func() { stop(); end() }
}

const (
	loadWithin  = 5 * time.Minute // half a million sessions on a slow machine
	drainWithin = 5 * time.Second // after the end
)

// load reads who is on the Wi-Fi, again until the store answers.
func (j *Journal) load(ctx context.Context) bool {
	for j.read(ctx) != nil {
		if pause(ctx, time.Second); ctx.Err() != nil {
			return false
		}
	}
	return true
}

// read makes memory what the store says.
func (j *Journal) read(ctx context.Context) error {
	fresh := newLive()
	err := j.transact(ctx, loadWithin, func(ctx context.Context) ([]*Session, error) {
		return nil, j.ledger.Live(ctx, func(s *Session) { fresh.put(s) })
	})
	if err == nil {
		j.live.become(fresh)
		j.stale = false
	}
	return err
}

// gather takes what comes within a moment of the first record.
func (j *Journal) gather(ctx context.Context, first waiting) []waiting {
	batch := append(j.batch[:0], first)
	defer func() { j.batch = batch }()
	timer := time.NewTimer(j.opt.Every)
	defer timer.Stop()
	for len(batch) < j.size {
		select {
		case w := <-j.queue:
			batch = append(batch, w)
		case <-timer.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// write enters a batch and answers all who wait. After a failure the next ones
// are smaller, down to one record: should one be what fails, it fails alone.
func (j *Journal) write(ctx context.Context, batch []waiting) {
	records := j.records[:0]
	for i := range batch {
		records = append(records, batch[i].record)
	}
	j.records = records
	began := time.Now()
	err := j.transact(ctx, j.opt.Patience, func(ctx context.Context) ([]*Session, error) {
		return j.ledger.Record(ctx, records, j.opt.Rules, j.opt.Now())
	})
	j.metrics.batch(len(batch), time.Since(began), err)
	if err != nil {
		j.size = max(j.size/2, 1)
	} else {
		j.size = min(2*j.size, j.opt.Batch)
	}
	for _, w := range batch {
		w.done <- err
	}
}

// transact guards one call of the store, and takes over what it changed.
func (j *Journal) transact(ctx context.Context, patience time.Duration, run func(context.Context) ([]*Session, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changed, err := func() (changed []*Session, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%w: %v", errPanic, p)
			}
		}()
		return run(ctx)
	}()
	switch {
	case err == nil && j.failing:
		j.opt.Logger.Info("the session journal is written again")
	case err != nil && !j.failing:
		j.opt.Logger.Error("the session journal cannot be written: accounting is not answered, and the NAS clients tell it again", "error", err)
	}
	j.failing = err != nil
	j.stale = j.stale || err != nil
	for _, s := range changed {
		j.metrics.ended(j.live.put(s), s)
	}
	return err
}

// drain writes what waits when the end comes: the front-ends have ended.
func (j *Journal) drain(ctx context.Context) {
	for {
		select {
		case w := <-j.queue:
			batch := append(j.batch[:0], w)
			for len(batch) < j.size && len(j.queue) > 0 {
				batch = append(batch, <-j.queue)
			}
			j.write(ctx, batch)
		case work := <-j.jobs:
			work.done <- errStopped
		default:
			return
		}
	}
}

// Upkeep works in portions, so that records never wait long behind it.
const (
	portion  = 500
	portions = 10 // at once
)

// upkeep ends what is silent, and once a day forgets what is too old.
func (j *Journal) upkeep(ctx context.Context) {
	now := j.opt.Now()
	j.live.forget(now)
	if j.stale && j.read(ctx) != nil {
		return
	}
	_, _ = j.inPortions(ctx, func(ctx context.Context) (int, []*Session, error) {
		silent, err := j.ledger.Sweep(ctx, j.opt.Rules, now, portion)
		return len(silent), silent, err
	}) // transact has told of a failure, and the next minute goes on
	_, _ = j.inPortions(ctx, func(ctx context.Context) (int, []*Session, error) {
		n, err := j.ledger.Span(ctx, now, portion)
		return n, nil, err
	})
	if now.Before(j.prune) {
		return
	}
	done, err := j.inPortions(ctx, func(ctx context.Context) (int, []*Session, error) {
		n, err := j.ledger.Prune(ctx, now.Add(-j.opt.Keep), portion)
		j.metrics.pruned.Add(float64(n))
		return n, nil, err
	})
	switch {
	case err != nil:
		j.opt.Logger.Warn("old sessions could not be forgotten; it is tried again", "error", err)
	case done: // else the next minute goes on
		j.prune = now.Add(24 * time.Hour)
	}
}

// inPortions repeats a transaction that takes a portion at most and says how
// much it took; done says that there was no more. In between it writes the
// records that wait.
func (j *Journal) inPortions(ctx context.Context, run func(context.Context) (int, []*Session, error)) (done bool, err error) {
	for range portions {
		n := 0
		err := j.transact(ctx, j.opt.Patience, func(ctx context.Context) (changed []*Session, err error) {
			n, changed, err = run(ctx)
			return changed, err
		})
		if err != nil || n < portion {
			return err == nil, err
		}
		select {
		case w := <-j.queue:
			late, cancel := outlasting(ctx)
			j.write(late, j.gather(ctx, w))
			cancel()
		default:
		}
	}
	return false, nil
}
