package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"schoolbridge/internal/journal"
)

// A session's end is not entered with its addresses when it ends, which would be a
// statement more for each record that ends one, but for many at once when it has
// rested. Span goes along the sessions by when they ended and remembers how far it
// came; whatever changes an end behind that place writes it itself (outOfSpan). The same
// walk brings up to date what older versions of the program wrote.
//
//	ended:  ──── entered ────┤ spannedCounter ──── now - spanRest ┤──── as if it were for ever ──── now
//
// While an older version runs beside this one and extends, by a record that is hours
// late, a session that was entered already, its address is not found there at the end
// of that time.
const spannedCounter = "addresses_spanned"

// spanRest is how long an end rests; clocks of daemons differ by less than half of it.
const spanRest = 2 * time.Hour

// forEver is until when a session has its addresses that has not ended, or of which
// that is not entered.
const forEver = math.MaxInt64

func until(s *journal.Session) int64 {
	if s.Live() {
		return forEver
	}
	return micros(s.Ended)
}

// outOfSpan says that Span has perhaps passed by a session's end, the one that was or
// the one that is.
func (w *sessions) outOfSpan(was, is time.Time) bool {
	return !was.Equal(is) && (!was.IsZero() || is.Before(w.now.Add(-spanRest/2)))
}

// Span enters with their addresses when the next sessions ended, limit of them and
// those that ended with the last, and says how many there were.
func (j *Journal) Span(ctx context.Context, now time.Time, limit int) (int, error) {
	n := 0
	err := j.db.write(ctx, func(t *tx) error {
		var from, upto int64
		if err := t.row("SELECT value FROM counters WHERE name = ?", spannedCounter).Scan(&from); err != nil && !isNoRows(err) {
			return err
		}
		n = 0
		err := t.each("SELECT ended FROM sessions WHERE ended > 0 AND ended > ? AND ended < ? ORDER BY ended LIMIT ?", []any{from, micros(now.Add(-spanRest)), limit},
			func(scan func(...any) error) error {
				n++
				return scan(&upto)
			})
		if err != nil || n == 0 {
			return err
		}
		err = t.exec(`UPDATE session_addresses SET (began, long, until) =
			(SELECT s.began, CASE WHEN s.ended - s.began > ? THEN 1 ELSE 0 END, s.ended FROM sessions s WHERE s.id = session_addresses.session)
			WHERE session IN (SELECT id FROM sessions WHERE ended > 0 AND ended > ? AND ended <= ?)`, longTime.Microseconds(), from, upto)
		if err != nil {
			return err
		}
		return t.exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", spannedCounter, upto)
	})
	if err != nil {
		return 0, fmt.Errorf("enter when sessions ended: %w", err)
	}
	return n, nil
}
