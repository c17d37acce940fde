package store

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"slices"

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

// testimony is what a line tells of another chain.
type testimony struct {
	told witnessedHead
	by   auditRow
}

// noteWitness takes what a line tells of other chains.
func (v *verification) noteWitness(r auditRow) error {
	var w witnessed
	if err := v.db.keys.openJSON("audit", auditKey(r.chain, r.seq), "sealed", r.sealed, &w); err != nil {
		return err
	}
	for _, h := range w.Heads {
		v.told = append(v.told, testimony{h, auditRow{chain: r.chain, seq: r.seq}})
	}
	return nil
}

// witnessesAgree holds the other chains against what was taken: each testimony, for a
// chain that was cut and went on has grown beyond the line at which it was, and the
// later ones tell of what it is now.
func (v *verification) witnessesAgree() error {
	for _, w := range v.told {
		var hash []byte
		err := v.row("SELECT hash FROM audit WHERE chain = ? AND seq = ?", w.told.Chain, w.told.Line).Scan(&hash)
		switch {
		case isNoRows(err):
			return &Broken{w.told.Chain, w.told.Line, fmt.Sprintf("it is missing, and line %d of chain %q tells that it was there", w.by.seq, w.by.chain)}
		case err != nil:
			return err
		case !hmac.Equal(hash, w.told.Hash):
			return &Broken{w.told.Chain, w.told.Line, fmt.Sprintf("it is not the one that line %d of chain %q tells of", w.by.seq, w.by.chain)}
		}
	}
	v.told = v.told[:0]
	return nil
}

// beginsNow leaves a break where a chain begins and there should be a trail: nobody is
// without a line that tells of them, so people whom another transaction made, and no
// chain at all, are what is left where somebody took the whole trail away.
func (t *tx) beginsNow(h *AuditHead) error {
	heads, err := t.heads()
	if err != nil || len(heads) > 1 {
		return err // the others tell
	}
	people, err := t.ids("SELECT id FROM people WHERE id > ? ORDER BY id LIMIT ?", []byte{}, len(t.seen)+1)
	if err != nil || !slices.ContainsFunc(people, func(id identity.PersonID) bool { return !t.seen[id] }) {
		return err
	}
	t.db.log.Error("THE AUDIT TRAIL WAS TAMPERED WITH: there are people, and no line tells how they came", "chain", h.Chain)
	h.Hash = notOurs
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
