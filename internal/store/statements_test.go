package store

import "testing"

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
