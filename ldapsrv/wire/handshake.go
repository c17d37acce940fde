package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// handshake begins TLS. Of one source so many may be half open, and none for longer
// than Limits.Handshake; where so many are, the one that has left us waiting for longest
// makes room for the next.
func (c *Conn) handshake(config *tls.Config) bool {
	if config == nil || !c.server.begin(c) {
		return false
	}
	s := c.server
	defer s.settled(c)
	s.metrics.halfOpen.Inc()
	defer s.metrics.halfOpen.Dec()
	if rest := c.reader.take(); len(rest) > 0 { // came with a PROXY header
		c.writes.Conn = &behind{c.raw, rest}
	}
	c.reader.free()
	h := &heard{Conn: c.writes.Conn, of: c}
	c.writes.Conn = h
	secured := tls.Server(c.writes, config)
	_ = secured.SetDeadline(time.Now().Add(s.opt.Limits.Handshake)) // a closed socket fails below
	if c.stopping.Load() {
		return false
	}
	if err := secured.Handshake(); err != nil { // kill closes the socket: no context is needed
		s.metrics.handshakes.Inc()
		why, text := h.cause(err)
		s.notices.say("a TLS handshake of an LDAP client failed", why, c.peer, "error", text)
		return false
	}
	s.metrics.versions.WithLabelValues(versionName(secured.ConnectionState())).Inc()
	_ = secured.SetDeadline(time.Time{})
	c.writes.Conn = h.Conn
	c.readUntil = time.Time{}
	c.net = secured
	c.reader = newReader(secured, c)
	return true
}

// begin counts a handshake for its source, if there is room or somebody makes it.
func (s *Server) begin(c *Conn) bool {
	s.mu.Lock()
	there, half := s.conns[c], &c.from.halfOpen
	room := there && half.n < s.opt.Limits.Handshakes
	var gone *Conn
	if there && !room {
		if gone = half.find((*Conn).stalls); gone != nil {
			s.leave(gone)
			room = true
		}
	}
	if room {
		half.add(c)
	}
	s.mu.Unlock()
	if s.madeRoom(gone); there && !room {
		s.refused(c, troubleHandshakes)
	}
	return room
}

// settled is the end of a handshake, whatever came of it.
func (s *Server) settled(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.places[placeHalfOpen].in {
		c.from.halfOpen.remove(c)
	}
}

// stalls says that we wait for the client: nothing has come that we have not got to. So
// a school whose PCs all come at once, faster than we can calculate, is served in turn.
func (c *Conn) stalls() bool { return c.silent.Load() && !unread(c.raw) }

// heard is a connection during a handshake. It keeps the last bytes read: of a
// client that refuses the certificate in TLS 1.3, crypto/tls expects an alert
// under a key that the client does not use yet, and takes it for garbage.
type heard struct {
	net.Conn
	of   *Conn
	tail [alertSize]byte
}

// alertSize is the size of an alert's record in clear (RFC 8446 section 5.1).
const alertSize = 7

// Read implements net.Conn.
func (h *heard) Read(p []byte) (int, error) {
	h.of.waiting(true)
	n, err := h.Conn.Read(p)
	h.of.waiting(false)
	if n >= len(h.tail) {
		copy(h.tail[:], p[n-len(h.tail):n])
	} else {
		copy(h.tail[:], h.tail[n:])
		copy(h.tail[len(h.tail)-n:], p[:n])
	}
	return n, err
}

// distrust are the alerts by which a client refuses a certificate (RFC 8446
// section 6.2).
var distrust = []tls.AlertError{42, 43, 44, 45, 46, 48}

// maxCause is how much of an error the log takes, in bytes.
const maxCause = 200

// cause says why a handshake failed, as one of the kinds of trouble and in words
// of crypto/tls.
func (h *heard) cause(err error) (kind, text string) {
	var plain tls.RecordHeaderError
	var remote *net.OpError
	if t := h.tail; t[0] == 21 && t[1] == 3 && t[3] == 0 && t[4] == 2 {
		err = &net.OpError{Op: "remote error", Err: tls.AlertError(t[6])}
	}
	if text = err.Error(); len(text) > maxCause { // it may list all that the client offered
		text = text[:maxCause]
	}
	switch {
	case errors.As(err, &plain):
		return troubleNotTLS, text
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return troubleLeft, text
	case errors.As(err, &remote) && remote.Op == "remote error":
		if errors.Is(err, tls.AlertError(0)) || errors.Is(err, tls.AlertError(90)) { // close_notify and user_canceled: RFC 8446 section 6.1
			return troubleLeft, text
		}
		// crypto/tls keeps the type of its own alerts to itself; the words are those
		// of AlertError.
		if slices.ContainsFunc(distrust, func(a tls.AlertError) bool { return strings.HasSuffix(text, a.Error()) }) {
			return troubleDistrust, text
		}
	}
	return troubleHandshake, text
}
