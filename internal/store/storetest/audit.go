package storetest

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

func testAudit(t *testing.T, s *suite) {
	who := identity.PersonID{7}
	var entries []identity.AuditEntry
	for i := range 5 {
		entries = append(entries, identity.AuditEntry{At: s.now.Add(time.Duration(i) * time.Second), Kind: "sign_in", Person: who, Payload: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	entries[4].Kind = "config"
	check(t, s.db.Audit().Append(t.Context(), entries[:2]))
	check(t, s.open(t, s.keys).Audit().Append(t.Context(), entries[2:])) // the same chain from another handle
	got, err := s.db.Audit().Recent(t.Context(), who, 3)
	check(t, err)
	if len(got) != 3 || string(got[0].Payload) != `{"n":4}` || string(got[2].Payload) != `{"n":2}` || !got[0].At.Equal(entries[4].At) {
		t.Errorf("recent %+v", got)
	}
	got, err = s.db.Audit().Recent(t.Context(), who, 9, "sign_in")
	check(t, err)
	if len(got) != 4 {
		t.Errorf("recent sign-ins %+v", got)
	}
	lines := 0
	check(t, s.db.Audit().Verify(t.Context(), func(n int) { lines = n }))
	if lines != 2 {
		t.Errorf("verified %d lines, want a block for each time", lines)
	}
	// Changes leave lines in their own transaction.
	_, done := s.withOrlova(t)
	if got, err := s.db.Audit().Recent(t.Context(), done.Person, 1); err != nil || len(got) != 1 || got[0].Kind != "activation" {
		t.Errorf("an activation left %+v, %v", got, err)
	}
}

func testAuditTampering(t *testing.T, s *suite) {
	for i := range 4 {
		entries := []identity.AuditEntry{{At: s.now, Kind: "sign_in", Payload: fmt.Appendf(nil, `{"n":%d}`, i)}}
		check(t, s.db.Audit().Append(t.Context(), entries))
	}
	verify := func(what string, broken bool) {
		t.Helper()
		err := s.db.Audit().Verify(t.Context(), nil)
		if broken != store.IsBroken(err) || !broken && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	exec := func(query string, args ...any) {
		t.Helper()
		check(t, s.Exec(query, args...))
	}
	verify("untouched", false)
	for _, change := range []struct{ what, do, undo string }{
		{"time", "UPDATE audit SET at = at + 1 WHERE seq = 2", "UPDATE audit SET at = at - 1 WHERE seq = 2"},
		{"kind", "UPDATE audit SET kind = 'config' WHERE seq = 2", "UPDATE audit SET kind = 'sign_in' WHERE seq = 2"},
		{"moved", "UPDATE audit SET seq = 9 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 9"},
		{"head", "UPDATE audit_heads SET seq = 3", "UPDATE audit_heads SET seq = 4"},
		{"chain", "UPDATE audit_heads SET chain = 'other'", "UPDATE audit_heads SET chain = 'main'"},
	} {
		exec(change.do)
		verify(change.what, true)
		exec(change.undo)
		verify(change.what+" undone", false)
	}
	// Two neighbours' places are exchanged.
	exec("UPDATE audit SET seq = 100 WHERE seq = 2")
	exec("UPDATE audit SET seq = 2 WHERE seq = 3")
	exec("UPDATE audit SET seq = 3 WHERE seq = 100")
	verify("reordered", true)
	exec("UPDATE audit SET seq = 100 WHERE seq = 2")
	exec("UPDATE audit SET seq = 2 WHERE seq = 3")
	exec("UPDATE audit SET seq = 3 WHERE seq = 100")
	verify("reordered and back", false)
	// The payload and its hash are exchanged together: the keyed hash tells.
	exec("UPDATE audit SET sealed = (SELECT sealed FROM audit WHERE seq = 3) WHERE seq = 2")
	verify("payload", true)
	exec("UPDATE audit SET payload_hash = (SELECT payload_hash FROM audit WHERE seq = 3) WHERE seq = 2")
	verify("payload and its hash", true)
	exec("DELETE FROM audit WHERE seq >= 2")
	verify("cut off", true)
}

// testAuditCut: who has only the database takes the last lines away and makes
// the one before them the head.
func testAuditCut(t *testing.T, s *suite) {
	audit := s.db.Audit()
	line := []identity.AuditEntry{{At: s.now, Kind: "sign_in", Payload: []byte("{}")}}
	for range 3 {
		check(t, audit.Append(t.Context(), line))
	}
	heads, err := audit.Heads(t.Context())
	check(t, err)
	if len(heads) != 1 || heads[0].Chain != "main" || heads[0].Seq != 3 || len(heads[0].Hash) != 32 {
		t.Fatalf("heads %+v", heads)
	}
	check(t, s.Exec("DELETE FROM audit WHERE seq = 3"))
	check(t, s.Exec("UPDATE audit_heads SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)"))
	if err := audit.Verify(t.Context(), nil); !store.IsBroken(err) {
		t.Errorf("the last line is missing and its head too: %v", err)
	}
	check(t, audit.Append(t.Context(), line)) // sign-ins go on
	if err := audit.Verify(t.Context(), nil); !store.IsBroken(err) {
		t.Errorf("a new line healed the cut: %v", err)
	}
}

// testAuditEmptied: a payload that was taken away behind the store's back is
// not taken for an erased one.
func testAuditEmptied(t *testing.T, s *suite) {
	audit := s.db.Audit()
	for _, at := range []time.Time{s.now.AddDate(0, -7, 0), s.now} {
		check(t, audit.Append(t.Context(), []identity.AuditEntry{{At: at, Kind: "sign_in", Payload: []byte("{}")}}))
	}
	check(t, s.Exec("UPDATE audit SET sealed = ? WHERE seq = 1", []byte{}))
	if err := audit.Verify(t.Context(), nil); !store.IsBroken(err) {
		t.Errorf("an emptied line before any erasure: %v", err)
	}
	_, err := audit.ErasePayloads(t.Context(), s.now.AddDate(0, -6, 0))
	check(t, err)
	check(t, audit.Verify(t.Context(), nil))
	check(t, s.Exec("UPDATE audit SET sealed = ? WHERE seq = 2", []byte{}))
	if err := audit.Verify(t.Context(), nil); !store.IsBroken(err) {
		t.Errorf("an emptied line younger than the erasure: %v", err)
	}
}

func testAuditErasure(t *testing.T, s *suite) {
	who := identity.PersonID{7}
	for _, e := range []identity.AuditEntry{
		{At: s.now.AddDate(0, -7, 0), Kind: "sign_in", Person: who, Payload: []byte("old")}, {At: s.now, Kind: "sign_in", Person: who, Payload: []byte("new")},
	} {
		check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{e}))
	}
	n, err := s.db.Audit().ErasePayloads(t.Context(), s.now.AddDate(0, -6, 0))
	check(t, err)
	got, err := s.db.Audit().Recent(t.Context(), who, 9)
	check(t, err)
	if n != 1 || len(got) != 2 || string(got[0].Payload) != "new" || got[1].Payload != nil {
		t.Errorf("erased %d, left %+v", n, got)
	}
	if err := s.db.Audit().Verify(t.Context(), nil); err != nil {
		t.Errorf("after erasure: %v", err)
	}
}
