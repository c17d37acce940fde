package strangers

import (
	"testing"
	"time"
)

// The figures of the comparison, held against ones made by hand: ranks 1, 2 and 4 of
// five, and equals that share theirs.
func TestCompare(t *testing.T) {
	ms := func(list ...int) (all []time.Duration) {
		for _, n := range list {
			all = append(all, time.Duration(n)*time.Millisecond)
		}
		return all
	}
	if got := Compare(ms(1, 2, 4), ms(3, 5)); got.One != 2*time.Millisecond || got.Other != 5*time.Millisecond || got.Apart() != 3*time.Millisecond || got.Z < -1.16 || got.Z > -1.15 {
		t.Errorf("%v", got)
	}
	if got := Compare(ms(7, 7, 7), ms(7, 7)); got.Z != 0 {
		t.Errorf("equals: %v", got)
	}
}
