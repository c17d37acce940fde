package directory

import (
	"hash/maphash"
	"slices"
)

// index finds entries by a key without keeping the key: 16 bytes an entry
// instead of a string header and its text. Keys that share a hash stand in
// others; the seed is random, so nobody can make them meet on purpose.
type index[K comparable] struct {
	seed   maphash.Seed
	has    func(*Entry, K) bool
	first  map[uint64]*Entry
	others map[uint64][]*Entry
}

func newIndex[K comparable](has func(*Entry, K) bool) index[K] {
	return index[K]{seed: maphash.MakeSeed(), has: has, first: map[uint64]*Entry{}}
}

func (x *index[K]) get(key K) (*Entry, bool) {
	h := maphash.Comparable(x.seed, key)
	e, ok := x.first[h]
	if !ok {
		return nil, false
	}
	if x.has(e, key) {
		return e, true
	}
	for _, e := range x.others[h] {
		if x.has(e, key) {
			return e, true
		}
	}
	return nil, false
}

// put makes e the answer for key, whoever had it before.
func (x *index[K]) put(key K, e *Entry) { x.putHash(maphash.Comparable(x.seed, key), key, e) }

func (x *index[K]) putHash(h uint64, key K, e *Entry) {
	old, ok := x.first[h]
	if !ok || x.has(old, key) {
		x.first[h] = e
		return
	}
	if x.others == nil {
		x.others = map[uint64][]*Entry{}
	}
	list := x.others[h]
	for i := range list {
		if x.has(list[i], key) {
			list[i] = e
			return
		}
	}
	x.others[h] = append(list, e)
}

// remove forgets e under key; another entry's claim to the key stays.
func (x *index[K]) remove(key K, e *Entry) { x.removeHash(maphash.Comparable(x.seed, key), e) }

func (x *index[K]) removeHash(h uint64, e *Entry) {
	list := x.others[h]
	if x.first[h] == e {
		if len(list) == 0 {
			delete(x.first, h)
			return
		}
		x.first[h] = list[0]
		list = list[1:]
	} else if i := slices.Index(list, e); i >= 0 {
		list = slices.Delete(slices.Clone(list), i, i+1)
	} else {
		return
	}
	if len(list) == 0 {
		delete(x.others, h)
	} else {
		x.others[h] = list
	}
}
