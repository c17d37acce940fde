package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// attempts bounds how often a transaction that lost to another one, or its server,
// runs again: for some three seconds, in which a server that only restarts is back.
const attempts = 10

// Bounds of the wait before another attempt, which doubles.
const (
	firstWait   = 5 * time.Millisecond
	longestWait = time.Second
)

// backoff is how long to wait after an attempt, the first being 1: up to half of it
// by chance, so that those who lost to each other do not meet again.
func backoff(attempt int) time.Duration {
	wait := longestWait
	if attempt < 10 {
		wait = min(wait, firstWait<<attempt)
	}
	return wait - rand.N(wait/2)
}

// ErrUnknown says that a transaction was asked to commit and nobody could tell
// whether it did: what it would have changed has to be looked at.
var ErrUnknown = errors.New("the database was lost while it committed, and whether it did cannot be told: look at what is stored before you repeat it")

// tx is one transaction. A writing one collects whom it touched and what the
// audit trail should say; both are written as its last statements.
type tx struct {
	ctx       context.Context
	db        *DB
	sql       *sql.Tx
	conn      *sql.Conn            // that sql is on; nil: it only reads
	stmts     map[string]*sql.Stmt // where the engine's statements are prepared here
	kept      *statements          // of the pool that it is of; nil: none
	touched   []identity.PersonID  // in order, each once
	seen      map[identity.PersonID]bool
	shown     []identity.PersonID // those that only the directory sees anew, each once
	published map[identity.PersonID]bool
	schools   bool
	many      bool // an import: nobody waits for each of those it touches
	woke      bool // there is work for those who wait, or the feed tells something
	audits    []identity.AuditEntry
	packer    *packer // while the audit trail is written
	courtesy  courtesy
}

// write runs f in a transaction, again when it loses to another one, and
// wakes those who wait for what it wrote. f must be safe to run again: what it tells its
// caller begins anew in it, and counts once write is done.
func (db *DB) write(ctx context.Context, f func(*tx) error) (err error) {
	defer func(began time.Time) { db.metrics.observe("write", began, err) }(time.Now())
	for attempt := 1; ; attempt++ {
		t, err := db.writeOnce(ctx, f)
		if err == nil {
			if t.woke {
				db.notify()
			}
			db.written.keep(ctx, db.driver.Writer(), db.driver.SQL, t.stmts) // others are told first
			return nil
		}
		if attempt == attempts || !db.driver.Retry(err) {
			return err
		}
		db.metrics.retries.Inc()
		if err := Pause(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, f func(*tx) error) (*tx, error) {
	conn, err := db.driver.Writer().Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // back into the pool
	inner, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = inner.Rollback() }() // after Commit it does nothing
	t := &tx{ctx: ctx, db: db, sql: inner, conn: conn, stmts: map[string]*sql.Stmt{}, kept: &db.written}
	receipt, err := db.driver.Turn(ctx, inner)
	if err != nil {
		return nil, fmt.Errorf("wait for the turn to write: %w", err)
	}
	if err := f(t); err != nil {
		return nil, err
	}
	if err := t.writeAudit(); err != nil {
		return nil, fmt.Errorf("write audit: %w", err)
	}
	fed, err := t.writeFeed()
	if err != nil {
		return nil, fmt.Errorf("write change feed: %w", err)
	}
	t.woke = t.woke || fed
	if err = inner.Commit(); err != nil && receipt != nil {
		_ = conn.Close() // Settle needs one
		err = db.driver.Settle(ctx, receipt, err)
	}
	return t, err
}

// read runs f on one snapshot.
func (db *DB) read(ctx context.Context, f func(*tx) error) error {
	return db.readFrom(ctx, db.driver.Reader(), &db.asked, f)
}

func (db *DB) readFrom(ctx context.Context, pool *sql.DB, kept *statements, f func(*tx) error) (err error) {
	defer func(began time.Time) { db.metrics.observe("read", began, err) }(time.Now())
	inner, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelDefault})
	if err != nil {
		return err
	}
	t := &tx{ctx: ctx, db: db, sql: inner, stmts: map[string]*sql.Stmt{}, kept: kept}
	defer func() {
		_ = inner.Rollback() // it changed nothing
		if err == nil && kept != nil {
			kept.keep(ctx, pool, db.driver.SQL, t.stmts)
		}
	}()
	return f(t)
}

