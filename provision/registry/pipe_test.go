//go:build unix

package registry

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe in the folder must not hold the import up for ever.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kadry.csv")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.As(err, new(*Fault)) {
		t.Errorf("a pipe: %v", err)
	}
}
