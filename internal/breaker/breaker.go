// Package breaker keeps requests from a system that does not answer. Time is an
// argument of every method; it does no I/O.
//
//	            failures in a row
//	┌────────┐ ──────────────────────► ┌──────┐
//	│ closed │                         │ open │ refused at once
//	└────────┘ ◄──────┐   ┌──────────► └──────┘
//	                  │   │ probe dead     │ openFor has passed
//	      probe alive │   │                ▼
//	                ┌───────────┐ ◄────────┘
//	                │ half-open │ one probe goes out; the others are refused
//	                └───────────┘
package breaker

import (
	"sync"
	"time"
)

// State is a Breaker's; see the diagram in the package doc.
type State uint8

// The states.
const (
	Closed   State = iota // requests go out
	HalfOpen              // one probe may go out
	Open                  // nothing goes out until OpenFor has passed
)

// String gives "closed", "half_open" or "open".
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half_open"
	}
	return "open"
}

// Breaker is made by New and safe for concurrent use.
type Breaker struct {
	failures int           // that many in a row open it
	openFor  time.Duration // and for so long

	mu      sync.Mutex
	state   State
	row     int       // failures in a row while closed
	until   time.Time // end of the open time
	probing bool      // the one probe is under way
	// round tells answers to requests of an earlier state from those of this
	// one: a success that began before the outage does not end it.
	round uint64
}

// New gives a closed Breaker that so many failures in a row open for a time.
func New(failures int, openFor time.Duration) *Breaker {
	return &Breaker{failures: failures, openFor: openFor}
}

// Pass is the permission for one request; it must be given back by exactly one
// call of Done.
type Pass struct{ round uint64 }

// Enter asks for a request; false while the breaker is open or the probe is
// under way.
func (b *Breaker) Enter(now time.Time) (Pass, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	if b.state == Open || b.state == HalfOpen && b.probing {
		return Pass{}, false
	}
	b.probing = b.state == HalfOpen
	return Pass{b.round}, true
}

// Sign is what a request told about the system.
type Sign uint8

// The signs.
const (
	Silent Sign = iota // nothing: it never went out, or was given up by us
	Alive              // it answered, whatever it said
	Dead               // transport error, deadline or 5xx
)

// Done books what came of a request; changed says that it opened or closed the
// breaker.
func (b *Breaker) Done(p Pass, v Sign, now time.Time) (s State, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.round != b.round {
		return b.state, false
	}
	probe := b.state == HalfOpen
	b.probing = b.probing && !probe
	switch v {
	case Alive:
		b.row = 0
		if probe {
			b.become(Closed)
		}
	case Dead:
		b.row++
		if probe || b.row >= b.failures {
			b.until = now.Add(b.openFor)
			b.become(Open)
		}
	}
	return b.state, b.round != p.round
}

// At gives the state at a moment.
func (b *Breaker) At(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	return b.state
}

// turn goes from open to half-open when its time has come.
func (b *Breaker) turn(now time.Time) {
	if b.state == Open && !now.Before(b.until) {
		b.become(HalfOpen)
	}
}

func (b *Breaker) become(s State) {
	b.state, b.row, b.probing = s, 0, false
	b.round++
}
