package auth

import lru "github.com/hashicorp/golang-lru/v2"

// table is a bounded map that forgets what was used least recently. It is safe
// for several goroutines.
type table[K comparable, V any] = lru.Cache[K, V]

// newTable makes one; limit is positive, as Options.withDefaults sees to.
func newTable[K comparable, V any](limit int) *table[K, V] {
	t, err := lru.New[K, V](limit)
	if err != nil {
		panic(err)
	}
	return t
}
