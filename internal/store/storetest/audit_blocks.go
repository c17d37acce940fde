package storetest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// somebody is one of many people; the zeroth is nobody in particular.
func somebody(n int) (id identity.PersonID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)*0x9e3779b97f4a7c15)
	return id
}

// entries are n of them, of people who begin at first, one each.
func (s *suite) entries(first, n int) []identity.AuditEntry {
	all := make([]identity.AuditEntry, n)
	for i := range all {
		all[i] = identity.AuditEntry{At: s.now.Add(time.Duration(first+i) * time.Millisecond), Kind: "sign_in", Person: somebody(first + i),
			Payload: fmt.Appendf(nil, `{"n":%d}`, first+i)}
	}
	return all
}

// apart are n such entries with a change behind each, so that each is a block,
// and all of them 2n lines.
func (s *suite) apart(first, n int) []identity.AuditEntry {
	all := make([]identity.AuditEntry, 0, 2*n)
	for _, e := range s.entries(first, n) {
		all = append(all, e, identity.AuditEntry{At: e.At, Kind: "config", Payload: []byte("{}")})
	}
	return all
}

func (s *suite) broken(t *testing.T, what string, want bool) {
	t.Helper()
	err := s.db.Audit().Verify(t.Context(), nil)
	if want != store.IsBroken(err) || !want && err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// testAuditBlocks: what came together cannot be changed, nor its order.
func testAuditBlocks(t *testing.T, s *suite) {
	for i := range 3 {
		check(t, s.db.Audit().Append(t.Context(), s.entries(1+3*i, 3)))
	}
	exec := func(query string, args ...any) {
		t.Helper()
		check(t, s.Exec(query, args...))
	}
	s.broken(t, "untouched", false)
	for _, change := range []struct{ what, do, undo string }{
		{"time", "UPDATE audit SET at = at + 1 WHERE seq = 2", "UPDATE audit SET at = at - 1 WHERE seq = 2"},
		{"kind", "UPDATE audit SET kind = 'sign_in' WHERE seq = 2", "UPDATE audit SET kind = 'sign_ins' WHERE seq = 2"},
		{"person", "UPDATE audit SET person = hash WHERE seq = 2", "UPDATE audit SET person = substr(hash, 1, 0) WHERE seq = 2"},
		{"moved", "UPDATE audit SET seq = 9 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 9"},
	} {
		exec(change.do)
		s.broken(t, change.what, true)
		exec(change.undo)
		s.broken(t, change.what+" undone", false)
	}
	exec("UPDATE audit SET sealed = (SELECT sealed FROM audit WHERE seq = 3), payload_hash = (SELECT payload_hash FROM audit WHERE seq = 3) WHERE seq = 2")
	s.broken(t, "another block in its place", true)
	if got, err := s.db.Audit().Recent(t.Context(), somebody(5), 9); err == nil {
		t.Errorf("another block in its place opens: %+v", got)
	}
	exec("UPDATE audit SET sealed = ? WHERE seq = 2", []byte{})
	s.broken(t, "emptied", true)
	exec("DELETE FROM audit WHERE seq = 2")
	s.broken(t, "taken out", true)
}

// testAuditRecent: blocks and lines of two chains, under two keys, are found as
// a plain list would tell.
func testAuditRecent(t *testing.T, s *suite) {
	random := rand.New(rand.NewPCG(1, 2))
	keys, err := s.keys.Rotated()
	check(t, err)
	chains := func(keys *store.Keyset) []*store.DB {
		second, err := s.Open(t.Context(), keys, store.Options{Replica: "second", IndexStep: indexStep})
		check(t, err)
		t.Cleanup(func() { check(t, second.Close()) })
		return []*store.DB{s.open(t, keys), second}
	}
	kinds := []string{"sign_in", "sign_in_refused", "config", "state"}
	var all []identity.AuditEntry
	dbs := chains(s.keys)
	for batch := range 45 {
		if batch == 30 {
			dbs = chains(keys)
		}
		var some []identity.AuditEntry
		for i := range []int{1, 1, 2, 3, 60, 200}[random.IntN(6)] {
			e := identity.AuditEntry{Kind: kinds[min(random.IntN(20), 3)], Person: somebody(random.IntN(random.IntN(60) + 1)), Payload: fmt.Appendf(nil, `{"n":%d}`, len(all))}
			// Begun up to half a minute ago, or in the same moment as another.
			e.At = s.now.Add(time.Duration(len(all)-random.IntN(30))*time.Second + time.Duration(len(all))*time.Microsecond)
			if i > 0 && random.IntN(4) == 0 {
				e.At, e.Person = some[i-1].At, some[i-1].Person
			}
			some, all = append(some, e), append(all, e)
		}
		check(t, dbs[random.IntN(len(dbs))].Audit().Append(t.Context(), some))
	}
	slices.Reverse(all)
	slices.SortStableFunc(all, func(a, b identity.AuditEntry) int { return b.At.Compare(a.At) })
	db := dbs[0]
	for n := 0; n < 61; n += 1 + n/20 {
		for _, want := range [][]string{nil, kinds[:1], kinds[1:3], {"provision"}} {
			limit := 1 + random.IntN(40)
			got, err := db.Audit().Recent(t.Context(), somebody(n), limit+1, want...)
			check(t, err)
			got = slices.DeleteFunc(got, ofChains)
			same(t, got[:min(len(got), limit)], all, somebody(n), limit, want)
		}
	}
	check(t, db.Audit().Verify(t.Context(), nil))
}

// same compares with what a list, newest first, has of a person.
func same(t *testing.T, got, all []identity.AuditEntry, id identity.PersonID, limit int, kinds []string) {
	t.Helper()
	for _, e := range all {
		if e.Person != id || len(kinds) > 0 && !slices.Contains(kinds, e.Kind) || limit == 0 {
			continue
		}
		limit--
		if len(got) == 0 || !got[0].At.Equal(e.At) || got[0].Kind != e.Kind || got[0].Person != id || string(got[0].Payload) != string(e.Payload) {
			t.Fatalf("%+v, want %+v first", got, e)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		t.Fatalf("%+v too many", got)
	}
}

// testAuditTogether: two processes write one chain and read it meanwhile.
func testAuditTogether(t *testing.T, s *suite) {
	const times, lines = 20, 14
	var group sync.WaitGroup
	for i, db := range []*store.DB{s.db, s.open(t, s.keys)} {
		group.Go(func() {
			for n := range times {
				first := (1 + n + i*times) * lines
				if err := db.Audit().Append(t.Context(), append(s.apart(first, lines/2), s.entries(7, 1)...)); err != nil {
					t.Error(err)
				}
				if got, err := db.Audit().Recent(t.Context(), somebody(7), 1000); err != nil || len(got) <= n {
					t.Errorf("%d of more than %d, %v", len(got), n, err)
				}
			}
		})
	}
	group.Wait()
	if got, err := s.db.Audit().Recent(t.Context(), somebody(7), 1000); err != nil || len(got) != 2*times {
		t.Errorf("%d, %v", len(got), err)
	}
	if rows, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || rows != 2*times*(lines/2+1)/indexStep*indexBuckets {
		t.Errorf("%d rows in the index, %v", rows, err)
	}
	s.broken(t, "two writers", false)
}
