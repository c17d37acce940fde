package storetest

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

var auditTests = []test{
	{"Audit", testAudit},
	{"AuditTampering", testAuditTampering},
	{"AuditCut", testAuditCut},
	{"AuditEmptied", testAuditEmptied},
	{"AuditEmptiedChange", testAuditEmptiedChange},
	{"AuditErasure", testAuditErasure},
	{"AuditBlocks", testAuditBlocks},
	{"AuditRecent", testAuditRecent},
	{"AuditIndex", testAuditIndex},
	{"AuditIndexBytes", testAuditIndexBytes},
	{"AuditIndexMeanwhile", testAuditIndexMeanwhile},
	{"AuditIndexFresh", testAuditIndexFresh},
	{"AuditIndexOfAnotherPast", testAuditIndexOfAnotherPast},
	{"AuditIndexSealed", testAuditIndexSealed},
	{"AuditIndexErasure", testAuditIndexErasure},
	{"AuditTogether", testAuditTogether},
	{"AuditBrowse", testAuditBrowse},
	{"AuditBrowseErased", testAuditBrowseErased},
	{"AuditChains", testAuditChains},
	{"AuditChainGone", testAuditChainGone},
	{"AuditGone", testAuditGone},
}

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
	if lines != 3 {
		t.Errorf("verified %d lines, want a block for each time, and one for the change", lines)
	}
	// Changes leave lines in their own transaction.
	_, done := s.withOrlova(t)
	if got, err := s.db.Audit().Recent(t.Context(), done.Person, 1); err != nil || len(got) != 1 || got[0].Kind != "activation" {
		t.Errorf("an activation left %+v, %v", got, err)
	}
}

func testAuditTampering(t *testing.T, s *suite) {
	for i := range 4 {
		entries := []identity.AuditEntry{{At: s.now, Kind: "import", Payload: fmt.Appendf(nil, `{"n":%d,"by":"somebody"}`, i)}}
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
		{"kind", "UPDATE audit SET kind = 'config' WHERE seq = 2", "UPDATE audit SET kind = 'import' WHERE seq = 2"},
		{"moved", "UPDATE audit SET seq = 9 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 9"},
		{"head", "UPDATE audit_heads SET seq = 3", "UPDATE audit_heads SET seq = 4"},
		{"chain", "UPDATE audit_heads SET chain = 'other'", "UPDATE audit_heads SET chain = 'main'"},
		{"who did it", "UPDATE audit SET actor = '' WHERE seq = 2", "UPDATE audit SET actor = 'somebody' WHERE seq = 2"},
		{"a line before the first", another("chain, -3"), "DELETE FROM audit WHERE seq = -3"},
		{"a line of a chain without a name", another("'', seq"), "DELETE FROM audit WHERE chain = ''"},
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

// another makes a line without a payload out of the second, at another place.
func another(place string) string {
	return "INSERT INTO audit (chain, seq, at, kind, person, sealed, payload_hash, previous, version, hash) SELECT " + place +
		", at, kind, person, payload_hash, payload_hash, previous, version, hash FROM audit WHERE seq = 2"
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
	for _, at := range []time.Time{s.now.AddDate(0, -7, 0), s.now.AddDate(0, -7, 1), s.now} {
		check(t, audit.Append(t.Context(), []identity.AuditEntry{{At: at, Kind: "sign_in", Payload: []byte("{}")}}))
	}
	empty := func(seq int) { check(t, s.Exec("UPDATE audit SET sealed = ? WHERE seq = ?", []byte{}, seq)) }
	empty(2)
	s.broken(t, "an emptied line before any erasure", true)
	n, err := audit.EraseSignIns(t.Context(), s.now.AddDate(0, -6, 0))
	check(t, err)
	if n != 1 {
		t.Errorf("erased %d lines, want the one that was left", n)
	}
	s.broken(t, "erased", false)
	empty(3)
	s.broken(t, "an emptied line younger than the erasure", true)
}

// testAuditEmptiedChange: no erasure excuses that a change's payload is gone.
func testAuditEmptiedChange(t *testing.T, s *suite) {
	audit := s.db.Audit()
	old := s.now.AddDate(0, -7, 0)
	check(t, audit.Append(t.Context(), []identity.AuditEntry{{At: old, Kind: "sign_in", Payload: []byte("{}")}, {At: old, Kind: "import", Payload: []byte("{}")}}))
	_, err := audit.EraseSignIns(t.Context(), s.now.AddDate(0, -6, 0))
	check(t, err)
	check(t, audit.Verify(t.Context(), nil))
	check(t, s.Exec("UPDATE audit SET sealed = ? WHERE seq = 2", []byte{}))
	if err := audit.Verify(t.Context(), nil); !store.IsBroken(err) {
		t.Errorf("an emptied change: %v", err)
	}
}

// testAuditErasure: sign-ins go, each block with its youngest entry; changes stay.
func testAuditErasure(t *testing.T, s *suite) {
	audit, who := s.db.Audit(), identity.PersonID{7}
	for _, days := range [][]int{{300, 299}, {250, 100}, {90, 80}, {200}} {
		entries := []identity.AuditEntry{{At: s.now.AddDate(0, 0, -days[0]), Kind: "state", Person: who, Payload: []byte("{}")}}
		for _, d := range days {
			entries = append(entries, identity.AuditEntry{At: s.now.AddDate(0, 0, -d), Kind: "sign_in", Person: who, Payload: []byte("{}")})
		}
		check(t, audit.Append(t.Context(), entries))
	}
	for _, step := range []struct{ days, lines, left int }{{400, 0, 11}, {180, 2, 8}, {180, 0, 8}, {0, 2, 4}} {
		n, err := audit.EraseSignIns(t.Context(), s.now.AddDate(0, 0, -step.days))
		check(t, err)
		got, err := audit.Recent(t.Context(), who, 99)
		check(t, err)
		if n != step.lines || len(got) != step.left {
			t.Errorf("after %d days: erased %d lines, left %d entries, want %d and %d", step.days, n, len(got), step.lines, step.left)
		}
		check(t, audit.Verify(t.Context(), nil))
	}
	told, err := s.Count("SELECT count(*) FROM audit WHERE kind = 'audit_erasure'")
	check(t, err)
	if told != 2 {
		t.Errorf("%d lines tell of erasures, want one each time that something was erased", told)
	}
}
