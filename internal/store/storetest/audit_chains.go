package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// replica opens the store as the daemon of another machine does.
func (s *suite) replica(t *testing.T, name string) *store.DB {
	t.Helper()
	db, err := s.Open(t.Context(), s.keys, store.Options{Replica: name, IndexStep: indexStep})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

// ofChains says that an entry is what chains tell of each other.
func ofChains(e identity.AuditEntry) bool { return e.Kind == "audit_heads" }

// testAuditChains: replicas that write at once have a chain each, and all of them are
// verified.
func testAuditChains(t *testing.T, s *suite) {
	const replicas, lines = 3, 40
	var together sync.WaitGroup
	for i := range replicas {
		db := s.replica(t, fmt.Sprint("replica-", i))
		together.Go(func() {
			for n := range lines {
				e := identity.AuditEntry{At: s.now, Kind: "config", Payload: fmt.Appendf(nil, `{"n":%d}`, n)}
				if err := db.Audit().Append(t.Context(), []identity.AuditEntry{e}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	together.Wait()
	heads, err := s.db.Audit().Heads(t.Context())
	check(t, err)
	if len(heads) != replicas {
		t.Fatalf("heads %+v", heads)
	}
	own, err := s.Count("SELECT MIN(n) FROM (SELECT COUNT(*) AS n FROM audit WHERE kind = 'config' GROUP BY chain) AS chains")
	check(t, err)
	told, err := s.Count("SELECT COUNT(*) FROM audit WHERE kind = 'audit_heads'")
	check(t, err)
	if own != lines || told != 1+2 { // the second begins beside one, the third beside two
		t.Errorf("%d lines of its own in a chain, and %d that tell of another one", own, told)
	}
	s.broken(t, "untouched", false)
	check(t, s.Exec("UPDATE audit SET at = at + 1 WHERE chain = 'replica-1' AND seq = 7"))
	s.broken(t, "a line of one of them was changed", true)
}

// testAuditChainGone: who has only the database takes away a chain with its head, or
// puts it back as it was with the head of that time; another chain tells.
func testAuditChainGone(t *testing.T, s *suite) {
	first, second := s.replica(t, "first"), s.replica(t, "second")
	write := func(db *store.DB) {
		t.Helper()
		check(t, db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "config", Payload: []byte("{}")}}))
	}
	write(first)
	write(second)
	write(second)
	exec := func(queries ...string) {
		t.Helper()
		for _, query := range queries {
			check(t, s.Exec(query))
		}
	}
	says := func(what, want string) {
		t.Helper()
		if err := s.db.Audit().Verify(t.Context(), nil); !store.IsBroken(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	s.broken(t, "untouched", false)
	exec("CREATE TABLE kept AS SELECT * FROM audit WHERE chain = 'second'", "CREATE TABLE kept_head AS SELECT * FROM audit_heads WHERE chain = 'second'")
	write(second)
	write(second)
	const gone = "DELETE FROM audit WHERE chain = 'second'; DELETE FROM audit_heads WHERE chain = 'second'"
	back := func() {
		exec(strings.Split(gone, "; ")...)
		exec("INSERT INTO audit SELECT * FROM kept", "INSERT INTO audit_heads SELECT * FROM kept_head")
	}
	exec("CREATE TABLE whole AS SELECT * FROM audit", "CREATE TABLE whole_heads AS SELECT * FROM audit_heads")
	exec(strings.Split(gone, "; ")...)
	says("the chain is gone", `line 2 of chain "first" tells`)
	exec("DELETE FROM audit", "DELETE FROM audit_heads", "INSERT INTO audit SELECT * FROM whole", "INSERT INTO audit_heads SELECT * FROM whole_heads")
	s.broken(t, "all is back", false)

	check(t, first.Audit().Witness(t.Context()))
	s.broken(t, "witnessed", false)
	back()
	says("the chain is put back as it was", `line 3 of chain "first" tells`)
	write(second) // it goes on from there
	write(second)
	says("and goes on", "not the one that")
	write(second)
	check(t, first.Audit().Witness(t.Context())) // of what it is now, further on
	says("and is vouched for anew", `line 3 of chain "first" tells`)
}

// testAuditGone: a trail that was taken away as a whole leaves people of whom nothing
// tells.
func testAuditGone(t *testing.T, s *suite) {
	s.broken(t, "nobody yet", false)
	s.withOrlova(t)
	s.broken(t, "somebody", false)
	check(t, s.Exec("DELETE FROM audit"))
	check(t, s.Exec("DELETE FROM audit_heads"))
	s.broken(t, "no trail", true)
	row, _ := belova(t)
	put(t, s.db, row) // a line begins the trail anew
	s.broken(t, "another trail in its place", true)
}
