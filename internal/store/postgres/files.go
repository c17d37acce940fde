package postgres

import (
	"context"
	"errors"
	"fmt"

	"schoolbridge/internal/store"
)

// undefinedTable is the SQLSTATE of a table that is not there.
const undefinedTable = "42P01"

// OpenFiles opens the database with the keyset of a file. On the first start, when
// the database is empty, it makes the keyset; a database that was used is refused
// without its own, since new keys would not open it. All daemons on one database have
// the same keyset: it is copied from where the first start made it.
func OpenFiles(ctx context.Context, address, keysetPath string, opts store.Options) (*store.DB, error) {
	keys, err := store.OpenKeyset(keysetPath)
	if err == nil {
		return Open(ctx, address, keys, opts)
	}
	if !errors.Is(err, store.ErrNoKeyset) {
		return nil, err
	}
	used, looked := InUse(ctx, address)
	if looked != nil {
		return nil, fmt.Errorf("open store: %w", looked)
	}
	if used {
		return nil, fmt.Errorf("%w, but the database is in use and cannot be read without its own keyset: copy the file from the daemon that made it, or put it back from the backup", err)
	}
	keys, err = store.CreateKeyset(keysetPath)
	if errors.Is(err, store.ErrKeysetExists) { // another process was first
		keys, err = store.OpenKeyset(keysetPath)
	}
	if err != nil {
		return nil, err
	}
	return Open(ctx, address, keys, opts)
}

// InUse says whether a store was opened here before. It makes nothing.
func InUse(ctx context.Context, address string) (bool, error) {
	config, err := parse(address)
	if err != nil {
		return false, err
	}
	db := pool(config, "read committed", idleTimeout, 1)
	var n int
	err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM secrets").Scan(&n)
	if code(err) == undefinedTable {
		err = nil
	}
	return n > 0, errors.Join(err, db.Close())
}
