package wire

import (
	"encoding/binary"
	"hash/maphash"
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
	// replyRoom is what a request remembered has for its reply, on average.
	replyRoom = 112
)

// requestKey is what makes two packets the same request: RFC 5080 section
// 2.2.2.
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

// duplicates remembers requests in flight and replies lately sent. At its limits
// the oldest go: of the requests, whose repeats are then decided anew; or of the
// replies alone, where they are long ones.
//
//	(new) ─begin─► in flight ─finish─► answered ─5 s─► forgotten
//	                  └─forget─► forgotten (nothing was answered: a repeat is a new try)
//
// It takes some 160 bytes a request, all of them without pointers, and touches
// no more than it needs: a small installation never fills it.
type duplicates struct {
	seed   maphash.Seed
	base   time.Time
	shards [shardCount]shard
}

// shard is two rings: of requests in order of arrival, numbered from 1 on, and of
// the bytes of replies in order of their being sent. Slots with the same place in
// the index are chained, the newest first; a chain ends where it meets a slot that
// has been left or used again.
type shard struct {
	mu      sync.Mutex
	index   []uint32 // number of a slot
	slots   []slot
	oldest  uint32
	next    uint32
	replies []byte
	written uint64 // bytes ever written; what is less than len(replies) behind is there
}

type slot struct {
	print [2]uint64 // of the key; zero once forgotten
	until time.Duration
	at    uint64 // where in replies, as written counts
	size  uint16 // of the reply; 0 while in flight
	older uint32 // the next one of the chain
}

func newDuplicates(limit int, base time.Time) *duplicates {
	d := &duplicates{seed: maphash.MakeSeed(), base: base}
	per := 1 // a power of two, so that numbers may run over
	for 2*per <= limit/shardCount {
		per *= 2
	}
	for i := range d.shards {
		s := &d.shards[i]
		s.index, s.slots = make([]uint32, per), make([]slot, per)
		s.replies = make([]byte, max(per*replyRoom, 2*maxPacket))
		s.oldest, s.next = 1, 1
	}
	return d
}

// ticket is a request's place in the table.
type ticket struct {
	shard  *shard
	number uint32
}

// seen is what begin found.
type seen uint8

const (
	seenNever seen = iota
	seenInFlight
	seenAnswered
)

// begin notes a request, or finds it noted; the reply to repeat is appended to
// buf.
func (d *duplicates) begin(key *requestKey, now time.Time, buf []byte) (ticket, seen, []byte) {
	// Nobody can make two keys meet under a seed that is secret and random.
	print := [2]uint64{maphash.Comparable(d.seed, *key) | 1, binary.NativeEndian.Uint64(key.authenticator[:8])}
	s := &d.shards[print[0]>>32%shardCount]
	at := d.age(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	head := &s.index[print[0]>>32/shardCount%uint64(len(s.index))]
	for n, ok := s.first(*head); ok; n, ok = s.after(n) {
		old := s.slot(n)
		if old.print != print || at >= old.until {
			continue
		}
		if old.size == 0 {
			return ticket{}, seenInFlight, nil
		}
		if s.written-old.at <= uint64(len(s.replies)) {
			from := old.at % uint64(len(s.replies))
			return ticket{}, seenAnswered, append(buf, s.replies[from:from+uint64(old.size)]...)
		}
		break
	}
	for s.oldest != s.next && (s.next-s.oldest == uint32(len(s.slots)) || at >= s.slot(s.oldest).until) {
		s.oldest++
	}
	if s.oldest == s.next { // nothing there: begin where memory is in use already
		s.turn()
	}
	n := s.next
	s.next++
	*s.slot(n) = slot{print: print, until: at + keepInFlight, older: *head}
	*head = n
	return ticket{s, n}, seenNever, nil
}

func (s *shard) slot(n uint32) *slot { return &s.slots[n&uint32(len(s.slots)-1)] }

// first begins a chain.
func (s *shard) first(n uint32) (uint32, bool) { return n, s.there(n) }

// after goes on in a chain, to older slots only.
func (s *shard) after(n uint32) (uint32, bool) {
	older := s.slot(n).older
	return older, older-s.oldest < n-s.oldest && s.there(older)
}

// there says that a slot is still the one that had the number.
func (s *shard) there(n uint32) bool { return n-s.oldest < s.next-s.oldest }

// age is how old the table is.
func (d *duplicates) age(now time.Time) time.Duration { return now.Sub(d.base) }

// finish keeps a copy of the reply for repeats.
func (t ticket) finish(reply []byte, age time.Duration) {
	s := t.shard
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	size := uint64(len(s.replies))
	if !s.there(t.number) || len(reply) == 0 || len(reply) > maxPacket {
		return
	}
	if size-s.written%size < uint64(len(reply)) { // it does not fit before the end
		s.turn()
	}
	kept := s.slot(t.number)
	kept.at, kept.size, kept.until = s.written, uint16(len(reply)), age+keepReply
	copy(s.replies[s.written%size:], reply)
	s.written += uint64(len(reply))
}

// turn goes on at the beginning of the replies' ring.
func (s *shard) turn() {
	size := uint64(len(s.replies))
	s.written = (s.written + size - 1) / size * size
}

// forget lets a repeat be tried anew.
func (t ticket) forget() {
	s := t.shard
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.there(t.number) {
		s.slot(t.number).print = [2]uint64{}
	}
}
