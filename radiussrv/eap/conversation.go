package eap

import (
	"container/list"
	"context"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// state is a conversation's random name, which comes back with every message.
type state [16]byte

// conversation is one peer's way from its name to a verdict.
type conversation struct {
	state     state
	nas       nasKey
	source    identity.Source // as it began
	outer     string
	left      []packet.Type // methods that were not offered yet
	method    packet.Type
	transport *tunnel.Transport
	answered  bool // the peer has taken the method up
	told      bool // its refusal is known
	trips     int
	id        byte      // of the request that waits for its answer
	last      []byte    // that request
	notBefore time.Time // the moment before which it must not leave, repeated or not

	// The table's.
	begun, heard  time.Time
	stage         stage
	places        int
	busy, removed bool
	silent        bool // its time was over while the peer had the word
	age, place    *list.Element
}

// offer turns to a method.
func (s *Server) offer(c *conversation, t packet.Type) {
	c.method, c.transport = t, s.engines[t].Begin(c.outer)
	c.left = slices.DeleteFunc(slices.Clone(c.left), func(o packet.Type) bool { return o == t })
}

// reached is the conversation's stage.
func (c *conversation) reached() stage {
	switch {
	case c.transport.Established():
		return established
	case c.transport.Begun():
		return shaking
	}
	return asked
}

// morePlaces is how much of what its peer sent costs a conversation one place
// more: crypto/tls keeps it up to three times.
const morePlaces = 2 << 10

// weight is how many places the conversation takes.
func (c *conversation) weight() int { return 1 + c.transport.Held()/morePlaces }

// request makes the next request, and keeps it for a peer that has not got it.
func (c *conversation) request(previous byte, data []byte, notBefore time.Time) Result {
	c.id, c.notBefore = previous+1, notBefore
	c.last = packet.Packet{Code: packet.Request, ID: c.id, Type: c.method, Data: data}.Bytes()
	return c.repeat()
}

func (c *conversation) repeat() Result {
	return Result{Message: c.last, State: slices.Clone(c.state[:]), NotBefore: c.notBefore}
}

// typeHeader is what an EAP packet has before its type data.
const typeHeader = 5

// step answers one response.
func (s *Server) step(ctx context.Context, c *conversation, in Request, p packet.Packet) Result {
	if c.trips++; c.trips > s.opts.RoundTrips {
		s.metrics.end(endTrips)
		v := identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonRoundTrips}
		s.refused(c, v)
		return failed(p.ID, v)
	}
	switch {
	case p.ID != c.id:
		// Answered before, or never asked: whoever lost our request needs it
		// again, and nobody else gets anywhere.
		return c.repeat()
	case p.Type == packet.Nak && !c.answered:
		return s.nak(c, p)
	case p.Type != c.method:
		return c.repeat()
	}
	c.answered = true
	room := 0
	if in.MTU > 0 {
		room = max(in.MTU-typeHeader, 1)
	}
	a, err := c.transport.Step(ctx, in.Source, p.Data, p.ID, room)
	switch {
	case err != nil:
		s.metrics.ended(c.method, false, identity.Malformed)
		s.refused(c, tunnel.Malformed())
		return failed(p.ID, tunnel.Malformed())
	case a.Result == nil:
		next := c.request(p.ID, a.Data, a.NotBefore)
		if v := c.transport.Broken(); v != nil {
			s.refused(c, *v)
			next.Alert = v.Reason
		}
		return next
	}
	s.metrics.ended(c.method, a.Result.Resumed, a.Result.Verdict.Outcome)
	if a.Result.Verdict.Outcome != identity.Accepted {
		if a.Result.Own {
			s.refused(c, a.Result.Verdict)
		}
		return failed(p.ID, a.Result.Verdict)
	}
	s.habits.set(in.Source.Device, c.method)
	return Result{
		Message: packet.Packet{Code: packet.Success, ID: p.ID}.Bytes(),
		Verdict: a.Result.Verdict, MSK: a.Result.MSK,
	}
}

// nak offers the next method that the peer wants (RFC 3748 section 5.3.1).
func (s *Server) nak(c *conversation, p packet.Packet) Result {
	next, ok := packet.Choose(c.left, p.Data)
	if !ok {
		s.metrics.end(endMethod)
		v := identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}
		s.refused(&conversation{source: c.source, outer: c.outer}, v)
		return failed(p.ID, v)
	}
	s.offer(c, next)
	return c.request(p.ID, c.transport.Start(), time.Time{})
}
