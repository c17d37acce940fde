package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/store"
)

// made is the schema of the turn, which comes before any other: also who brings the
// schema up to date waits for it. n counts turns; a row of turns is the receipt of a
// transaction that was committed. These tables are the engine's own and change with
// the program as the schema does: what version N uses, N+1 leaves.
var made = []string{
	"CREATE TABLE IF NOT EXISTS turn (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS turns (receipt BYTEA NOT NULL PRIMARY KEY, at TIMESTAMP WITH TIME ZONE NOT NULL)",
	"CREATE INDEX IF NOT EXISTS turns_at ON turns (at)",
	"INSERT INTO turn (id, n) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
}

// take takes the turn and leaves the receipt. It changes the row and does not only
// lock it: an engine that gives a transaction an older snapshot than it was asked
// for then refuses it, where it would let a mere lock pass.
const take = "WITH mine AS (UPDATE turn SET n = n + 1 WHERE id = 1 RETURNING n) INSERT INTO turns (receipt, at) SELECT $1, CURRENT_TIMESTAMP FROM mine"

// settleTime bounds how long a transaction waits to be told whether it was committed,
// in which a standby becomes the server; settleRest is how long still once nobody waits
// for it, so that a daemon that is stopped stops.
const (
	settleTime = 20 * time.Second
	settleRest = 5 * time.Second
)

// Receipts are kept for much longer than anybody asks for them, by the server's
// clock. Every so manieth turn clears away older ones.
const (
	clear      = "DELETE FROM turns WHERE at < CURRENT_TIMESTAMP - INTERVAL '1 hour'"
	clearEvery = 1 << 10
)

// prepareTurn makes the tables of the turn. Several processes may do so at once, of
// which an engine lets one succeed.
func (d *driver) prepareTurn(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		err := d.makeTurn(ctx)
		if err == nil || attempt == 10 || !d.Retry(err) && !slices.Contains([]string{uniqueViolation, duplicateTable, duplicateObject}, code(err)) {
			return err
		}
		if err := store.Pause(ctx, time.Duration(attempt+1)*20*time.Millisecond); err != nil {
			return err
		}
	}
}

func (d *driver) makeTurn(ctx context.Context) error {
	// Who may only use tables, and not make them, finds them made.
	if err := d.writer.QueryRowContext(ctx, "SELECT n FROM turn, (SELECT COUNT(*) FROM turns) AS t WHERE id = 1").Scan(new(int64)); err == nil {
		return nil
	}
	for _, statement := range made {
		if _, err := d.writer.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Turn implements store.Driver.
func (d *driver) Turn(ctx context.Context, t *sql.Tx) ([]byte, error) {
	receipt := make([]byte, 16)
	_, _ = rand.Read(receipt) // never fails
	result, err := t.ExecContext(ctx, take, receipt)
	if err != nil {
		return nil, err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return nil, errors.Join(errors.New("the table turn has no row"), err)
	}
	if (int(receipt[0])|int(receipt[1])<<8)%clearEvery == 0 {
		if _, err := t.ExecContext(ctx, clear); err != nil {
			return nil, err
		}
	}
	return receipt, nil
}

// lost is a transaction that was not committed, as the database says.
type lost struct{ failed error }

func (l *lost) Error() string { return "the transaction was lost: " + l.failed.Error() }

// Unwrap gives what Commit said.
func (l *lost) Unwrap() error { return l.failed }

// Settle implements store.Driver. It asks in a turn of its own: until the server has
// ended the transaction, committed or not, nobody else gets one. A standby that became
// the server without having heard of the commit says no, and is right from then on.
func (d *driver) Settle(ctx context.Context, receipt []byte, failed error) error {
	if !undecided(failed) {
		return failed
	}
	// Whoever is gone leaves a transaction that is committed or is not.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(settleRest, cancel) })()
	for attempt := 0; ; attempt++ {
		found, err := d.committed(asking, receipt)
		if err == nil && found {
			return nil
		}
		if err == nil {
			return &lost{failed}
		}
		if !d.Retry(err) && !unreachable(err) || store.Pause(asking, min(time.Second, 20*time.Millisecond<<min(attempt, 6))) != nil {
			return fmt.Errorf("%w: %w, %w", store.ErrUnknown, failed, err)
		}
	}
}

// committed says whether a transaction is.
func (d *driver) committed(ctx context.Context, receipt []byte) (found bool, err error) {
	t, err := d.writer.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = t.Rollback() }() // it asked only
	if _, err := d.Turn(ctx, t); err != nil {
		return false, err
	}
	var n int
	err = t.QueryRowContext(ctx, "SELECT COUNT(*) FROM turns WHERE receipt = $1", receipt).Scan(&n)
	return n > 0, err
}
