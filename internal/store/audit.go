package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"schoolbridge/internal/identity"
)

// Audit is the trail of changes and sign-ins: one hash chain per replica.
//
//	payload ─seal─► sealed ─SHA-256─► payload_hash ─┐
//	chain, seq, at, kind, person, previous hash ────┴─HMAC─► hash ─► next row
//	                                                           └─HMAC─► the head's seal
//
// A line is one entry, or a block of entries that came together (audit_block.go);
// audit_index.go finds the blocks of a person.
//
// The chain runs over hashes of the sealed payloads, so that a payload can be
// erased after its retention and the chain still verifies; hashes and the
// head's seal are keyed, so that whoever has only the database can neither
// write a chain of his own nor cut one off. A whole older database put back
// looks as it did then: heads that were noted elsewhere (Heads) tell that.
type Audit struct{ db *DB }

// Audit gives the audit trail.
func (db *DB) Audit() *Audit { return &Audit{db} }

// auditBatch bounds the rows read at once.
const auditBatch = 1000

// Append writes the entries in one transaction, in order.
func (a *Audit) Append(ctx context.Context, entries []identity.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	err := a.db.write(ctx, func(t *tx) error {
		t.audits = append(t.audits, entries...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("append to the audit trail: %w", err)
	}
	return nil
}

type auditRow struct {
	chain               string
	seq, at             int64
	kind                string
	person              []byte
	sealed, payloadHash []byte
	previous            []byte
	version             uint32
	hash                []byte
}

// writeAudit adds the transaction's lines to this replica's chain.
func (t *tx) writeAudit() error {
	if len(t.audits) == 0 {
		return nil
	}
	lines := auditLines(t.audits)
	h, err := t.takeHead(t.db.replica, len(lines))
	if err != nil {
		return err
	}
	first := h.Seq + 1
	all := make([]mention, 0, len(t.audits))
	for _, l := range lines {
		if h, err = t.writeLine(h, l); err != nil {
			return err
		}
		if !l.alone() {
			all = append(all, l.mentions(h.Seq)...)
		}
	}
	if err := t.indexBlocks(h.Chain, first, h.Seq, all); err != nil {
		return err
	}
	return t.putHead(h)
}

// writeLine adds one line after the head and gives the new head.
func (t *tx) writeLine(h AuditHead, l line) (AuditHead, error) {
	r := auditRow{chain: h.Chain, seq: h.Seq + 1, at: l.latest(), previous: h.Hash, version: t.db.keys.lookup.PrimaryID}
	var payload []byte
	if l.alone() {
		r.kind, r.person, payload = l[0].Kind, l[0].Person[:], l[0].Payload
	} else {
		r.kind, r.person, payload = auditBlock, []byte{}, l.pack()
	}
	var err error
	if r.sealed, err = t.db.keys.seal("audit", auditKey(r.chain, r.seq), "sealed", payload); err != nil {
		return h, err
	}
	sum := sha256.Sum256(r.sealed)
	r.payloadHash = sum[:]
	if r.hash, err = r.sum(t.db.keys); err != nil {
		return h, err
	}
	err = t.exec(`INSERT INTO audit (chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.chain, r.seq, r.at, r.kind, r.person, r.sealed, r.payloadHash, r.previous, r.version, r.hash)
	return AuditHead{Chain: r.chain, Seq: r.seq, Hash: r.hash}, err
}

func auditKey(chain string, seq int64) string { return chain + "/" + strconv.FormatInt(seq, 10) }

func (r auditRow) sum(keys *Keyset) ([]byte, error) {
	if keys.lookup.PRFs[r.version] == nil {
		return nil, fmt.Errorf("key %d is not in the keyset", r.version)
	}
	var b []byte
	field := func(v []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.at))
	for _, v := range [][]byte{[]byte(r.chain), []byte(r.kind), r.person, r.payloadHash, r.previous} {
		field(v)
	}
	return keys.digest(r.version, domainAudit, string(b))
}

// Recent gives a person's last entries, newest first, at most limit. kinds,
// where given, are the only ones. Of an erased line the payload is nil; the
// entries of an erased block are gone.
func (a *Audit) Recent(ctx context.Context, id identity.PersonID, limit int, kinds ...string) ([]identity.AuditEntry, error) {
	if limit <= 0 {
		return nil, nil
	}
	var found line
	err := a.db.read(ctx, func(t *tx) error {
		var err error
		if found, err = t.ownLines(id, limit, kinds); err != nil {
			return err
		}
		heads, err := t.heads()
		if err != nil {
			return err
		}
		own := found
		for _, h := range heads {
			more, err := t.inBlocks(h.Chain, id, limit, kinds, own)
			if err != nil {
				return err
			}
			found = append(found, more...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	slices.SortStableFunc(found, func(a, b identity.AuditEntry) int { return b.At.Compare(a.At) })
	return found[:min(limit, len(found))], nil
}

// ownLines are a person's entries that are lines of their own, newest first.
func (t *tx) ownLines(id identity.PersonID, limit int, kinds []string) (entries line, err error) {
	query := "SELECT chain, seq, at, kind, sealed FROM audit WHERE person = ?"
	args := []any{id[:]}
	if len(kinds) > 0 {
		query += " AND kind IN (" + marks(len(kinds)) + ")"
		for _, kind := range kinds {
			args = append(args, kind)
		}
	}
	query += " ORDER BY at DESC, seq DESC LIMIT ?"
	err = t.each(query, append(args, limit), func(scan func(...any) error) error {
		var r auditRow
		if err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.sealed); err != nil {
			return err
		}
		e := identity.AuditEntry{At: moment(r.at), Kind: r.kind, Person: id}
		if len(r.sealed) > 0 {
			var err error
			if e.Payload, err = t.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed); err != nil {
				return err
			}
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// inBlocks are a person's entries in the blocks of a chain, newest first, as
// far back as somebody needs who has own already and wants limit.
func (t *tx) inBlocks(chain string, id identity.PersonID, limit int, kinds []string, own line) (entries line, err error) {
	bits := ^uint16(0)
	if len(kinds) > 0 {
		bits = 0
	}
	for _, kind := range kinds {
		bits |= kindBit(kind)
	}
	err = t.mentioning(chain, personTag(id), bits, func(seq int64) (enough bool, err error) {
		block, err := t.openBlock(chain, seq)
		if err != nil || len(block) == 0 {
			return false, err
		}
		for _, e := range slices.Backward(block) {
			if e.Person == id && (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) {
				e.Payload = bytes.Clone(e.Payload) // not to keep the whole block
				entries = append(entries, e)
			}
		}
		older := len(own) == limit && micros(own[limit-1].At) > block.latest()
		return len(entries) >= limit || older, nil
	})
	return entries, err
}
