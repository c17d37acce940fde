// Package wire is the LDAP connection engine: it reads and writes BER, keeps
// connections within bounds, and knows no directory and no policy.
//
//	listener ─► connection ─► pduReader ─► ParseMessage ─► Session.Serve ─► gathered writes
//
// The requests of a connection are served one after the other, in the order in
// which they came: that is what RFC 4511 section 4.2.1 wants around a bind, and
// clients that pipeline get their answers in one write. One goroutine reads and
// serves in turn; while a long search runs a second one reads ahead, at most
// Limits.InFlight requests, so that Abandon, Cancel and a client's end are noticed.
//
// Bounds: connections in all; connections, handshakes, operations under way,
// untaken answers and large requests of each source address; connections of each
// person; bytes of a request
// (fewer before a successful bind); requests in flight; time for a handshake, to
// send a request once it began, of silence, to take an answer. What is above
// ends that connection, or is answered busy, and others do not feel it; where all
// connections are taken, or those of a source, a silent one makes room (lobby.go), and
// so does a person's idlest where he has too many (people.go). A handler that panics
// ends its connection only. A silent connection holds a goroutine and, but for what TLS
// needs, no buffer (read.go). trouble.go counts and tells.
//
// Start reading at Server and Session.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Session serves the requests of one connection, never two at a time.
type Session interface {
	// Serve answers one request through c. Memory of m is not kept. ctx ends
	// when the connection is cut.
	Serve(ctx context.Context, c *Conn, m *Message)
}

// Limits bound connections. The zero value of each stands for the default.
// A source is an IPv4 address or an IPv6 /64.
type Limits struct {
	Connections int           // in all; 10,000, and an eighth beside whose balancers have yet to say whose they are
	PerSource   int           // of one source; 1,000
	PerPerson   int           // of one person who is signed in; 64
	Handshakes  int           // of one source, under way; 256
	Operations  int           // of one source, under way: more are answered busy; 512
	Unread      int64         // bytes of answers that one source has not taken; 8 MiB
	FirstPDU    int           // bytes of a request before a bind; 256 KiB, never more than PDU
	PDU         int           // and after; 1 MiB
	LargePDUs   int64         // bytes of all requests above 4 KiB at one moment; 64 MiB, of which one source has an eighth
	InFlight    int           // requests of a connection read before the first of them is answered; 32
	FirstIdle   time.Duration // silence before a bind; 1 min, never more than Idle
	Idle        time.Duration // and after; 15 min
	Handshake   time.Duration // for a TLS handshake, and for a PROXY header; 10 s
	Read        time.Duration // from the first to the last byte of a request; 20 s
	Write       time.Duration // until the client takes an answer; 30 s
}

func withDefault[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

func (l Limits) withDefaults() Limits {
	withDefault(&l.Connections, 10_000)
	withDefault(&l.PerSource, 1_000)
	withDefault(&l.PerPerson, 64)
	withDefault(&l.Handshakes, 256)
	withDefault(&l.Operations, 512)
	withDefault(&l.Unread, 8<<20)
	withDefault(&l.PDU, 1<<20)
	withDefault(&l.FirstPDU, 256<<10)
	l.FirstPDU = min(l.FirstPDU, l.PDU)
	withDefault(&l.LargePDUs, 64<<20)
	withDefault(&l.InFlight, 32)
	withDefault(&l.Idle, 15*time.Minute)
	withDefault(&l.FirstIdle, time.Minute)
	l.FirstIdle = min(l.FirstIdle, l.Idle)
	withDefault(&l.Handshake, 10*time.Second)
	withDefault(&l.Read, 20*time.Second)
	withDefault(&l.Write, 30*time.Second)
	return l
}

// Listener says how the connections of one listener are served.
type Listener struct {
	Implicit bool               // TLS begins with the connection (LDAPS)
	TLS      func() *tls.Config // of new handshakes; nil: Options.TLS
	Idle     time.Duration      // silence after a bind; 0: Limits.Idle
	// Proxies are balancers: connections come from them alone, and begin with a
	// PROXY header that says whose they are. None: no header is taken.
	Proxies []netip.Prefix
}

// Options of a Server. Open is required.
type Options struct {
	Open    func(c *Conn) Session // makes the session of a new connection
	TLS     func() *tls.Config    // the configuration of new handshakes; nil: no TLS
	Limits  Limits
	Logger  *slog.Logger // nil discards
	Metrics prometheus.Registerer
}

// Server accepts connections. Make it with New.
type Server struct {
	opt     Options
	metrics metrics
	notices *notices
	large   atomic.Int64 // bytes of large requests

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]bool
	conns     map[*Conn]bool
	sources   map[netip.Addr]*origin
	lobby     lobby
	people    people
	unheard   queue // whose these are, their balancers have yet to say
	wait      sync.WaitGroup
}

// New gives a Server that listens nowhere yet.
func New(o Options) *Server {
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		opt: o, metrics: newMetrics(o.Metrics), notices: newNotices(o.Logger),
		listeners: map[net.Listener]bool{}, conns: map[*Conn]bool{}, sources: map[netip.Addr]*origin{},
		lobby: newLobby(o.Limits), people: people{},
	}
}

