package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
)

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

// IsBroken says whether Verify found a fault, as against being unable to read.
func IsBroken(err error) bool {
	var broken *Broken
	return errors.As(err, &broken)
}

// Verify reads every chain and gives a *Broken for the first line that was
// changed, removed, moved, or emptied without an erasure, or beside which another one
// stands than did it, also where a whole chain is
// gone of which another one tells. Where it is not nil,
// progress is told how many lines stood so far.
func (a *Audit) Verify(ctx context.Context, progress func(lines int)) error {
	return a.db.read(ctx, func(t *tx) error {
		heads, err := t.heads()
		if err != nil {
			return err
		}
		if err := t.headless(heads); err != nil {
			return err
		}
		v := &verification{tx: t, progress: progress, people: peopleErased{}}
		if err := v.someTrail(heads); err != nil {
			return err
		}
		for _, h := range heads {
			if err := v.chain(h); err != nil {
				return err
			}
		}
		return v.erasures()
	})
}

// headless finds a chain whose head was removed.
func (t *tx) headless(heads []AuditHead) error {
	chains, err := t.chains()
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if !slices.ContainsFunc(heads, func(h AuditHead) bool { return h.Chain == chain }) {
			return &Broken{chain, 0, "its head is missing"}
		}
	}
	return nil
}

// chains gives all chains that have lines.
func (t *tx) chains() (all []string, err error) {
	// From chain to chain over the index, not over every line. One without a name is
	// somebody's who has only the database.
	chain, beyond := "", ">="
	for {
		err := t.row("SELECT chain FROM audit WHERE chain "+beyond+" ? ORDER BY chain LIMIT 1", chain).Scan(&chain)
		if isNoRows(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all, beyond = append(all, chain), ">"
	}
}

// verification is one run over all chains.
type verification struct {
	*tx
	progress func(int)
	lines    int
	emptied  auditRow // the youngest line without its payload
	erased   int64    // up to when payloads were erased, as the trail tells
	people   peopleErased
	told     []testimony // of the lines since the last look
}

// peopleErased are people of whose lines the payloads are gone: the youngest of
// these, and when the trail tells of the erasure.
type peopleErased map[identity.PersonID]*struct {
	emptied auditRow
	at      int64
}

func (p peopleErased) told(r auditRow) {
	one := p.of(r)
	one.at = max(one.at, r.at)
}

func (p peopleErased) of(r auditRow) *struct {
	emptied auditRow
	at      int64
} {
	id := personID(r.person)
	if p[id] == nil {
		p[id] = new(struct {
			emptied auditRow
			at      int64
		})
	}
	return p[id]
}

// notePerson notes a line without its payload that is no sign-in: only a person's
// own are ever erased.
func (v *verification) notePerson(r auditRow) error {
	if personID(r.person) == (identity.PersonID{}) {
		return &Broken{r.chain, r.seq, "its payload is gone, and it is about nobody whose data could be erased"}
	}
	if one := v.people.of(r); one.emptied.chain == "" || r.at > one.emptied.at {
		one.emptied = r
	}
	return nil
}

func (v *verification) chain(head AuditHead) error {
	last := auditRow{hash: make([]byte, 32)}
	for {
		n, err := v.tx.lines(head.Chain, last.seq, auditBatch, func(r auditRow) error {
			if why := r.follows(last, v.db.keys); why != "" {
				return &Broken{r.chain, r.seq, why}
			}
			last = r
			return v.noteErasure(r)
		})
		if err != nil {
			return err
		}
		if err := v.witnessesAgree(); err != nil {
			return err
		}
		v.lines += n
		if v.progress != nil {
			v.progress(v.lines)
		}
		if n < auditBatch {
			break
		}
	}
	if last.seq != head.Seq || !hmac.Equal(last.hash, head.Hash) {
		return &Broken{head.Chain, last.seq + 1, "the lines at the end are missing"}
	}
	if err := v.only(head); err != nil {
		return err
	}
	return v.head(head)
}

// only finds a line beside the chain: before its first, or twice under one number, which
// a table that is split by time takes.
func (v *verification) only(head AuditHead) error {
	var n int64
	if err := v.row("SELECT COUNT(*) FROM audit WHERE chain = ?", head.Chain).Scan(&n); err != nil {
		return err
	}
	if n != head.Seq {
		return &Broken{head.Chain, 0, fmt.Sprintf("there are %d lines beside those of the chain", n-head.Seq)}
	}
	return nil
}

func (v *verification) head(h AuditHead) error {
	var version uint32
	var seal []byte
	if err := v.row("SELECT version, seal FROM audit_heads WHERE chain = ?", h.Chain).Scan(&version, &seal); err != nil {
		return err
	}
	if !v.db.keys.sealed(h, version, seal) {
		return &Broken{h.Chain, h.Seq + 1, "the lines at the end are missing, or its head was changed"}
	}
	return nil
}

func (v *verification) noteErasure(r auditRow) error {
	if len(r.sealed) == 0 {
		if !(identity.AuditEntry{Kind: r.kind}).SignIn() {
			return v.notePerson(r)
		}
		if v.emptied.chain == "" || r.at > v.emptied.at {
			v.emptied = r
		}
		return nil
	}
	if err := v.actor(r); err != nil {
		return err
	}
	if r.kind == personErasure {
		v.people.told(r)
	}
	if r.kind == auditHeads {
		return v.noteWitness(r)
	}
	if r.kind != auditErasure {
		return nil
	}
	var told erasure
	if err := v.db.keys.openJSON("audit", auditKey(r.chain, r.seq), "sealed", r.sealed, &told); err != nil {
		return err
	}
	v.erased = max(v.erased, micros(told.Before))
	return nil
}

// actor finds a line beside which another one stands than did what it tells of: pages
// that show what somebody did would pass by it.
func (v *verification) actor(r auditRow) error {
	if !r.actor.Valid {
		return nil
	}
	e := identity.AuditEntry{Kind: r.kind}
	copy(e.Person[:], r.person)
	if !e.SignIn() {
		var err error
		if e.Payload, err = v.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed); err != nil {
			return err
		}
	}
	if e.Actor() != r.actor.String {
		return &Broken{r.chain, r.seq, "beside it stands another one than did what it tells of"}
	}
	return nil
}

// erasures finds a payload that was taken away without a line that tells of it.
func (v *verification) erasures() error {
	if v.emptied.chain != "" && v.emptied.at >= v.erased {
		return &Broken{v.emptied.chain, v.emptied.seq, "its payload is gone, and no erasure in the trail reaches so far"}
	}
	for _, one := range v.people {
		if one.emptied.chain != "" && one.emptied.at > one.at {
			return &Broken{one.emptied.chain, one.emptied.seq, "its payload is gone, and the trail tells of no erasure of the person since"}
		}
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
