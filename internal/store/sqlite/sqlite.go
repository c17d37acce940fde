// Package sqlite opens a store in one SQLite file: WAL, one writer at a time,
// BEGIN IMMEDIATE. One daemon works on it (Lock); commands open it beside the
// daemon without the lock and change it through the same code.
//
// Limits: a local disk (WAL needs shared memory, so no network file system),
// about 150,000 people.
//
// Start reading at Open.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"schoolbridge/internal/store"
)

// Open opens the database file, making it (mode 0600) where there is none.
func Open(ctx context.Context, path string, keys *store.Keyset, opts store.Options) (*store.DB, error) {
	// SQLite gives -wal and -shm the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d, err := open(path, among)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return store.Open(ctx, d, keys, opts)
}

// OpenFiles opens the database with the keyset of a file. On the first start,
// when neither exists, it makes both; a database whose keyset is missing is
// refused, since new keys would not open it.
func OpenFiles(ctx context.Context, path, keysetPath string, opts store.Options) (*store.DB, error) {
	keys, err := store.OpenKeyset(keysetPath)
	if errors.Is(err, store.ErrNoKeyset) {
		if keys, err = firstKeyset(path, keysetPath, err); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return Open(ctx, path, keys, opts)
}

func firstKeyset(path, keysetPath string, missing error) (*store.Keyset, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
		// Another process may have made both since: the keyset comes first.
		if keys, err := store.OpenKeyset(keysetPath); !errors.Is(err, store.ErrNoKeyset) {
			return keys, err
		}
		return nil, fmt.Errorf("%w, but the database %s exists and cannot be read without its own keyset: put the file back from the backup", missing, path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open store: %w", err)
	}
	keys, err := store.CreateKeyset(keysetPath)
	if errors.Is(err, store.ErrKeysetExists) { // another process was first
		return store.OpenKeyset(keysetPath)
	}
	return keys, err
}

// Engine opens the database without looking into it, for store.Move; ErrAtWork where
// somebody else has it open.
func Engine(path string) (store.Driver, error) { return open(path, alone) }

type driver struct {
	writer, reader, feed *sql.DB
	release              func() error
}

func open(path string, how int) (_ *driver, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	release, err := hold(absolute, how)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, release())
		}
	}()
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)", "wal_autocheckpoint(16000)",
		"secure_delete(1)"} // deleted rows are overwritten with zeros
	// Caches are small: what is not in them is in the system's, which gives it back
	// to who needs it more.
	writer, err := pool(absolute, "immediate", append(pragmas, "cache_size(-8192)"))
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1) // waiting in Go is fair, waiting in SQLite is not
	reader, err := pool(absolute, "deferred", append(pragmas, "cache_size(-2048)", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(4)
	reader.SetMaxIdleConns(4)
	feed, err := pool(absolute, "deferred", append(pragmas, "cache_size(-2048)", "query_only(1)"))
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	feed.SetMaxOpenConns(1)
	return &driver{writer, reader, feed, release}, nil
}

func pool(path, lock string, pragmas []string) (*sql.DB, error) {
	query := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", dsn.String())
}

// Writer implements store.Driver.
func (d *driver) Writer() *sql.DB { return d.writer }

// Reader implements store.Driver.
func (d *driver) Reader() *sql.DB { return d.reader }

// Feed implements store.Driver.
func (d *driver) Feed() *sql.DB { return d.feed }

var dialect = strings.NewReplacer("{int}", "INTEGER", "{bytes}", "BLOB", "{text}", "TEXT", "{table}", " WITHOUT ROWID", "{at}", "", "{by audit_blocks}", "INDEXED BY audit_blocks", "{by audit_own}", "INDEXED BY audit_own",
	"{by audit_person_kind}", "INDEXED BY audit_person_kind")

// SQL implements store.Driver.
func (d *driver) SQL(query string) string {
	if !strings.Contains(query, "{") {
		return query
	}
	return dialect.Replace(query)
}

// Prepares implements store.Driver.
func (d *driver) Prepares() bool { return true }

// Turn implements store.Driver: BEGIN IMMEDIATE has waited.
func (d *driver) Turn(context.Context, *sql.Tx) ([]byte, error) { return nil, nil }

// Settle implements store.Driver: a file's Commit says what came of it.
func (d *driver) Settle(_ context.Context, _ []byte, failed error) error { return failed }

// Retry implements store.Driver.
func (d *driver) Retry(err error) bool {
	var failed *sqlite.Error
	return errors.As(err, &failed) && (failed.Code()&0xff == sqlite3.SQLITE_BUSY || failed.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// Duplicate implements store.Driver.
func (d *driver) Duplicate(err error) bool {
	var failed *sqlite.Error
	return errors.As(err, &failed) &&
		(failed.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || failed.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Scrub implements store.Driver: pages from before a deletion stand in the
// write-ahead log until it is emptied.
func (d *driver) Scrub(ctx context.Context) error {
	var busy, frames, moved int
	if err := d.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("the write-ahead log is in use and could not be emptied")
	}
	return nil
}

// Close implements store.Driver.
func (d *driver) Close() error {
	return errors.Join(d.feed.Close(), d.reader.Close(), d.writer.Close(), d.release())
}
