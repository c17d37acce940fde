package wire

import (
	"sync"
	"time"
)

// later holds replies until their moment, at most limit of them, each with a
// timer and no goroutine of its own.
type later struct {
	limit   int
	mu      sync.Mutex
	waiting map[*time.Timer]struct{}
	pending sync.WaitGroup
}

// after calls deliver once the wait is over; false where too many wait.
func (l *later) after(wait time.Duration, deliver func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) >= l.limit {
		return false
	}
	l.pending.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		_, mine := l.waiting[timer]
		delete(l.waiting, timer)
		l.mu.Unlock()
		if mine {
			defer l.pending.Done()
			deliver()
		}
	})
	l.waiting[timer] = struct{}{}
	return true
}

// wait returns when nothing waits any more.
func (l *later) wait() { l.pending.Wait() }

// stop gives up what waits and says how much that was.
func (l *later) stop() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	given := len(l.waiting)
	for timer := range l.waiting {
		timer.Stop()
		delete(l.waiting, timer)
		l.pending.Done()
	}
	return given
}
