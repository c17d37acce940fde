//go:build peers

package postgres

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/store/storetest"
)

func TestMove(t *testing.T) { storetest.RunMove(t, file, empty) }

// file is a store of the kind that one daemon begins with.
func file(t *testing.T) storetest.Side {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	return storetest.Side{
		Engine: func(context.Context) (store.Driver, error) { return sqlite.Engine(path) },
		Open: func(ctx context.Context, keys *store.Keyset) (*store.DB, error) {
			return sqlite.Open(ctx, path, keys, store.Options{})
		},
		Raw: db,
	}
}

func empty(t *testing.T) storetest.Side {
	s := pgtest.Shared(t)
	address := s.Socket(s.Database(t))
	db, err := raw(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	return storetest.Side{
		Engine: func(ctx context.Context) (store.Driver, error) { return Engine(ctx, address) },
		Open: func(ctx context.Context, keys *store.Keyset) (*store.DB, error) {
			return Open(ctx, address, keys, store.Options{})
		},
		Raw: db,
	}
}
