package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	moderncsqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/store/storetest"
)

// losing is an engine of which every transaction loses once, at its Commit, as one does
// to another one or to a failover: all that it did is done again.
type losing struct {
	store.Driver
	lost atomic.Bool // the one that runs was lost a moment ago
}

// Turn makes the Commit to come fail: a row refers to one that there is not, which SQLite
// looks at then.
func (l *losing) Turn(ctx context.Context, t *sql.Tx) ([]byte, error) {
	receipt, err := l.Driver.Turn(ctx, t)
	if err != nil || l.lost.Swap(false) {
		return receipt, err
	}
	for _, statement := range []string{
		"CREATE TEMP TABLE IF NOT EXISTS losing (id INTEGER PRIMARY KEY, other INTEGER NOT NULL REFERENCES losing (id) DEFERRABLE INITIALLY DEFERRED)",
		"INSERT INTO losing (other) VALUES (-1)",
	} {
		if _, err := t.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return receipt, nil
}

func (l *losing) Retry(err error) bool {
	var failed *moderncsqlite.Error
	if errors.As(err, &failed) && failed.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY {
		l.lost.Store(true)
		return true
	}
	return l.Driver.Retry(err)
}

// TestEveryTransactionTwice: what a transaction has told its caller before it was lost,
// a count, a list, how far a run is, is not told a second time.
func TestEveryTransactionTwice(t *testing.T) {
	storetest.RunWriting(t, func(t *testing.T) storetest.Engine {
		path := filepath.Join(t.TempDir(), "store.db")
		e := engineAt(path)
		e.Open = func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error) {
			engine, err := sqlite.Among(path)
			if err != nil {
				return nil, err
			}
			return store.Open(ctx, &losing{Driver: engine}, keys, opts)
		}
		return e
	})
}
