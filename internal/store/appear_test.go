package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"schoolbridge/internal/store"
)

// TestAppear: a file is there whole or not at all, for its owner alone, and no other one
// is written over.
func TestAppear(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "copy")
	if err := os.WriteFile(to+".part", []byte("left by a broken one, and long"), 0o644); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	if err := store.Appear(to, func(part string) error { return errors.Join(os.WriteFile(part, []byte("half"), 0o600), failed) }); !errors.Is(err, failed) {
		t.Errorf("it says %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := store.Appear(to, func(part string) error {
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there before it is whole: %v", err)
		}
		return os.WriteFile(part, []byte("whole"), 0o600)
	}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(to)
	info, stat := os.Stat(to)
	if err != nil || stat != nil || string(text) != "whole" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v, %v", text, err, info)
	}
	if err := store.Appear(to, func(string) error { t.Error("it is written again"); return nil }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("it says %v", err)
	}
}
