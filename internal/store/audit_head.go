package store

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/binary"
	"fmt"
)

// AuditHead is the end of one chain: all lines before it follow from it. Noted
// elsewhere, it proves later that none of them was taken away.
type AuditHead struct {
	Chain string
	Seq   int64
	Hash  []byte
}

// Heads gives the end of every chain.
func (a *Audit) Heads(ctx context.Context) ([]AuditHead, error) {
	var heads []AuditHead
	err := a.db.read(ctx, func(t *tx) (err error) {
		heads, err = t.heads()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail's heads: %w", err)
	}
	return heads, nil
}

func (t *tx) heads() ([]AuditHead, error) {
	var heads []AuditHead
	err := t.each("SELECT chain, seq, hash FROM audit_heads ORDER BY chain", nil, func(scan func(...any) error) error {
		var h AuditHead
		err := scan(&h.Chain, &h.Seq, &h.Hash)
		heads = append(heads, h)
		return err
	})
	return heads, err
}

// notOurs is what a line follows whose head was not written by us: no line's
// hash, so that the break stays for Verify to find. Going on from such a head
// would heal what somebody cut.
var notOurs = bytes.Repeat([]byte{0xff}, 32)

// takeHead reserves the next n numbers of a chain, which locks it (chains
// never fork), and gives the head as it was.
func (t *tx) takeHead(chain string, n int) (AuditHead, error) {
	h := AuditHead{Chain: chain}
	none := make([]byte, 32)
	var version uint32
	var seal []byte
	take := func() error {
		return t.row("UPDATE audit_heads SET seq = seq + ? WHERE chain = ? RETURNING seq, hash, version, seal", n, chain).
			Scan(&h.Seq, &h.Hash, &version, &seal)
	}
	err := take()
	if isNoRows(err) {
		err = t.exec(`INSERT INTO audit_heads (chain, seq, hash, version, seal) VALUES (?, 0, ?, 0, ?) ON CONFLICT (chain) DO NOTHING`,
			chain, none, []byte{})
		if err == nil {
			err = take()
		}
	}
	if err != nil {
		return h, err
	}
	h.Seq -= int64(n)
	if h.Seq == 0 && len(seal) == 0 && bytes.Equal(h.Hash, none) {
		return h, nil // the chain begins
	}
	if !t.db.keys.sealed(h, version, seal) {
		t.db.log.Error("THE AUDIT TRAIL WAS TAMPERED WITH: its head is not the one that was written", "chain", chain, "line", h.Seq)
		h.Hash = notOurs
	}
	return h, nil
}

func (t *tx) putHead(h AuditHead) error {
	version := t.db.keys.lookup.PrimaryID
	seal, err := t.db.keys.sealHead(h, version)
	if err != nil {
		return err
	}
	return t.exec("UPDATE audit_heads SET hash = ?, version = ?, seal = ? WHERE chain = ?", h.Hash, version, seal, h.Chain)
}

func (k *Keyset) sealHead(h AuditHead, version uint32) ([]byte, error) {
	b := binary.BigEndian.AppendUint64(nil, uint64(h.Seq))
	b = append(append(b, h.Hash...), h.Chain...)
	return k.digest(version, domainAuditHead, string(b))
}

// sealed says whether a head is one that was written with these keys.
func (k *Keyset) sealed(h AuditHead, version uint32, seal []byte) bool {
	if k.lookup.PRFs[version] == nil || len(h.Hash) != 32 {
		return false
	}
	want, err := k.sealHead(h, version)
	return err == nil && hmac.Equal(want, seal)
}
