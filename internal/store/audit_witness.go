package store

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"

	"schoolbridge/internal/identity"
)

// auditHeads is the kind of the lines in which one chain tells how far others were.
const auditHeads = "audit_heads"

// Replicas' chains vouch for each other: where one begins, all others get a line that
// tells so, and each daemon notes the others' ends in its own chain (Witness). Whoever
// has only the database would have to cut all of them at once: a chain that was taken
// away, or put back as it once was with the head of that time, lacks lines that another
// one tells of.
//
//	main  ─ ▢ ─ ▢ ─ "second begins" ─ ▢ ─ "second was at 57" ─ ▢
//	second ─── ▢ ─ ▢ ─ … 57 ─ ▢ ─ "main was at 4" ─ ▢
type witnessed struct {
	Heads []witnessedHead `json:"heads"`
}

type witnessedHead struct {
	Chain string `json:"chain"`
	Line  int64  `json:"line"`
	Hash  []byte `json:"hash"`
}

// Witness notes in this replica's chain how far the others are. Where there is no other
// chain, it writes nothing.
func (a *Audit) Witness(ctx context.Context) error {
	err := a.db.write(ctx, func(t *tx) error {
		heads, err := t.heads()
		if err != nil {
			return err
		}
		var w witnessed
		for _, h := range heads {
			if h.Chain != t.db.replica {
				w.Heads = append(w.Heads, witnessedHead{h.Chain, h.Seq, h.Hash})
			}
		}
		if len(w.Heads) == 0 {
			return nil
		}
		e, err := w.entry(t.db)
		t.audit(e)
		return err
	})
	if err != nil {
		return fmt.Errorf("note the ends of the audit trail's other chains: %w", err)
	}
	return nil
}

// announce tells every other chain that one has begun, and how far it is.
func (t *tx) announce(begun AuditHead) error {
	heads, err := t.heads()
	if err != nil {
		return err
	}
	w := witnessed{[]witnessedHead{{begun.Chain, begun.Seq, begun.Hash}}}
	for _, h := range heads {
		if h.Chain == begun.Chain {
			continue
		}
		e, err := w.entry(t.db)
		if err != nil {
			return err
		}
		if h, err = t.takeHead(h.Chain, 1); err != nil {
			return err
		}
		if h, err = t.writeLine(h, line{e}); err != nil {
			return err
		}
		if err := t.putHead(h); err != nil {
			return err
		}
	}
	return nil
}

func (w *witnessed) entry(db *DB) (identity.AuditEntry, error) {
	text, err := json.Marshal(w)
	return identity.AuditEntry{At: db.now(), Kind: auditHeads, Payload: text}, err
}

// testimony is the furthest that other chains tell of one, and where they do.
type testimony struct {
	told witnessedHead
	by   auditRow
}

// noteWitness keeps what a line tells of other chains.
func (v *verification) noteWitness(r auditRow) error {
	var w witnessed
	if err := v.db.keys.openJSON("audit", auditKey(r.chain, r.seq), "sealed", r.sealed, &w); err != nil {
		return err
	}
	for _, h := range w.Heads {
		if known, ok := v.witnesses[h.Chain]; !ok || h.Line > known.told.Line {
			v.witnesses[h.Chain] = testimony{h, auditRow{chain: r.chain, seq: r.seq}}
		}
	}
	return nil
}

// witnessesAgree holds every chain against what the others tell of it.
func (v *verification) witnessesAgree() error {
	for chain, w := range v.witnesses {
		var hash []byte
		err := v.row("SELECT hash FROM audit WHERE chain = ? AND seq = ?", chain, w.told.Line).Scan(&hash)
		switch {
		case isNoRows(err):
			return &Broken{chain, w.told.Line, fmt.Sprintf("it is missing, and line %d of chain %q tells that it was there", w.by.seq, w.by.chain)}
		case err != nil:
			return err
		case !hmac.Equal(hash, w.told.Hash):
			return &Broken{chain, w.told.Line, fmt.Sprintf("it is not the one that line %d of chain %q tells of", w.by.seq, w.by.chain)}
		}
	}
	return nil
}

// someTrail finds a trail that was taken away as a whole: nobody has an account
// without a line that tells of it.
func (v *verification) someTrail(heads []AuditHead) error {
	if len(heads) > 0 {
		return nil
	}
	var id []byte
	err := v.row("SELECT id FROM people WHERE id > ? ORDER BY id LIMIT 1", []byte{}).Scan(&id)
	if err == nil {
		return &Broken{"main", 1, "there are people, and no line tells how they came"}
	}
	if !isNoRows(err) {
		return err
	}
	return nil
}
