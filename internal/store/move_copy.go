package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
)

// Bounds of what is written at once.
const (
	moveRows  = 1000
	moveArgs  = 30_000 // PostgreSQL numbers 65,535 at most
	moveBytes = 4 << 20
)

// value is one of a row: nil, int64, string or []byte.
type value = any

func (m *mover) countRows(ctx context.Context, db *DB) (rows int64, err error) {
	err = db.read(ctx, func(t *tx) error {
		rows = 0
		for _, table := range m.tables {
			var n int64
			if err := t.row("SELECT COUNT(*) FROM " + table.name).Scan(&n); err != nil {
				return err
			}
			rows += n
		}
		return nil
	})
	return rows, err
}

// copy writes those rows of a table that the target does not have: all after its last
// one, because they are written in the order of their keys.
func (m *mover) copy(ctx context.Context, table tableShape) error {
	m.progress.Table = table.name
	after, have, err := m.copied(ctx, table)
	if err != nil {
		return err
	}
	m.progress.Rows += have
	m.progress.Earlier += have
	var batch []value
	size, most := 0, min(moveRows, moveArgs/len(table.columns))
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n := len(batch) / len(table.columns)
		if err := m.fill(ctx, func(t *tx) error { return t.exec(table.inserts(n), batch...) }); err != nil {
			return err
		}
		batch, size = batch[:0], 0
		m.tell(int64(n))
		return nil
	}
	err = m.from.read(ctx, func(t *tx) error {
		return t.each(table.selects(after != nil), after, func(scan func(...any) error) error {
			row, err := scanRow(scan, len(table.columns))
			if err != nil {
				return err
			}
			batch = append(batch, row...)
			size += rowSize(row)
			if len(batch) < most*len(table.columns) && size < moveBytes {
				return nil
			}
			return flush()
		})
	})
	if err != nil {
		return err
	}
	return flush()
}

func (m *mover) tell(n int64) {
	m.progress.Rows += n
	if m.told != nil {
		m.told(m.progress)
	}
}

// copied gives the key of the last row that the target has, nil where it has none,
// and how many there are.
func (m *mover) copied(ctx context.Context, table tableShape) (key []value, rows int64, err error) {
	err = m.to.read(ctx, func(t *tx) error {
		if err := t.row("SELECT COUNT(*) FROM " + table.name).Scan(&rows); err != nil || rows == 0 {
			return err
		}
		key, err = scanRow(t.row(table.last()).Scan, len(table.key))
		return err
	})
	return key, rows, err
}

// compareAndOpen compares every row while nobody can change the store, and then lets
// the copy be used.
func (m *mover) compareAndOpen(ctx context.Context) error {
	m.progress = MoveProgress{Comparing: true, Of: m.progress.Of}
	differs := false
	err := m.from.write(ctx, func(source *tx) error { // nothing is written: it holds the turn
		rows := m.progress
		return m.to.read(ctx, func(target *tx) error {
			m.progress = rows
			for _, table := range m.tables {
				m.progress.Table = table.name
				same, err := m.compare(source, target, table)
				if err != nil {
					return fmt.Errorf("compare %s: %w", table.name, err)
				}
				if differs = !same; differs {
					return fmt.Errorf("table %s: %w", table.name, ErrChanged)
				}
			}
			return nil
		})
	})
	switch {
	case differs:
		if failed := m.fill(ctx, func(t *tx) error { return t.setPhase(phaseDiffers, m.id) }); failed != nil {
			return failed
		}
		return err
	case err != nil:
		return err
	}
	return m.fill(ctx, func(t *tx) error { return t.setPhase(phaseFilled, m.id) })
}

// compare reads a table on both sides, row beside row.
func (m *mover) compare(source, target *tx, table tableShape) (same bool, err error) {
	var failed error
	theirs, stop := iter.Pull(target.rows(table, &failed))
	defer stop()
	n := int64(0)
	for row := range source.rows(table, &err) {
		other, ok := theirs()
		if !ok || !sameRow(row, other) {
			return false, failed
		}
		if n++; n%moveRows == 0 {
			m.tell(moveRows)
		}
	}
	if err != nil {
		return false, err
	}
	_, more := theirs()
	m.tell(n % moveRows)
	return !more && failed == nil, failed
}

// rows gives a table's rows in the order of their keys; failed is set where they end
// too early.
func (t *tx) rows(table tableShape, failed *error) iter.Seq[[]value] {
	return func(yield func([]value) bool) {
		err := t.each(table.selects(false), nil, func(scan func(...any) error) error {
			row, err := scanRow(scan, len(table.columns))
			if err == nil && !yield(row) {
				err = errEnough
			}
			return err
		})
		if !errors.Is(err, errEnough) {
			*failed = err
		}
	}
}

func scanRow(scan func(...any) error, n int) ([]value, error) {
	row := make([]value, n)
	into := make([]any, n)
	for i := range row {
		into[i] = &row[i]
	}
	if err := scan(into...); err != nil {
		return nil, err
	}
	for i, v := range row {
		switch v := v.(type) {
		case []byte:
			if v == nil { // a driver's way of giving no bytes, which is not NULL
				row[i] = []byte{}
			}
		case nil, int64, string:
		default:
			return nil, fmt.Errorf("column %d holds a %T", i, v)
		}
	}
	return row, nil
}

func rowSize(row []value) (n int) {
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n
}

func sameRow(a, b []value) bool {
	for i := range a {
		x, bytesHere := a[i].([]byte)
		y, bytesThere := b[i].([]byte)
		if bytesHere != bytesThere || bytesHere && !bytes.Equal(x, y) || !bytesHere && a[i] != b[i] {
			return false
		}
	}
	return true
}

// ends tell whether anybody has written: those of the change feed and of the audit
// trail, how many rows each table has, and when a session was heard of last.
func (db *DB) ends(ctx context.Context) (ends []string, err error) {
	err = db.read(ctx, func(t *tx) error {
		ends, err = t.ends()
		return err
	})
	return ends, err
}

func (t *tx) ends() (ends []string, err error) {
	count := func(query string) error {
		var n int64
		err := t.row(query).Scan(&n)
		ends = append(ends, fmt.Sprint(query, n))
		return err
	}
	for _, table := range tableShapes() {
		switch table.name {
		case "feed_head", "audit_heads":
			for row := range t.rows(table, &err) {
				ends = append(ends, fmt.Sprint(row...))
			}
		default:
			err = count("SELECT COUNT(*) FROM " + table.name)
		}
		if err != nil {
			return nil, err
		}
	}
	return ends, count("SELECT COALESCE(MAX(heard), 0) FROM sessions")
}
