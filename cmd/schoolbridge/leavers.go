package main

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/person"
)

// leaversDay is the day on which it was noted last who left.
type leaversDay struct{ day person.Date }

// forget notes once a day who is needed no more, and erases the personal data of
// those who have not been for longer than the configuration keeps them.
func (l *leaversDay) forget(ctx context.Context, d *daemon, now time.Time) {
	today := person.DateOf(now.In(d.config.Policy.TimeZone.Location()))
	if today == l.day {
		return
	}
	accounts := d.db.Accounts()
	err := accounts.NoteLeavers(ctx, today)
	n := 0
	if err == nil {
		n, err = accounts.EraseLeavers(ctx, today.AddDays(-int(d.config.Store.KeepLeavers/(24*time.Hour))), now)
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			d.log.Error("the personal data of people who left long ago cannot be erased; trying again in an hour", "error", err)
		}
		return
	}
	l.day = today
	if n > 0 {
		d.log.Info("the personal data of people who left long ago are erased", "people", n)
	}
}
