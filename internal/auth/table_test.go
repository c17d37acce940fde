package auth

import (
	"math/rand/v2"
	"testing"

	lru "github.com/hashicorp/golang-lru/v2"
)

// TestTableForgetsTheLeastRecentlyUsed holds the table against another one of its
// kind, over more entries than a page has and over few.
func TestTableForgetsTheLeastRecentlyUsed(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 3 * pageEntries} {
		ours := newTable[uint64, int](limit)
		other, err := lru.New[uint64, int](limit)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, uint64(limit)))
		for i := range 20_000 {
			key := random.Uint64N(uint64(limit)*3/2 + 2)
			var got, want [2]any
			switch random.IntN(8) {
			case 0, 1, 2:
				got[0], want[0] = ours.Add(key, i), other.Add(key, i)
			case 3, 4:
				got[0], got[1] = ours.Get(key)
				want[0], want[1] = other.Get(key)
			case 5:
				got[0], got[1] = ours.Peek(key)
				want[0], want[1] = other.Peek(key)
			default:
				got[0], want[0] = ours.Remove(key), other.Remove(key)
			}
			if got != want || ours.Len() != other.Len() {
				t.Fatalf("limit %d, step %d: %v, %d entries; want %v, %d", limit, i, got, ours.Len(), want, other.Len())
			}
			if i == 10_000 {
				ours.Purge()
				other.Purge()
			}
		}
	}
}
