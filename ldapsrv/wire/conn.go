package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// flushAt is how many answered bytes are gathered before they are written even
// though more requests wait.
const flushAt = 32 << 10

// Conn is one client's connection, as a Session sees it.
type Conn struct {
	server *Server
	raw    net.Conn // the socket
	net    net.Conn // the socket, or TLS over it
	reader *bufio.Reader
	out    []byte
	pdu    []byte
	peer   netip.Addr

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	bound    bool // a bind succeeded: larger requests are taken
	ended    bool // no further request is read
	failed   error
	startTLS *tls.Config
	stopping atomic.Bool
}

func newConn(s *Server, raw net.Conn) *Conn {
	c := &Conn{server: s, raw: raw, net: raw}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = a.AddrPort().Addr().Unmap()
	}
	return c
}

// Peer is the client's address.
func (c *Conn) Peer() netip.Addr { return c.peer }

// TLS says whether the connection is confidential.
func (c *Conn) TLS() bool { return c.net != c.raw }

// SetBound says whether somebody is signed in; larger requests are taken then.
func (c *Conn) SetBound(bound bool) { c.bound = bound }

// End ends the connection after what was answered so far is written.
func (c *Conn) End() { c.ended = true }

// Reply answers with a result.
func (c *Conn) Reply(id int32, op byte, r Result) { c.ReplyExtra(id, op, r, nil) }

// ReplyExtra answers with a result and what the operation adds to it.
func (c *Conn) ReplyExtra(id int32, op byte, r Result, extra []byte) {
	c.out = AppendResult(c.out, id, op, r, extra)
}

// Write gives the buffer of gathered answers for appending one whole message;
// Wrote takes it back and writes it out when it is large. The error says that
// the client is gone: there is no use in answering further.
func (c *Conn) Write() []byte { return c.out }

// Wrote is the other half of Write.
func (c *Conn) Wrote(b []byte) error {
	c.out = b
	if len(c.out) >= flushAt {
		c.flush()
	}
	return c.failed
}

// StartTLS says whether TLS can begin now; if so it does when the answer is
// written (RFC 4511 section 4.14).
func (c *Conn) StartTLS() bool {
	if c.TLS() || c.server.opt.TLS == nil {
		return false
	}
	c.startTLS = c.server.opt.TLS()
	return c.startTLS != nil
}

func (c *Conn) flush() {
	if len(c.out) == 0 || c.failed != nil {
		c.out = c.out[:0]
		return
	}
	_ = c.net.SetWriteDeadline(time.Now().Add(c.server.opt.Limits.Write)) // a closed socket fails below
	_, c.failed = c.net.Write(c.out)
	if cap(c.out) > 4*flushAt {
		c.out = nil // one large answer is no reason to hold its memory
	}
	c.out = c.out[:0]
}

// stop ends a connection that waits for a request; one that serves ends after.
func (c *Conn) stop() {
	c.stopping.Store(true)
	_ = c.raw.SetReadDeadline(time.Now()) // wakes the reader
}

// run owns the connection from its first to its last byte.
func (s *Server) run(c *Conn, implicit bool) {
	defer s.forget(c)
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.opt.Logger.Error("a fault while serving an LDAP connection", "panic", p, "stack", string(debug.Stack()))
		}
		c.cancel()
		_ = c.net.Close() // whatever was to be written was
	}()
	if implicit {
		if s.opt.TLS == nil || !c.handshake(s.opt.TLS()) {
			return
		}
	}
	c.reader = bufio.NewReaderSize(c.net, 4<<10)
	session := s.opt.Open(c)
	for !c.ended && c.failed == nil {
		m, err := c.next()
		if err != nil {
			c.leave(err)
			return
		}
		s.metrics.requests.Inc()
		session.Serve(c.ctx, c, &m)
		if c.startTLS != nil {
			if !c.upgrade() {
				return
			}
			continue
		}
		if c.ended || c.reader.Buffered() == 0 {
			c.flush()
		}
	}
	c.flush()
}

// next reads a request: silence is bounded by Idle, a request that began by
// Read.
func (c *Conn) next() (Message, error) {
	limits := &c.server.opt.Limits
	if c.reader.Buffered() == 0 {
		_ = c.raw.SetReadDeadline(time.Now().Add(limits.Idle)) // a closed socket fails below
		if c.stopping.Load() {
			_ = c.raw.SetReadDeadline(time.Now())
		}
		if _, err := c.reader.Peek(1); err != nil {
			return Message{}, err
		}
	}
	_ = c.raw.SetReadDeadline(time.Now().Add(limits.Read))
	limit := limits.FirstPDU
	if c.bound {
		limit = limits.PDU
	}
	var err error
	if c.pdu, err = readPDU(c.reader, limit, c.pdu); err != nil {
		return Message{}, err
	}
	m, err := ParseMessage(c.pdu)
	if cap(c.pdu) > 64<<10 {
		c.pdu = nil // the message keeps it for as long as it is needed
	}
	return m, err
}

// leave says goodbye in the words of RFC 4511 section 4.4.1.
func (c *Conn) leave(err error) {
	switch {
	case c.stopping.Load():
		c.out = appendNotice(c.out, Unavailable, "the server is stopping")
	case errors.Is(err, ErrBER), errors.Is(err, ErrTooLarge):
		c.server.metrics.malformed.Inc()
		c.out = appendNotice(c.out, ProtocolError, "the request cannot be understood")
	}
	c.flush()
}

// upgrade begins TLS after the answer that promised it. Bytes that came before
// the handshake were not protected and end the connection.
func (c *Conn) upgrade() bool {
	config := c.startTLS
	c.startTLS = nil
	c.flush()
	if c.failed != nil || c.reader.Buffered() > 0 || !c.handshake(config) {
		return false
	}
	c.reader.Reset(c.net)
	return true
}

func (c *Conn) handshake(config *tls.Config) bool {
	secured := tls.Server(c.raw, config)
	_ = c.raw.SetDeadline(time.Now().Add(c.server.opt.Limits.Read)) // a closed socket fails below
	if err := secured.HandshakeContext(c.ctx); err != nil {
		return false
	}
	_ = c.raw.SetDeadline(time.Time{})
	c.net = secured
	return true
}
