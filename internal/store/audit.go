package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"schoolbridge/internal/identity"
)

// Audit is the trail of changes and sign-ins: one hash chain per replica.
//
//	payload ─seal─► sealed ─SHA-256─► payload_hash ─┐
//	chain, seq, at, kind, person, previous hash ────┴─HMAC─► hash ─► next row
//	                                                           └─HMAC─► the head's seal
//
// Changes are a line each and stay. Sign-ins are many: those that come together
// are one line, a block (audit_block.go); audit_index.go finds somebody's blocks.
// Beside a change stands who did it, outside of the hash, for audit_browse.go; Verify
// holds it against what the line says.
//
// The chain runs over hashes of the sealed payloads, so that sign-ins can be
// erased after their retention and the chain still verifies; hashes and the
// head's seal are keyed, so that whoever has only the database can neither
// write a chain of his own nor cut one off. A whole older database put back
// looks as it did then: heads that were noted elsewhere (Heads) tell that.
type Audit struct{ db *DB }

// Audit gives the audit trail.
func (db *DB) Audit() *Audit { return &Audit{db} }

// auditBatch bounds the rows read at once.
const auditBatch = 1000

// maxPayload bounds the payload of one entry.
const maxPayload = 1 << 20

// Append writes the entries in one transaction, in order. It refuses a payload of
// more than a MiB.
func (a *Audit) Append(ctx context.Context, entries []identity.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		if len(entries[i].Payload) > maxPayload {
			return errors.New("append to the audit trail: an entry is too large")
		}
	}
	err := a.db.write(ctx, func(t *tx) error {
		t.audits = entries
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
	actor               sql.NullString // of a line of an older version: NULL
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
	if h.Seq == 0 {
		if err := t.beginsNow(&h); err != nil {
			return err
		}
	}
	t.packer = t.db.packers.Get().(*packer)
	defer t.db.packers.Put(t.packer)
	before := h.Seq
	for _, l := range lines {
		if h, err = t.writeLine(h, l); err != nil {
			return err
		}
	}
	if err := t.putHead(h); err != nil {
		return err
	}
	if before == 0 {
		if err := t.announce(h); err != nil {
			return err
		}
	}
	return t.extendIndex(h.Chain, before, h.Seq)
}

// writeLine adds one line after the head and gives the new head.
func (t *tx) writeLine(h AuditHead, l line) (AuditHead, error) {
	r := auditRow{chain: h.Chain, seq: h.Seq + 1, at: l.latest(), previous: h.Hash, version: t.db.keys.lookup.PrimaryID}
	var payload []byte
	actor := "" // of a block: those whose sign-ins they are
	if l.block() {
		r.kind, r.person, payload = auditBlock, []byte{}, t.packer.pack(l)
	} else {
		r.kind, r.person, payload, actor = l[0].Kind, l[0].Person[:], l[0].Payload, l[0].Actor()
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
	err = t.exec(`INSERT INTO audit (chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash, actor)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.chain, r.seq, r.at, r.kind, r.person, r.sealed, r.payloadHash, r.previous, r.version, r.hash, actor)
	return AuditHead{Chain: r.chain, Seq: r.seq, Hash: r.hash}, err
}

// lines calls f with a chain's lines after one, in order, at most limit of them,
// whose sealed payloads are good until f returns.
func (t *tx) lines(chain string, after int64, limit int, f func(auditRow) error) (n int, err error) {
	err = t.each(`SELECT chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash, actor FROM audit
		WHERE chain = ? AND seq > ? ORDER BY seq LIMIT ?`, []any{chain, after, limit}, func(scan func(...any) error) error {
		n++
		var r auditRow
		if err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.person, (*sql.RawBytes)(&r.sealed), &r.payloadHash, &r.previous, &r.version, &r.hash, &r.actor); err != nil {
			return err
		}
		return f(r)
	})
	return n, err
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
