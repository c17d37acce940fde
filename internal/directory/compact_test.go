package directory

import (
	"math/rand/v2"
	"testing"
)

func TestIndexKeepsKeysThatShareAHash(t *testing.T) {
	a, b, c := entry(1, "a"), entry(2, "b"), entry(3, "c")
	people := newRoll()
	x := newIndex(people, hasName)
	h := x.hash("a")
	for _, e := range []*Entry{a, b, c} {
		people.put(e)
		x.putHash(h, string(e.Login), e)
	}
	x.removeHash(h, a)
	if x.first.get(h) != b.UIDNumber || len(x.others[h]) != 1 {
		t.Fatalf("first %v, others %v", x.first.get(h), x.others)
	}
	x.removeHash(h, c)
	x.removeHash(h, c)
	x.removeHash(h, b)
	if x.first.n != 0 || len(x.others) != 0 {
		t.Errorf("left over: %v %v", x.first, x.others)
	}
	x.putHash(h, "b", b)
	x.putHash(h, "a", a)
	if e, ok := x.get("a"); !ok || e != a {
		t.Errorf("get = %v, %v", e, ok)
	}
}

// crowded gives hashes at the beginning, in the middle and at the end of two parts
// of a table.
func crowded(random *rand.Rand) uint32 {
	place := [...]uint32{0, 1 << 31, 1<<32 - 300<<8}[random.IntN(3)]
	return place + random.Uint32N(300)<<8 + random.Uint32N(2)
}

// TestTable holds a table against a map.
func TestTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var x table
	known := map[uint32]uint32{}
	for range 200_000 {
		hash := crowded(random)
		if random.IntN(3) == 0 {
			x.remove(hash)
			delete(known, hash)
		} else {
			number := 1 + random.Uint32N(1000)
			x.set(hash, number)
			known[hash] = number
		}
		probe := crowded(random)
		if x.get(probe) != known[probe] || x.n != len(known) {
			t.Fatalf("%d: %d, want %d; %d of %d", probe, x.get(probe), known[probe], x.n, len(known))
		}
	}
	for hash, number := range known {
		if x.get(hash) != number {
			t.Fatalf("%d: %d, want %d", hash, x.get(hash), number)
		}
	}
}