// statement is a query that can be carried out: one that is prepared, or one that
// the engine's driver prepares by itself.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// text is a statement that is sent as it is.
type text struct {
	sql   *sql.Tx
	query string
}

// ExecContext implements statement.
func (s text) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return s.sql.ExecContext(ctx, s.query, args...)
}

// QueryContext implements statement.
func (s text) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return s.sql.QueryContext(ctx, s.query, args...)
}

// QueryRowContext implements statement.
func (s text) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return s.sql.QueryRowContext(ctx, s.query, args...)
}

// stmt prepares a query once per transaction, or takes one that is kept.
func (t *tx) stmt(query string) (statement, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	if !t.db.driver.Prepares() {
		return text{t.sql, t.db.driver.SQL(query)}, nil
	}
	s := t.kept.find(query)
	if s != nil {
		s = t.sql.StmtContext(t.ctx, s)
	} else {
		var err error
		if s, err = t.sql.PrepareContext(t.ctx, t.db.driver.SQL(query)); err != nil {
			return nil, err
		}
	}
	t.stmts[query] = s
	return s, nil
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.count(query, args...)
	return err
}

// execAll executes statements, at once where the engine offers that.
func (t *tx) execAll(statements []Statement) error {
	pipe, ok := t.db.driver.(Pipe)
	if !ok || t.conn == nil {
		for _, s := range statements {
			if err := t.exec(s.Query, s.Args...); err != nil {
				return err
			}
		}
		return nil
	}
	own := make([]Statement, len(statements))
	for i, s := range statements {
		own[i] = Statement{t.db.driver.SQL(s.Query), s.Args}
	}
	return pipe.Exec(t.ctx, t.conn, own)
}

// count executes and says how many rows were changed.
func (t *tx) count(query string, args ...any) (int64, error) {
	s, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(t.ctx, args...)
	if t.db.driver.Prepares() { // here, and so it computes here
		t.courtesy.give(time.Now, yield)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// courtesy lets others run between a transaction's statements. An engine that
// runs in this process computes for as long as there are some; those who sign in
// meanwhile would wait for the runtime to take the processor from it, 10 ms each
// time. On a busy machine they all have their turn first, some ms a statement,
// while the one writer is taken: so a transaction goes on for as long as it waited
// before it waits again.
type courtesy struct{ until time.Time }

func (c *courtesy) give(now func() time.Time, yield func()) {
	began := now()
	if began.Before(c.until) {
		return
	}
	yield()
	back := now()
	c.until = back.Add(back.Sub(began))
}

// scanner is one row to be read, or the error of asking for it.
type scanner struct {
	row *sql.Row
	err error
}

// Scan reads the row's columns.
func (s scanner) Scan(dest ...any) error {
	if s.err != nil {
		return s.err
	}
	return s.row.Scan(dest...)
}

func (t *tx) row(query string, args ...any) scanner {
	s, err := t.stmt(query)
	if err != nil {
		return scanner{err: err}
	}
	return scanner{row: s.QueryRowContext(t.ctx, args...)}
}

// each calls f for every row. f must not use t: one connection carries one
// result at a time on some engines.
func (t *tx) each(query string, args []any, f func(scan func(...any) error) error) error {
	s, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has said what there is to say
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// audit adds a line that is committed with the change it tells of.
func (t *tx) audit(e identity.AuditEntry) { t.audits = append(t.audits, e) }

// marks gives n placeholders for an IN list.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// batches calls f with at most size values at a time.
func batches[T any](values []T, size int, f func([]T) error) error {
	for len(values) > 0 {
		n := min(size, len(values))
		if err := f(values[:n]); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Pause waits, or ends with ctx.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// micros and moment carry times as microseconds since 1970, which every
// engine orders alike; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
