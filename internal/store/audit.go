package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
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
	h, err := t.takeHead(t.db.replica, len(t.audits))
	if err != nil {
		return err
	}
	r := auditRow{chain: h.Chain, seq: h.Seq, hash: h.Hash, version: t.db.keys.lookup.PrimaryID}
	for _, e := range t.audits {
		r.seq++
		r.at, r.kind, r.person, r.previous = micros(e.At), e.Kind, e.Person[:], r.hash
		if r.sealed, err = t.db.keys.seal("audit", auditKey(r.chain, r.seq), "sealed", e.Payload); err != nil {
			return err
		}
		sum := sha256.Sum256(r.sealed)
		r.payloadHash = sum[:]
		if r.hash, err = r.sum(t.db.keys); err != nil {
			return err
		}
		err = t.exec(`INSERT INTO audit (chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.chain, r.seq, r.at, r.kind, r.person, r.sealed, r.payloadHash, r.previous, r.version, r.hash)
		if err != nil {
			return err
		}
	}
	return t.putHead(AuditHead{Chain: r.chain, Seq: r.seq, Hash: r.hash})
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

// Recent gives a person's last lines, newest first, at most limit; the
// payload of an erased one is nil. kinds, where given, are the only ones.
func (a *Audit) Recent(ctx context.Context, id identity.PersonID, limit int, kinds ...string) ([]identity.AuditEntry, error) {
	query := "SELECT chain, seq, at, kind, sealed FROM audit WHERE person = ?"
	args := []any{id[:]}
	if len(kinds) > 0 {
		query += " AND kind IN (" + marks(len(kinds)) + ")"
		for _, kind := range kinds {
			args = append(args, kind)
		}
	}
	query += " ORDER BY at DESC, seq DESC LIMIT ?"
	args = append(args, limit)
	var entries []identity.AuditEntry
	err := a.db.read(ctx, func(t *tx) error {
		return t.each(query, args, func(scan func(...any) error) error {
			var r auditRow
			if err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.sealed); err != nil {
				return err
			}
			e := identity.AuditEntry{At: moment(r.at), Kind: r.kind, Person: id}
			if len(r.sealed) > 0 {
				var err error
				if e.Payload, err = a.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed); err != nil {
					return err
				}
			}
			entries = append(entries, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	return entries, nil
}
