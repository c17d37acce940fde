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
		{"kind", "UPDATE audit SET kind = 'sign_in' WHERE seq = 2", "UPDATE audit SET kind = '' WHERE seq = 2"},
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

// testAuditBlockErasure: a block is erased when its youngest entry is due.
func testAuditBlockErasure(t *testing.T, s *suite) {
	audit := s.db.Audit()
	who := somebody(1)
	at := func(days int) identity.AuditEntry {
		return identity.AuditEntry{At: s.now.AddDate(0, 0, -days), Kind: "sign_in", Person: who, Payload: []byte("{}")}
	}
	for _, days := range [][]int{{300, 299}, {250, 100}, {90, 80}, {200}} {
		var block []identity.AuditEntry
		for _, d := range days {
			block = append(block, at(d))
		}
		check(t, audit.Append(t.Context(), block))
	}
	recent := func(want int) {
		t.Helper()
		if got, err := audit.Recent(t.Context(), who, 9); err != nil || len(got) != want {
			t.Errorf("%d entries, %v, want %d", len(got), err, want)
		}
	}
	recent(7)
	n, err := audit.ErasePayloads(t.Context(), s.now.AddDate(0, 0, -180))
	check(t, err)
	if n != 2 {
		t.Errorf("erased %d lines", n)
	}
	recent(5) // the line of its own is known to have been there
	s.broken(t, "after erasure", false)
	if rows, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || rows != 2 {
		t.Errorf("%d rows in the index, %v", rows, err)
	}
	_, err = audit.ErasePayloads(t.Context(), s.now)
	check(t, err)
	if rows, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || rows != 0 {
		t.Errorf("%d rows in the index once all blocks were erased, %v", rows, err)
	}
	recent(1)
	s.broken(t, "after all erasures", false)
}

