package tunnel

import (
	"iter"
	"sync"
)

// runner is a coroutine in which one session after another runs. A handshake
// needs a deep stack: growing one anew for each session costs more than the rest
// of a coroutine.
//
//	idle ─► runs a session ⇄ waits for its peer
//	  ▲         │                  │
//	  └─ result ┘                  └─ stopped: the session unwinds, the runner ends
type runner struct {
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	session *Session
}

func newRunner() *runner {
	r := &runner{}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		for more := true; more; more = yield(struct{}{}) {
			r.session.serve()
			r.session = nil
		}
	})
	return r
}

// maxIdle bounds the runners that wait for a session, each with a stack of up to
// 32 KiB.
const maxIdle = 32

// runners keeps those that are idle. Its zero value is empty.
type runners struct {
	mu     sync.Mutex
	idle   []*runner
	closed bool
}

func (all *runners) get() *runner {
	all.mu.Lock()
	defer all.mu.Unlock()
	if n := len(all.idle); n > 0 {
		r := all.idle[n-1]
		all.idle[n-1], all.idle = nil, all.idle[:n-1]
		return r
	}
	return newRunner()
}

// put takes a runner whose session has its result.
func (all *runners) put(r *runner) {
	all.mu.Lock()
	keep := !all.closed && len(all.idle) < maxIdle
	if keep {
		all.idle = append(all.idle, r)
	}
	all.mu.Unlock()
	if !keep {
		r.stop()
	}
}

// close stops those that are idle, and every one that is put later.
func (all *runners) close() {
	all.mu.Lock()
	idle := all.idle
	all.idle, all.closed = nil, true
	all.mu.Unlock()
	for _, r := range idle {
		r.stop()
	}
}
