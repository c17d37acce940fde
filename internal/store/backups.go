package store

import (
	"context"
	"fmt"
	"time"
)

// lastBackup is where meta has when a backup was last found good, in Unix seconds.
const lastBackup = "backup"

// NoteBackup notes that a copy of everything was made and verified, so that an alarm can
// tell when none has been for long.
func (db *DB) NoteBackup(ctx context.Context, at time.Time) error {
	if err := db.write(ctx, func(t *tx) error { return t.setMeta(lastBackup, int(at.Unix())) }); err != nil {
		return fmt.Errorf("note the backup: %w", err)
	}
	return nil
}

// LastBackup is when the last good one was made; zero for never.
func (db *DB) LastBackup(ctx context.Context) (at time.Time, err error) {
	err = db.read(ctx, func(t *tx) error {
		seconds, err := t.meta(lastBackup)
		if at = (time.Time{}); seconds > 0 {
			at = time.Unix(int64(seconds), 0)
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read when the last backup was made: %w", err)
	}
	return at, nil
}
