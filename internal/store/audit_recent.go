package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// Recent gives a person's last entries, newest first, at most limit. kinds,
// where given, are the only ones. Of erased sign-ins nothing is left, but of those
// that a version before blocks wrote: their payload is nil. A line or block on the
// way that does not open is an error.
func (a *Audit) Recent(ctx context.Context, id identity.PersonID, limit int, kinds ...string) ([]identity.AuditEntry, error) {
	if limit <= 0 {
		return nil, nil
	}
	s := &search{person: id, limit: limit, kinds: slices.Compact(slices.Sorted(slices.Values(kinds)))}
	err := a.db.read(ctx, func(t *tx) error {
		if err := s.lines(t); err != nil || !s.signIns() {
			return err
		}
		chains, err := t.chains()
		if err != nil {
			return err
		}
		for _, chain := range chains {
			if err := s.blocks(t, chain); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit trail: %w", err)
	}
	entries := make([]identity.AuditEntry, len(s.found))
	for i := range s.found {
		entries[i] = s.found[i].AuditEntry
	}
	return entries, nil
}

// search gathers the last entries of a person.
type search struct {
	person identity.PersonID
	limit  int
	kinds  []string
	after  AuditPlace // only those older than this; zero: all
	found  []found    // newest first, at most limit
}

// found is an entry with its place: line and number in it.
type found struct {
	identity.AuditEntry
	seq int64
	n   int
}

// add takes an entry if it is among the last.
func (s *search) add(e found) {
	if !s.after.zero() && newer(e, found{identity.AuditEntry{At: s.after.At}, s.after.Seq, s.after.N}) <= 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(s.found, e, newer)
	if i == s.limit {
		return
	}
	e.Payload = bytes.Clone(e.Payload) // not to keep its whole block
	s.found = slices.Insert(s.found[:min(len(s.found), s.limit-1)], i, e)
}

// newer orders entries, the newest first.
func newer(a, b found) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.seq, a.seq), cmp.Compare(b.n, a.n))
}

// signIns says that sign-ins are looked for, which alone are in blocks.
func (s *search) signIns() bool {
	return len(s.kinds) == 0 || slices.ContainsFunc(s.kinds, func(kind string) bool { return identity.AuditEntry{Kind: kind}.SignIn() })
}

// lines adds the entries that are lines of their own.
func (s *search) lines(t *tx) error {
	query, args := s.query()
	return t.each(query, args, func(scan func(...any) error) error {
		var r auditRow
		if err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.sealed); err != nil {
			return err
		}
		e := found{identity.AuditEntry{At: moment(r.at), Kind: r.kind, Person: s.person}, r.seq, 0}
		if len(r.sealed) > 0 {
			var err error
			if e.Payload, err = t.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed); err != nil {
				return err
			}
		}
		s.add(e)
		return nil
	})
}

// query asks for the last lines of each kind by itself: together they would be found
// only by reading all that there are of each.
func (s *search) query() (query string, args []any) {
	var parts []string
	last := func(index, where string, of ...any) {
		part := "SELECT chain, seq, at, kind, sealed FROM audit " + index + " WHERE person = ?" + where
		args = append(append(args, s.person[:]), of...)
		if !s.after.zero() {
			part += " AND at <= ?"
			args = append(args, micros(s.after.At))
		}
		parts = append(parts, "SELECT * FROM ("+part+" ORDER BY at DESC, seq DESC LIMIT ?) AS part")
		args = append(args, s.limit)
	}
	if len(s.kinds) == 0 {
		last("", "")
	}
	var signIns []any
	for _, kind := range s.kinds {
		if (identity.AuditEntry{Kind: kind}).SignIn() {
			signIns = append(signIns, kind)
			continue
		}
		last("{by audit_person_kind}", " AND kind = ? AND substr(kind, 1, 7) <> 'sign_in'", kind)
	}
	if len(signIns) > 0 {
		last("{by audit_own}", " AND substr(kind, 1, 7) = 'sign_in' AND kind <> 'sign_ins' AND kind IN ("+marks(len(signIns))+")", signIns...)
	}
	return strings.Join(parts, " UNION ALL "), args
}

// late is how much later than others an entry may be written at most without its
// place among them being lost: a sign-in is dated when it began.
const late = time.Minute

// blocks adds the entries in the blocks of a chain.
func (s *search) blocks(t *tx, chain string) error {
	bits := uint16(0)
	for _, kind := range s.kinds {
		bits |= kindBit(kind)
	}
	if len(s.kinds) == 0 {
		bits = ^bits
	}
	return t.mentioning(chain, s.person, bits, func(seq int64, own line, latest time.Time) (enough bool) {
		for n, e := range slices.Backward(own) {
			if len(s.kinds) == 0 || slices.Contains(s.kinds, e.Kind) {
				s.add(found{e, seq, n})
			}
		}
		return len(s.found) == s.limit && latest.Add(late).Before(s.found[s.limit-1].At)
	})
}
