package wire

import "sync/atomic"

// OIDCancel names the Cancel operation (RFC 3909): Abandon with two answers, that
// of the request that is canceled and its own.
const OIDCancel = "1.3.6.1.1.8"

// cancel is what a request that was read ahead knows of cancelling.
type cancel struct {
	wanted  atomic.Bool // somebody cancels it
	granted bool        // it was answered so
	// Of a Cancel itself: what it cancels, and where that is nothing, why.
	of  *queued
	why Code
}

// isCancel says that an extended request is a Cancel, and gives its value.
func isCancel(body []byte) (value []byte, ok bool) {
	name, body, err := Expect(body, 0x80)
	if err != nil || string(name) != OIDCancel {
		return nil, false
	}
	value, _, _ = Expect(body, 0x81) // without one it names nothing
	return value, true
}

// parseCancel reads a cancelRequestValue (RFC 3909 section 2.1).
func parseCancel(value []byte) (id int32, ok bool) {
	body, rest, err := Expect(value, TagSequence)
	if err != nil || len(rest) > 0 {
		return 0, false
	}
	number, rest, err := Expect(body, TagInteger)
	if err != nil || len(rest) > 0 {
		return 0, false
	}
	if id, err = Int(number); err != nil || id < 0 {
		return 0, false
	}
	return id, true
}

// aim finds what a Cancel cancels, the newest request with the number, and has it
// end. What is served at once cannot be canceled, what was abandoned is nothing.
func (q *queued) aim(recent []*queued, value []byte) {
	q.cancel.why = NoSuchOperation
	id, ok := parseCancel(value)
	for i := len(recent) - 1; ok && i >= 0; i-- {
		one := recent[i]
		switch {
		case one.m.ID != id:
			continue
		case one.m.Op != OpSearchRequest && one.m.Op != OpCompareRequest:
			q.cancel.why = CannotCancel
		case !one.abandoned.Load():
			q.cancel.of, q.cancel.why = one, TooLate
			one.cancel.wanted.Store(true)
			one.abandon()
		}
		return
	}
}

// Canceled says that the request that is served, of which Abandoned says that the
// client does not want it, has to be answered with Canceled.
func (c *Conn) Canceled() bool { return c.ahead != nil && c.ahead.now.cancel.grant() }

func (k *cancel) grant() bool {
	k.granted = k.wanted.Load()
	return k.granted
}

// Cancel is the answer to a Cancel with this value that is served: what came
// before it has been answered.
func (c *Conn) Cancel(value []byte) Code {
	if _, ok := parseCancel(value); !ok {
		return ProtocolError
	}
	if c.ahead == nil { // nothing was under way when it was read
		return NoSuchOperation
	}
	if k := &c.ahead.now.cancel; k.of == nil {
		return k.why
	} else if !k.of.cancel.granted {
		return TooLate
	}
	return Success
}
