package store

import (
	"context"
	"errors"
)

// Verify reads a database that nobody works on, a backup above all, and writes
// nothing: whether the keyset is its own and the audit trail whole. The driver is
// closed in the end. progress may be nil.
func Verify(ctx context.Context, driver Driver, keys *Keyset, progress func(lines int)) (err error) {
	db := newDB(driver, keys, Options{})
	db.written.begin()
	db.asked.begin()
	defer func() { err = errors.Join(err, driver.Close()) }()
	if err := db.read(ctx, func(t *tx) error {
		if err := t.mayOpen(); err != nil {
			return err
		}
		_, err := t.newestKey()
		return err
	}); err != nil {
		return err
	}
	return db.Audit().Verify(ctx, progress)
}
