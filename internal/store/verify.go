package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
)

// Verify reads a database that nobody works on, a backup above all, and writes
// nothing: whether the keyset is its own and the audit trail whole. The driver is
// closed in the end. progress may be nil.
func Verify(ctx context.Context, driver Driver, keys *Keyset, progress func(lines int)) (err error) {
	db := &DB{driver: driver, keys: keys, replica: "main", indexStep: indexStep, log: slog.New(slog.DiscardHandler), metrics: newMetrics(nil)}
	db.packers = sync.Pool{New: func() any { return new(packer) }}
	db.written.begin()
	db.asked.begin()
	defer func() { err = errors.Join(err, driver.Close()) }()
	if err := db.read(ctx, func(t *tx) error {
		version, err := t.meta("oldest")
		if err == nil && version > len(migrations) {
			err = ErrNewer
		}
		if err != nil {
			return err
		}
		_, err = t.newestKey()
		return err
	}); err != nil {
		return err
	}
	return db.Audit().Verify(ctx, progress)
}
