package store

import (
	"context"
	"fmt"
	"time"
)

// eventsSeen is when mos.ru's events arrived last at any replica, in Unix µs.
const eventsSeen = "events_seen"

// ShareEventsSeen tells all replicas that mos.ru's events arrived at a time at this one,
// and gives when they did last at any of them; zero: never.
func (db *DB) ShareEventsSeen(ctx context.Context, here time.Time) (anywhere time.Time, err error) {
	err = db.read(ctx, func(t *tx) error {
		var at int64
		err := t.row("SELECT coalesce(max(value), 0) FROM counters WHERE name = ?", eventsSeen).Scan(&at)
		if anywhere = (time.Time{}); at > 0 {
			anywhere = moment(at)
		}
		return err
	})
	if err == nil && here.After(anywhere) {
		anywhere = here
		err = db.write(ctx, func(t *tx) error {
			return t.exec("INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value",
				eventsSeen, micros(here))
		})
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("share when mos.ru's events arrived: %w", err)
	}
	return anywhere, nil
}
