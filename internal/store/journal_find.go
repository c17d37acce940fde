package store

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
)

// Live calls f for every session that lives.
func (j *Journal) Live(ctx context.Context, f func(*journal.Session)) error {
	const all = 1<<31 - 1
	err := j.db.read(ctx, func(t *tx) error {
		return t.eachSession("sessions s", "s.ended = 0 AND s.due >= ?", "s.due", all, []any{0}, func(s *stored) { f(&s.Session) })
	})
	if err != nil {
		return fmt.Errorf("read live sessions: %w", err)
	}
	return nil
}

// devicesRead bounds the sessions that Devices reads, and devicesPage those of one
// transaction, unless more of them have one time.
const (
	devicesRead = 500_000
	devicesPage = 1000
)

// Devices calls f for sessions whose Class proved which person showed the password
// to this NAS client, until it wants no more: those that live first, then those that
// ended last, none before since; some perhaps twice. f must not use the store.
func (j *Journal) Devices(ctx context.Context, since time.Time, f func(*journal.Session) (more bool)) error {
	left, done := devicesRead, false
	read := func(condition, order string, limit int, args ...any) (n int, last *stored, err error) {
		err = j.db.read(ctx, func(t *tx) error {
			return t.eachSession("sessions s", condition, order, min(limit, left), args, func(s *stored) {
				n, last, left = n+1, s, left-1
				done = done || !s.Person.IsZero() && s.Basis == nil && !s.Given.At.IsZero() && s.Detail.Device != "" && !f(&s.Session)
			})
		})
		if err != nil {
			err = fmt.Errorf("read devices of the session journal: %w", err)
		}
		return n, last, err
	}
	// Those that are to be looked at now. The sweep gives them a time meanwhile, so
	// they come first.
	if _, _, err := read("s.ended = 0 AND s.due = ?", "", devicesRead, 0); err != nil {
		return err
	}
	for _, part := range []struct {
		among, column string
		from          int64
		place         func(*stored) int64
	}{
		{"s.ended = 0", "s.due", 1, func(s *stored) int64 { return s.due }},
		{"s.ended > 0", "s.ended", micros(since), func(s *stored) int64 { return micros(s.Ended) }},
	} {
		for before, full := int64(math.MaxInt64), true; full && !done; {
			n, last, err := read(part.among+" AND "+part.column+" < ? AND "+part.column+" >= ?", part.column+" DESC", devicesPage, before, part.from)
			if full = n == devicesPage; full && err == nil { // a controller that begins anew ends thousands at once
				before = part.place(last)
				_, _, err = read(part.among+" AND "+part.column+" = ?", "", devicesRead, before)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Get gives one session; identity.ErrNotFound where there is none.
func (j *Journal) Get(ctx context.Context, id journal.ID) (*journal.Session, error) {
	var list []*journal.Session
	err := j.db.read(ctx, func(t *tx) (err error) {
		list, err = t.sessions("s.id = ?", "s.began", 1, id[:])
		return err
	})
	if err == nil && len(list) == 0 {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	return list[0], nil
}

// Find gives the sessions that a query asks for, those that began last first,
// at most journal.MaxFound.
func (j *Journal) Find(ctx context.Context, q journal.Query) ([]*journal.Session, error) {
	var list []*journal.Session
	err := j.db.read(ctx, func(t *tx) (err error) {
		list, err = t.find(q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search the session journal: %w", err)
	}
	list = slices.DeleteFunc(list, func(s *journal.Session) bool { return !fits(s, q) })
	slices.SortStableFunc(list, func(a, b *journal.Session) int { return b.Began.Compare(a.Began) })
	return list[:min(len(list), most(q))], nil
}

func most(q journal.Query) int {
	if q.Most > 0 {
		return min(q.Most, journal.MaxFound)
	}
	return journal.MaxFound
}

// fits asks what the rows that were read do not show.
func fits(s *journal.Session, q journal.Query) bool {
	if q.Device != "" && s.Detail.Device != q.Device {
		return false
	}
	if (!q.Person.IsZero() || q.Name != "") && (q.Person.IsZero() || s.Person != q.Person) &&
		(q.Name == "" || person.FoldName(s.Detail.Name) != person.FoldName(q.Name)) {
		return false
	}
	if !q.Address.IsValid() || q.At.IsZero() {
		return true
	}
	return s.Holds(q.Address.Unmap(), q.At)
}

func (t *tx) find(q journal.Query) ([]*journal.Session, error) {
	when, times := "", []any(nil)
	if !q.At.IsZero() {
		when, times = " AND s.began <= ? AND (s.ended = 0 OR s.ended >= ?)", []any{micros(q.At), micros(q.At)}
	}
	switch {
	case q.Live && !q.Asked.IsZero():
		when, times = when+" AND (s.ended = 0 OR d.asked >= ?)", append(times, micros(q.Asked))
	case q.Live:
		when += " AND s.ended = 0"
	}
	by := func(from, column string, values []any) ([]*journal.Session, error) {
		return t.sessionsFrom(from, column+" IN ("+marks(len(values))+")"+when, "s.began DESC", most(q), slices.Concat(values, times)...)
	}
	switch {
	case q.Address.IsValid():
		digests, err := t.digestsOf(domainAddress, around(q.Address.Unmap())...)
		if err != nil {
			return nil, err
		}
		return t.findAddress(digests, when, times, q)
	case q.Device != "":
		digests, err := t.digestsOf(domainDevice, q.Device)
		if err != nil {
			return nil, err
		}
		return by("sessions s", "s.device_digest", digests)
	case !q.Person.IsZero() || q.Name != "":
		return t.findOf(q, by)
	}
	return t.sessions("s.ended = 0 AND s.due >= ?"+when, "s.due DESC", most(q), append([]any{0}, times...)...)
}

// findAddress gives those of an address. Of those that began long before a time, only
// long ones can have it then; so can rows of older versions, which tell nothing.
func (t *tx) findAddress(digests []any, when string, times []any, q journal.Query) (list []*journal.Session, err error) {
	parts := []struct {
		condition string
		args      []any
	}{{"", nil}}
	if !q.At.IsZero() {
		at, before := micros(q.At), micros(q.At.Add(-longTime))
		parts[0].condition, parts[0].args = " AND a.began > ? AND a.began <= ? AND a.until >= ?", []any{before, at, at}
		parts = append(parts, parts[0], parts[0])
		parts[1].condition, parts[1].args = " AND a.began = 0", nil
		parts[2].condition, parts[2].args = " AND a.long = 1 AND a.began <= ? AND a.until >= ?", []any{before, at}
	}
	for _, p := range parts {
		found, err := t.sessionsFrom("session_addresses a JOIN sessions s ON s.id = a.session", "a.digest IN ("+marks(len(digests))+")"+p.condition+when, "a.began DESC", most(q),
			slices.Concat(digests, p.args, times)...)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// findOf gives a person's own sessions and those that bear the name.
func (t *tx) findOf(q journal.Query, by func(from, column string, values []any) ([]*journal.Session, error)) (list []*journal.Session, err error) {
	if !q.Person.IsZero() {
		if list, err = by("sessions s", "s.person", []any{q.Person[:]}); err != nil {
			return nil, err
		}
	}
	if q.Name == "" {
		return list, nil
	}
	digests, err := t.digestsOf(domainName, person.FoldName(q.Name))
	if err != nil {
		return nil, err
	}
	named, err := by("sessions s", "s.name_digest", digests)
	return append(list, named...), err
}

// around gives the address and the prefixes that a NAS may have told instead.
func around(addr netip.Addr) []string {
	const shortest = 32
	var all []string
	for n := addr.BitLen(); n >= shortest; n-- {
		if p, err := addr.Prefix(n); err == nil {
			all = append(all, p.String())
		}
	}
	return all
}
