package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/journal"
)

// AskDisconnect asks for the ends of sessions, or for their changes where the
// reason is one, each of which has a line in the trail. A request that is there
// already is asked anew, but no change takes the place of an end that somebody
// waits for.
func (j *Journal) AskDisconnect(ctx context.Context, ids []journal.ID, why journal.Why, now time.Time) error {
	err := j.db.write(ctx, func(t *tx) error {
		for _, id := range ids {
			var who []byte
			if err := t.row("SELECT person FROM sessions WHERE id = ?", id[:]).Scan(&who); err != nil {
				return notFound(err)
			}
			n, err := t.count(`INSERT INTO disconnects (session, why, how, asked, state, tries, due, at, cause) VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0)
				ON CONFLICT (session) DO UPDATE SET why = excluded.why, how = excluded.how, asked = excluded.asked, state = excluded.state, tries = 0,
					due = excluded.due, at = 0, cause = 0
				WHERE excluded.how = 0 OR disconnects.state <> 0 OR disconnects.why NOT IN (?, ?)`,
				id[:], why, why.How(), micros(now), journal.CutWaiting, micros(why.Due(now)), journal.WhyAdministrator, journal.WhyOwner)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
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

// AskAgain has the NAS asked once more to end sessions that it said were over
// and tells of still. Where it was asked as often as a request is made,
// journal.MaxTries, they are called that, have a line in the trail, and are given
// back.
func (j *Journal) AskAgain(ctx context.Context, ids []journal.ID, now, due time.Time) ([]*journal.Session, error) {
	var stay []*journal.Session
	err := j.db.write(ctx, func(t *tx) error {
		stay = nil
		for _, id := range ids {
			list, err := t.sessions("s.id = ?", "s.began", 1, id[:])
			if err != nil {
				return err
			}
			if len(list) == 0 || list[0].Cut == nil || !list[0].Cut.Ends() {
				continue // asked anew meanwhile, or pruned
			}
			s := list[0]
			if s.Cut.State = journal.CutWaiting; s.Cut.Tries >= journal.MaxTries {
				s.Cut.State, stay = journal.CutStays, append(stay, s)
				err = t.auditJSON(now, "disconnect_answer", s.Person, map[string]any{"session": id.String(), "answer": s.Cut.State.String(), "tries": s.Cut.Tries})
			}
			if err != nil {
				return err
			}
			if err := t.exec("UPDATE disconnects SET state = ?, due = ? WHERE session = ?", s.Cut.State, micros(due), id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for a disconnect again: %w", err)
	}
	return stay, nil
}

// DueDisconnects gives sessions whose end or change was asked for and waits for
// a try, those of some units left out; one without a name is all of its client.
func (j *Journal) DueDisconnects(ctx context.Context, now time.Time, limit int, except []journal.Unit) ([]*journal.Session, error) {
	condition, args := "w.state = 0 AND w.due <= ?", []any{micros(now)}
	var clients, units []any
	for _, u := range except {
		if u.Unit == "" {
			clients = append(clients, u.NAS)
		} else {
			units = append(units, u.NAS+"\n"+u.Unit)
		}
	}
	// Lists: an engine bounds how deep a condition of many parts may be. No name of
	// a client holds the separator.
	if len(clients) > 0 {
		condition += " AND s.nas NOT IN (" + marks(len(clients)) + ")"
	}
	if len(units) > 0 {
		condition += " AND s.nas || '\n' || s.unit NOT IN (" + marks(len(units)) + ")"
	}
	args = append(append(args, clients...), units...)
	var list []*journal.Session
	err := j.db.read(ctx, func(t *tx) (err error) {
		list, err = t.sessionsFrom("disconnects w JOIN sessions s ON s.id = w.session", condition, "w.due", limit, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read disconnects: %w", err)
	}
	return list, nil
}

// SaveDisconnect notes how far the session's Cut is, unless it was asked anew
// meanwhile, and gives the session as it is then: the NAS's answer may end it, or
// give it something else unless a newer sign-in did. The final answer has a line
// in the trail.
func (j *Journal) SaveDisconnect(ctx context.Context, s *journal.Session, rules journal.Rules, now time.Time) (*journal.Session, error) {
	c := s.Cut
	var after *journal.Session
	err := j.db.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE disconnects SET how = ?, state = ?, tries = ?, due = ?, at = ?, cause = ? WHERE session = ? AND asked = ? AND state = 0",
			c.How, c.State, c.Tries, micros(c.Due), micros(c.At), c.Cause, s.ID[:], micros(c.Asked))
		if err != nil {
			return err
		}
		w := newSessions(t, rules, now)
		list, err := w.load("s.id = ?", "s.began", 1, s.ID[:])
		if err != nil || len(list) == 0 {
			return err // pruned meanwhile
		}
		after = &list[0].Session
		changed := c.State == journal.CutChanged && after.Detail.SignIn == s.Detail.SignIn
		if changed { // whoever asked anew meanwhile
			after.Given = s.Given
		}
		if changed || n > 0 && c.Ends() {
			if err := w.bound(list[0]); err != nil {
				return err
			}
			w.settle(list[0])
			if err := w.flush(); err != nil {
				return err
			}
		}
		if n == 0 || c.State == journal.CutWaiting {
			return nil
		}
		return t.auditJSON(now, "disconnect_answer", s.Person, map[string]any{"session": s.ID.String(), "request": c.How.String(), "answer": c.State.String(),
			"cause": c.Cause, "tries": c.Tries})
	})
	if err != nil {
		return nil, fmt.Errorf("save a disconnect: %w", err)
	}
	return after, nil
}
