package wire

import (
	"net"
	"time"
)

// timely is the socket as TLS writes to it. TLS writes when it is asked to read
// too: a peer may demand new keys at any time (RFC 8446 section 4.6.3), which is
// answered then and there. So each write has time of its own: not what is left of
// the last answer's, which would have run out, and not for ever, which would keep a
// peer that does not read from being silent for too long.
type timely struct {
	net.Conn
	most  time.Duration
	until time.Time
	set   bool // the deadline is somebody else's: the handshake's, or of TLS's farewell
}

// Write implements net.Conn. TLS writes one record at a time.
func (t *timely) Write(b []byte) (int, error) {
	if until, renew := renewed(t.until, t.most); renew && !t.set {
		t.until = until
		_ = t.Conn.SetWriteDeadline(until) // a closed socket fails below
	}
	return t.Conn.Write(b)
}

// SetWriteDeadline implements net.Conn. TLS sets one for its farewell only.
func (t *timely) SetWriteDeadline(until time.Time) error {
	t.set = true
	return t.Conn.SetWriteDeadline(until)
}
