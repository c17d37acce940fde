package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"schoolbridge/internal/store"
)

// ErrDamaged says that a file is no whole database.
var ErrDamaged = errors.New("the file is no whole database of schoolbridge")

// Backup copies the database, of one moment, into a file that is not there yet (mode
// 0600), beside whoever reads and writes. The file appears under its name when it is
// verified and on the disk. Its columns are sealed as the store's are: the keyset is
// kept apart from it.
func Backup(ctx context.Context, path, to string, keys *store.Keyset) error {
	release, err := hold(path, among)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { _ = release() }()
	err = store.Appear(to, func(part string) error {
		if err := vacuumInto(ctx, path, part); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := withoutPasswords(ctx, part); err != nil {
			return fmt.Errorf("take waiting passwords out of the copy: %w", err)
		}
		if err := Verify(ctx, part, keys); err != nil {
			return fmt.Errorf("the copy is not good: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// vacuumInto writes a copy of one snapshot, without what was deleted.
func vacuumInto(ctx context.Context, path, to string) (err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	db, err := pool(absolute, "deferred", []string{"busy_timeout(10000)", "temp_store(MEMORY)"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// withoutPasswords takes out of a copy what is destroyed within a day in the store: a
// backup is kept for longer.
func withoutPasswords(ctx context.Context, path string) (err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	db, err := pool(absolute, "immediate", []string{"journal_mode(MEMORY)", "secure_delete(1)"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, table := range []string{"passwords", "day_keys", "tag_keys"} {
		if _, err := db.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	return nil
}

// Verify reads a database that nobody works on and changes nothing: the file is
// whole, the keyset its own and the audit trail unbroken.
func Verify(ctx context.Context, path string, keys *store.Keyset) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(absolute); err != nil {
		return err
	}
	query := url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"query_only(1)", "temp_store(MEMORY)"}}
	dsn := url.URL{Scheme: "file", Path: absolute, RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return err
	}
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil || said != "ok" {
		return errors.Join(fmt.Errorf("%w: %s", ErrDamaged, path), db.Close())
	}
	return store.Verify(ctx, &driver{db, db, db, func() error { return nil }}, keys, nil)
}

// Restore puts a backup in the place of the database. The caller has the Lock: no
// daemon works on it; ErrAtWork where a command does. What was there stays, whole, with its -wal, under the name aside,
// which is given back ("": nothing was there), also where the attempt is broken off.
func Restore(ctx context.Context, from, path string, keys *store.Keyset, aside string) (kept string, err error) {
	release, err := hold(path, alone)
	if err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = release() }()
	if err := Verify(ctx, from, keys); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	fresh := path + ".restoring"
	if err := copyFile(from, fresh); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = os.Remove(fresh) }() // gone already after the rename
	if err := Verify(ctx, fresh, keys); err != nil {
		return "", fmt.Errorf("restore: the copy is not good: %w", err)
	}
	for _, end := range []string{"-wal", ""} {
		switch err := os.Link(path+end, aside+end); {
		case err == nil && end == "":
			kept = aside
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("restore: keep what is there: %w", err)
		}
	}
	// A log of the old one beside the new one would be taken for its own.
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return kept, fmt.Errorf("restore: %w", err)
		}
	}
	if err := os.Rename(fresh, path); err != nil {
		return kept, fmt.Errorf("restore: %w", err)
	}
	return kept, store.SyncFolder(filepath.Dir(path))
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read only
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
