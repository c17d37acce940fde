// Package eap is the EAP server (RFC 3748): it holds conversations, chooses the
// method with the peer and takes it to a verdict and keys. It knows EAP and no
// RADIUS attribute; what carries its messages hands them over one by one.
//
//	no state: empty ─► Request/Identity             (nothing is kept)
//	          Response/Identity ─► conversation, Start of the first method: the
//	                               device's last (habits), else Options.Methods[0]
//
//	          ┌───────────── Nak: next method that the peer names; none ─► Failure
//	          ▼          │
//	Start ─► asked ──────┤
//	                     └─ answered ─► shaking ─► established ─► Success with keys, or Failure
//
//	with state, at every point:
//	  another identifier or type ─► the last request again (RFC 3748 section 4.1: nothing is done)
//	  out of order               ─► Failure
//	  unknown state              ─► Failure: too old, pushed out, or of another NAS
//
// What is offered is EAP-TTLS, PEAP and EAP-TLS, each a package: ttls, peap,
// eaptls over tunnel, which is TLS; inner, with mschapv2, is the EAP inside.
// resume remembers who may come back with a ticket. MD5, GTC and MSCHAPv2 bare,
// outside a tunnel, are offered to nobody: over the air they give the password
// away, and make no keys.
//
// Limits: conversations in all and for each NAS, their age and their round trips
// (Options); a message of the peer 4 KiB, of EAP-TLS 16 KiB. A conversation in the
// handshake holds 17 KiB: 8 of stack, 6 of crypto/tls, the rest ours; more than 2
// KiB from its peer count as further conversations.
//
// Start reading at Server.Exchange.
package eap

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/radiussrv/eap/eaptls"
	"schoolbridge/radiussrv/eap/inner"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/peap"
	"schoolbridge/radiussrv/eap/resume"
	"schoolbridge/radiussrv/eap/ttls"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Request is one message of a peer.
type Request struct {
	Source  identity.Source
	Message []byte // one EAP packet; empty asks us to begin
	State   []byte // as last given out for this peer, or nil
	// MTU is what the way to the peer carries, in bytes of EAP; 0: not known.
	MTU int
}

// Result is the server's answer.
type Result struct {
	// Message is the EAP packet to send. Nil is silence: a step of the same
	// conversation is in work.
	Message []byte
	State   []byte // goes with a request
	// NotBefore is the moment before which a request must not leave.
	NotBefore time.Time
	// Alert is why a request carries an alert of TLS; the peer may never answer it.
	Alert identity.Reason
	// Verdict ends the conversation; its zero value goes on.
	Verdict identity.Verdict
	// MSK is there where accepted: the Master Session Key (RFC 3748 section
	// 7.10). The peer sends with the first half and receives with the second.
	MSK *[64]byte
}

// Options says what a Server needs; Auth and Certificates are required.
type Options struct {
	Auth tunnel.Authenticator
	// Certificates gives the server's, the preferred first. Asked for every
	// handshake, so that a reload counts at once.
	Certificates func() []tls.Certificate
	// Methods in the order in which they are offered: packet.TTLS, PEAP, TLS.
	// Nil: PEAP, TTLS, and TLS where Trust is set. A device is offered first by
	// what it came in last.
	Methods []packet.Type
	// Inner are the EAP methods inside TTLS and PEAP, in the order in which they
	// are offered. Nil: MSCHAPv2, GTC.
	Inner []packet.Type
	// Trust gives the authorities of peers' certificates, for EAP-TLS.
	Trust func() *trust.Set
	// Whose says to whom a name belongs; nil: names inside and outside are not
	// compared.
	Whose func(name string) (identity.PersonID, bool)
	// Outer is what devices are told to call themselves outside, beside
	// "anonymous"; with any realm.
	Outer string
	// Refused is told what became of conversations that the authenticator did
	// not end. It must not wait. Nil: nobody is.
	Refused func(Refusal)

	// Resumption is how long after a full handshake a session may be resumed;
	// 0: never. Ledger and Keys, where replicas share them, else each its own.
	Resumption time.Duration
	Ledger     resume.Ledger
	Keys       tunnel.Keys
	Listener   string // tickets of one are none of another's

	Conversations int           // at once; 10,000, of 17 KiB each in the handshake; see table
	Share         int           // of them for one NAS; half
	Lifetime      time.Duration // of a conversation; 60 s
	RoundTrips    int           // of a conversation; 100
	// Fragment is the most bytes of a request's type data; 1024. A P-256
	// certificate goes in one; with much more, the datagrams would be fragments
	// of IP wherever a tunnel lies between NAS and server.
	Fragment int
	Metrics  prometheus.Registerer
	Now      func() time.Time
	Random   io.Reader
}

// Server is an EAP server for any number of NASes.
type Server struct {
	opts    Options
	engines map[packet.Type]*tunnel.Engine
	table   *table
	habits  *habits
	metrics *metrics
}

