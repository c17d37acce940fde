package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"schoolbridge/internal/identity"
)

// auditErasure is the kind of the lines that tell of an erasure.
const auditErasure = "audit_erasure"

// erasure is their payload.
type erasure struct{ Before time.Time }

const (
	// signInRows are the sign-ins that were not erased: the condition of the
	// database's index audit_sign_ins.
	signInRows = " substr(kind, 1, 7) = 'sign_in' AND length(sealed) > 0 "

	eraseLines = 500 // in one transaction
)

// EraseSignIns empties the payloads of sign-ins older than before, many small
// transactions one after the other, and says of how many lines. A block is as old
// as its youngest entry. The lines and their hashes stay, and where something is
// erased, a line tells of it. An erasure that was cut short is repeated.
func (a *Audit) EraseSignIns(ctx context.Context, before time.Time) (lines int, err error) {
	for n := eraseLines; n == eraseLines; lines += n {
		if n, err = a.eraseSome(ctx, before, lines == 0); err != nil {
			return lines, fmt.Errorf("erase sign-ins of the audit trail: %w", err)
		}
	}
	a.db.fresh.forget()
	if err := a.forget(ctx); err != nil {
		return lines, fmt.Errorf("erase the index of the audit trail: %w", err)
	}
	return lines, nil
}

// eraseSome erases the oldest, and tells of it the first time.
func (a *Audit) eraseSome(ctx context.Context, before time.Time, first bool) (n int, err error) {
	err = a.db.write(ctx, func(t *tx) error {
		var due []auditRow
		err := t.each("SELECT chain, seq FROM audit WHERE"+signInRows+"AND at < ? ORDER BY at LIMIT ?", []any{micros(before), eraseLines},
			func(scan func(...any) error) error {
				var r auditRow
				err := scan(&r.chain, &r.seq)
				due = append(due, r)
				return err
			})
		if err != nil {
			return err
		}
		for _, r := range due {
			if err := t.exec("UPDATE audit SET sealed = ? WHERE chain = ? AND seq = ?", []byte{}, r.chain, r.seq); err != nil {
				return err
			}
		}
		if n = len(due); n > 0 && first {
			text, err := json.Marshal(erasure{before})
			if err != nil {
				return err
			}
			t.audit(identity.AuditEntry{At: t.db.now(), Kind: auditErasure, Payload: text})
		}
		return nil
	})
	return n, err
}

// forget erases what the index knows of erased lines, a bucket at a time. A row
// that tells of others too goes with them: those are looked into from then on.
func (a *Audit) forget(ctx context.Context) error {
	upto := map[string]int64{} // chain: the last line of such a row
	err := a.db.read(ctx, func(t *tx) error {
		chains, err := t.chains()
		if err != nil {
			return err
		}
		for _, chain := range chains {
			var oldest, last int64 // block that is there; row's line
			if err := t.row("SELECT coalesce(min(seq), ?) FROM audit WHERE chain = ?"+blockRows, int64(math.MaxInt64), chain).Scan(&oldest); err != nil {
				return err
			}
			// Ranges are the same in all buckets, and the last bucket comes last.
			err := t.row("SELECT coalesce(max(upto), 0) FROM audit_index WHERE chain = ? AND bucket = ? AND first < ?", chain, indexBuckets-1, oldest).Scan(&last)
			if err != nil {
				return err
			}
			if last > 0 {
				upto[chain] = last
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for chain, last := range upto {
		for bucket := range indexBuckets {
			err := a.db.write(ctx, func(t *tx) error {
				return t.exec("DELETE FROM audit_index WHERE chain = ? AND bucket = ? AND upto <= ?", chain, bucket, last)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
