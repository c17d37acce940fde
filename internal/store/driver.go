package store

import (
	"context"
	"database/sql"
)

// Driver is what differs between engines. Its pools speak database/sql;
// everything above is shared.
type Driver interface {
	// Writer gives connections whose transactions may write. Where the engine
	// allows one writer, Begin waits for it.
	Writer() *sql.DB
	// Reader gives connections for read-only transactions, each of which sees
	// one snapshot.
	Reader() *sql.DB
	// Feed is a Reader that only those who follow the change feed use: however
	// many wait to read, a revoked sign-in is heard of.
	Feed() *sql.DB
	// SQL turns the shared dialect ("?" placeholders and the column types
	// {int}, {bytes}, {text}, and {table} after a table's last bracket) into
	// the engine's own.
	SQL(query string) string
	// Retry says that the transaction lost to another one and may run again.
	Retry(err error) bool
	// Duplicate says that a unique constraint refused a row.
	Duplicate(err error) bool
	// Scrub makes sure that what was deleted, a destroyed key above all, is in
	// no file of the engine any more, as far as the engine can.
	Scrub(ctx context.Context) error
	// Close ends all pools.
	Close() error
}
