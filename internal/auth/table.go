package auth

import "sync"

// table is a bounded map that forgets what was used least recently. Its entries
// lie side by side and are linked by their places, so that it takes half of what
// a list of nodes takes and, where keys and values have no pointers, costs the
// collector nothing: there is one entry and more a person in each of several
// tables.
type table[K comparable, V any] struct {
	limit int
	mu    sync.Mutex
	index map[K]uint32
	// slots[0] is where the ring of the others begins and ends: the newest is its
	// older, the oldest its newer.
	slots []slot[K, V]
	free  uint32 // the first of those in no use, linked by older; 0: none
}

type slot[K comparable, V any] struct {
	key          K
	value        V
	newer, older uint32
}

func newTable[K comparable, V any](limit int) *table[K, V] {
	return &table[K, V]{limit: limit, index: map[K]uint32{}, slots: make([]slot[K, V], 1)}
}

// Get gives the value of a key, which is the newest from then on.
func (t *table[K, V]) Get(key K) (value V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.index[key]
	if !ok {
		return value, false
	}
	t.renew(at)
	return t.slots[at].value, true
}

// Peek is Get that does not make it the newest.
func (t *table[K, V]) Peek(key K) (value V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.index[key]
	if !ok {
		return value, false
	}
	return t.slots[at].value, true
}

// Add sets the value of a key, which is the newest from then on.
func (t *table[K, V]) Add(key K, value V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.index[key]
	if !ok {
		if len(t.index) >= t.limit {
			t.remove(t.slots[0].newer)
		}
		at = t.place()
		t.index[key], t.slots[at].key = at, key
	}
	t.renew(at)
	t.slots[at].value = value
}

// Remove forgets a key.
func (t *table[K, V]) Remove(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.index[key]; ok {
		t.remove(at)
	}
}

// Len is how many keys there are.
func (t *table[K, V]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.index)
}

// Purge forgets all keys.
func (t *table[K, V]) Purge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index, t.slots, t.free = map[K]uint32{}, make([]slot[K, V], 1), 0
}

// place gives a slot that is in no ring.
func (t *table[K, V]) place() uint32 {
	at := t.free
	if at == 0 {
		at = uint32(len(t.slots))
		t.slots = append(t.slots, slot[K, V]{newer: at, older: at})
		return at
	}
	t.free = t.slots[at].older
	t.slots[at].newer, t.slots[at].older = at, at
	return at
}

// renew puts a slot before all others.
func (t *table[K, V]) renew(at uint32) {
	t.cut(at)
	first := t.slots[0].older
	t.slots[at].newer, t.slots[at].older = 0, first
	t.slots[first].newer, t.slots[0].older = at, at
}

// cut takes a slot out of the ring.
func (t *table[K, V]) cut(at uint32) {
	newer, older := t.slots[at].newer, t.slots[at].older
	t.slots[newer].older, t.slots[older].newer = older, newer
}

func (t *table[K, V]) remove(at uint32) {
	delete(t.index, t.slots[at].key)
	t.cut(at)
	t.slots[at] = slot[K, V]{older: t.free}
	t.free = at
}