// testAuditRecent: blocks and lines of two chains, under two keys, are found as
// a plain list would tell.
func testAuditRecent(t *testing.T, s *suite) {
	random := rand.New(rand.NewPCG(1, 2))
	keys, err := s.keys.Rotated()
	check(t, err)
	chains := func(keys *store.Keyset) []*store.DB {
		second, err := s.Open(t.Context(), keys, store.Options{Replica: "second"})
		check(t, err)
		t.Cleanup(func() { check(t, second.Close()) })
		return []*store.DB{s.open(t, keys), second}
	}
	kinds := []string{"sign_in", "sign_in_refused", "config", ""}
	var all []identity.AuditEntry // newest first
	dbs := chains(s.keys)
	for batch := range 60 {
		if batch == 40 {
			dbs = chains(keys)
		}
		var block []identity.AuditEntry
		for range []int{1, 1, 2, 3, 130, 300}[random.IntN(6)] {
			e := identity.AuditEntry{At: s.now.Add(time.Duration(len(all)) * time.Second), Kind: kinds[random.IntN(len(kinds))],
				Person: somebody(random.IntN(random.IntN(60) + 1)), Payload: fmt.Appendf(nil, `{"n":%d}`, len(all))}
			block, all = append(block, e), append(all, e)
		}
		check(t, dbs[random.IntN(len(dbs))].Audit().Append(t.Context(), block))
	}
	slices.Reverse(all)
	db := dbs[0]
	for n := range 61 {
		for _, want := range [][]string{nil, kinds[:1], kinds[1:3], {""}, {"provision"}} {
			limit := 1 + random.IntN(40)
			got, err := db.Audit().Recent(t.Context(), somebody(n), limit, want...)
			check(t, err)
			same(t, got, all, somebody(n), limit, want)
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

// testAuditSmallBlocks: a quiet school's index stays small.
func testAuditSmallBlocks(t *testing.T, s *suite) {
	for i := range 300 {
		check(t, s.db.Audit().Append(t.Context(), s.entries(2*i, 2)))
	}
	if rows, err := s.Count("SELECT count(*) FROM audit_index"); err != nil || rows >= 200 {
		t.Errorf("%d rows in the index, %v", rows, err)
	}
	check(t, s.Exec("DELETE FROM audit_index WHERE upto BETWEEN 260 AND 270"))
	for n := range 600 {
		if got, err := s.db.Audit().Recent(t.Context(), somebody(n), 9); err != nil || len(got) != 1 {
			t.Errorf("of %d: %+v, %v", n, got, err)
		}
	}
}

// testAuditIndex: a busy city's index is dealt out, and whatever became of it,
// nobody is missed.
func testAuditIndex(t *testing.T, s *suite) {
	const many = 17_000 // one of them makes a step due
	people := 0
	more := func(n int) {
		t.Helper()
		check(t, s.db.Audit().Append(t.Context(), s.entries(people, n)))
		people += n
	}
	find := func(what string) {
		t.Helper()
		for n := 0; n < people; n += 997 {
			got, err := s.db.Audit().Recent(t.Context(), somebody(n), 3, "sign_in")
			if err != nil || len(got) != 1 || string(got[0].Payload) != fmt.Sprintf(`{"n":%d}`, n) {
				t.Fatalf("%s: of %d: %+v, %v", what, n, got, err)
			}
		}
	}
	rows := func(level, want int) {
		t.Helper()
		if n, err := s.Count(fmt.Sprintf("SELECT count(*) FROM audit_index WHERE level = %d", level)); err != nil || n != want {
			t.Errorf("%d rows in level %d, %v, want %d", n, level, err, want)
		}
	}
	more(1)
	more(many)
	more(2)
	more(many)
	more(3)
	find("all")
	rows(0, 1)
	rows(1, 2*64-1-2) // the first bucket went on, then the second
	rows(2, 2*63)
	rows(3, 2*64)
	for _, damage := range []string{
		"UPDATE audit_index SET sealed = ? WHERE level = 2 AND bucket < 2000",
		"UPDATE audit_index SET first = 1, upto = upto + 1, sealed = ? WHERE level = 1 AND bucket = 7",
		"UPDATE audit_index SET first = 1, sealed = ? WHERE level = 0",
	} {
		check(t, s.Exec(damage, []byte("forged")))
	}
	check(t, s.Exec("UPDATE audit_index SET bucket = bucket + 64 WHERE level = 1 AND bucket BETWEEN 20 AND 30"))
	check(t, s.Exec(`UPDATE audit_index SET sealed = (SELECT o.sealed FROM audit_index o WHERE o.level = 1 AND o.bucket = 31 AND o.upto = audit_index.upto)
		WHERE level = 1 AND bucket > 32`))
	check(t, s.Exec("DELETE FROM audit_index WHERE level = 1 AND bucket > 50"))
	find("damaged")
	check(t, s.Exec("DELETE FROM audit_index"))
	more(many) // makes good a part
	rows(1, 63)
	rows(2, 63)
	rows(3, 64)
	more(many)
	check(t, s.db.Audit().Verify(t.Context(), nil))
	find("made again")
}

// testAuditTogether: two processes write one chain and read it meanwhile.
func testAuditTogether(t *testing.T, s *suite) {
	var group sync.WaitGroup
	for _, db := range []*store.DB{s.db, s.open(t, s.keys)} {
		group.Go(func() {
			for i := range 40 {
				if err := db.Audit().Append(t.Context(), []identity.AuditEntry{s.entries(7, 1)[0], s.entries(i, 1)[0]}); err != nil {
					t.Error(err)
				}
				if got, err := db.Audit().Recent(t.Context(), somebody(7), 1000); err != nil || len(got) <= i {
					t.Errorf("%d of more than %d, %v", len(got), i, err)
				}
			}
		})
	}
	group.Wait()
	if got, err := s.db.Audit().Recent(t.Context(), somebody(7), 1000); err != nil || len(got) != 82 {
		t.Errorf("%d, %v", len(got), err)
	}
	s.broken(t, "two writers", false)
}
