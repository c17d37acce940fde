package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// AuditAsk chooses a page of the trail. Sign-ins are chosen by their kinds alone,
// which do not stand beside others: everything else is read without them.
type AuditAsk struct {
	From, To time.Time         // To is not included; zero: any
	Kinds    []string          // none: all but sign-ins
	Person   identity.PersonID // whom it is about; zero: anybody
	Actor    string            // who did it (identity.AuditEntry.Actor); "": anybody
	After    AuditPlace        // where the page before ended; zero: the newest
	Limit    int
	// Look bounds the lines, or blocks of sign-ins, that are looked through for a
	// page: what an index does not find is found on the next one.
	Look int
	// Keep chooses among them what no index knows; nil: all.
	Keep func(identity.AuditEntry) bool
}

// AuditPlace is where an entry stands.
type AuditPlace struct {
	At    time.Time // of its line
	Chain string
	Seq   int64
	N     int // in its block
}

func (p AuditPlace) zero() bool { return p == AuditPlace{} }

// AuditPage is a page, the newest entries first. Next is nil where there are no
// more; a page may be short, or empty, where Look ended it.
type AuditPage struct {
	Entries []identity.AuditEntry
	Next    *AuditPlace
}

// Browse gives a page of the trail.
//
//	who did it ─┬─ lines of the actor ─────────────┐
//	            └─ lines of which nobody knows it ─┤
//	of a kind ─── lines of each kind ──────────────┼─ merged by time ─► opened ─► kept? ─► page
//	about whom ── lines of the person ─────────────┤
//	no question ─ all lines ───────────────────────┘
//
// Each of these is read along an index, so that the length of the trail costs
// nothing. A line that does not open is an error.
func (a *Audit) Browse(ctx context.Context, ask AuditAsk) (page AuditPage, err error) {
	err = a.db.read(ctx, func(t *tx) error {
		b := &browsing{tx: t, AuditAsk: ask}
		switch {
		case !slices.ContainsFunc(ask.Kinds, func(k string) bool { return identity.AuditEntry{Kind: k}.SignIn() }):
			err = b.walk(b.streams(), b.line)
		case !ask.Person.IsZero():
			err = b.ownSignIns()
		default:
			err = b.walk([]*auditStream{{where: "substr(kind, 1, 7) = 'sign_in' AND length(sealed) > 0"}}, b.block)
		}
		page = b.page
		return err
	})
	if err != nil {
		return AuditPage{}, fmt.Errorf("read the audit trail: %w", err)
	}
	return page, nil
}

// browsing is a page on its way.
type browsing struct {
	*tx
	AuditAsk
	page   AuditPage
	looked int
}

// notSignIns is the condition of the database's indexes for everything else.
const notSignIns = "substr(kind, 1, 7) <> 'sign_in'"

// auditStream is lines along one index, the newest first.
type auditStream struct {
	where string
	args  []any
	ahead int        // rows to be read at once
	rows  []auditRow // read ahead
	ended bool
}

// streams are those of which the page is merged.
func (b *browsing) streams() (list []*auditStream) {
	switch {
	case b.Actor != "":
		return []*auditStream{{where: "actor <> '' AND actor = ?", args: []any{b.Actor}}, {where: "actor IS NULL AND " + notSignIns}}
	case !b.Person.IsZero():
		return []*auditStream{{where: "person = ? AND " + notSignIns, args: []any{b.Person[:]}}}
	case len(b.Kinds) > 0:
		for _, kind := range b.Kinds {
			list = append(list, &auditStream{where: "kind = ? AND " + notSignIns, args: []any{kind}})
		}
		return list
	}
	return []*auditStream{{where: notSignIns}}
}

// A stream reads few lines ahead, for most pages are short, and more each time that
// they were not enough.
const (
	browseAhead = 64
	browseMost  = 1024
)

// fill reads a stream's next lines, after the last that it gave or, at first, after
// the page's place; in a block that is the block itself again.
func (b *browsing) fill(s *auditStream, last AuditPlace, again bool) error {
	where, args := s.where, slices.Clone(s.args)
	if !last.zero() {
		sign := "<"
		if again {
			sign = "<="
		}
		where += " AND (at, chain, seq) " + sign + " (?, ?, ?)"
		args = append(args, micros(last.At), last.Chain, last.Seq)
	} else {
		where += " AND at < ?" // always, so that an index is searched
		args = append(args, b.latest())
	}
	if !b.From.IsZero() {
		where += " AND at >= ?"
		args = append(args, micros(b.From))
	}
	s.rows, s.ahead = s.rows[:0], min(max(2*s.ahead, browseAhead), browseMost)
	err := b.each("SELECT chain, seq, at, kind, person, sealed FROM audit WHERE "+where+" ORDER BY at DESC, chain DESC, seq DESC LIMIT ?", append(args, s.ahead),
		func(scan func(...any) error) error {
			var r auditRow
			err := scan(&r.chain, &r.seq, &r.at, &r.kind, &r.person, (*sql.RawBytes)(&r.sealed))
			r.sealed = slices.Clone(r.sealed)
			s.rows = append(s.rows, r)
			return err
		})
	s.ended = len(s.rows) < s.ahead
	return err
}

