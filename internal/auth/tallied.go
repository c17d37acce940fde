package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/identity"
)

// Bounds of what a sign-in may spend on the common count.
const (
	tallyRest    = 5 * time.Second // without another try after the store failed
	tallyBatch   = 256             // questions and answers in one transaction
	tallyWaiting = 4096            // of each that may wait for theirs
)

// errTallyBusy says that too many wait for the store already.
var errTallyBusy = errors.New("too many wait to be counted")

// tallied is the common count as one daemon uses it. Those who come while a
// transaction is under way share the next one.
type tallied struct {
	of       Tally         // nil: this daemon counts alone
	alone    bool          // Options.TallyAlone
	patience time.Duration // Options.TallyTimeout
	now      func() time.Time
	log      *slog.Logger
	life     context.Context
	begin    func() bool // Authenticator.begin
	end      func()
	rest     atomic.Int64 // the store is not asked before, Unix ns

	mu   sync.Mutex
	asks []*asking
	ends []Ended
	busy bool
}

// asking is one who waits for a place.
type asking struct {
	Ask
	left atomic.Bool // whoever sets it first has the last word: the one who waits, or the one who answers
	done chan struct{}
	Counted
	err error
}

// place says whether a login may be asked about, after a place was taken for that. It
// waits no longer than patience; without an answer the zero Counted lets it be
// asked, as each daemon's own guard allows.
func (c *tallied) place(ctx context.Context, q Ask) Counted {
	if c.of == nil || c.resting() {
		return Counted{}
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	s, err := c.of.Look(ctx, q)
	if err != nil {
		c.failed(err)
		return Counted{}
	}
	if s.Reason != "" || c.alone {
		return s
	}
	a := &asking{Ask: q, done: make(chan struct{})}
	if !c.push(a, nil) {
		c.failed(errTallyBusy)
		return Counted{}
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		if !a.left.Swap(true) {
			c.failed(ctx.Err())
			return Counted{}
		}
		<-a.done
	}
	if a.err != nil {
		c.failed(a.err)
		return Counted{}
	}
	return a.Counted
}

// ended has the end of a question written; nobody waits for that.
func (c *tallied) ended(e Ended) {
	if c.of != nil && (e.Refused || e.Hold != "" || e.Clears != ClearsNothing || e.Place != [16]byte{}) {
		c.push(nil, &e)
	}
}

func (c *tallied) resting() bool {
	left := time.Duration(c.rest.Load() - c.now().UnixNano())
	return 0 < left && left <= tallyRest // more is of a clock that was set back
}

// failed lets the store rest. One line tells of it.
func (c *tallied) failed(err error) {
	if c.resting() || c.life.Err() != nil {
		return
	}
	c.rest.Store(c.now().Add(tallyRest).UnixNano())
	c.log.Warn("auth: the store does not count refusals: each daemon counts by itself for now", "error", err)
}

// push adds one who waits, or an end, and sees that somebody writes. It says whether
// there was room.
func (c *tallied) push(a *asking, e *Ended) bool {
	c.mu.Lock()
	switch {
	case a != nil && len(c.asks) < tallyWaiting:
		c.asks = append(c.asks, a)
	case e != nil && len(c.ends) < tallyWaiting:
		c.ends = append(c.ends, *e)
	default:
		c.mu.Unlock()
		return false
	}
	idle := !c.busy
	c.busy = true
	c.mu.Unlock()
	switch {
	case !idle:
	case c.begin():
		go func() { defer c.end(); c.write() }()
	default: // Close has begun, and waits for whoever calls this
		c.write()
	}
	return true
}

// write writes until nothing is left to be written.
func (c *tallied) write() {
	for {
		c.mu.Lock()
		asks, ends := c.asks[:min(len(c.asks), tallyBatch)], c.ends[:min(len(c.ends), tallyBatch)]
		c.asks, c.ends = c.asks[len(asks):], c.ends[len(ends):]
		if len(asks)+len(ends) == 0 {
			c.asks, c.ends, c.busy = nil, nil, false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if !c.book(asks, ends) {
			return
		}
	}
}

// book writes one batch, and says whether to go on. Ends that could not be written
// go with whatever comes next, as long as they count.
func (c *tallied) book(asks []*asking, ends []Ended) bool {
	ctx, cancel := context.WithTimeout(c.life, saveTimeout)
	defer cancel()
	questions := make([]Ask, len(asks))
	for i, a := range asks {
		questions[i] = a.Ask
	}
	found, err := c.of.Book(ctx, questions, ends)
	for i, a := range asks {
		if a.err = err; err == nil {
			a.Counted = found[i]
		}
		if a.left.Swap(true) && err == nil && a.Place != [16]byte{} { // who asked has gone on without
			c.ended(Ended{Ask: a.Ask, Place: a.Place})
		}
		close(a.done)
	}
	if err == nil {
		return true
	}
	c.failed(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range ends {
		if c.now().Sub(e.At) < e.Window && len(c.ends) < tallyWaiting {
			c.ends = append(c.ends, e)
		}
	}
	for _, a := range c.asks { // they would wait for the same
		a.err = err
		a.left.Store(true)
		close(a.done)
	}
	c.asks, c.busy = nil, false
	return false
}

// tally is the question of a try, asked at the moment now.
func (a *Authenticator) tally(t *try, m Marks, now time.Time) Ask {
	return Ask{Login: t.key, Nobody: t.phantom, Epoch: t.epoch, Marks: m, Share: a.guard.share(t), Window: a.opt.LoginWindow,
		Web: t.channel == identity.ChannelWeb, At: now}
}

// count takes a place for a try that the guard has let pass, or says why there is none;
// then nothing is to be settled any more.
func (a *Authenticator) count(ctx context.Context, t *try, m Marks) identity.Reason {
	if a.tallied.of == nil {
		return ""
	}
	now := a.opt.Now()
	s := a.tallied.place(ctx, a.tally(t, m, now))
	t.place = s.Place
	a.guard.learn(t, m, s, now)
	if s.Reason != "" {
		a.guard.settle(t, m, answerNone, now)
	}
	return s.Reason
}

// book books an answer with the guard, and for all daemons.
func (a *Authenticator) book(t *try, m Marks, what answer, now time.Time) {
	tag, clears := a.guard.settle(t, m, what, now)
	if a.tallied.of == nil {
		return
	}
	e := Ended{Ask: a.tally(t, m, now), Place: t.place, Refused: what == answerWrong || what == answerStale, Tag: tag, Clears: clears, Hold: holding[what]}
	a.tallied.ended(e)
}
