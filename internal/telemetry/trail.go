package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// Appender keeps audit entries, in order and all or none; the store does.
type Appender interface {
	Append(ctx context.Context, entries []identity.AuditEntry) error
}

// TrailOptions bound a Trail. Zero values are sensible.
type TrailOptions struct {
	Queue      int           // entries that may wait for the store; 0: 100000
	Batch      int           // entries written at once; 0: 2000
	Every      time.Duration // how long a batch gathers; 0: 100ms
	Patience   time.Duration // deadline of one write; 0: 5s
	Flush      time.Duration // how long Run goes on after its end to write the rest; 0: 8s
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Trail brings audit entries to the store within a second, without holding
// anybody up:
//
//	Audit ─► bounded queue ─► batch ─► Append ─┬─ done
//	           │ full                          └─ store down: the same batch again,
//	           ▼                                  after 100 ms, 200 ms … 5 s
//	     dropped: counted, and logged loudly
//
// An append whose answer was lost is repeated: an entry may stand in the trail
// twice, and never silently not at all. One that the store refuses while it takes
// others holds nobody else's up (sift.go).
type Trail struct {
	store   Appender
	options TrailOptions
	log     *slog.Logger

	mu      sync.Mutex
	waiting gathered
	held    int           // entries that wait, or are being written
	wake    chan struct{} // told of the first entry that waits, and when a batch is full

	written, dropped, failures prometheus.Counter

	failing    atomic.Pointer[error] // why the store does not take the entries that are being written
	lost       atomic.Int64          // entries dropped since the last complaint
	complained atomic.Int64          // when that was, in Unix nanoseconds
}

// MaxAuditPayload bounds the payload of one entry; a larger one is dropped.
const MaxAuditPayload = 64 << 10

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	complain   = 10 * time.Second // between two log lines about dropped entries
)

// NewTrail makes a Trail. It takes entries at once and writes while Run runs.
func NewTrail(store Appender, o TrailOptions) *Trail {
	defaultTo(&o.Queue, 100_000)
	defaultTo(&o.Batch, 2000)
	defaultTo(&o.Every, 100*time.Millisecond)
	defaultTo(&o.Patience, 5*time.Second)
	defaultTo(&o.Flush, 8*time.Second)
	t := &Trail{store: store, options: o, log: orDiscard(o.Logger), wake: make(chan struct{}, 1)}
	factory := promauto.With(o.Registerer)
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_telemetry_audit_" + name, Help: help})
	}
	t.written = counter("written_total", "Audit entries that reached the store.")
	t.dropped = counter("dropped_total", "Audit entries lost: the store was down for too long, or refuses them. Must stay 0.")
	t.failures = counter("failures_total", "Writes of the audit trail that failed and were tried again.")
	factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_telemetry_audit_waiting", Help: "Audit entries that wait for the store."},
		func() float64 { return float64(t.holds()) })
	return t
}

func defaultTo[T int | time.Duration](v *T, standard T) {
	if *v <= 0 {
		*v = standard
	}
}

// Audit takes an entry and never waits; its payload is copied. It is safe to call
// from anywhere, at any time; what comes after Run has ended is lost when the
// process ends.
func (t *Trail) Audit(entry identity.AuditEntry) {
	if len(entry.Payload) > MaxAuditPayload || !t.keep(entry) {
		t.dropped.Inc()
		t.complain()
	}
}

// keep adds an entry if there is room for one more.
func (t *Trail) keep(entry identity.AuditEntry) bool {
	t.mu.Lock()
	room := t.held < t.options.Queue
	if room {
		t.waiting.add(entry)
		t.held++
	}
	n := len(t.waiting.entries)
	t.mu.Unlock()
	if room && (n == 1 || n == t.options.Batch) {
		select {
		case t.wake <- struct{}{}:
		default: // told already
		}
	}
	return room
}

