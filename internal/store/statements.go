package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"
)

// keptStatements is how many statements of a pool stay prepared, some kilobytes each
// on each connection: an engine that runs in this process takes longer to read many
// of them than to carry them out.
const keptStatements = 64

// countedStatements bounds how many statements it is known of that they were used once.
const countedStatements = 4 * keptStatements

// keepTime bounds how long whoever has ended a transaction waits for a connection
// that somebody else took in that moment.
const keepTime = 50 * time.Millisecond

// statements are those of a pool that stay prepared from one transaction to the next.
// A nil one has none.
type statements struct {
	mu   sync.Mutex
	on   bool            // from when the store is open: what opens it is asked once
	used map[string]bool // once or more often
	kept map[string]*sql.Stmt
}

// begin lets statements be kept from now on.
func (k *statements) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.on = true
}

// again says that a query comes not for the first time: the places are for those
// that do.
func (k *statements) again(query string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.on || k.used[query] {
		return k.on
	}
	if k.used == nil || len(k.used) >= countedStatements {
		k.used = map[string]bool{}
	}
	k.used[query] = true
	return false
}

func (k *statements) find(query string) *sql.Stmt {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[query]
}

// keep keeps what a transaction that has ended had prepared, as far as there is
// room and nobody else needs the pool: what stays prepared is not worth waiting for.
// What fails is prepared by the next one that needs it.
func (k *statements) keep(ctx context.Context, pool *sql.DB, dialect func(string) string, used map[string]*sql.Stmt) {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	for query := range used {
		if lists(query) || !k.again(query) || !hasRoom(pool) || !k.take(query) {
			continue
		}
		s, err := pool.PrepareContext(ctx, dialect(query))
		k.mu.Lock()
		if err == nil {
			k.kept[query] = s
		} else {
			delete(k.kept, query)
		}
		k.mu.Unlock()
	}
}

// hasRoom says that a pool has a connection for whoever comes.
func hasRoom(pool *sql.DB) bool {
	s := pool.Stats()
	return s.MaxOpenConnections == 0 || s.InUse < s.MaxOpenConnections
}

// take takes a place for a query that has none.
func (k *statements) take(query string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.kept[query]; ok || len(k.kept) >= keptStatements {
		return false
	}
	if k.kept == nil {
		k.kept = map[string]*sql.Stmt{}
	}
	k.kept[query] = nil // whoever comes meanwhile prepares it
	return true
}

// lists says that a query has a list of marks, which is another query for every
// length.
func lists(query string) bool { return strings.Contains(query, "?,?") }
