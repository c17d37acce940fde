package wire

import (
	"net/netip"
	"sync"
	"time"
)

// How long a reply is kept after it was sent (RFC 5080 section 2.2.2 speaks of
// five seconds), and how long an unanswered request is held to be in flight.
const (
	keepReply    = 5 * time.Second
	keepInFlight = 10 * time.Second
	shardCount   = 16
)

// requestKey is what makes two packets the same request: RFC 5080 section
// 2.2.2. It holds no pointers, so that the table costs the collector nothing.
type requestKey struct {
	addr          [16]byte
	authenticator [16]byte
	port          uint16
	link          uint16 // the listener it came by
	id            byte
	code          byte
}

func keyOf(packet []byte, from netip.AddrPort, link uint16) requestKey {
	return requestKey{
		addr:          from.Addr().As16(),
		authenticator: [16]byte(packet[4:headerLen]),
		port:          from.Port(),
		link:          link,
		id:            packet[1],
		code:          packet[0],
	}
}

// duplicates remembers requests in flight and replies lately sent. It is a
// fixed ring in order of arrival with an index: at its limit the oldest goes.
//
//	(new) ─begin─► in flight ─finish─► answered ─5 s─► forgotten
//	                  └─forget─► forgotten (nothing was answered: a repeat is a new try)
type duplicates struct {
	shards [shardCount]shard
}

type shard struct {
	mu    sync.Mutex
	index map[requestKey]uint32
	ring  []slot
	head  uint32 // the oldest
	used  uint32
}

type slot struct {
	key   requestKey
	until time.Time
	reply []byte // nil while in flight
}

func newDuplicates(limit int) *duplicates {
	d := &duplicates{}
	per := max(limit/shardCount, 1)
	for i := range d.shards {
		d.shards[i].index = make(map[requestKey]uint32)
		d.shards[i].ring = make([]slot, per)
	}
	return d
}

func (d *duplicates) shard(key requestKey) *shard {
	// The authenticator is random in requests that can be told apart.
	return &d.shards[(key.authenticator[0]^key.id)%shardCount]
}

// seen is what begin found.
type seen uint8

const (
	seenNever seen = iota
	seenInFlight
	seenAnswered
)

// begin notes a request, or finds it noted; the reply must not be changed.
func (d *duplicates) begin(key requestKey, now time.Time) (seen, []byte) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[key]; ok {
		if old := &s.ring[i]; now.Before(old.until) {
			if old.reply == nil {
				return seenInFlight, nil
			}
			return seenAnswered, old.reply
		}
		delete(s.index, key) // its slot goes when its turn comes
	}
	for s.used > 0 && (s.used == uint32(len(s.ring)) || !now.Before(s.ring[s.head].until)) {
		s.pop()
	}
	i := (s.head + s.used) % uint32(len(s.ring))
	s.ring[i] = slot{key: key, until: now.Add(keepInFlight)}
	s.index[key] = i
	s.used++
	return seenNever, nil
}

func (s *shard) pop() {
	old := &s.ring[s.head]
	if i, ok := s.index[old.key]; ok && i == s.head {
		delete(s.index, old.key)
	}
	*old = slot{}
	s.head = (s.head + 1) % uint32(len(s.ring))
	s.used--
}

// finish keeps the reply for repeats; it must not be changed afterwards.
func (d *duplicates) finish(key requestKey, reply []byte, now time.Time) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[key]; ok {
		s.ring[i].reply = reply
		s.ring[i].until = now.Add(keepReply)
	}
}

// forget lets a repeat be tried anew.
func (d *duplicates) forget(key requestKey) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[key]; ok {
		s.ring[i].until = time.Time{}
		delete(s.index, key)
	}
}
