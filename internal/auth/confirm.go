package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/identity"
)

// mac is a keyed HMAC-SHA256 whose states are reused.
type mac struct{ pool sync.Pool }

func newMAC(key [32]byte) *mac {
	m := &mac{}
	m.pool.New = func() any { return &macState{Hash: hmac.New(sha256.New, key[:])} }
	return m
}

type macState struct {
	hash.Hash
	in  [16 + 8 + MaxPassword]byte
	sum [sha256.Size]byte
}

// digest is half of an HMAC-SHA256, which is enough: nobody without the key finds
// two inputs that share it.
type digest [sha256.Size / 2]byte

// over gives the MAC of a person or name, an epoch and a proof. The first two
// have fixed lengths, so no two inputs read alike.
func (m *mac) over(k key, epoch uint64, proof identity.Password) digest {
	s := m.pool.Get().(*macState)
	s.Reset()
	in := append(s.in[:0], k[:]...)
	in = binary.BigEndian.AppendUint64(in, epoch)
	in = append(in, proof...)
	s.Write(in)
	s.Sum(s.sum[:0])
	sum := digest(s.sum[:])
	clear(in)
	m.pool.Put(s)
	return sum
}

// confirmations remembers, without the passwords, which proofs mos.ru
// confirmed lately: a MAC under a key that dies with the process.
type confirmations struct {
	mac         *mac
	table       *table[digest, int64] // when mos.ru was asked, Unix ns
	long, short time.Duration
	healthy     func() bool
	unbroken    func() time.Time
	// since is the moment from which events have been arriving without a gap
	// that we noticed; 0 while they do not arrive.
	since atomic.Int64
}

func newConfirmations(o Options) *confirmations {
	return &confirmations{mac: newMAC(randomKey()), table: newTable[digest, int64](o.Confirmations), long: o.ConfirmLong, short: o.ConfirmShort, healthy: o.EventsHealthy, unbroken: o.Unbroken}
}

func randomKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// confirmation is what the table holds for a proof.
type confirmation struct {
	fresh bool          // counts by itself
	known bool          // mos.ru did confirm it once
	age   time.Duration // since then
}

// find judges a proof; tells: its home tells of changed passwords.
func (c *confirmations) find(id digest, now time.Time, tells bool) confirmation {
	since := c.gapless(now)
	if !tells {
		since = 0
	}
	at, ok := c.table.Get(id)
	if !ok {
		return confirmation{}
	}
	return c.judge(at, since, now)
}

// stands judges what mos.ru confirmed at a time, whoever remembered it.
func (c *confirmations) stands(at, now time.Time, tells bool) bool {
	since := c.gapless(now)
	if !tells {
		since = 0
	}
	return c.judge(at.UnixNano(), since, now).fresh
}

func (c *confirmations) judge(at, since int64, now time.Time) confirmation {
	age := now.Sub(time.Unix(0, at))
	if age < -time.Minute {
		return confirmation{} // the clock was set back: we cannot tell
	}
	// A confirmation from before a gap in the events may have missed one.
	life := c.short
	if since != 0 && at >= since {
		life = c.long
	}
	return confirmation{fresh: age <= life, known: true, age: age}
}

// gapless follows the health of the events and gives since.
func (c *confirmations) gapless(now time.Time) int64 {
	since := c.since.Load()
	switch healthy := c.healthy(); {
	case !healthy && since != 0:
		c.since.Store(0)
		return 0
	case healthy && since == 0:
		// Until just now they may have been arriving unnoticed, as at start.
		since = now.UnixNano()
		c.since.Store(since)
	}
	if since != 0 && c.unbroken != nil {
		since = max(since, c.unbroken().UnixNano())
	}
	return since
}

// drop forgets what mos.ru confirmed once and refuses now.
func (c *confirmations) drop(id digest) { c.table.Remove(id) }

func (c *confirmations) add(id digest, asked time.Time) { c.table.Add(id, asked.UnixNano()) }