// New makes a server. Close ends it.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	for _, t := range o.Inner {
		if !slices.Contains(inner.Methods(), t) {
			return nil, fmt.Errorf("%v is no method for the inside of a tunnel", t)
		}
	}
	if len(o.Methods) == 0 || len(o.Inner) == 0 {
		return nil, errors.New("EAP needs a method, and one inside")
	}
	s := &Server{opts: o, engines: make(map[packet.Type]*tunnel.Engine), habits: newHabits()}
	shared := tunnel.Options{
		Auth: o.Auth, Certificates: o.Certificates, Whose: o.Whose, Outer: o.Outer, Lifetime: o.Resumption, Ledger: o.Ledger, Keys: o.Keys,
		Listener: o.Listener, Fragment: o.Fragment, Now: o.Now, Random: o.Random,
	}
	for _, t := range o.Methods {
		var m tunnel.Method
		switch {
		case t == packet.TTLS:
			m = ttls.Method{Inner: o.Inner}
		case t == packet.PEAP:
			m = peap.Method{Inner: o.Inner}
		case t == packet.TLS && o.Trust != nil:
			m = eaptls.Method{Trust: o.Trust}
		case t == packet.TLS:
			return nil, errors.New("EAP-TLS needs the authorities of the clients' certificates")
		default:
			return nil, fmt.Errorf("EAP method %v is not offered outside a tunnel", t)
		}
		e, err := tunnel.New(m, shared)
		if err != nil {
			return nil, err
		}
		s.engines[t] = e
	}
	s.metrics = newMetrics(o.Metrics, s)
	s.table = newTable(o.Conversations, o.Share, o.Lifetime, o.Now, s.metrics.end)
	s.table.silent = s.silent
	return s, nil
}

func (o Options) withDefaults() Options {
	set := func(n *int, usual int) {
		if *n <= 0 {
			*n = usual
		}
	}
	set(&o.Conversations, 10_000)
	set(&o.Share, max(o.Conversations/2, 1))
	set(&o.RoundTrips, 100)
	set(&o.Fragment, 1024)
	if o.Lifetime <= 0 {
		o.Lifetime = time.Minute
	}
	if o.Methods == nil {
		o.Methods = []packet.Type{packet.PEAP, packet.TTLS}
		if o.Trust != nil {
			o.Methods = append(o.Methods, packet.TLS)
		}
	}
	if o.Inner == nil {
		o.Inner = []packet.Type{packet.MSCHAPv2, packet.GTC}
	}
	if o.Resumption > 0 && o.Ledger == nil {
		o.Ledger = resume.NewMemory(1 << 16)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

// Close ends all conversations.
func (s *Server) Close() {
	s.table.close()
	for _, e := range s.engines {
		e.Close()
	}
}

// Conversations is how many wait for their peer.
func (s *Server) Conversations() int { return s.table.size() }

// Underway is how many conversations go on: their peers were heard of within a time.
func (s *Server) Underway(within time.Duration) int { return s.table.underway(within) }

// Exchange answers one message. It may wait for the authenticator, as long as
// ctx lets it; several peers may be answered at once.
func (s *Server) Exchange(ctx context.Context, in Request) Result {
	if len(in.Message) == 0 {
		return s.start(in)
	}
	p, err := packet.Parse(in.Message)
	if err != nil || p.Code != packet.Response {
		s.metrics.end(endMalformed)
		return failed(0, tunnel.Malformed())
	}
	nas := nasKey{in.Source.NAS, in.Source.Addr}
	if len(in.State) == 0 {
		return s.begin(in, p, nas)
	}
	if len(in.State) != len(state{}) {
		return s.unknown(in, p)
	}
	c, what := s.table.take(state(in.State), nas)
	switch what {
	case foundNone:
		return s.unknown(in, p)
	case foundBusy:
		s.metrics.end(endBusy)
		return Result{}
	}
	over := true // also where a step panics
	defer func() { s.table.put(c, c.reached(), c.weight(), over) }()
	out := s.step(ctx, c, in, p)
	over = out.Verdict.Outcome != 0
	return out
}

// start asks a peer for its name (RFC 3579 section 2.1). Nothing is kept: the
// answer says all.
func (s *Server) start(in Request) Result {
	var id [1]byte
	if _, err := io.ReadFull(s.opts.Random, id[:]); err != nil {
		return failed(0, identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonOverload})
	}
	return Result{Message: packet.Packet{Code: packet.Request, ID: id[0], Type: packet.Identity}.Bytes()}
}

// unknown answers a state that stands for nothing: it is nobody's fault.
func (s *Server) unknown(in Request, p packet.Packet) Result {
	s.metrics.end(endUnknown)
	v := identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonConversation}
	c := &conversation{source: in.Source}
	if s.engines[p.Type] != nil {
		c.method = p.Type
	}
	s.refused(c, v)
	return failed(p.ID, v)
}

// maxIdentity is the longest identity that RADIUS could carry.
const maxIdentity = 253

// begin makes a conversation for a peer that names itself.
func (s *Server) begin(in Request, p packet.Packet, nas nasKey) Result {
	if p.Type != packet.Identity || len(p.Data) > maxIdentity || !utf8.Valid(p.Data) {
		s.metrics.end(endMalformed)
		return failed(p.ID, tunnel.Malformed())
	}
	c := &conversation{nas: nas, source: in.Source, outer: string(p.Data), left: s.opts.Methods}
	if _, err := io.ReadFull(s.opts.Random, c.state[:]); err != nil {
		return failed(p.ID, identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonOverload})
	}
	first := s.opts.Methods[0]
	if t, ok := s.habits.of(in.Source.Device); ok && s.engines[t] != nil {
		first = t
	}
	s.offer(c, first)
	out := c.request(p.ID, c.transport.Start(), time.Time{})
	if !s.table.add(c) {
		s.metrics.end(endRefused)
		return failed(p.ID, identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonOverload})
	}
	s.table.put(c, asked, 1, false)
	return out
}

// failed ends a conversation that has come to nothing.
func failed(id byte, v identity.Verdict) Result {
	return Result{Message: packet.Packet{Code: packet.Failure, ID: id}.Bytes(), Verdict: v}
}
