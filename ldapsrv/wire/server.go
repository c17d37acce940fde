// Package wire is the LDAP connection engine: it reads and writes BER, keeps
// connections within bounds, and knows no directory and no policy.
//
//	listener ─► connection ─► readPDU ─► ParseMessage ─► Session.Serve ─► gathered writes
//
// The requests of a connection are served one after the other, in the order in
// which they came. That is what RFC 4511 section 4.2.1 wants around a bind, it
// bounds what one connection can have in flight to one request, and clients
// that pipeline get their answers in one write. An Abandon therefore comes
// when there is nothing left to abandon, which section 4.11 allows; long
// searches are bounded by time and entries.
//
// Bounds: connections in all and per source address, bytes of a PDU (fewer
// before a successful bind), time to send a PDU once it began, time of silence,
// time to take an answer. A handler that panics ends its connection only.
//
// Start reading at Server and Session.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Session serves the requests of one connection, never two at a time.
type Session interface {
	// Serve answers one request through c. Memory of m is not kept.
	Serve(ctx context.Context, c *Conn, m *Message)
}

// Limits bound connections. The zero value of each stands for the default.
type Limits struct {
	Connections int           // in all; 10,000
	PerSource   int           // of one address; 1,000
	PDU         int           // bytes of a request after a bind; 1 MiB
	FirstPDU    int           // and before; 64 KiB
	Idle        time.Duration // silence; 15 min
	Read        time.Duration // from the first to the last byte of a request, and for a TLS handshake; 20 s
	Write       time.Duration // until the client takes an answer; 30 s
}

func (l Limits) withDefaults() Limits {
	number := func(p *int, n int) {
		if *p <= 0 {
			*p = n
		}
	}
	span := func(p *time.Duration, d time.Duration) {
		if *p <= 0 {
			*p = d
		}
	}
	number(&l.Connections, 10_000)
	number(&l.PerSource, 1_000)
	number(&l.PDU, 1<<20)
	number(&l.FirstPDU, 64<<10)
	span(&l.Idle, 15*time.Minute)
	span(&l.Read, 20*time.Second)
	span(&l.Write, 30*time.Second)
	return l
}

// Options of a Server.
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
	panics      prometheus.Counter
}

// New gives a Server that listens nowhere yet.
func New(o Options) *Server {
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	factory := promauto.With(o.Metrics)
	return &Server{
		opt: o,
		metrics: metrics{
			connections: factory.NewGauge(prometheus.GaugeOpts{Name: "schoolbridge_ldap_connections", Help: "Open LDAP connections."}),
			refused:     factory.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_ldap_refused_connections_total", Help: "LDAP connections refused, by limit."}, []string{"limit"}),
			requests:    factory.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldap_requests_total", Help: "LDAP requests read."}),
			malformed:   factory.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldap_malformed_total", Help: "LDAP connections ended because of malformed bytes."}),
			panics:      factory.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldap_panics_total", Help: "LDAP connections ended by a fault of ours."}),
		},
		listeners: map[net.Listener]bool{}, conns: map[*Conn]bool{}, sources: map[netip.Addr]int{},
	}
}

// Serve accepts from one listener until Shutdown. implicit says that TLS begins
// with the connection (LDAPS). It may be called for several listeners.
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
			if s.isClosing() || errors.Is(err, net.ErrClosed) {
				return nil
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

// admit counts a connection, or closes it where a limit is reached.
func (s *Server) admit(raw net.Conn) *Conn {
	c := newConn(s, raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := ""
	switch {
	case s.closing:
		limit = "closing"
	case len(s.conns) >= s.opt.Limits.Connections:
		limit = "connections"
	case s.sources[c.peer] >= s.opt.Limits.PerSource:
		limit = "per_source"
	}
	if limit != "" {
		s.metrics.refused.WithLabelValues(limit).Inc()
		_ = raw.Close() // it never was ours
		return nil
	}
	s.conns[c] = true
	s.sources[c.peer]++
	s.metrics.connections.Inc()
	s.wait.Add(1)
	return c
}

func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.sources[c.peer]--; s.sources[c.peer] == 0 {
		delete(s.sources, c.peer)
	}
	s.metrics.connections.Dec()
	s.wait.Done()
}

// Shutdown stops accepting, tells idle clients (RFC 4511 section 4.4.1), lets
// requests that run finish, and closes what is left when ctx ends.
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
	for _, c := range conns {
		_ = c.raw.Close() // ends its reads and writes
	}
	<-done
	return ctx.Err()
}
