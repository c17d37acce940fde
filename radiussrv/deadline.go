package radiussrv

import (
	"context"
	"sync"
	"time"

	"schoolbridge/radiussrv/wire"
)

// lazyDeadline is a context whose timer starts when somebody first waits for
// it. Nearly every sign-in is decided in memory, and there the timer, its lock
// and its removal would cost more than the rest of the front-end's work.
//
// Contexts derived from it find the real one through Value, as they would find
// any of the standard library's.
type lazyDeadline struct {
	parent context.Context
	until  time.Time

	mu      sync.Mutex
	watched context.Context // the real one, once somebody waits
	cancel  context.CancelFunc
	ended   bool
}

// within gives a request the time that is left of decideWithin since its
// arrival. The cancel function has to be called.
func (s *Server) within(parent context.Context, r *wire.Received) (context.Context, context.CancelFunc) {
	// What is left by the server's clock, on the clock that contexts go by.
	l := &lazyDeadline{parent: parent, until: time.Now().Add(decideWithin - s.opts.Now().Sub(r.At))}
	return l, l.end
}

func (l *lazyDeadline) watch() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched == nil {
		l.watched, l.cancel = context.WithDeadline(l.parent, l.until)
		if l.ended {
			l.cancel()
		}
	}
	return l.watched
}

func (l *lazyDeadline) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.cancel != nil {
		l.cancel()
	}
}

// Deadline gives the parent's where that is earlier.
func (l *lazyDeadline) Deadline() (time.Time, bool) {
	if d, ok := l.parent.Deadline(); ok && d.Before(l.until) {
		return d, true
	}
	return l.until, true
}

// Done starts the timer.
func (l *lazyDeadline) Done() <-chan struct{} { return l.watch().Done() }

// Err needs no timer.
func (l *lazyDeadline) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.watched != nil:
		return l.watched.Err()
	case l.parent.Err() != nil:
		return l.parent.Err()
	case !time.Now().Before(l.until):
		return context.DeadlineExceeded
	case l.ended:
		return context.Canceled
	}
	return nil
}

// Value finds the real context's own once there is one.
func (l *lazyDeadline) Value(key any) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched != nil {
		return l.watched.Value(key)
	}
	return l.parent.Value(key)
}
