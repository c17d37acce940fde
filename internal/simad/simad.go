// Package simad is an Active Directory to try schoolbridge against: one domain
// in memory that refuses what a real one refuses (names that are taken, weak
// passwords, a stamp that moved on, rights that are missing) and that can keep
// itself in a file. The suite that its tests run goes over a real Active
// Directory too (tag peers), so that the two do not drift apart.
//
//	client ─► front: one port; the first byte tells TLS from plain; StartTLS; bounds
//	             │  whole messages, one at a time
//	             ├─► gldap "protected" ─┐
//	             └─► gldap "plain" ─────┴─► Directory: tree, rules, rights; no protocol
//
// github.com/jimlambrt/gldap does the protocol. The front stands before it for
// what it has not: bounds against hostile bytes, several kinds of transport on
// one port, renames, and requests one after another, so that a search never
// overtakes the bind before it.
//
// Limits: for demos and tests on loopback; some 20,000 objects unless
// Options.Objects says otherwise; linear searches; no SASL, no password history, no lockout, no deleted objects, no
// replication. The ports between front and gldap lie on 127.0.0.1 and are open
// to whoever is on this machine.
//
// Start reading at Directory (rules) and Server (protocol).
package simad

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// Server answers LDAP for a Directory, on as many listeners as it is given.
type Server struct {
	directory *Directory
	tls       *tls.Config // nil: no TLS
	logger    *slog.Logger
	backends  map[bool]*backend // by whether the client's connection is protected
	places    chan struct{}     // one for each connection

	mu      sync.Mutex
	closed  bool
	open    map[net.Conn]struct{}
	listen  map[net.Listener]struct{}
	serving sync.WaitGroup
}

// connections is how many may stand at once.
const connections = 256

// NewServer makes a server. Without config it speaks no TLS and takes no
// passwords. It must be closed.
func NewServer(d *Directory, config *tls.Config, logger *slog.Logger) (*Server, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{directory: d, tls: config, logger: logger, backends: map[bool]*backend{}, places: make(chan struct{}, connections),
		open: map[net.Conn]struct{}{}, listen: map[net.Listener]struct{}{}}
	for _, protected := range []bool{false, true} {
		b, err := newBackend(d, protected, logger)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("simulated Active Directory: %w", err), s.Close())
		}
		s.backends[protected] = b
	}
	return s, nil
}

// Serve accepts connections until the server is closed, and gives nil then.
func (s *Server) Serve(l net.Listener) error {
	if !s.add(l) {
		return l.Close()
	}
	for {
		s.places <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			<-s.places
			if s.isClosed() {
				return nil
			}
			return err
		}
		if !s.start(conn) {
			<-s.places
			_ = conn.Close()
		}
	}
}

func (s *Server) add(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listen[l] = struct{}{}
	return true
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// start serves one connection in a goroutine of its own.
func (s *Server) start(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[conn] = struct{}{}
	s.serving.Go(func() {
		defer func() {
			_ = conn.Close()
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
			<-s.places
		}()
		f := &front{server: s, raw: conn, client: conn}
		defer f.close()
		f.serve()
	})
	return true
}

// Close ends every listener and connection and waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	var all []error
	for l := range s.listen {
		all = append(all, l.Close())
	}
	clear(s.listen)
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	for _, b := range s.backends {
		all = append(all, b.stop())
	}
	return errors.Join(all...)
}
