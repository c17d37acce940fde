package directory

import (
	"hash/maphash"
	"slices"
)

// index finds entries by a key without keeping the key. Keys that share a hash
// stand in others; the seed is random, so nobody can make them meet on purpose.
type index[K comparable] struct {
	seed   maphash.Seed
	people *roll
	has    func(*Entry, K) bool
	first  table
	others map[uint32][]uint32
}

func newIndex[K comparable](people *roll, has func(*Entry, K) bool) index[K] {
	return index[K]{seed: maphash.MakeSeed(), people: people, has: has, others: map[uint32][]uint32{}}
}

func (x *index[K]) hash(key K) uint32 { return uint32(maphash.Comparable(x.seed, key)) }

func (x *index[K]) get(key K) (*Entry, bool) {
	h := x.hash(key)
	number := x.first.get(h)
	if number == 0 {
		return nil, false
	}
	if e := x.people.find(number); e != nil && x.has(e, key) {
		return e, true
	}
	for _, number := range x.others[h] {
		if e := x.people.find(number); e != nil && x.has(e, key) {
			return e, true
		}
	}
	return nil, false
}

// put makes e the answer for key, whoever had it before.
func (x *index[K]) put(key K, e *Entry) { x.putHash(x.hash(key), key, e) }

func (x *index[K]) putHash(h uint32, key K, e *Entry) {
	mine := func(number uint32) bool {
		if number == e.UIDNumber {
			return true
		}
		old := x.people.find(number)
		return old != nil && x.has(old, key)
	}
	if old := x.first.get(h); old == 0 || mine(old) {
		x.first.set(h, e.UIDNumber)
		return
	}
	list := x.others[h]
	if i := slices.IndexFunc(list, mine); i >= 0 {
		list[i] = e.UIDNumber
		return
	}
	x.others[h] = append(list, e.UIDNumber)
}

// remove forgets e under key; another entry's claim to the key stays. One of the
// same person is to be put anew.
func (x *index[K]) remove(key K, e *Entry) { x.removeHash(x.hash(key), e) }

func (x *index[K]) removeHash(h uint32, e *Entry) { dropNumber(&x.first, x.others, h, e.UIDNumber) }

// dropNumber takes a number from those that have the hash.
func dropNumber(first *table, others map[uint32][]uint32, h, number uint32) {
	list := others[h]
	if first.get(h) == number {
		if len(list) == 0 {
			first.remove(h)
			return
		}
		first.set(h, list[0])
		list = slices.Delete(list, 0, 1)
	} else if i := slices.Index(list, number); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if others[h] = list; len(list) == 0 {
		delete(others, h)
	}
}
