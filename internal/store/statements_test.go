package store

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

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

var selectOne = map[string]*sql.Stmt{"SELECT 1": nil}

func same(query string) string { return query }

// Nothing is kept before the store is open, nor what was used once.
func TestKeptFromTheSecondUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := onePool(t)
		var k statements
		for n, kept := range []bool{false, false, false, true} {
			if n == 2 {
				k.begin()
			}
			k.keep(t.Context(), pool, same, selectOne)
			if k.find("SELECT 1") != nil != kept {
				t.Errorf("%d: %v", n, !kept)
			}
		}
	})
	var k statements
	k.begin()
	for n := range 3 * countedStatements {
		if k.again(strconv.Itoa(n)) || len(k.used) > countedStatements {
			t.Fatalf("%d: %d are counted", n, len(k.used))
		}
	}
}

// Who has written does not wait for the next writer.
func TestNothingIsKeptOfABusyPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := onePool(t)
		takeConn(t, pool)
		k, began := statements{on: true, used: map[string]bool{"SELECT 1": true}}, time.Now()
		k.keep(t.Context(), pool, same, selectOne)
		if len(k.kept) != 0 || time.Since(began) != 0 {
			t.Errorf("%v after %v", k.kept, time.Since(began))
		}
	})
}

// Nor for long for one who came between the look at the pool and the taking of
// it; and what was not kept has no place.
func TestKeepingGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := onePool(t)
		k, began := statements{on: true, used: map[string]bool{"SELECT 1": true}}, time.Now()
		k.keep(t.Context(), pool, func(query string) string { takeConn(t, pool); return query }, selectOne)
		if len(k.kept) != 0 || time.Since(began) != keepTime {
			t.Errorf("%v after %v", k.kept, time.Since(began))
		}
	})
}
