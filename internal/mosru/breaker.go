package mosru

import (
	"sync"
	"time"
)

// State is the breaker's; see the diagram in the package doc.
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

// breaker keeps requests from an upstream that does not answer. Time is an
// argument of every method.
type breaker struct {
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

// pass is the permission for one request; it must be given back by exactly one
// call of done.
type pass struct{ round uint64 }

// enter asks for a request; false while the breaker is open or the probe is
// under way.
func (b *breaker) enter(now time.Time) (pass, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	if b.state == Open || b.state == HalfOpen && b.probing {
		return pass{}, false
	}
	b.probing = b.state == HalfOpen
	return pass{b.round}, true
}

// verdict is what a request told about the upstream.
type verdict uint8

const (
	silent verdict = iota // nothing: it never went out, or was given up by us
	alive                 // it answered, whatever it said
	dead                  // transport error, deadline or 5xx
)

// done books what came of a request; changed says that it opened or closed the
// breaker.
func (b *breaker) done(p pass, v verdict, now time.Time) (s State, changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.round != b.round {
		return b.state, false
	}
	probe := b.state == HalfOpen
	b.probing = b.probing && !probe
	switch v {
	case alive:
		b.row = 0
		if probe {
			b.become(Closed)
		}
	case dead:
		b.row++
		if probe || b.row >= b.failures {
			b.until = now.Add(b.openFor)
			b.become(Open)
		}
	}
	return b.state, b.round != p.round
}

// at gives the state at a moment.
func (b *breaker) at(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	return b.state
}

// turn goes from open to half-open when its time has come.
func (b *breaker) turn(now time.Time) {
	if b.state == Open && !now.Before(b.until) {
		b.become(HalfOpen)
	}
}

func (b *breaker) become(s State) {
	b.state, b.row, b.probing = s, 0, false
	b.round++
}
