//go:build peers

package postgres

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/storetest"
)

// TestMain lets more tests run at once than there are processors: each waits for the
// server most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(pgtest.Main(m))
}

// fresh makes a database that has the schema and nothing in it.
func fresh(tb testing.TB, s *pgtest.Server) string {
	tb.Helper()
	return s.From(tb, "schoolbridge", func(database string) error { return schema(s, database) })
}

func schema(s *pgtest.Server, database string) error {
	keys, err := store.NewKeyset()
	if err != nil {
		return err
	}
	db, err := Open(context.Background(), s.Socket(database), keys, store.Options{})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	// Whoever opens a copy first has the keyset that belongs to it.
	_, err = s.SQL(database, "DELETE FROM secrets")
	return err
}

// raw looks at a database behind the store's back, and nobody's foreign keys are in
// its way.
func raw(address string) (*sql.DB, error) {
	config, err := parse(address)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["session_replication_role"] = "replica"
	return stdlib.OpenDB(*config), nil
}

func engine(t *testing.T) storetest.Engine {
	t.Parallel()
	s := pgtest.Shared(t)
	return engineOn(s, fresh(t, s))
}

func engineOn(s *pgtest.Server, database string) storetest.Engine {
	address := s.Socket(database)
	return storetest.Engine{
		Open: func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error) {
			return Open(ctx, address, keys, opts)
		},
		Exec: func(query string, args ...any) error {
			db, err := raw(address)
			if err != nil {
				return err
			}
			_, err = db.Exec(translate(query), args...)
			return errors.Join(err, db.Close())
		},
		Count: func(query string) (n int, err error) {
			db, err := raw(address)
			if err != nil {
				return 0, err
			}
			err = db.QueryRow(query).Scan(&n)
			return n, errors.Join(err, db.Close())
		},
		Bytes: func() ([]byte, error) { return s.Bytes(database) },
	}
}

func TestStore(t *testing.T) { storetest.Run(t, engine) }

func benchStore(b *testing.B) *store.DB {
	s := pgtest.Shared(b)
	keys, err := store.NewKeyset()
	if err != nil {
		b.Fatal(err)
	}
	db, err := Open(b.Context(), s.Socket(fresh(b, s)), keys, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

// BenchmarkTally is what the count for all daemons costs a sign-in.
func BenchmarkTally(b *testing.B) {
	storetest.BenchTally(b, benchStore(b).Tally())
}

func BenchmarkAuditOfOne(b *testing.B) { storetest.BenchAuditOfOne(b, benchStore(b)) }

// While daemons are upgraded one after the other the version before goes on with the
// schema of today.
func TestStatementsOfTheVersionBefore(t *testing.T) {
	s := pgtest.Shared(t)
	database := fresh(t, s)
	db, err := raw(s.Socket(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the test is over
	var schema int
	if err := db.QueryRow("SELECT value::int FROM meta WHERE name = 'schema'").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	storetest.Previous(t, schema, func(query string) error {
		p, err := db.Prepare(translate(query))
		if err != nil {
			return err
		}
		return p.Close()
	}, func(table string) (columns []string, err error) {
		rows, err := db.Query("SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL", table)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return nil, err
			}
			columns = append(columns, name)
		}
		return columns, rows.Err()
	})
}
