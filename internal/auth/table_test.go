package auth

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The table against a list that is searched from its beginning.
func TestTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	type entry struct{ key, value int }
	const limit = 20
	table := newTable[int, int](limit)
	var want []entry // the newest first
	find := func(key int) int { return slices.IndexFunc(want, func(e entry) bool { return e.key == key }) }
	front := func(at int) {
		e := want[at]
		want = slices.Insert(slices.Delete(want, at, at+1), 0, e)
	}
	for i := range 20_000 {
		key := random.IntN(2 * limit)
		at := find(key)
		switch what := random.IntN(10); {
		case what < 4:
			got, ok := table.Get(key)
			if ok != (at >= 0) || ok && got != want[at].value {
				t.Fatalf("step %d: Get(%d) gives %d, %v", i, key, got, ok)
			}
			if ok {
				front(at)
			}
		case what < 5:
			if got, ok := table.Peek(key); ok != (at >= 0) || ok && got != want[at].value {
				t.Fatalf("step %d: Peek(%d) gives %d, %v", i, key, got, ok)
			}
		case what < 9:
			table.Add(key, i)
			if at >= 0 {
				want = slices.Delete(want, at, at+1)
			} else if len(want) == limit {
				want = want[:limit-1]
			}
			want = slices.Insert(want, 0, entry{key, i})
		default:
			table.Remove(key)
			if at >= 0 {
				want = slices.Delete(want, at, at+1)
			}
		}
		if i%5000 == 4999 {
			table.Purge()
			want = nil
		}
		if table.Len() != len(want) {
			t.Fatalf("step %d: %d keys, want %d", i, table.Len(), len(want))
		}
	}
	if len(table.slots) > limit+1 {
		t.Errorf("%d slots for %d keys", len(table.slots), limit)
	}
}
