// Package store keeps what must outlive a restart: the registries, people and
// their accounts, every name ever given, verifiers, what was last seen in
// targets, and the audit trail. It is one database behind a small Driver, and one
// small type per consumer over a shared handle:
//
//	DB ─┬─ Directory    load and follow everybody who has an account
//	    ├─ Registry     registry import
//	    ├─ Accounts     candidates, activation, suspension, lookups for explain
//	    ├─ People       who an administrator finds, and may see
//	    ├─ Credentials  kept verifiers and credential events
//	    ├─ Targets      what cannot be derived of an account elsewhere, and the queue of its worker
//	    ├─ Tally        what mos.ru refused of a login, for all daemons
//	    ├─ Passwords    clear passwords that wait for a target, for a day
//	    ├─ Claims       whose are the accounts that a target already has
//	    ├─ Repairs      duplicates that were put to rest, and the way back
//	    ├─ Duplicates   the search for them, what it found, and what people ordered
//	    ├─ Journal      who was on the Wi-Fi when
//	    ├─ WebSessions  browsers that are signed in
//	    ├─ Rights       who administers what; Factors their second factors, BreakGlass the account beside them
//	    ├─ Queue        what curators have to decide, and have decided
//	    ├─ Support      what people wrote to us
//	    └─ Audit        hash-chained trail
//
// Every write runs in one transaction that ends by taking numbers from the one
// feed_head row, so that commit order equals number order on any engine
// (feed.go). Personal columns are sealed with their table, row and column as
// associated data, and found again only by keyed digests (seal.go), so that a
// stolen file or backup is useless; a live host is not protected from.
//
// Limits: one writer at a time per process; store/sqlite is meant for up to
// about 150,000 people. SQL lists its columns and keeps to what engines that
// speak PostgreSQL's dialect share; placeholders are "?" until Driver.SQL.
//
// Start reading at Open, then tx.go.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
)

// Options are what a store may be told; the zero value is sensible.
type Options struct {
	Replica   string                // names this replica's audit chain, which no other one at work has; "" is "main"
	Poll      time.Duration         // how often Directory.Wait looks for other processes' writes; 0 is 1 s
	IndexStep int                   // blocks of sign-ins that the audit trail's index takes at once; 0 is 4096
	Now       func() time.Time      // nil is time.Now
	Log       *slog.Logger          // nil discards
	Metrics   prometheus.Registerer // nil keeps them to itself
}

// DB is an open store, safe for use by many goroutines.
type DB struct {
	driver  Driver
	keys    *Keyset
	replica string
	poll    time.Duration
	now     func() time.Time
	log     *slog.Logger
	metrics metrics

	indexStep  int64
	indexFails atomic.Bool // the last look at the audit trail's index
	fresh      freshChains // blocks of which it does not tell yet
	packers    sync.Pool   // of *packer
	written    statements  // of the writer
	asked      statements  // of the reader
	sessionIDs *sessionIDs

	mu   sync.Mutex
	wake chan struct{} // closed and replaced at every commit that changed somebody
}

// What opening a store can end with, besides the engine's own errors.
var (
	ErrWrongKeyset = errors.New("the keyset does not belong to this database, or is older than it: put back the keyset file that was used with it last")
	ErrNewer       = errors.New("the database was made by a newer schoolbridge: install that version or a later one")
)

// Open brings the schema up to date and checks that the keyset is the
// database's own. The DB owns the driver from here on and closes it, also
// when Open fails.
func Open(ctx context.Context, driver Driver, keys *Keyset, opts Options) (*DB, error) {
	db := newDB(driver, keys, opts)
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), driver.Close())
	}
	db.written.begin()
	db.asked.begin()
	return db, nil
}

// newDB is a store that has not looked at its database yet.
func newDB(driver Driver, keys *Keyset, opts Options) *DB {
	db := &DB{
		driver: driver, keys: keys, replica: opts.Replica, poll: opts.Poll, now: opts.Now, log: opts.Log,
		wake: make(chan struct{}), metrics: newMetrics(opts.Metrics), sessionIDs: newSessionIDs(),
	}
	db.packers.New = func() any { return new(packer) }
	if db.replica == "" {
		db.replica = "main"
	}
	if db.indexStep = int64(opts.IndexStep); db.indexStep <= 0 {
		db.indexStep = indexStep
	}
	if db.poll <= 0 {
		db.poll = time.Second
	}
	if db.now == nil {
		db.now = time.Now
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	return db
}

// Close ends all connections.
func (db *DB) Close() error { return db.driver.Close() }

// Ping says whether the store answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(t *tx) error {
		var seq int64
		return t.row("SELECT seq FROM feed_head WHERE id = 1").Scan(&seq)
	})
}

// SharedKey is a secret for one use, the same on each replica that has the same
// keyset. Rotating the keyset changes it.
func (db *DB) SharedKey(use string) ([32]byte, error) {
	digest, err := db.keys.digest(db.keys.lookup.PrimaryID, domainShared, use)
	return [32]byte(digest), err
}

// prepare migrates, checks the keyset, and completes what an older version wrote.
func (db *DB) prepare(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	if err := db.write(ctx, func(t *tx) error { return t.checkKeyset() }); err != nil {
		return err
	}
	if err := db.fillLooks(ctx); err != nil {
		return err
	}
	if err := db.fillStems(ctx); err != nil {
		return err
	}
	if err := db.fillTryRecords(ctx); err != nil {
		return err
	}
	if err := db.fillCityLogins(ctx); err != nil {
		return err
	}
	return db.fillQuestions(ctx)
}

// checkKeyset opens a proof that was sealed with the newest keys the database
// has seen. An older copy of the keyset would open older rows and not find the
// newer ones, so that people got a second account.
func (t *tx) checkKeyset() error {
	keys := t.db.keys
	newest, err := t.newestKey()
	if err != nil || newest == keys.lookup.PrimaryID {
		return err
	}
	sealed, err := keys.seal("secrets", "keyset", "value", fmt.Appendf(nil, keysetProof+" %d", keys.lookup.PrimaryID))
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "keyset", sealed)
}

const keysetProof = "this keyset belongs to this database"

// newestKey gives the newest lookup key that the database has seen, 0 where it is
// fresh; ErrWrongKeyset where the keyset does not have it.
func (t *tx) newestKey() (newest uint32, err error) {
	var sealed []byte
	err = t.row("SELECT value FROM secrets WHERE name = ?", "keyset").Scan(&sealed)
	switch {
	case isNoRows(err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	plain, err := t.db.keys.open("secrets", "keyset", "value", sealed)
	if err != nil {
		return 0, ErrWrongKeyset
	}
	if _, err := fmt.Sscanf(string(plain), keysetProof+" %d", &newest); err != nil || t.db.keys.lookup.PRFs[newest] == nil {
		return 0, ErrWrongKeyset
	}
	return newest, nil
}

// notFound turns "no rows" into the sentinel of identity.
func notFound(err error) error {
	if isNoRows(err) {
		return identity.ErrNotFound
	}
	return err
}
