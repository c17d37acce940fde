package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

// TestBackup copies under writes, again and again: every copy is whole and of one
// moment. Then one is put back in the place of the store.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path, keys, store.Options{IndexStep: 512})
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	written := 0
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := db.Audit().Append(t.Context(), alone(written, 50)); err != nil {
				done <- err
				return
			}
			written += 50
		}
	}()
	copies := []string{filepath.Join(dir, "copy-0"), filepath.Join(dir, "copy-1"), filepath.Join(dir, "copy-2")}
	for _, to := range copies {
		if err := sqlite.Backup(t.Context(), path, to, keys); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	close(stop)
	if err := errors.Join(<-done, db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Backup(t.Context(), path, copies[0], keys); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	other, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Verify(t.Context(), copies[2], other); !errors.Is(err, store.ErrWrongKeyset) {
		t.Errorf("another keyset: %v", err)
	}
	damaged := filepath.Join(dir, "damaged")
	text, err := os.ReadFile(copies[1])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(text) / 2; i < len(text)/2+8192; i++ {
		text[i] ^= 0x5a
	}
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Verify(t.Context(), damaged, keys); err == nil {
		t.Error("a damaged copy is taken for whole")
	}
	aside := filepath.Join(dir, "aside")
	for _, bad := range []string{damaged, filepath.Join(dir, "nowhere")} {
		if _, err := sqlite.Restore(t.Context(), bad, path, keys, aside); err == nil {
			t.Errorf("%s is put back", bad)
		}
	}
	kept, err := sqlite.Restore(t.Context(), copies[2], path, keys, aside)
	if err != nil || kept != aside {
		t.Fatalf("%q, %v", kept, err)
	}
	for _, file := range []string{path, aside} {
		if err := sqlite.Verify(t.Context(), file, keys); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	db, err = sqlite.Open(t.Context(), path, keys, store.Options{IndexStep: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	trail(t, db, "restored", []int{0}, 1)
	if err := db.Audit().Append(t.Context(), alone(1_000_000, 10)); err != nil {
		t.Error(err)
	}
	trail(t, db, "gone on", []int{1_000_000, 1_000_009}, 1)
}
