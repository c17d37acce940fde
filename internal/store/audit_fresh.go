package store

import (
	"bytes"
	"math"
	"slices"
	"sort"
	"sync"

	"schoolbridge/internal/identity"
)

const (
	freshBytes   = 16 << 20 // of all chains: what is remembered
	freshStretch = 8        // lines for each block of a step, changes among them: as many are read at once
)

// fresh is who is in the last blocks of a chain, of which no row of the index tells
// yet, as such a row would say it: a search opens those of its person alone. It is
// made of lines that were verified, and counts for as long as the chain has the line
// in which it ends, from whose hash all before it follow.
type fresh struct {
	indexed          // its range; mentions is unused
	buckets [][]byte // each only grows, so that whoever reads one needs no lock
}

func (m *fresh) size() (n int) {
	for _, b := range m.buckets {
		n += len(b)
	}
	return n
}

// cut leaves what is after a line, which the index has reached.
func (m *fresh) cut(after int64) {
	for i, b := range m.buckets {
		m.buckets[i] = slices.Clone(mentionsAfter(b, after))
	}
	m.first = after + 1
}

// add takes in what the next lines have.
func (m *fresh) add(r indexed, buckets [][]byte) {
	m.upto, m.hash = r.upto, r.hash
	for i, b := range buckets {
		m.buckets[i] = append(m.buckets[i], b...)
	}
}

// mentionsAfter leaves those of blocks after a line.
func mentionsAfter(mentions []byte, after int64) []byte {
	n := sort.Search(len(mentions)/mentionBytes, func(i int) bool { return unpackMention(mentions[i*mentionBytes:][:mentionBytes]).seq > after })
	return mentions[n*mentionBytes:]
}

// freshChains is what a process remembers of every chain.
type freshChains struct {
	mu     sync.Mutex
	chains map[string]*fresh
}

// forget begins anew: what was erased is remembered no longer.
func (c *freshChains) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.chains)
}

func (c *freshChains) size() (n int) {
	for _, m := range c.chains {
		n += m.size()
	}
	return n
}

// newest visits the blocks of a chain after a line, with which the index ends, newest
// first, until it is enough.
func (t *tx) newest(chain string, id identity.PersonID, kinds uint16, after int64, f visit) (enough bool, err error) {
	known, err := t.fresh(chain, mention{tag: personTag(id)}.bucket(), after)
	if err != nil {
		return false, err
	}
	before := int64(math.MaxInt64)
	if known.upto > after {
		if enough, err := t.unindexed(chain, id, known.upto, before, f); err != nil || enough {
			return enough, err
		}
		if enough, err := t.mentioned(chain, id, mentionsAfter(known.mentions, after), kinds, f); err != nil || enough {
			return enough, err
		}
		before = known.first
	}
	return t.unindexed(chain, id, after, before, f)
}

// fresh brings what is remembered of a chain after a line up to date, and gives what
// a bucket has of it; nothing where the snapshot is older than that.
func (t *tx) fresh(chain string, bucket int, after int64) (known indexed, err error) {
	c := &t.db.fresh
	c.mu.Lock()
	defer c.mu.Unlock()
	var last int64
	if err := t.row("SELECT coalesce(max(seq), 0) FROM audit WHERE chain = ?", chain).Scan(&last); err != nil {
		return known, err
	}
	// Lines are read once, and of many that came unseen the last.
	from := max(after, last-freshStretch*t.db.indexStep)
	m := c.chains[chain]
	if m != nil {
		if m.upto > last {
			return known, nil
		}
		var hash []byte
		err := t.row("SELECT hash FROM audit WHERE chain = ? AND seq = ?", chain, m.upto).Scan(&hash)
		if err != nil && !isNoRows(err) {
			return known, err
		}
		if m.upto <= from || !bytes.Equal(hash, m.hash) {
			m = nil
		}
	}
	if m, err = t.readFresh(chain, m, from, last); err != nil || m == nil {
		return known, err
	}
	if m.first <= after {
		m.cut(after)
	}
	known = m.indexed
	known.mentions = m.buckets[bucket]
	return known, nil
}

// readFresh reads on from where m ends, or from a line on, and remembers what there is.
func (t *tx) readFresh(chain string, m *fresh, from, last int64) (*fresh, error) {
	c := &t.db.fresh
	if m != nil {
		from = m.upto
	}
	t.packer = &packer{}
	for from < last && c.size() < freshBytes {
		r, buckets, err := t.readMentions(chain, from+1)
		if err != nil {
			return nil, err
		}
		if r.upto < r.first {
			break
		}
		if m == nil || r.first != m.upto+1 {
			m = &fresh{indexed{first: r.first}, make([][]byte, indexBuckets)}
		}
		m.add(r, buckets)
		from = r.upto
	}
	delete(c.chains, chain)
	if m != nil {
		if c.chains == nil {
			c.chains = map[string]*fresh{}
		}
		c.chains[chain] = m
	}
	return m, nil
}
