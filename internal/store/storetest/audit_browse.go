package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// browsed is a trail of two replicas with everything in it, each entry told by its
// number.
func (s *suite) browsed(t *testing.T) (db *store.DB, all []identity.AuditEntry) {
	second, err := s.Open(t.Context(), s.keys, store.Options{Replica: "second", IndexStep: indexStep})
	check(t, err)
	t.Cleanup(func() { check(t, second.Close()) })
	dbs := []*store.DB{s.open(t, s.keys), second}
	random := rand.New(rand.NewPCG(3, 4))
	kinds := []string{"console_read", "console_read", "state", "rights_granted", "config", "sign_in", "sign_in_refused", "sign_in"}
	for range 120 {
		var some []identity.AuditEntry
		for range 1 + random.IntN(5) {
			n := len(all)
			e := identity.AuditEntry{Kind: kinds[random.IntN(len(kinds))], Person: somebody(random.IntN(6)), At: s.now.Add(time.Duration(n) * time.Second)}
			e.Payload = fmt.Appendf(nil, `{"n":%d,"by":%q}`, n, somebody(random.IntN(3)).String())
			some, all = append(some, e), append(all, e)
		}
		check(t, dbs[random.IntN(2)].Audit().Append(t.Context(), some))
	}
	slices.Reverse(all)
	return dbs[0], all
}

// asks are questions with what says of an entry that it is meant.
func asks(s *suite) []store.AuditAsk {
	even := func(e identity.AuditEntry) bool { return strings.Contains(string(e.Payload), `0,"by"`) }
	return []store.AuditAsk{
		{}, {Kinds: []string{"state", "config"}}, {Kinds: []string{"none"}}, {Person: somebody(2)}, {Person: somebody(2), Kinds: []string{"console_read"}},
		{Actor: somebody(1).String()}, {Actor: somebody(1).String(), Person: somebody(3), Kinds: []string{"console_read", "state"}}, {Actor: "uid 7"}, {Keep: even},
		{From: s.now.Add(50 * time.Second), To: s.now.Add(150 * time.Second)}, {To: s.now.Add(90 * time.Second), Actor: somebody(0).String()}, {Kinds: []string{"sign_in", "sign_in_refused"}},
		{Kinds: []string{"sign_in"}, From: s.now.Add(20 * time.Second), To: s.now.Add(200 * time.Second)}, {Kinds: []string{"sign_in_refused"}, Keep: even},
		{Kinds: []string{"sign_in", "sign_in_refused"}, Person: somebody(4)}, {Kinds: []string{"sign_in"}, Person: somebody(4), From: s.now.Add(30 * time.Second), To: s.now.Add(140 * time.Second)},
	}
}

func meant(q store.AuditAsk, e identity.AuditEntry) bool {
	kinds := len(q.Kinds) == 0 && !e.SignIn() || slices.Contains(q.Kinds, e.Kind)
	return kinds && (q.Person.IsZero() || e.Person == q.Person) && (q.Actor == "" || e.Actor() == q.Actor) && (q.Keep == nil || q.Keep(e)) &&
		!e.At.Before(q.From) && (q.To.IsZero() || e.At.Before(q.To))
}

// leaf reads all pages, but for what the chains tell of each other.
func leaf(t *testing.T, db *store.DB, q store.AuditAsk) (list []identity.AuditEntry) {
	t.Helper()
	for range 1000 {
		page, err := db.Audit().Browse(t.Context(), q)
		check(t, err)
		if len(page.Entries) > q.Limit {
			t.Fatalf("%d on a page of %d", len(page.Entries), q.Limit)
		}
		list = append(list, slices.DeleteFunc(page.Entries, ofChains)...)
		if page.Next == nil {
			return list
		}
		q.After = *page.Next
	}
	t.Fatal("pages without end")
	return nil
}

// testAuditBrowse: leafing through the trail gives all that is meant, each once and
// the newest first, however little of it is looked through for a page, and also
// where an older version has written lines without saying who did it.
func testAuditBrowse(t *testing.T, s *suite) {
	db, all := s.browsed(t)
	for _, older := range []bool{false, true} {
		if older {
			check(t, s.Exec("UPDATE audit SET actor = NULL WHERE seq % 3 = 1"))
		}
		for i, q := range asks(s) {
			q.Limit, q.Look = 3+i, 1+7*(i%3)
			if i%2 == 0 {
				q.Look = 500
			}
			got := leaf(t, db, q)
			if len(q.Kinds) > 0 && (identity.AuditEntry{Kind: q.Kinds[0]}).SignIn() { // blocks of two replicas overlap
				slices.SortStableFunc(got, func(a, b identity.AuditEntry) int { return b.At.Compare(a.At) })
			}
			for _, e := range all {
				if !meant(q, e) {
					continue
				}
				if len(got) == 0 || string(got[0].Payload) != string(e.Payload) || got[0].Kind != e.Kind || got[0].Person != e.Person || !got[0].At.Equal(e.At) {
					t.Fatalf("question %d: %+v, want %s first", i, got[:min(len(got), 1)], e.Payload)
				}
				got = got[1:]
			}
			if len(got) > 0 {
				t.Errorf("question %d: too many: %+v", i, got)
			}
		}
	}
	check(t, db.Audit().Verify(t.Context(), nil))
}

// testAuditBrowseErased: sign-ins that were erased are not there, and what else
// there is stays.
func testAuditBrowseErased(t *testing.T, s *suite) {
	db, all := s.browsed(t)
	_, err := db.Audit().EraseSignIns(t.Context(), s.now.Add(time.Hour))
	check(t, err)
	for _, q := range []store.AuditAsk{{Kinds: []string{"sign_in"}}, {Kinds: []string{"sign_in"}, Person: somebody(1)}} {
		q.Limit, q.Look = 10, 100
		if got := leaf(t, db, q); len(got) > 0 {
			t.Errorf("%+v", got)
		}
	}
	n := 1 // the line about the erasure
	for _, e := range all {
		n += map[bool]int{false: 1}[e.SignIn()]
	}
	got := leaf(t, db, store.AuditAsk{Limit: 20, Look: 30})
	if len(got) != n || !slices.ContainsFunc(got, func(e identity.AuditEntry) bool { return e.Kind == "audit_erasure" }) {
		t.Errorf("%d lines, want %d", len(got), n)
	}
}
