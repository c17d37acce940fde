package wire

import (
	"net/netip"
	"sync/atomic"
)

// origin is what one source address, as limits count, holds at this moment.
type origin struct {
	connections int          // belongs to Server.mu, like
	lobby       queue        // those of them in the lobby, and
	rank        int          // in lobby.crowds, and
	halfOpen    queue        // those with a TLS handshake under way
	operations  atomic.Int64 // under way
	unread      atomic.Int64 // bytes of answers that its clients have not taken
	large       atomic.Int64 // bytes of large requests
}

func newOrigin() *origin { return &origin{lobby: queue{of: 1}, halfOpen: queue{of: placeHalfOpen}} }

// source is what limits count: one IPv6 host has a whole /64 to dial from.
func source(peer netip.Addr) netip.Addr {
	if !peer.Is6() {
		return peer
	}
	p, _ := peer.Prefix(64) // 64 bits are never too many
	return p.Addr()
}

// add counts n more, unless that would be above the limit.
func add(counter *atomic.Int64, n, limit int64) bool {
	if counter.Add(n) <= limit {
		return true
	}
	counter.Add(-n)
	return false
}

// originShare is the part of the memory for large requests that one source may
// take: whoever dribbles them in leaves enough to others.
const originShare = 8

// take implements budget: for the server and the source.
func (c *Conn) take(bytes int64) bool {
	limit := c.server.opt.Limits.LargePDUs
	if !add(&c.from.large, bytes, max(limit/originShare, int64(c.server.opt.Limits.PDU))) {
		return false
	}
	if !add(&c.server.large, bytes, limit) {
		c.from.large.Add(-bytes)
		return false
	}
	return true
}

// give implements budget.
func (c *Conn) give(bytes int64) {
	c.from.large.Add(-bytes)
	c.server.large.Add(-bytes)
}
