package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Appear makes a file (mode 0600) that is not there yet. fill writes, and looks through,
// a file of another name in the same folder; whoever sees the file under its own name
// sees it whole and on the disk, and where fill fails nobody sees any.
func Appear(to string, fill func(part string) error) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: %w", to, errors.Join(err, fs.ErrExist))
	}
	part := to + ".part"
	_ = os.Remove(part) // of an attempt that was broken off
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(part) }() // gone already after the rename
	defer func() { _ = f.Close() }()
	if err := fill(part); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// SyncFolder makes the names in a folder last.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
