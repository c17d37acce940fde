// Package timely bounds what a server writes to a TLS peer, where reading and writing
// have deadlines of their own.
//
// TLS writes when it is asked to read too: a peer may demand new keys at any time (RFC
// 8446 section 4.6.3), which is answered then and there. A deadline that was set for the
// handshake or for the last answer has run out by then, the answer to the demand fails,
// and crypto/tls lets no later write through: the connection looks alive and is mute.
// Without any deadline a peer that does not read would stay for ever.
//
// Start reading at Conn.
package timely

import (
	"net"
	"sync"
	"time"
)

// Conn is a socket on which each write has time of its own: that of an answer, also
// where it takes many records, or that of what TLS says by itself. Make it with New,
// and put TLS over it. Writes come one at a time, as TLS sends them.
type Conn struct {
	net.Conn
	most time.Duration

	mu        sync.Mutex
	until     time.Time
	lent      bool // the deadline is somebody else's: the handshake's, or of TLS's farewell
	answering bool
}

// New gives a Conn whose peer has the time to take a write.
func New(raw net.Conn, most time.Duration) *Conn { return &Conn{Conn: raw, most: most} }

// Answer begins or ends the writing of an answer, which has the time once in however
// many records. An answer of one record needs no mention.
func (c *Conn) Answer(begins bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if begins {
		c.renew()
	}
	c.answering = begins
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if !c.answering {
		c.renew()
	}
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *Conn) renew() {
	if until, renew := Renewed(c.until, c.most); renew && !c.lent {
		c.until = until
		_ = c.Conn.SetWriteDeadline(until) // a closed socket fails at the write
	}
}

// SetWriteDeadline implements net.Conn: this deadline counts until it is taken back by
// the zero time, after which writes have their own again. TLS sets one for its farewell.
func (c *Conn) SetWriteDeadline(until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lent, c.until = !until.IsZero(), time.Time{}
	return c.Conn.SetWriteDeadline(until)
}

// SetDeadline implements net.Conn, for writes as SetWriteDeadline.
func (c *Conn) SetDeadline(until time.Time) error {
	if err := c.Conn.SetReadDeadline(until); err != nil {
		return err
	}
	return c.SetWriteDeadline(until)
}

// Renewed says whether a deadline has to be set anew, and to when. One that ends at most
// an eighth too early stays: setting it costs as much as serving a small request.
func Renewed(old time.Time, in time.Duration) (until time.Time, renew bool) {
	until = time.Now().Add(in)
	late := until.Sub(old)
	return until, late < 0 || late > in/8
}