// holds says how many entries wait, or are being written.
func (t *Trail) holds() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// complain logs lost entries, at most once in a while.
func (t *Trail) complain() {
	t.lost.Add(1)
	now, last := time.Now().UnixNano(), t.complained.Load()
	if now-last >= int64(complain) && t.complained.CompareAndSwap(last, now) {
		t.log.Error("AUDIT ENTRIES ARE LOST: the queue is full or an entry too large", "lost", t.lost.Swap(0), "waiting", t.holds())
	}
}

// Run writes until ctx ends, and then what is left, within Flush.
func (t *Trail) Run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(t.options.Flush, end) })
	defer stop()
	var spare gathered
	for {
		t.gather(ctx)
		taken := t.take(spare)
		if len(taken.entries) == 0 {
			return nil // ctx has ended and nothing waits
		}
		for batch := range slices.Chunk(taken.entries, t.options.Batch) {
			if err := t.write(life, batch); err != nil {
				return t.giveUp(err)
			}
		}
		spare = taken.emptied(2 * t.options.Batch)
	}
}

// gather waits for an entry and for those that come soon after it. Once ctx has
// ended it does not wait.
func (t *Trail) gather(ctx context.Context) {
	t.until(ctx, 1, nil)
	timer := time.NewTimer(t.options.Every)
	defer timer.Stop()
	t.until(ctx, t.options.Batch, timer.C)
}

// until waits for so many entries, until the time is over or ctx has ended.
func (t *Trail) until(ctx context.Context, n int, over <-chan time.Time) {
	for {
		t.mu.Lock()
		enough := len(t.waiting.entries) >= n
		t.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-t.wake:
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// take gives all that waits, and goes on in spare.
func (t *Trail) take(spare gathered) gathered {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.waiting
	t.waiting = spare
	return taken
}

// write appends the batch, again and again while the store is down, until life
// ends.
func (t *Trail) write(life context.Context, batch []identity.AuditEntry) error {
	tries := 0
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := t.append(life, batch)
		if err == nil {
			t.failing.Store(nil)
			t.done(len(batch), t.written)
			return nil
		}
		t.failing.Store(&err)
		t.log.Warn("the audit trail cannot be written; it is tried again", "error", err, "entries", len(batch), "waiting", t.holds())
		if tries++; tries%siftAfter == 0 && answers(err) {
			if batch = t.sift(life, batch); len(batch) == 0 {
				return nil
			}
		}
		if !t.pause(life, pause) {
			return err
		}
	}
}

// Check is that of Health: an error while the store takes no entries. It may be read
// all that time, as where its disk is full or may only be read.
func (t *Trail) Check(context.Context) error {
	if err := t.failing.Load(); err != nil {
		return fmt.Errorf("the store takes no entries, %d wait: %w", t.holds(), *err)
	}
	return nil
}

// pause waits; false where life ends first.
func (t *Trail) pause(life context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-life.Done():
		return false
	}
}

// done counts entries that wait no longer.
func (t *Trail) done(n int, as prometheus.Counter) {
	as.Add(float64(n))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held -= n
}

// append guards the one call out of this package.
func (t *Trail) append(life context.Context, batch []identity.AuditEntry) (err error) {
	ctx, cancel := context.WithTimeout(life, t.options.Patience)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the store panicked: %v", p)
		}
		if err != nil {
			t.failures.Inc()
			if cut := ctx.Err(); cut != nil && !errors.Is(err, cut) { // a store cut short may say something else
				err = fmt.Errorf("%w: %w", cut, err)
			}
		}
	}()
	return t.store.Append(ctx, batch)
}

// giveUp tells what a stop with the store down loses.
func (t *Trail) giveUp(cause error) error {
	unwritten := t.holds()
	t.dropped.Add(float64(unwritten))
	t.log.Error("AUDIT ENTRIES ARE LOST: the store did not take them before the end", "lost", unwritten)
	return fmt.Errorf("write the rest of the audit trail: %w", cause)
}
