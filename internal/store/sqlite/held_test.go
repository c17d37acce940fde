package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

// TestACommandAtWork: beside the daemon's lock, which is free, a command has the
// database open. What it writes to a file that was put aside, or moved, is lost, and its
// end takes the new one's log away: so neither begins before it is over.
func TestACommandAtWork(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "store.db"), filepath.Join(dir, "copy")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	command, err := sqlite.Open(t.Context(), path, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Backup(t.Context(), path, copied, keys); err != nil {
		t.Fatal(err)
	}
	restore := func() error {
		_, err := sqlite.Restore(t.Context(), copied, path, keys, filepath.Join(dir, "aside"))
		return err
	}
	if err := restore(); !errors.Is(err, sqlite.ErrAtWork) {
		t.Errorf("restore: %v", err)
	}
	if d, err := sqlite.Engine(path); !errors.Is(err, sqlite.ErrAtWork) {
		t.Errorf("move: %v", errors.Join(err, d.Close()))
	}
	if err := errors.Join(command.Audit().Append(t.Context(), alone(0, 1)), command.Close()); err != nil {
		t.Fatal(err)
	}
	if err := restore(); err != nil {
		t.Error(err)
	}
	d, err := sqlite.Engine(path)
	if err != nil {
		t.Fatal(err)
	}
	if db, err := sqlite.Open(t.Context(), path, keys, store.Options{}); !errors.Is(err, sqlite.ErrAtWork) {
		t.Errorf("a command beside a move: %v", errors.Join(err, db.Close()))
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
