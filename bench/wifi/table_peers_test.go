//go:build linux && peers

package wifi

import (
	"testing"

	"schoolbridge/bench/stand"
)

// TestTable measures FreeRADIUS and ours.
func TestTable(t *testing.T) {
	z := tiny
	switch {
	case *stand.Real && *stand.Quick:
		z = small
	case *stand.Real:
		z = whole
	}
	w := newWorld(t, z.people)
	stand.Table(t, "FreeRADIUS", stand.FirstLine("/usr/sbin/freeradius", "-v"), stand.Sizes{People: z.people, Rounds: z.rounds}, w.groups(z))
}

// start starts both.
func (w *world) start(o setting) func(testing.TB) (peer, ours *server, stop func()) {
	return func(t testing.TB) (peer, ours *server, stop func()) {
		peer, first := w.freeradius(t, o)
		ours, second := w.daemon(t, o)
		return peer, ours, func() { first(); second() }
	}
}
