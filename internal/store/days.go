package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/person"
)

// daysCounter holds the last day that was told, in days since 1970.
const daysCounter = "feed_day"

// TellDay tells the feed of everybody for whom employment began or ended between
// the day that was told last and this one, so that whoever follows the
// directory's changes learns of what the calendar alone has changed. It does
// nothing where the day was told, by whichever replica. A last day that lies
// ahead, as a clock that went wrong leaves one, does not count.
//
// Directories look at the calendar themselves; call it when the day has begun on
// every replica's clock, a few minutes after midnight.
func (db *DB) TellDay(ctx context.Context, day person.Date) error {
	err := db.write(ctx, func(t *tx) error {
		number := day.Time(time.UTC).Unix() / 86400
		var told int64
		err := t.row("SELECT value FROM counters WHERE name = ?", daysCounter).Scan(&told)
		switch {
		case isNoRows(err), err == nil && told > number+1:
			told = number - 1
		case err != nil:
			return err
		case told >= number:
			return nil
		}
		if err := t.exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", daysCounter, number); err != nil {
			return err
		}
		last := person.DateOf(time.Unix(told*86400, 0).UTC())
		t.many = true
		if err := t.rematchStarted(last, day); err != nil {
			return err
		}
		return t.touchFound(person.RecordEmployment, "SELECT key FROM employments WHERE starts > ? AND starts <= ? OR ends >= ? AND ends < ?",
			last.String(), day.String(), last.String(), day.String())
	})
	if err != nil {
		return fmt.Errorf("tell the feed of the day: %w", err)
	}
	return nil
}
