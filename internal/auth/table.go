package auth

import "sync"

// table is a bounded map that forgets what was used least recently. It is safe
// for several goroutines. An entry takes its key, its value and some 50 bytes, and
// no pointers: a list element and a map entry that point to each other take twice
// that, and the tables have an entry or more for everybody who signs in.
type table[K comparable, V any] struct {
	mu    sync.Mutex
	limit int
	at    map[K]uint32
	pages []*[pageEntries]entry[K, V]
	used  uint32 // entries ever taken from pages
	free  uint32 // a chain by older; 0: none
}

// entry is a link of the ring of all that are there. Number 0 is the ring's
// beginning and holds nothing: next to it in the newer direction is the oldest
// entry, in the older one the newest.
type entry[K comparable, V any] struct {
	key          K
	value        V
	newer, older uint32
}

// pageEntries are made at once: a table grows without moving what it has.
const pageEntries = 128

// newTable makes one; limit is positive, as Options.withDefaults sees to.
func newTable[K comparable, V any](limit int) *table[K, V] {
	t := &table[K, V]{limit: limit}
	t.Purge()
	return t
}

// Get gives a value and counts as use of it.
func (t *table[K, V]) Get(key K) (value V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.at[key]
	if !ok {
		return value, false
	}
	t.renew(n)
	return t.entry(n).value, true
}

// Peek is Get without use.
func (t *table[K, V]) Peek(key K) (value V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.at[key]
	if ok {
		value = t.entry(n).value
	}
	return value, ok
}

// Add puts a value in, in place of the key's last one or of what was used least
// recently, which is then gone; it says whether something is.
func (t *table[K, V]) Add(key K, value V) (evicted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, ok := t.at[key]; ok {
		t.entry(n).value = value
		t.renew(n)
		return false
	}
	if evicted = len(t.at) >= t.limit; evicted {
		t.remove(t.entry(0).newer)
	}
	n := t.place()
	e := t.entry(n)
	e.key, e.value = key, value
	t.at[key] = n
	t.link(n)
	return evicted
}

// Remove takes a key out, and says whether it was there.
func (t *table[K, V]) Remove(key K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.at[key]
	if ok {
		t.remove(n)
	}
	return ok
}

// Len is how many are there.
func (t *table[K, V]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.at)
}

// Purge takes everything out.
func (t *table[K, V]) Purge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.pages, t.used, t.free = make(map[K]uint32), nil, 0, 0
	t.place() // the ring's beginning, its own neighbour
}

func (t *table[K, V]) entry(n uint32) *entry[K, V] { return &t.pages[n/pageEntries][n%pageEntries] }

// place finds an entry that is not in the ring.
func (t *table[K, V]) place() uint32 {
	if n := t.free; n != 0 {
		t.free = t.entry(n).older
		return n
	}
	n := t.used
	if n%pageEntries == 0 {
		t.pages = append(t.pages, new([pageEntries]entry[K, V]))
	}
	t.used++
	return n
}

// link makes an entry the newest.
func (t *table[K, V]) link(n uint32) {
	begin, e := t.entry(0), t.entry(n)
	e.newer, e.older = 0, begin.older
	t.entry(begin.older).newer = n
	begin.older = n
}

func (t *table[K, V]) unlink(n uint32) {
	e := t.entry(n)
	t.entry(e.older).newer, t.entry(e.newer).older = e.newer, e.older
}

func (t *table[K, V]) renew(n uint32) {
	if t.entry(0).older != n {
		t.unlink(n)
		t.link(n)
	}
}

// remove takes an entry out of everything, and keeps nothing of it.
func (t *table[K, V]) remove(n uint32) {
	t.unlink(n)
	e := t.entry(n)
	delete(t.at, e.key)
	*e = entry[K, V]{older: t.free}
	t.free = n
}