// latest is the end of the time that is asked for: a block is dated by its last
// entry, and others of it may be that much older.
func (b *browsing) latest() int64 {
	switch {
	case b.To.IsZero():
		return math.MaxInt64
	case len(b.Kinds) > 0 && (identity.AuditEntry{Kind: b.Kinds[0]}).SignIn():
		return micros(b.To.Add(late))
	}
	return micros(b.To)
}

// walk merges streams, until the page is full or enough was looked through. take
// says that the page is full before all of a line's entries were on it.
func (b *browsing) walk(streams []*auditStream, take func(auditRow) (full bool, err error)) error {
	for _, s := range streams {
		if err := b.fill(s, b.After, b.After.N > 0); err != nil {
			return err
		}
	}
	for {
		var newest *auditStream
		for _, s := range streams {
			if len(s.rows) > 0 && (newest == nil || s.rows[0].newerThan(newest.rows[0])) {
				newest = s
			}
		}
		if newest == nil {
			b.page.Next = nil
			return nil
		}
		if len(b.page.Entries) >= b.Limit || b.looked >= b.Look {
			return nil
		}
		r := newest.rows[0]
		b.looked++
		full, err := take(r)
		if err != nil || full {
			return err
		}
		b.page.Next = &AuditPlace{At: moment(r.at), Chain: r.chain, Seq: r.seq}
		if newest.rows = newest.rows[1:]; len(newest.rows) == 0 && !newest.ended {
			if err := b.fill(newest, *b.page.Next, false); err != nil {
				return err
			}
		}
	}
}

func (r auditRow) newerThan(o auditRow) bool {
	if r.at != o.at {
		return r.at > o.at
	}
	return r.chain > o.chain || r.chain == o.chain && r.seq > o.seq
}

// line takes a line that is one entry.
func (b *browsing) line(r auditRow) (full bool, err error) {
	e := identity.AuditEntry{At: moment(r.at), Kind: r.kind}
	copy(e.Person[:], r.person)
	if !b.Person.IsZero() && e.Person != b.Person || len(b.Kinds) > 0 && !slices.Contains(b.Kinds, e.Kind) {
		return false, nil
	}
	if len(r.sealed) > 0 {
		if e.Payload, err = b.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed); err != nil {
			return false, err
		}
	}
	if b.Actor == "" || e.Actor() == b.Actor {
		b.keep(e)
	}
	return false, nil
}

// block takes the entries of a block, or an entry that a version before blocks wrote.
func (b *browsing) block(r auditRow) (full bool, err error) {
	if r.kind != auditBlock {
		return b.line(r)
	}
	l, _, err := b.openBlock(r.chain, r.seq, r.sealed, nil)
	if err != nil {
		return false, err
	}
	from := len(l)
	if b.After.N > 0 && b.After.Chain == r.chain && b.After.Seq == r.seq {
		from = min(b.After.N-1, len(l))
	}
	for n := from - 1; n >= 0; n-- {
		if len(b.page.Entries) >= b.Limit {
			b.page.Next = &AuditPlace{At: moment(r.at), Chain: r.chain, Seq: r.seq, N: n + 2}
			return true, nil
		}
		if slices.Contains(b.Kinds, l[n].Kind) {
			b.keep(l[n])
		}
	}
	return false, nil
}

func (b *browsing) keep(e identity.AuditEntry) {
	if !b.From.IsZero() && e.At.Before(b.From) || !b.To.IsZero() && !e.At.Before(b.To) || b.Keep != nil && !b.Keep(e) {
		return
	}
	b.page.Entries = append(b.page.Entries, e)
}

// ownSignIns are one person's, which the index of blocks finds.
func (b *browsing) ownSignIns() error {
	s := &search{person: b.Person, limit: b.Limit + 1, kinds: b.Kinds, after: b.After}
	if s.after.zero() && !b.To.IsZero() {
		s.after = AuditPlace{At: b.To, Chain: "-", Seq: -1} // older than any at that moment
	}
	if err := s.lines(b.tx); err != nil {
		return err
	}
	chains, err := b.chains()
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if err := s.blocks(b.tx, chain); err != nil {
			return err
		}
	}
	for i, e := range s.found[:min(len(s.found), b.Limit)] {
		if !b.From.IsZero() && e.At.Before(b.From) {
			return nil
		}
		b.keep(e.AuditEntry)
		if i == b.Limit-1 && len(s.found) > b.Limit {
			b.page.Next = &AuditPlace{At: e.At, Chain: "-", Seq: e.seq, N: e.n}
		}
	}
	return nil
}
