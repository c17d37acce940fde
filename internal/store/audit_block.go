package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"schoolbridge/internal/identity"
)

// Sign-ins that come together are one line of the chain: a block, sealed and
// hashed once. What stands in it cannot be taken out, added to it or moved within
// it, since the line's hash covers the whole; nor does the line say whose it is.
//
//	entry   at (8 bytes) ─ person (16 bytes) ─ length, kind ─ length, payload
//	block   entries one after the other, compressed (S2)
//
// Numbers are big-endian, lengths unsigned varints.
const (
	auditBlock = "sign_ins" // the kind of its line, whose person is empty

	blockEntries = 128
	blockBytes   = 64 << 10 // before compression; only an entry alone may be larger
	blockLimit   = 2 << 20  // more than an entry of maxPayload: no block claims more
)

// errBlock is no tampering, which the seal finds, but a fault of ours.
var errBlock = errors.New("a block of the audit trail is malformed")

// line is what becomes one line of the chain.
type line []identity.AuditEntry

// auditLines groups entries that are written together, in order.
func auditLines(entries []identity.AuditEntry) (lines []line) {
	for len(entries) > 0 {
		n, size := 1, entryBytes(&entries[0])
		for entries[0].SignIn() && n < min(len(entries), blockEntries) && entries[n].SignIn() {
			if size += entryBytes(&entries[n]); size > blockBytes {
				break
			}
			n++
		}
		lines = append(lines, entries[:n])
		entries = entries[n:]
	}
	return lines
}

// block says that the line is a block, if only of one.
func (l line) block() bool { return l[0].SignIn() }

// latest is when the last of its entries was made, in microseconds.
func (l line) latest() int64 {
	at := micros(l[0].At)
	for _, e := range l[1:] {
		at = max(at, micros(e.At))
	}
	return at
}

// entryBytes is what an entry takes at most.
func entryBytes(e *identity.AuditEntry) int {
	return 8 + len(e.Person) + 2*binary.MaxVarintLen64 + len(e.Kind) + len(e.Payload)
}

// packer makes and reads blocks one after the other in the same memory: what one
// of its methods gives is good until the next call of any.
type packer struct {
	plain, packed []byte
	mentioned     []mention
}

// pack gives the block of some entries.
func (p *packer) pack(l line) []byte {
	b := p.plain[:0]
	for i := range l {
		e := &l[i]
		b = binary.BigEndian.AppendUint64(b, uint64(micros(e.At)))
		b = append(b, e.Person[:]...)
		b = append(binary.AppendUvarint(b, uint64(len(e.Kind))), e.Kind...)
		b = append(binary.AppendUvarint(b, uint64(len(e.Payload))), e.Payload...)
	}
	p.plain, p.packed = b, s2.Encode(p.packed[:cap(p.packed)], b)
	return p.packed
}

// inflate undoes the compression of a block, in buf where there is room.
func inflate(buf, block []byte) ([]byte, error) {
	if n, err := s2.DecodedLen(block); err != nil || n == 0 || n > blockLimit {
		return nil, errBlock
	}
	b, err := s2.Decode(buf[:cap(buf)], block)
	if err != nil {
		return nil, errBlock
	}
	return b, nil
}

// packed is an entry as it lies in an inflated block.
type packed struct {
	at            int64 // in microseconds
	person        identity.PersonID
	kind, payload []byte
}

func cutEntry(b []byte) (e packed, rest []byte, ok bool) {
	if len(b) < 8+len(e.person) {
		return e, nil, false
	}
	e.at = int64(binary.BigEndian.Uint64(b))
	if e.kind, rest, ok = cutField(b[8+copy(e.person[:], b[8:]):]); !ok {
		return e, nil, false
	}
	e.payload, rest, ok = cutField(rest)
	return e, rest, ok
}

// unpack undoes pack. Where whose is not nil, it gives that person's entries
// only, which may be none; latest is of the whole block.
func unpack(block []byte, whose *identity.PersonID) (l line, latest time.Time, err error) {
	b, err := inflate(nil, block)
	if err != nil {
		return nil, latest, err
	}
	most := int64(math.MinInt64)
	for len(b) > 0 {
		e, rest, ok := cutEntry(b)
		if !ok {
			return nil, latest, errBlock
		}
		b, most = rest, max(most, e.at)
		if whose == nil || *whose == e.person {
			l = append(l, identity.AuditEntry{At: moment(e.at), Person: e.person, Kind: string(e.kind), Payload: e.payload})
		}
	}
	return l, moment(most), nil
}

func cutField(b []byte) (field, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)-width) {
		return nil, nil, false
	}
	b = b[width:]
	return b[:n:n], b[n:], true
}

// mention says that a block has entries of a person: which one, and roughly of
// which kinds. It errs towards too much: the block itself tells.
type mention struct {
	tag   uint64
	seq   int64 // of the block
	kinds uint16
}

// bucket is its bucket in the index.
func (m mention) bucket() int { return int(m.tag % indexBuckets) }

// mentionBytes is its width in the index: tag, 48 bits of the number, kinds.
const mentionBytes = 16

// personTag shortens a person's identifier, which is random.
func personTag(id identity.PersonID) uint64 {
	return binary.BigEndian.Uint64(id[:8]) ^ binary.BigEndian.Uint64(id[8:])
}

// kindBit is FNV-1a, folded: the same in every process.
func kindBit[T string | []byte](kind T) uint16 {
	h := uint32(2166136261)
	for i := range len(kind) {
		h = (h ^ uint32(kind[i])) * 16777619
	}
	return 1 << ((h ^ h>>16) & 15)
}

// mentions gives everybody in a block once, nobody in particular too.
func (p *packer) mentions(block []byte, seq int64) ([]mention, error) {
	b, err := inflate(p.plain, block)
	if err != nil {
		return nil, err
	}
	p.plain = b
	all := p.mentioned[:0]
	for len(b) > 0 {
		e, rest, ok := cutEntry(b)
		if !ok {
			return nil, errBlock
		}
		all, b = append(all, mention{personTag(e.person), seq, kindBit(e.kind)}), rest
	}
	slices.SortFunc(all, func(a, b mention) int { return cmp.Compare(a.tag, b.tag) })
	n := 0
	for _, m := range all {
		if n > 0 && all[n-1].tag == m.tag {
			all[n-1].kinds |= m.kinds
			continue
		}
		all[n] = m
		n++
	}
	p.mentioned = all
	return all[:n], nil
}

// appendTo packs it for the index.
func (m mention) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.tag)
	return binary.BigEndian.AppendUint64(b, uint64(m.seq)<<16|uint64(m.kinds))
}

func unpackMention(b []byte) mention {
	place := binary.BigEndian.Uint64(b[8:])
	return mention{binary.BigEndian.Uint64(b), int64(place >> 16), uint16(place)}
}
