package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/store/storetest"
)

// TestMove moves a file into another one, which nobody needs: what a move does is the
// same for every engine.
func TestMove(t *testing.T) { storetest.RunMove(t, side, side) }

func side(t *testing.T) storetest.Side {
	path := filepath.Join(t.TempDir(), "store.db")
	raw, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() }) // the test is over
	return storetest.Side{
		Engine: func(context.Context) (store.Driver, error) { return sqlite.Engine(path) },
		Open: func(ctx context.Context, keys *store.Keyset) (*store.DB, error) {
			return sqlite.Open(ctx, path, keys, store.Options{})
		},
		Raw: raw,
	}
}
