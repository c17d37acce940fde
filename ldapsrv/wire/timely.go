package wire

import (
	"net"
	"sync"
	"time"
)

// timely is the socket that is written to, by us or by TLS. TLS writes when it is asked to read
// too: a peer may demand new keys at any time (RFC 8446 section 4.6.3), which is
// answered then and there. So each write has time of its own: not what is left of
// the last answer's, which would have run out, and not for ever, which would keep a
// peer that does not read from being silent for too long. An answer of many records
// has that time once.
type timely struct {
	net.Conn
	most time.Duration

	mu        sync.Mutex
	until     time.Time
	set       bool // the deadline is somebody else's: the handshake's, or of TLS's farewell
	answering bool
}

// answer begins or ends the writing of an answer, in as many records as it takes.
func (t *timely) answer(begins bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if begins {
		t.renew()
	}
	t.answering = begins
}

// Write implements net.Conn. TLS writes one record at a time.
func (t *timely) Write(b []byte) (int, error) {
	t.mu.Lock()
	if !t.answering {
		t.renew()
	}
	t.mu.Unlock()
	return t.Conn.Write(b)
}

func (t *timely) renew() {
	if until, renew := renewed(t.until, t.most); renew && !t.set {
		t.until = until
		_ = t.Conn.SetWriteDeadline(until) // a closed socket fails at the write
	}
}

// SetWriteDeadline implements net.Conn. TLS sets one for its farewell only.
func (t *timely) SetWriteDeadline(until time.Time) error {
	t.mu.Lock()
	t.set = true
	t.mu.Unlock()
	return t.Conn.SetWriteDeadline(until)
}
