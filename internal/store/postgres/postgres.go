// Package postgres opens a store in a PostgreSQL database that several daemons
// share, behind whatever keeps it available: an address may name several hosts, of
// which the one that takes writes is used.
//
// Transactions that write follow one another, on all daemons together: each takes
// the one row of the table turn first (turn.go), as BEGIN IMMEDIATE does in SQLite.
// So what the store looks at before it writes holds until it commits, at READ
// COMMITTED, and the order of commits is that of the numbers of the change feed: who
// sees a number sees all before it. SERIALIZABLE would say no more and refuse almost
// every transaction that meets another one, because each ends with the same rows,
// the heads of the feed and of the audit trail. Those that read see one snapshot, at
// REPEATABLE READ.
//
//	BEGIN ─► turn ─► statements ─► COMMIT ─┬─ answered
//	  ▲       │ lost: nothing has changed   └─ no answer ─► turn, is its receipt there? ─┬─ yes: it is committed
//	  └───────┴──────────────────────────────────────────────────────────────────────────┴─ no: again
//
// A daemon that stops in the middle of its turn (a machine that is moved or frozen, a
// network that is cut) keeps all others from writing until the server ends its
// transaction: for turnTimeout. Between two statements of a transaction a daemon only
// computes, so that it is never silent for as long otherwise.
//
// What accounting records change is sent at once (pipe.go): while a transaction waits for
// answers, all others wait for the turn.
//
// Only what engines that speak PostgreSQL's dialect share is used: no extension, no
// trigger, no advisory lock, no LISTEN; store's TestSharedSQL has the list. Text compares byte by byte, as in SQLite.
// Primary keys of what grows without end hold the time: that of audit ends with at,
// and the ids of sessions begin with the second; so both can become tables with
// partitions.
//
// Limits: what is deleted stays in the server's write-ahead log, replicas and base
// backups for as long as they are kept; only PostgreSQL itself is tested.
//
// Start reading at Open, then turn.go.
package postgres

import (
	"context"
	"database/sql"
	driverpkg "database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"schoolbridge/internal/store"
)

// Bounds of waiting for a server.
const (
	connectTimeout = 5 * time.Second  // for each host
	lockTimeout    = "10s"            // then a transaction begins anew
	turnTimeout    = "4s"             // a writer that is silent for so long loses its turn: the server ends its transaction, and it begins anew
	scrubWait      = "'300ms'"        // for the lock on a table that is written anew
	idleTimeout    = "30s"            // as turnTimeout, for a look at the feed, which nobody waits for
	readTimeout    = "10min"          // the same for a snapshot, between whose pages people are composed
	idleAsk        = time.Second      // then a connection is asked before it is used
	answerTime     = 5 * time.Second  // within which it answers that
	turnTime       = 15 * time.Second // the turn comes, or the server says that lockTimeout is over
	lifetime       = 30 * time.Minute // of a connection: after a failover all get to the new server in the end
)

// Sizes of the pools, for each daemon. One connection writes: who waits for it here
// does not wait at the server, and waiting here is fair.
const (
	readers = 8
	feeds   = 2
)

// Open opens the database that an address names: a URL (postgres://…) or pairs
// (host=… dbname=…), as libpq takes them. The user needs the right to make tables
// there.
func Open(ctx context.Context, address string, keys *store.Keyset, opts store.Options) (*store.DB, error) {
	d, err := open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return store.Open(ctx, d, keys, opts)
}

// Engine opens the database without looking into it, for store.Move.
func Engine(ctx context.Context, address string) (store.Driver, error) { return open(ctx, address) }

type driver struct{ writer, reader, feed *sql.DB }

func open(ctx context.Context, address string) (*driver, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	const snapshot = "repeatable read"
	d := &driver{pool(config, "read committed", turnTimeout, 1), pool(config, snapshot, readTimeout, readers), pool(config, snapshot, idleTimeout, feeds)}
	if err := d.prepareTurn(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// pool gives connections whose transactions have an isolation, and may be silent for
// some time. What the address says of these comes first.
func pool(base *pgx.ConnConfig, isolation, idle string, size int) *sql.DB {
	config := base.Copy()
	for name, value := range map[string]string{
		"application_name": "schoolbridge", "default_transaction_isolation": isolation, "lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idle,
	} {
		if _, given := config.RuntimeParams[name]; !given || name == "default_transaction_isolation" {
			config.RuntimeParams[name] = value
		}
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(teach), stdlib.OptionShouldPing(ask), stdlib.OptionResetSession(answered))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxLifetime(lifetime)
	return db
}

// ask asks a connection that nobody used for a while whether its server is there. One
// behind a proxy may have gone without a word: the connection is closed then, and who
// wanted it gets another. pgx would ask too, and wait for ever.
func ask(ctx context.Context, of stdlib.ShouldPingParams) (again bool) {
	if of.IdleDuration > idleAsk {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		_ = of.Conn.Ping(ctx) // answered looks
	}
	return false
}

func answered(_ context.Context, conn *pgx.Conn) error {
	if conn.IsClosed() {
		return driverpkg.ErrBadConn
	}
	return nil
}

// Writer implements store.Driver.
func (d *driver) Writer() *sql.DB { return d.writer }

// Reader implements store.Driver.
func (d *driver) Reader() *sql.DB { return d.reader }

// Feed implements store.Driver.
func (d *driver) Feed() *sql.DB { return d.feed }

// Prepares implements store.Driver: pgx keeps what it prepared on each connection.
func (d *driver) Prepares() bool { return false }

// Scrub implements store.Driver: the files of the tables that held what was
// destroyed are written anew, and the old ones go. The write-ahead log, replicas and
// backups are out of its reach. While somebody reads them for long, as pg_dump does, it
// gives up soon: all who come meanwhile would wait behind it.
func (d *driver) Scrub(ctx context.Context) error {
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = "+scrubWait); err != nil && !unsupported(err) {
		return err
	}
	var failed error
	for _, table := range []string{"day_keys", "passwords", "tag_keys"} {
		_, err := conn.ExecContext(ctx, "VACUUM (FULL) "+table)
		if code(err) == lockNotAvailable {
			err = fmt.Errorf("table %s is being read for long, by a backup perhaps: what was deleted stays in its file until the next time: %w", table, err)
		}
		if err != nil && !unsupported(err) {
			failed = errors.Join(failed, err)
		}
	}
	if _, err := conn.ExecContext(ctx, "RESET lock_timeout"); err != nil && !unsupported(err) {
		failed = errors.Join(failed, err, conn.Raw(func(any) error { return driverpkg.ErrBadConn })) // nobody takes it with that bound
	}
	return failed
}

// Close implements store.Driver.
func (d *driver) Close() error {
	return errors.Join(d.feed.Close(), d.reader.Close(), d.writer.Close())
}
