package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Engine {
		path := filepath.Join(t.TempDir(), "store.db")
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
	for _, file := range []string{path, keyset} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", file, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
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
