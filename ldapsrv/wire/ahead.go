package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// ahead reads requests while one is served, so that an Abandon finds something
// to abandon and a client that is gone is noticed. Connections begin without:
// their one goroutine reads and serves in turn, which is faster. Conn.Watch
// starts it, and it ends with the first request that must be alone (bind,
// StartTLS, unbind), with a large one, and with the connection.
type ahead struct {
	queue chan *queued
	done  chan struct{} // closed when the goroutine is gone and err is set
	err   error         // why it ended; nil: the connection goes on without it
	over  atomic.Bool   // the client sends nothing more
	now   *queued       // what is served
	first *pduReader    // holds the request that began it, until that is answered
}

// queued is a request that was read ahead.
type queued struct {
	m         Message
	last      bool // nothing is read ahead behind it
	abandoned atomic.Bool
	leave     atomic.Pointer[context.CancelFunc] // ends what it waits for
	cancel    cancel
}

// abandon says that nobody wants the answer.
func (q *queued) abandon() {
	q.abandoned.Store(true)
	q.stopWaiting()
}

func (q *queued) stopWaiting() {
	if leave := q.leave.Load(); leave != nil {
		(*leave)()
	}
}

// Watch is called by a session while a request is served that takes long. From then on
// Abandoned answers for this request; its memory stays valid.
func (c *Conn) Watch() {
	if c.ahead != nil {
		if !c.ahead.now.last {
			return
		}
		<-c.ahead.done // and is begun anew behind this request
	}
	c.Flush() // answers to requests before this one do not wait for it
	// The request lies in the old reader's buffer, which nobody touches any
	// more until it is answered; what came behind it moves to a fresh one.
	a := &ahead{
		first: c.reader,
		queue: make(chan *queued, c.server.opt.Limits.InFlight-1),
		done:  make(chan struct{}),
		now:   &queued{m: c.request},
	}
	a.now.m.Body, a.now.m.Controls = nil, nil
	c.reader = a.first.split()
	c.ahead = a
	go c.readAhead(a, a.now)
}

// Abandoned says that the client no longer wants the answer to the request that
// is served: it sent an Abandon (RFC 4511 section 4.11) or a Cancel (see Canceled),
// or is gone. It tells only after Watch.
func (c *Conn) Abandoned() bool {
	return c.ahead != nil && c.ahead.now.abandoned.Load() || c.failed != nil || c.ctx.Err() != nil
}

// Wait is Watch for a session that is about to wait for something else than the
// client. ctx ends with the connection, when Abandoned says that nobody wants the
// answer, and when the client has said that it sends nothing more: it may still
// read an answer, but hardly waits for one. done gives back what that takes.
func (c *Conn) Wait() (ctx context.Context, done context.CancelFunc) {
	c.Watch()
	c.Flush()
	ctx, done = context.WithCancel(c.ctx)
	q := c.ahead.now
	q.leave.Store(&done)
	if q.abandoned.Load() || c.ahead.over.Load() { // before anybody could know of leave
		done()
	}
	return ctx, done
}

func (c *Conn) readAhead(a *ahead, first *queued) {
	defer close(a.done)
	defer close(a.queue)
	defer func() {
		if p := recover(); p != nil {
			c.server.fault(p)
			a.err = ErrBER
		}
	}()
	recent := []*queued{first}
	for {
		q, err := c.readQueued()
		if err != nil {
			a.err = err
			if !errors.Is(err, io.EOF) && !c.stopping.Load() {
				abandonAll(recent) // nobody is there
			}
			a.over.Store(true)
			for _, q := range recent {
				q.stopWaiting()
			}
			return
		}
		switch q.m.Op {
		case OpAbandonRequest:
			abandon(recent, q.m.Body)
			continue
		case OpUnbindRequest: // RFC 4511 section 4.3: nobody waits for the answers
			abandonAll(recent)
		case OpExtendedRequest:
			if value, ok := isCancel(q.m.Body); ok {
				q.aim(recent, value)
			}
		}
		// At most the queue, the one in service and the one at the door.
		if recent = append(recent, q); len(recent) > cap(a.queue)+2 {
			recent = recent[1:]
		}
		select {
		case a.queue <- q:
		case <-c.ctx.Done():
			a.err = c.ctx.Err()
			return
		}
		if q.last {
			return
		}
	}
}

// readQueued reads one request into memory of its own.
func (c *Conn) readQueued() (q *queued, err error) {
	b, err := c.read()
	if err != nil {
		return nil, err
	}
	q = &queued{last: c.reader.held > 0}
	if !q.last {
		b = bytes.Clone(b)
	}
	if q.m, err = ParseMessage(b); err != nil {
		return nil, err
	}
	switch q.m.Op {
	case OpBindRequest, OpUnbindRequest:
		q.last = true
	case OpExtendedRequest:
		_, cancels := isCancel(q.m.Body)
		q.last = q.last || !cancels
	}
	return q, nil
}

// abandon marks the request that an Abandon names. Binds and StartTLS cannot be
// abandoned (RFC 4511 section 4.11); of StartTLS the sessions never ask.
func abandon(recent []*queued, body []byte) {
	id, err := Int(body)
	if err != nil {
		return
	}
	for _, q := range recent {
		if q.m.ID == id && q.m.Op != OpBindRequest {
			q.abandon()
		}
	}
}

func abandonAll(list []*queued) {
	for _, q := range list {
		q.abandon()
	}
}

// next gives the oldest request that was read ahead; false when no more come,
// or when the client takes no answers any more.
func (a *ahead) next(c *Conn) (Message, bool) {
	for {
		var q *queued
		select {
		case q = <-a.queue:
		default:
			if c.rest(); c.failed != nil {
				return Message{}, false
			}
			c.fallSilent() // it may have been signed out meanwhile
			q = <-a.queue
			c.waiting(false)
		}
		if q == nil {
			<-a.done
			return Message{}, false
		}
		a.now = q
		if q.abandoned.Load() && (q.m.Op == OpSearchRequest || q.m.Op == OpCompareRequest) {
			if q.cancel.grant() {
				c.Reply(q.m.ID, ResponseOf(q.m.Op), Result{Code: Canceled})
			}
			continue
		}
		return q.m, true
	}
}
