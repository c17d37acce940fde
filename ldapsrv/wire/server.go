// Package wire is the LDAP connection engine: it reads and writes BER, keeps
// connections within bounds, and knows no directory and no policy.
//
//	listener ─► connection ─► pduReader ─► ParseMessage ─► Session.Serve ─► gathered writes
//
// The requests of a connection are served one after the other, in the order in
// which they came: that is what RFC 4511 section 4.2.1 wants around a bind, and
// clients that pipeline get their answers in one write. One goroutine reads and
// serves in turn; while a long search runs a second one reads ahead, at most
// Limits.InFlight requests, so that Abandon and a client's end are noticed.
//
// Bounds: connections in all and per source address, bytes of a request (fewer
// before a successful bind) and of all large requests together, requests in
// flight, time to send a request once it began, silence, time to take an
// answer. A handler that panics ends its connection only.
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
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Session serves the requests of one connection, never two at a time.
type Session interface {
	// Serve answers one request through c. Memory of m is not kept. ctx ends
	// when the connection is cut.
	Serve(ctx context.Context, c *Conn, m *Message)
}

// Limits bound connections. The zero value of each stands for the default.
type Limits struct {
	Connections int           // in all; 10,000
	PerSource   int           // of one IPv4 address or IPv6 /64; 1,000
	FirstPDU    int           // bytes of a request before a bind; 256 KiB, never more than PDU
	PDU         int           // and after; 1 MiB
	LargePDUs   int64         // bytes of all requests above 4 KiB at one moment; 64 MiB
	InFlight    int           // requests of a connection read before the first of them is answered; 32
	FirstIdle   time.Duration // silence before a bind; 1 min, never more than Idle
	Idle        time.Duration // and after; 15 min
	Read        time.Duration // from the first to the last byte of a request, and for a TLS handshake; 20 s
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
	withDefault(&l.PDU, 1<<20)
	withDefault(&l.FirstPDU, 256<<10)
	l.FirstPDU = min(l.FirstPDU, l.PDU)
	withDefault(&l.LargePDUs, 64<<20)
	withDefault(&l.InFlight, 32)
	withDefault(&l.Idle, 15*time.Minute)
	withDefault(&l.FirstIdle, time.Minute)
	l.FirstIdle = min(l.FirstIdle, l.Idle)
	withDefault(&l.Read, 20*time.Second)
	withDefault(&l.Write, 30*time.Second)
	return l
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
	large   atomic.Int64 // bytes left of Limits.LargePDUs

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]bool
	conns     map[*Conn]bool
	sources   map[netip.Addr]int
	wait      sync.WaitGroup
}

// metrics are the engine's figures.
type metrics struct {
	connections prometheus.Gauge
	refused     *prometheus.CounterVec
	requests    prometheus.Counter
	malformed   prometheus.Counter
	handshakes  prometheus.Counter
	panics      prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_" + name, Help: help})
	}
	return metrics{
		connections: f.NewGauge(prometheus.GaugeOpts{Name: "schoolbridge_ldapsrv_connections", Help: "Open LDAP connections."}),
		refused:     f.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_refused_connections_total", Help: "LDAP connections refused, by limit."}, []string{"limit"}),
		requests:    counter("requests_total", "LDAP requests read."),
		malformed:   counter("malformed_total", "LDAP connections ended because of malformed or too large requests."),
		handshakes:  counter("failed_handshakes_total", "TLS handshakes that failed."),
		panics:      counter("panics_total", "LDAP connections ended by a fault of ours."),
	}
}

// New gives a Server that listens nowhere yet.
func New(o Options) *Server {
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		opt: o, metrics: newMetrics(o.Metrics),
		listeners: map[net.Listener]bool{}, conns: map[*Conn]bool{}, sources: map[netip.Addr]int{},
	}
	s.large.Store(o.Limits.LargePDUs)
	return s
}

// Serve accepts from one listener until Shutdown, and then gives nil. implicit
// says that TLS begins with the connection (LDAPS). It may be called for
// several listeners.
func (s *Server) Serve(l net.Listener, implicit bool) error {
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
		if c := s.admit(raw); c != nil {
			go s.run(c, implicit)
		}
	}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// source is what PerSource counts: one IPv6 host has a whole /64 to dial from.
func source(peer netip.Addr) netip.Addr {
	if !peer.Is6() {
		return peer
	}
	p, _ := peer.Prefix(64) // 64 bits are never too many
	return p.Addr()
}

// admit counts a connection, or closes it where a limit is reached.
func (s *Server) admit(raw net.Conn) *Conn {
	c := newConn(s, raw)
	from := c.Source()
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := ""
	switch {
	case s.closing:
		limit = "closing"
	case len(s.conns) >= s.opt.Limits.Connections:
		limit = "connections"
	case s.sources[from] >= s.opt.Limits.PerSource:
		limit = "per_source"
	}
	if limit != "" {
		s.metrics.refused.WithLabelValues(limit).Inc()
		c.kill()
		return nil
	}
	s.conns[c] = true
	s.sources[from]++
	s.metrics.connections.Inc()
	s.wait.Add(1)
	return c
}

func (s *Server) forget(c *Conn) {
	from := c.Source()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.sources[from]--; s.sources[from] == 0 {
		delete(s.sources, from)
	}
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
