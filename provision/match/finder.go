package match

import (
	"hash/maphash"
	"slices"
)

// finder finds rows by a key of theirs, as a map of lists would. It keeps nothing
// but the numbers of rows, and asks a row for its key: a hash only says where to
// look, and decides nothing.
type finder[K comparable] struct {
	key  func(row int) K
	seed maphash.Seed
	// slots has, where the hash of a key leads to, the last row with it and one more;
	// 0 is nobody. Its size is a power of two, and a quarter of it stays free.
	slots []uint32
	keys  int
	next  []uint32 // by row: the next one with the same key; after the last the first
}

func newFinder[K comparable](key func(row int) K) finder[K] {
	return finder[K]{key: key, seed: maphash.MakeSeed()}
}

// add makes a row be found. Rows come in their order, but not all have to.
func (f *finder[K]) add(row int) {
	if 4*(f.keys+1) > 3*len(f.slots) {
		f.grow()
	}
	for len(f.next) <= row {
		f.next = append(f.next, uint32(len(f.next)))
	}
	slot := f.slot(f.key(row))
	if last := f.slots[slot]; last == 0 {
		f.keys++
	} else {
		f.next[row], f.next[last-1] = f.next[last-1], uint32(row)
	}
	f.slots[slot] = uint32(row) + 1
}

// slot is where a key is, or would be.
func (f *finder[K]) slot(k K) int {
	mask := len(f.slots) - 1
	for i := int(maphash.Comparable(f.seed, k)) & mask; ; i = (i + 1) & mask {
		if last := f.slots[i]; last == 0 || f.key(int(last-1)) == k {
			return i
		}
	}
}

func (f *finder[K]) grow() {
	before := f.slots
	f.slots = make([]uint32, max(8, 2*len(before)))
	mask := len(f.slots) - 1
	for _, last := range before {
		if last == 0 {
			continue
		}
		i := int(maphash.Comparable(f.seed, f.key(int(last-1)))) & mask
		for f.slots[i] != 0 {
			i = (i + 1) & mask
		}
		f.slots[i] = last
	}
}

// last is the last row with a key.
func (f *finder[K]) last(k K) (int, bool) {
	if f.keys == 0 {
		return 0, false
	}
	last := f.slots[f.slot(k)]
	return int(last) - 1, last != 0
}

// first is the first row with a key.
func (f *finder[K]) first(k K) (int, bool) {
	last, ok := f.last(k)
	if !ok {
		return 0, false
	}
	return int(f.next[last]), true
}

func (f *finder[K]) has(k K) bool {
	_, ok := f.last(k)
	return ok
}

// rows are those with a key, in their order.
func (f *finder[K]) rows(k K) []int {
	last, ok := f.last(k)
	if !ok {
		return nil
	}
	count := 1
	for i := int(f.next[last]); i != last; i = int(f.next[i]) {
		count++
	}
	all := make([]int, count)
	for n := range all {
		last = int(f.next[last])
		all[n] = last
	}
	return all
}

// both are the rows that either of two finders gives, in their order.
func both[K comparable](f, g *finder[K], k K) []int {
	all := append(f.rows(k), g.rows(k)...)
	slices.Sort(all)
	return slices.Compact(all)
}
