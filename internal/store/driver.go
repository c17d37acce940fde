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
	// {int}, {bytes}, {text}, {table} after a table's last bracket, {at} in the
	// primary key of a table that engines may split by time, and {by audit_blocks},
	// {by audit_own} or {by audit_person_kind} for an engine that would not find out
	// that this index has the fewest rows) into the engine's own.
	SQL(query string) string
	// Prepares says that statements are worth keeping prepared from here: an engine
	// whose driver does so by itself, and has to be asked over a network for each,
	// says no.
	Prepares() bool
	// Turn is the first statement of a transaction that writes: it waits until no
	// other one, of whichever process, is under way, and none begins before this one
	// has ended. It gives what Settle knows the transaction by; nil where Begin has
	// waited already, and Commit cannot leave in doubt what came of it.
	Turn(ctx context.Context, t *sql.Tx) (receipt []byte, err error)
	// Settle finds out what became of a transaction whose Commit failed: nil where
	// it is committed, ErrUnknown where that cannot be told, else the reason why it
	// is not.
	Settle(ctx context.Context, receipt []byte, failed error) error
	// Retry says that the transaction changed nothing, because it lost to another
	// one or its server was lost, and may run again.
	Retry(err error) bool
	// Duplicate says that a unique constraint refused a row.
	Duplicate(err error) bool
	// Scrub makes sure that what was deleted, a destroyed key above all, is in
	// no file of the engine any more, as far as the engine can.
	Scrub(ctx context.Context) error
	// Close ends all pools.
	Close() error
}

// Pipe is what an engine offers besides whose statements cross a network: those that
// change rows, and of whose results nobody needs one before the next, are sent at once.
type Pipe interface {
	// Exec carries out statements in their order, in the transaction that conn is in,
	// up to the first that fails.
	Exec(ctx context.Context, conn *sql.Conn, statements []Statement) error
}

// Statement is one of many that are sent at once, in the engine's own dialect.
type Statement struct {
	Query string
	Args  []any
}
