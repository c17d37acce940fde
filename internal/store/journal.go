package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/journal"
)

// Journal keeps who was on the Wi-Fi when. What a session's device and its
// addresses are is sealed and found by digests; the person's id, times and the
// NAS stand in clear.
type Journal struct{ db *DB }

// Journal gives the session journal.
func (db *DB) Journal() *Journal { return &Journal{db} }

// Record enters records in one transaction, and gives the sessions that they
// changed, each as it is afterwards. Entering them again changes nothing. Their
// times become whole microseconds, as the columns have them.
func (j *Journal) Record(ctx context.Context, records []journal.Record, rules journal.Rules, now time.Time) ([]*journal.Session, error) {
	for i := range records {
		records[i].At = records[i].At.Truncate(time.Microsecond).UTC()
	}
	var w *sessions
	err := j.db.write(ctx, func(t *tx) error {
		w = newSessions(t, rules, now)
		if err := w.prefetch(records); err != nil {
			return err
		}
		for i := range records {
			if err := w.record(&records[i]); err != nil {
				return err
			}
		}
		return w.flush()
	})
	if err != nil {
		return nil, fmt.Errorf("write the session journal: %w", err)
	}
	return w.changed, nil
}

// pushed is how many sessions that go on are put off for each that may end: the
// column that the index is on moves only here, not with every record.
const pushed = 20

// Sweep ends at most limit sessions of which nothing was heard for too long.
func (j *Journal) Sweep(ctx context.Context, rules journal.Rules, now time.Time, limit int) ([]*journal.Session, error) {
	var w *sessions
	err := j.db.write(ctx, func(t *tx) error {
		w = newSessions(t, rules, now)
		err := t.exec(`UPDATE sessions SET due = deadline WHERE id IN
			(SELECT id FROM sessions WHERE ended = 0 AND due < ? AND deadline >= ? ORDER BY due LIMIT ?)`, micros(now), micros(now), pushed*limit)
		if err != nil {
			return err
		}
		if err := w.resettle("s.ended = 0 AND s.due < ? AND s.deadline < ?", "s.due", limit, micros(now), micros(now)); err != nil {
			return err
		}
		return w.flush()
	})
	if err != nil {
		return nil, fmt.Errorf("sweep the session journal: %w", err)
	}
	return w.changed, nil
}

// Prune forgets at most limit sessions that ended before a time, and says how
// many there were.
func (j *Journal) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	n := 0
	err := j.db.write(ctx, func(t *tx) error {
		var ids [][]byte
		err := t.each("SELECT id FROM sessions WHERE ended > 0 AND ended < ? ORDER BY ended LIMIT ?", []any{micros(before), limit},
			func(scan func(...any) error) error {
				var id []byte
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
		if err != nil {
			return err
		}
		for _, id := range ids {
			for _, statement := range []string{
				"DELETE FROM session_addresses WHERE session = ?", "DELETE FROM disconnects WHERE session = ?", "DELETE FROM sessions WHERE id = ?",
			} {
				if err := t.exec(statement, id); err != nil {
					return err
				}
			}
		}
		n = len(ids)
		return t.exec("DELETE FROM nas_restarts WHERE at < ?", micros(before))
	})
	if err != nil {
		return 0, fmt.Errorf("prune the session journal: %w", err)
	}
	return n, nil
}
