package tunnel

import (
	"context"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// Transport is one run of a method: type data of responses in, of requests out.
// It is not for several goroutines at once.
type Transport struct {
	engine  *Engine
	outer   string
	session *Session // once the peer has said something
	in      inbound
	out     outbound
	early   int // bytes that the peer has said before it completed a handshake
}

// Begin makes a transport for a peer that called itself outer.
func (e *Engine) Begin(outer string) *Transport { return &Transport{engine: e, outer: outer} }

// Start is the type data of the first request.
func (t *Transport) Start() []byte { return []byte{flagStart} }

// Answer is what follows a response.
type Answer struct {
	Data []byte // of the next request, unless Result is there
	// NotBefore is the moment before which it must not leave.
	NotBefore time.Time
	Result    *Result
}

// Step takes the type data of the peer's response. Room is how much type data
// the way to the peer can carry, or 0 if nobody said. An error ends the
// conversation.
func (t *Transport) Step(ctx context.Context, from identity.Source, data []byte, id byte, room int) (Answer, error) {
	if len(data) == 0 {
		return Answer{}, ErrOrder
	}
	flags, rest := data[0], data[1:]
	if flags&t.engine.method.VersionMask() != 0 {
		return Answer{}, ErrOrder // a version that was not offered
	}
	size := t.engine.opts.Fragment
	if room > 0 {
		size = max(min(size, room), minFragment)
	}
	if t.out.pending() {
		// An acknowledgement has no flags and no data (RFC 5216 section 2.1.5).
		if len(rest) > 0 || flags&(flagLength|flagMore|flagStart) != 0 {
			return Answer{}, ErrOrder
		}
		return Answer{Data: t.out.next(size)}, nil
	}
	whole, complete, err := t.in.add(flags, rest, t.limit())
	if err != nil {
		return Answer{}, err
	}
	if !complete {
		return Answer{Data: []byte{0}}, nil
	}
	// crypto/tls would keep 64 KiB of a message of the handshake that never ends.
	if !t.Established() {
		if t.early += len(whole); t.early > 2*t.limit()+maxHello {
			return Answer{}, ErrOrder
		}
	}
	if t.session == nil {
		t.session = t.engine.begin(t.outer)
	}
	out, done := t.session.step(Turn{Ctx: ctx, Source: from, ID: id, Data: whole})
	if done {
		return Answer{Result: t.session.result}, nil
	}
	t.out.put(out)
	return Answer{Data: t.out.next(size), NotBefore: t.session.notBefore}, nil
}

// limit bounds one message of the peer: only EAP-TLS has certificates in it. A
// handshake takes two of that size, for a peer that has to say hello again.
func (t *Transport) limit() int {
	if t.engine.Type() == packet.TLS {
		return maxMessage
	}
	return maxHello
}

// Established says that the peer has completed a handshake.
func (t *Transport) Established() bool { return t.session != nil && t.session.established }

// Held is how many bytes are kept of what the peer sent and has not ended.
func (t *Transport) Held() int {
	if t.Established() {
		return len(t.in.buf)
	}
	return len(t.in.buf) + t.early
}

// Judged is what the authenticator said last; nil: it was not asked.
func (t *Transport) Judged() *identity.Verdict {
	if t.session == nil {
		return nil
	}
	return t.session.judged
}

// Broken is the verdict on a peer that was sent an alert and has not
// acknowledged it: many never do. Nil: there is none, or it is known already,
// since the authenticator refused.
func (t *Transport) Broken() *identity.Verdict {
	if j := t.Judged(); t.session == nil || j != nil && j.Outcome != identity.Accepted {
		return nil
	}
	return t.session.broken
}

// Begun says that the peer has sent a first whole message.
func (t *Transport) Begun() bool { return t.session != nil }

// Close ends the session if it has not ended. It must be called once for every
// transport, and not while Step runs.
func (t *Transport) Close() {
	if t.session != nil {
		t.session.close()
	}
}
