package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // an engine with a pool
)

// onePool is a pool with one connection.
func onePool(t *testing.T) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	pool.SetMaxOpenConns(1)
	return pool
}

// takeConn takes the pool's connection until the test ends.
func takeConn(t *testing.T, pool *sql.DB) {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
}

// Who has written does not wait for the next writer.
func TestNothingIsKeptOfABusyPool(t *testing.T) {
	pool := onePool(t)
	used := map[string]*sql.Stmt{"SELECT 1": nil}
	same := func(query string) string { return query }
	var k statements
	k.keep(t.Context(), pool, same, used)
	if k.find("SELECT 1") == nil {
		t.Error("nothing is kept of an idle pool")
	}
	takeConn(t, pool)
	k = statements{}
	k.keep(t.Context(), pool, same, used)
	if len(k.kept) != 0 {
		t.Errorf("%v", k.kept)
	}
}

func TestListsAreNotKept(t *testing.T) {
	for query, want := range map[string]bool{
		"INSERT INTO t (a, b) VALUES (?, ?)":              false,
		"SELECT a FROM t WHERE b IN (" + marks(1) + ")":   false,
		"SELECT a FROM t WHERE b IN (" + marks(2) + ")":   true,
		"SELECT a FROM t WHERE b IN (" + marks(256) + ")": true,
	} {
		if lists(query) != want {
			t.Errorf("%s: %v", query, !want)
		}
	}
	k := statements{}
	for range 2 * keptStatements {
		k.take(string(rune('a' + len(k.kept))))
	}
	if len(k.kept) != keptStatements || k.take("one more") {
		t.Errorf("%d are kept", len(k.kept))
	}
}

// It does not wait for long either for one who came between the look at the pool
// and the taking of it, and what was not kept has no place.
func TestKeepingGivesUp(t *testing.T) {
	pool := onePool(t)
	var k statements
	k.keep(t.Context(), pool, func(query string) string { takeConn(t, pool); return query }, map[string]*sql.Stmt{"SELECT 1": nil})
	if len(k.kept) != 0 {
		t.Errorf("%v", k.kept)
	}
}
