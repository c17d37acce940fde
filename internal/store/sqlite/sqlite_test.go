package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/store/storetest"
)

var recordFlag = flag.String("record", "", "write what the store says to its database to this file")

func TestStore(t *testing.T) {
	var said storetest.Recorder
	storetest.Run(t, func(t *testing.T) storetest.Engine {
		path := filepath.Join(t.TempDir(), "store.db")
		e := engineAt(path)
		if *recordFlag != "" {
			e.Open = func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error) {
				engine, err := sqlite.Engine(path)
				if err != nil {
					return nil, err
				}
				return store.Open(ctx, said.Over(engine), keys, opts)
			}
		}
		return e
	})
	if *recordFlag != "" {
		check(t, os.WriteFile(*recordFlag, []byte(said.Text(schema(t))), 0o600))
	}
}

// engineAt is a file, with which others work too.
func engineAt(path string) storetest.Engine {
	return storetest.Engine{
		Open: func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error) {
			return sqlite.Open(ctx, path, keys, opts)
		},
		Exec: func(query string, args ...any) (err error) {
			db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			_, err = db.Exec(query, args...)
			return err
		},
		Count: func(query string) (n int, err error) {
			db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
			if err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			err = db.QueryRow(query).Scan(&n)
			return n, err
		},
		Bytes: func() ([]byte, error) {
			var all []byte
			for _, suffix := range []string{"", "-wal", "-shm"} {
				b, err := os.ReadFile(path + suffix)
				if err != nil {
					return nil, err
				}
				all = append(all, b...)
			}
			return all, nil
		},
	}
}

// schema is the version of today's schema.
func schema(t *testing.T) int {
	t.Helper()
	var version int
	check(t, newest(t).QueryRow("SELECT value FROM meta WHERE name = 'schema'").Scan(&version))
	return version
}

// newest is a database with today's schema.
func newest(t *testing.T) *sql.DB {
	t.Helper()
	keys, err := store.NewKeyset()
	check(t, err)
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sqlite.Open(t.Context(), path, keys, store.Options{})
	check(t, err)
	check(t, db.Close())
	raw, err := sql.Open("sqlite", path)
	check(t, err)
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// While daemons are upgraded one after the other the version before goes on with the
// schema of today. (A file has one daemon; its commands may be older.)
func TestStatementsOfTheVersionBefore(t *testing.T) {
	db := newest(t)
	engine, err := sqlite.Engine(filepath.Join(t.TempDir(), "dialect.db"))
	check(t, err)
	t.Cleanup(func() { _ = engine.Close() })
	storetest.Previous(t, schema(t), func(query string) error {
		s, err := db.Prepare(engine.SQL(query))
		if err != nil {
			return err
		}
		return s.Close()
	}, func(table string) (columns []string, err error) {
		rows, err := db.Query("SELECT name FROM pragma_table_info(?) WHERE \"notnull\" = 1 AND dflt_value IS NULL", table)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
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

func TestOpenFiles(t *testing.T) {
	dir := t.TempDir()
	path, keyset := filepath.Join(dir, "store.db"), filepath.Join(dir, "keyset.json")
	open := func() error {
		db, err := sqlite.OpenFiles(t.Context(), path, keyset, store.Options{})
		if err != nil {
			return err
		}
		return db.Close()
	}
	// The first start, by several processes at once.
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := open(); err != nil {
				t.Errorf("first start: %v", err)
			}
		})
	}
	group.Wait()
	for _, file := range []string{path, path + ".open", keyset} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", file, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.Chmod(keyset, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := open(); !errors.Is(err, store.ErrKeysetOpen) {
		t.Errorf("a keyset that the group reads gave %v", err)
	}
	if err := os.Remove(keyset); err != nil {
		t.Fatal(err)
	}
	if err := open(); !errors.Is(err, store.ErrNoKeyset) {
		t.Errorf("a database without its keyset gave %v", err)
	}
	if _, err := os.Stat(keyset); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new keyset was made beside an old database: %v", err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	release, err := sqlite.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Lock(path); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("a second daemon: %v", err)
	}
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path, keys, store.Options{}) // a command beside the daemon
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Close(), release()); err != nil {
		t.Fatal(err)
	}
	again, err := sqlite.Lock(path)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}

// TestDestroyed: what Prune destroyed is in none of the database's files.
func TestDestroyed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	profile := person.Profile{Subject: "s", Login: "evann", Last: "Пример"}
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	if err := db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: benchRows(1, 1)}); err != nil {
		t.Fatal(err)
	}
	_, err = db.Accounts().Activate(t.Context(), person.Activation{
		Profile: profile, Login: "evann", Password: "Zimorodok-2021", Target: &person.TargetAccount{Target: "ad", Name: "evann"},
		Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k0000001"}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	var secrets [2][]byte
	if err := raw.QueryRow("SELECT d.sealed, p.sealed FROM day_keys d, passwords p").Scan(&secrets[0], &secrets[1]); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	found := func() (n int) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			b, err := os.ReadFile(path + suffix)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			for _, s := range secrets {
				n += bytes.Count(b, s)
			}
		}
		return n
	}
	if err := db.Passwords().Prune(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if found() < 2 {
		t.Fatal("the key and the password are not found while they live: this test looks in the wrong place")
	}
	if err := db.Passwords().Prune(t.Context(), now.Add(40*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := found(); n != 0 {
		t.Errorf("what was destroyed is still on the disk %d times", n)
	}
}
