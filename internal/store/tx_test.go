package store

import (
	"testing"
	"time"
)

// However long others take when they are let run, a transaction takes no more
// than twice its own time and one turn of theirs; where nobody waits, it asks
// after every statement.
func TestCourtesyIsBounded(t *testing.T) {
	const statements, own = 1000, 20 * time.Microsecond
	for _, turn := range []time.Duration{0, time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		clock, asked := time.Unix(0, 0), 0
		var c courtesy
		for range statements {
			clock = clock.Add(own)
			c.give(func() time.Time { return clock }, func() {
				asked++
				clock = clock.Add(turn)
			})
		}
		if took, most := clock.Sub(time.Unix(0, 0)), 2*statements*own+turn; took > most {
			t.Errorf("turns of %v: it took %v, more than %v", turn, took, most)
		}
		if turn < own && asked != statements {
			t.Errorf("turns of %v: asked %d times", turn, asked)
		}
	}
}
