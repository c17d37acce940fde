package wire

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/timely"
)

// Deadlines of a RadSec connection (RFC 6614). A client keeps its own open by
// Status-Server when nothing else is to be said (RFC 6613 section 2.4, RFC 3539
// section 3.4); one that says nothing is told that it is closed, and opens another
// when it needs one.
const (
	handshakeWithin = 10 * time.Second
	packetWithin    = 10 * time.Second // from a packet's first byte to its last
	writeWithin     = 5 * time.Second
	idleFor         = 15 * time.Minute
)

// Identify says whom a verified certificate at an address stands for; nil for
// nobody. It is asked for every packet, so that a reload counts at once.
type Identify func(addr netip.Addr, state *tls.ConnectionState) *Peer

// tlsListener keeps the connections of one listener.
type tlsListener struct {
	server   *Server
	config   *tls.Config
	identify Identify

	mu       sync.Mutex
	stopping bool
	conns    map[*tlsLink]struct{}
	from     map[netip.Addr]int // by source
}

// tlsLink is one RadSec connection. It carries every kind of request.
type tlsLink struct {
	conn   *tls.Conn
	from   netip.AddrPort
	mu     sync.Mutex                          // one writer at a time
	proven atomic.Pointer[tls.ConnectionState] // nil before the handshake
	heard  atomic.Int64                        // when the last packet came, in ns
	asking asking
}

func (c *tlsLink) role() Role             { return Authentication | Accounting }
func (c *tlsLink) number() (uint16, bool) { return 0, false } // TCP repeats nothing

func (c *tlsLink) send(b []byte, _ *route) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(b) // within writeWithin: see open
	if err != nil {
		_ = c.conn.NetConn().Close()
	}
	return err
}

// dropped closes the connection after what should never come over it (RFC 6613
// section 2.6.4).
func (c *tlsLink) dropped(why Drop) {
	if why == DropMalformed || why == DropForged || why == DropUnsigned || why == DropCode {
		_ = c.conn.NetConn().Close()
	}
}

// ServeTLS reads requests from the connections of ln until Shutdown, then
// returns ErrStopped; it closes ln. Both sides show certificates: a connection
// whose certificate was not verified against config's authority is closed,
// whatever config says of client certificates.
func (s *Server) ServeTLS(ln net.Listener, config *tls.Config, identify Identify) error {
	l := &tlsListener{
		server: s, config: config.Clone(), identify: identify,
		conns: make(map[*tlsLink]struct{}), from: make(map[netip.Addr]int),
	}
	l.config.ClientAuth = tls.RequireAndVerifyClientCert
	l.config.MinVersion = max(l.config.MinVersion, tls.VersionTLS12)
	stop := func() {
		_ = ln.Close()
		l.each(func(c *tlsLink) { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	}
	if !s.enter(stop, func() { l.each(func(c *tlsLink) { _ = c.conn.Close() }) }) {
		_ = ln.Close()
		return ErrStopped
	}
	defer s.readers.Done()
	s.tunnels.add(l)
	defer s.tunnels.remove(l)
	for failures := 0; ; {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return ErrStopped
			}
			// No descriptors for a moment; the accept itself may fail at once
			// again, so wait a little.
			if failures++; failures > 100 {
				return fmt.Errorf("accept RadSec connections: %w", err)
			}
			time.Sleep(time.Duration(failures) * 10 * time.Millisecond)
			continue
		}
		failures = 0
		l.open(conn)
	}
}

// each calls f for every connection and lets no further one in.
func (l *tlsListener) each(f func(*tlsLink)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for c := range l.conns {
		f(c)
	}
}

// open starts a connection if there is room for one more.
func (l *tlsListener) open(raw net.Conn) {
	addr, _ := netip.ParseAddrPort(raw.RemoteAddr().String())
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	c := &tlsLink{conn: tls.Server(timely.New(raw, writeWithin), l.config), from: addr}
	limits := &l.server.opts
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stopping:
		_ = raw.Close()
		return
	case l.from[source(addr.Addr())] >= limits.TunnelsAt:
		limits.Events.Dropped(DropLimitAt, addr, nil)
		_ = raw.Close()
		return
	case len(l.conns) >= limits.Tunnels:
		limits.Events.Dropped(DropLimit, addr, nil)
		_ = raw.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.from[source(addr.Addr())]++
	l.server.readers.Add(1)
	// The deadline is set here, under the lock, so that it cannot undo that of
	// stop.
	_ = c.conn.SetDeadline(time.Now().Add(handshakeWithin))
	go l.serve(c)
}

// serve reads one connection. It stays open for replies in work when stop made
// the reader return, and is then closed by Shutdown.
func (l *tlsListener) serve(c *tlsLink) {
	defer l.server.readers.Done()
	l.read(c)
	c.asking.end()
	if l.leave(c) {
		_ = c.conn.Close() // tells the peer (close_notify); not under the lock, for one that reads nothing is waited for
	}
}

// leave takes a connection out; false once all are stopping.
func (l *tlsListener) leave(c *tlsLink) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping {
		return false
	}
	delete(l.conns, c)
	from := source(c.from.Addr())
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
	return true
}

// source is what TunnelsAt counts: one IPv6 host has a whole /64 to dial from.
func source(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	wide, _ := addr.Prefix(64) // 64 bits are never too many
	return wide.Addr()
}

func (l *tlsListener) read(c *tlsLink) {
	s := l.server
	err := c.conn.HandshakeContext(s.ctx)
	state := c.conn.ConnectionState()
	if err != nil || len(state.VerifiedChains) == 0 {
		if !errors.Is(err, io.EOF) {
			s.opts.Events.Dropped(DropHandshake, c.from, nil)
		}
		return
	}
	_ = c.conn.SetWriteDeadline(time.Time{}) // the handshake's is over; a closed socket fails at the write
	c.proven.Store(&state)
	for {
		d := s.buffers.Get().(*datagram)
		if !l.next(c, d) {
			s.release(d)
			return
		}
		d.link, d.from, d.At, d.Peer = c, c.from, s.opts.Now(), l.identify(c.from.Addr(), &state)
		if d.Peer == nil {
			s.opts.Events.Dropped(DropHandshake, c.from, nil)
			s.release(d)
			return
		}
		c.heard.Store(d.At.UnixNano())
		if Code(d.buf[0]).answersDynamic() {
			if !c.asking.take(d.buf[:d.n], d.Peer) {
				s.opts.Events.Dropped(DropForged, c.from, d.Peer)
			}
			s.release(d)
			continue
		}
		if s.take(d, nil) {
			s.release(d)
		}
	}
}

// next reads one packet by the length that it gives (RFC 6613 section 2.6.4: a
// length that cannot be leaves nothing to go on from).
func (l *tlsListener) next(c *tlsLink, d *datagram) bool {
	if !l.until(c, idleFor) {
		return false
	}
	if _, err := io.ReadFull(c.conn, d.buf[:1]); err != nil || !l.until(c, packetWithin) {
		return false
	}
	if _, err := io.ReadFull(c.conn, d.buf[1:4]); err != nil {
		return false
	}
	length := int(binary.BigEndian.Uint16(d.buf[2:4]))
	if length < headerLen || length > maxPacket {
		l.server.opts.Events.Dropped(DropMalformed, c.from, nil)
		return false
	}
	_, err := io.ReadFull(c.conn, d.buf[4:length])
	d.n = length
	return err == nil
}

// until sets the deadline of the next read; false once the server is stopping.
func (l *tlsListener) until(c *tlsLink, wait time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.stopping && c.conn.SetReadDeadline(time.Now().Add(wait)) == nil
}
