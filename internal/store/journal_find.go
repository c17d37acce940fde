package store

import (
	"context"
	"fmt"
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
		return t.eachSession("sessions s", "s.ended = 0 AND s.deadline >= ?", "s.deadline", all, []any{0}, f)
	})
	if err != nil {
		return fmt.Errorf("read live sessions: %w", err)
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
	return list[:min(len(list), journal.MaxFound)], nil
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
		return t.sessionsFrom(from, column+" IN ("+marks(len(values))+")"+when, "s.began DESC", journal.MaxFound, slices.Concat(values, times)...)
	}
	switch {
	case q.Address.IsValid():
		digests, err := t.digestsOf(domainAddress, around(q.Address.Unmap())...)
		if err != nil {
			return nil, err
		}
		return by("session_addresses a JOIN sessions s ON s.id = a.session", "a.digest", digests)
	case q.Device != "":
		digests, err := t.digestsOf(domainDevice, q.Device)
		if err != nil {
			return nil, err
		}
		return by("sessions s", "s.device_digest", digests)
	case !q.Person.IsZero() || q.Name != "":
		return t.findOf(q, by)
	}
	return t.sessions("s.ended = 0 AND s.deadline >= ?"+when, "s.deadline DESC", journal.MaxFound, append([]any{0}, times...)...)
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

// AskDisconnect asks for the ends of sessions, each of which has a line in the
// trail. A request that is there already is asked anew.
func (j *Journal) AskDisconnect(ctx context.Context, ids []journal.ID, why journal.Why, now time.Time) error {
	err := j.db.write(ctx, func(t *tx) error {
		for _, id := range ids {
			var who []byte
			if err := t.row("SELECT person FROM sessions WHERE id = ?", id[:]).Scan(&who); err != nil {
				return notFound(err)
			}
			err := t.exec(`INSERT INTO disconnects (session, why, asked, state, tries, due, at, cause) VALUES (?, ?, ?, ?, 0, ?, 0, 0)
				ON CONFLICT (session) DO UPDATE SET why = excluded.why, asked = excluded.asked, state = excluded.state, tries = 0, due = excluded.due,
					at = 0, cause = 0`, id[:], why, micros(now), journal.CutWaiting, micros(now))
			if err != nil {
				return err
			}
			if err := t.auditJSON(now, "disconnect", personID(who), map[string]any{"session": id.String(), "why": why}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ask for a disconnect: %w", err)
	}
	return nil
}

// DueDisconnects gives sessions whose end was asked for and waits for a try.
func (j *Journal) DueDisconnects(ctx context.Context, now time.Time, limit int) ([]*journal.Session, error) {
	var list []*journal.Session
	err := j.db.read(ctx, func(t *tx) (err error) {
		list, err = t.sessionsFrom("disconnects w JOIN sessions s ON s.id = w.session", "w.state = 0 AND w.due <= ?", "w.due", limit, micros(now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read disconnects: %w", err)
	}
	return list, nil
}

// SaveDisconnect notes how far the session's Cut is, unless it was asked anew
// meanwhile, and gives the session as it is then: the NAS's answer may end it.
// The final answer has a line in the trail.
func (j *Journal) SaveDisconnect(ctx context.Context, s *journal.Session, rules journal.Rules, now time.Time) (*journal.Session, error) {
	c := s.Cut
	var after *journal.Session
	err := j.db.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE disconnects SET state = ?, tries = ?, due = ?, at = ?, cause = ? WHERE session = ? AND asked = ? AND state = 0",
			c.State, c.Tries, micros(c.Due), micros(c.At), c.Cause, s.ID[:], micros(c.Asked))
		if err != nil {
			return err
		}
		list, err := t.sessions("s.id = ?", "s.began", 1, s.ID[:])
		if err != nil || len(list) == 0 {
			return err // pruned meanwhile
		}
		after = list[0]
		if n == 0 || c.State == journal.CutWaiting {
			return nil
		}
		if c.Ends() {
			w := &sessions{tx: t, rules: rules, now: now}
			if err := w.settle(after); err != nil {
				return err
			}
		}
		return t.auditJSON(now, "disconnect_answer", s.Person, map[string]any{"session": s.ID.String(), "answer": c.State.String(), "cause": c.Cause, "tries": c.Tries})
	})
	if err != nil {
		return nil, fmt.Errorf("save a disconnect: %w", err)
	}
	return after, nil
}
