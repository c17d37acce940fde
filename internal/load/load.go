// Package load signs many people in, at a rate or as many at once, and tells
// how a server bears it: for planning capacity, against any server.
//
// With a rate the loop is open: sign-in number n has its moment, whatever became
// of those before, and its latency counts from that moment, also where it could
// only begin later because too many were under way. So a server that stops for
// a second is seen to have kept a second's people waiting. Without a rate the
// loop is closed: so many devices, each beginning anew when it is done and has
// thought.
//
// What is kept is bounded: the users, a histogram, and the tickets of at most
// 4096 devices. What the sign-ins are, Run does not know; RADIUS and LDAP are kinds.
//
// Start reading at Run.
package load

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/said"
)

// Options say how much. Rate or Concurrency must be set.
type Options struct {
	Rate float64 // sign-ins a second; 0: closed loop
	// Concurrency is how many are under way at once: with a rate at most, 1024 if
	// zero; else always.
	Concurrency int
	Duration    time.Duration
	Count       uint64        // at most so many sign-ins; 0: as many as come
	Ramp        time.Duration // from nothing to all, at the beginning
	Think       time.Duration // closed loop: between two sign-ins of a device, give or take a half
	// Progress is called every five seconds with what there is; it may be nil.
	Progress func(Report)

	// until waits for a moment; false if ctx ended. Tests have a clock of their own.
	until func(ctx context.Context, t time.Time) bool
}

// Sample is how one sign-in ended.
type Sample struct {
	Outcome string // a word of a small set
	Problem string // another, "" where all is well
	Rounds  int
	Repeats int // requests sent again
	Resumed bool
	Entries uint64 // that a search gave
}

// The bounds of Options.
const (
	maxConcurrency = 65536
	maxRate        = 1e6
)

func (o *Options) check() error {
	if o.Rate != 0 && o.Concurrency == 0 {
		o.Concurrency = 1024
	}
	if o.until == nil {
		o.until = until
	}
	switch {
	case !(o.Rate >= 0 && o.Rate <= maxRate), o.Concurrency < 1, o.Concurrency > maxConcurrency:
		return said.New("нужна частота до миллиона в секунду или число одновременных до 65536 / a rate of up to a million a second or a number at once of up to 65536 is needed")
	case o.Duration <= 0 || o.Ramp < 0 || o.Ramp > o.Duration || o.Think < 0:
		return said.New("длительность должна быть больше нуля, разгон — внутри неё / the duration must be positive, and the ramp within it")
	case o.Rate > 0 && o.Think > 0:
		return said.New("пауза бывает при числе одновременных: при частоте люди друг друга не ждут / time to think belongs to a number at once: at a rate, people do not wait for each other")
	}
	return nil
}

// at gives the moment of sign-in n at a rate: the ramp's share grows evenly.
func (o *Options) at(n uint64) time.Duration {
	ramp := o.Ramp.Seconds()
	inRamp := o.Rate * ramp / 2
	var s float64
	if float64(n) < inRamp {
		s = math.Sqrt(2 * float64(n) * ramp / o.Rate)
	} else {
		s = ramp/2 + float64(n)/o.Rate
	}
	return time.Duration(s * float64(time.Second))
}

// planned says how many sign-ins have their moment within d.
func (o *Options) planned(d time.Duration) uint64 {
	n := o.Rate * (d.Seconds() - o.Ramp.Seconds()/2)
	if d < o.Ramp {
		n = o.Rate * d.Seconds() * d.Seconds() / 2 / o.Ramp.Seconds()
	}
	return uint64(math.Ceil(max(n, 0)))
}

// Run calls do for sign-ins 0, 1, 2 … until the duration or ctx ends, waits for
// those under way, and reports. The error says what is wrong with the options.
func Run(ctx context.Context, o Options, do func(ctx context.Context, n uint64) Sample) (Report, error) {
	if err := o.check(); err != nil {
		return Report{}, err
	}
	r := &run{o: o, do: do, began: time.Now(), tally: newTally()}
	stop, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	var workers sync.WaitGroup
	begin := make(chan moment)
	if o.Rate > 0 {
		workers.Go(func() { r.dispatch(stop, begin) })
	}
	for w := range o.Concurrency {
		workers.Go(func() {
			if o.Rate > 0 {
				r.open(ctx, begin)
			} else {
				r.closed(ctx, stop, w)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		workers.Wait()
		close(done)
	}()
	r.watch(done)
	return r.report(), nil
}

// run is one Run.
type run struct {
	o       Options
	do      func(context.Context, uint64) Sample
	began   time.Time
	next    atomic.Uint64
	started atomic.Uint64
	tally   *tally
}

// watch waits for the end and tells of the progress.
func (r *run) watch(done <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if r.o.Progress != nil {
				r.o.Progress(r.report())
			}
		}
	}
}

// moment is when a sign-in is to begin.
type moment struct {
	n  uint64
	at time.Time
}

// dispatch hands out the moments as they come. Where nobody is free it waits,
// and the moments after it are late; what has not begun by the end, does not.
func (r *run) dispatch(stop context.Context, begin chan<- moment) {
	defer close(begin)
	for n := uint64(0); !r.enough(n) && r.o.at(n) < r.o.Duration; n++ {
		m := moment{n, r.began.Add(r.o.at(n))}
		if !r.o.until(stop, m.at) {
			return
		}
		select {
		case begin <- m:
		case <-stop.Done():
			return
		}
	}
}

// open signs in whenever a moment comes.
func (r *run) open(ctx context.Context, begin <-chan moment) {
	for m := range begin {
		r.one(ctx, m.n, m.at)
	}
}

// closed is one device.
func (r *run) closed(ctx, stop context.Context, w int) {
	if !sleep(stop, r.o.Ramp*time.Duration(w)/time.Duration(r.o.Concurrency)) {
		return
	}
	for {
		n := r.next.Add(1) - 1
		if r.enough(n) {
			return
		}
		r.one(ctx, n, time.Now())
		if !sleep(stop, jitter(r.o.Think, n)) {
			return
		}
	}
}

func (r *run) enough(n uint64) bool { return r.o.Count > 0 && n >= r.o.Count }

// one signs in and counts.
func (r *run) one(ctx context.Context, n uint64, intended time.Time) {
	r.started.Add(1)
	started := time.Now()
	s := r.do(ctx, n)
	if ctx.Err() != nil {
		return // cut off by us: it says nothing of the server
	}
	ended := time.Now()
	r.tally.add(s, ended.Sub(intended), ended.Sub(started), started.Sub(intended) > late)
}

// late is a start that a person would notice.
const late = 10 * time.Millisecond

// sleep waits; false if ctx ended before or while.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads d from its half to one and a half, evenly by the golden ratio.
func jitter(d time.Duration, n uint64) time.Duration {
	_, part := math.Modf(float64(n) * 0.6180339887498949)
	return time.Duration(float64(d) * (0.5 + part))
}
