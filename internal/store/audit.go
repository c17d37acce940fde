package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"schoolbridge/internal/identity"
)

// Audit is the trail of changes and sign-ins: one hash chain per replica.
//
//	payload ─seal─► sealed ─SHA-256─► payload_hash ─┐
//	chain, seq, at, kind, person, previous hash ────┴─HMAC─► hash ─► next row
//
// The chain runs over hashes of the sealed payloads, so that a payload can be
// erased after its retention and the chain still verifies; the hash is keyed,
// so that whoever has only the database cannot write a chain of his own.
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
	chain := t.db.replica
	// Taking the numbers first locks the head: chains never fork.
	if err := t.exec("INSERT INTO audit_heads (chain, seq, hash) VALUES (?, 0, ?) ON CONFLICT (chain) DO NOTHING", chain, make([]byte, 32)); err != nil {
		return err
	}
	r := auditRow{chain: chain, version: t.db.keys.lookup.PrimaryID}
	err := t.row("UPDATE audit_heads SET seq = seq + ? WHERE chain = ? RETURNING seq, hash", len(t.audits), chain).Scan(&r.seq, &r.hash)
	if err != nil {
		return err
	}
	r.seq -= int64(len(t.audits))
	for _, e := range t.audits {
		r.seq++
		r.at, r.kind, r.person, r.previous = micros(e.At), e.Kind, e.Person[:], r.hash
		if r.sealed, err = t.db.keys.seal("audit", auditKey(chain, r.seq), "sealed", e.Payload); err != nil {
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
	return t.exec("UPDATE audit_heads SET hash = ? WHERE chain = ?", r.hash, chain)
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

// Broken is one fault of the audit trail.
type Broken struct {
	Chain string
	Seq   int64
	Why   string
}

// Error says where the trail is broken.
func (b *Broken) Error() string {
	return fmt.Sprintf("the audit trail is broken at line %d of chain %q: %s", b.Seq, b.Chain, b.Why)
}

// Verify reads every chain and gives a *Broken for the first line that was
// changed, removed or moved. Where it is not nil, progress is told how many
// lines stood so far.
func (a *Audit) Verify(ctx context.Context, progress func(lines int)) error {
	return a.db.read(ctx, func(t *tx) error {
		heads := map[string]auditRow{}
		chains := []string{}
		err := t.each("SELECT chain, seq, hash FROM audit_heads ORDER BY chain", nil, func(scan func(...any) error) error {
			var h auditRow
			if err := scan(&h.chain, &h.seq, &h.hash); err != nil {
				return err
			}
			heads[h.chain] = h
			chains = append(chains, h.chain)
			return nil
		})
		if err != nil {
			return err
		}
		// A chain without a head is one whose head was removed.
		err = t.each("SELECT DISTINCT chain FROM audit ORDER BY chain", nil, func(scan func(...any) error) error {
			var chain string
			if err := scan(&chain); err != nil {
				return err
			}
			if _, ok := heads[chain]; !ok {
				return &Broken{chain, 0, "its head is missing"}
			}
			return nil
		})
		if err != nil {
			return err
		}
		lines := 0
		for _, chain := range chains {
			if err := t.verifyChain(heads[chain], &lines, progress); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) verifyChain(head auditRow, lines *int, progress func(int)) error {
	last := auditRow{hash: make([]byte, 32)}
	for {
		n := 0
		err := t.each(`SELECT chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash FROM audit
			WHERE chain = ? AND seq > ? ORDER BY seq LIMIT ?`, []any{head.chain, last.seq, auditBatch},
			func(scan func(...any) error) error {
				var r auditRow
				err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.person, &r.sealed, &r.payloadHash, &r.previous, &r.version, &r.hash)
				if err != nil {
					return err
				}
				if why := r.follows(last, t.db.keys); why != "" {
					return &Broken{r.chain, r.seq, why}
				}
				last = r
				n++
				return nil
			})
		if err != nil {
			return err
		}
		*lines += n
		if progress != nil {
			progress(*lines)
		}
		if n < auditBatch {
			break
		}
	}
	if last.seq != head.seq || !hmac.Equal(last.hash, head.hash) {
		return &Broken{head.chain, last.seq + 1, "the lines at the end are missing"}
	}
	return nil
}

// follows says what is wrong with r as the line after last, or "".
func (r auditRow) follows(last auditRow, keys *Keyset) string {
	if r.seq != last.seq+1 {
		return fmt.Sprintf("%d lines before it are missing", r.seq-last.seq-1)
	}
	if !hmac.Equal(r.previous, last.hash) {
		return "it does not continue the line before it"
	}
	if len(r.sealed) > 0 {
		if sum := sha256.Sum256(r.sealed); !hmac.Equal(sum[:], r.payloadHash) {
			return "its payload was changed"
		}
	}
	sum, err := r.sum(keys)
	if err != nil {
		return err.Error()
	}
	if !hmac.Equal(sum, r.hash) {
		return "it was changed"
	}
	return ""
}

// ErasePayloads empties the payloads of lines older than before. The lines
// and their hashes stay.
func (a *Audit) ErasePayloads(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := a.db.write(ctx, func(t *tx) (err error) {
		n, err = t.count("UPDATE audit SET sealed = ? WHERE at < ? AND length(sealed) > 0", []byte{}, micros(before))
		return err
	})
	return n, err
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

// IsBroken says whether Verify found a fault, as against being unable to read.
func IsBroken(err error) bool {
	var broken *Broken
	return errors.As(err, &broken)
}