// Serve accepts from one listener until Shutdown, and then gives nil. It may be
// called for several listeners.
func (s *Server) Serve(l net.Listener, how Listener) error {
	if how.TLS == nil {
		how.TLS = s.opt.TLS
	}
	if how.Idle <= 0 {
		how.Idle = s.opt.Limits.Idle
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return l.Close()
	}
	s.listeners[l] = true
	s.mu.Unlock()
	pause := 5 * time.Millisecond
	for {
		raw, err := l.Accept()
		if err != nil {
			if s.isClosing() {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("accept LDAP connections: %w", err)
			}
			// Out of descriptors, most likely: wait for some to come back.
			s.opt.Logger.Warn("accepting LDAP connections", "error", err)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		if c := s.admit(raw, &how); c != nil {
			go s.run(c)
		}
	}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// admit takes a connection in, or closes it where a limit is reached.
func (s *Server) admit(raw net.Conn, how *Listener) *Conn {
	c := newConn(s, raw, how)
	s.mu.Lock()
	limit, gone := s.bars(c)
	if limit == "" {
		s.conns[c] = true
		if len(how.Proxies) == 0 {
			s.count(c)
		} else {
			s.unheard.add(c)
		}
		s.metrics.connections.Inc()
		s.wait.Add(1)
	}
	s.mu.Unlock()
	if s.madeRoom(gone); limit != "" {
		s.refused(c, limit)
		c.kill()
		return nil
	}
	return c
}

// bars gives the limit that a new connection is above, or who has left for it. The
// caller holds mu.
func (s *Server) bars(c *Conn) (limit string, gone *Conn) {
	switch {
	case s.closing:
		return troubleClosing, nil
	case len(c.how.Proxies) == 0:
		return s.fills(c)
	case !c.how.balancer(c.peer):
		return troubleProxy, nil
	case s.unheard.n >= max(s.opt.Limits.Connections/unheardShare, unheardLeast):
		return s.sendAway(s.unheard.find((*Conn).isSilent), troubleConnections)
	}
	return "", nil
}

// Connections that have not told yet whose they are do not count as such: nobody makes
// room for what is nobody's. There are so many of them beside, and the first of these
// makes room for the next.
const (
	unheardShare = 8 // of Limits.Connections
	unheardLeast = 16
)

// fills is bars for a connection whose source is known.
func (s *Server) fills(c *Conn) (limit string, gone *Conn) {
	from := s.sources[c.Source()]
	switch {
	case from != nil && from.connections >= s.opt.Limits.PerSource:
		return s.sendAway(from.lobby.find((*Conn).isSilent), troublePerSource)
	case len(s.conns)-s.unheard.n >= s.opt.Limits.Connections:
		return s.sendAway(s.lobby.victim(), troubleConnections)
	}
	return "", nil
}

// sendAway lets a connection leave for a new one; where there is none, the limit stands.
// The caller holds mu, and calls madeRoom when it holds it no longer: that writes to the
// log.
func (s *Server) sendAway(c *Conn, limit string) (string, *Conn) {
	if c == nil {
		return limit, nil
	}
	s.leave(c)
	return "", c
}

// refused tells of a connection that is not taken. The caller does not hold mu.
func (s *Server) refused(c *Conn, limit string) {
	s.metrics.refused.WithLabelValues(limit).Inc()
	if limit != troubleClosing {
		s.notices.say("an LDAP connection is refused", limit, c.peer)
	}
}

func (l *Listener) balancer(peer netip.Addr) bool {
	for _, p := range l.Proxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// count counts a connection for its source, and lets it into the lobby. The caller
// holds mu.
func (s *Server) count(c *Conn) {
	from := s.sources[c.Source()]
	if from == nil {
		from = newOrigin()
		s.sources[c.Source()] = from
	}
	from.connections++
	c.from = from
	s.lobby.add(c)
}

// leave takes a connection out of what is counted, once. The caller holds mu.
func (s *Server) leave(c *Conn) {
	if !s.conns[c] {
		return
	}
	delete(s.conns, c)
	if c.from == nil {
		s.unheard.remove(c)
		return
	}
	s.lobby.remove(c)
	s.people.remove(c)
	if c.places[placeHalfOpen].in {
		c.from.halfOpen.remove(c)
	}
	if c.from.connections--; c.from.connections == 0 {
		delete(s.sources, c.Source())
	}
}

// introduce learns from a balancer whose the connection is, and counts it.
func (s *Server) introduce(c *Conn) bool {
	limit, gone := troubleProxy, (*Conn)(nil)
	if err := c.proxied(); err == nil {
		s.mu.Lock()
		if !s.conns[c] { // it has made room meanwhile
			s.mu.Unlock()
			return false
		}
		if limit, gone = s.fills(c); limit == "" {
			s.unheard.remove(c)
			s.count(c)
		} else {
			s.leave(c)
		}
		s.mu.Unlock()
	} else if c.reader.waiting() == 0 {
		return false // a balancer that only looks whether we are there
	}
	if s.madeRoom(gone); limit != "" {
		s.refused(c, limit)
	}
	return limit == ""
}

func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave(c)
	s.metrics.connections.Dec()
	s.wait.Done()
}

// Shutdown stops accepting, tells idle clients (RFC 4511 section 4.4.1), lets
// requests that run finish, and cuts what is left when ctx ends; that is when
// it gives an error that says how many were cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	for l := range s.listeners {
		_ = l.Close() // Serve returns
	}
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.stop()
	}
	done := make(chan struct{})
	go func() { s.wait.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	cut := len(s.conns)
	for c := range s.conns {
		c.kill()
	}
	s.mu.Unlock()
	<-done
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("%d LDAP connections had to be cut: %w", cut, ctx.Err())
}
