//go:build peers

package postgres

import (
	"database/sql"
	"slices"
	"testing"

	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// TestPipe: statements that are sent at once are carried out in their order, more of them
// than go out together too; the first that fails is told, those behind it change nothing,
// and the connection is good for the next transaction.
func TestPipe(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	d, err := open(t.Context(), s.URL(s.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	in := func(statements []store.Statement) error {
		conn, err := d.writer.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		tx, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if err := d.Exec(t.Context(), conn, statements); err != nil {
			return err
		}
		return tx.Commit()
	}
	if err := in([]store.Statement{{Query: "CREATE TABLE pipe (n BIGINT PRIMARY KEY, digits TEXT NOT NULL)"}}); err != nil {
		t.Fatal(err)
	}
	all := []store.Statement{{Query: "INSERT INTO pipe (n, digits) VALUES (1, '')"}}
	want := ""
	for i := range 2*pipeMost + 1 {
		digit := string(rune('0' + i%10))
		want += digit
		all = append(all, store.Statement{Query: "UPDATE pipe SET digits = digits || $1::text WHERE n = $2", Args: []any{digit, 1}})
	}
	if err := in(all); err != nil {
		t.Fatal(err)
	}
	again := slices.Concat(all[1:pipeMost+2], all[:1], all[1:]) // the row is there already
	if err := in(again); !d.Duplicate(err) {
		t.Errorf("a row twice: %v", err)
	}
	if got := digits(t, d.reader); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if err := in(nil); err != nil {
		t.Errorf("no statements: %v", err)
	}
}

func digits(t *testing.T, db *sql.DB) (all string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT digits FROM pipe").Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}
