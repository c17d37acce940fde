// Package strangers measures what the time of an answer tells a stranger. Tests only.
// Start reading at Told.
package strangers

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Told is how far two kinds of answers lie apart in time, measured in turn.
type Told struct {
	One, Other time.Duration // medians
	// Z is by how many standard deviations the ranks of one kind lie from where chance
	// puts them (Mann and Whitney): beyond 4 it is no chance, once in 15,000.
	Z float64
}

// Compare ranks the times of both kinds.
func Compare(one, other []time.Duration) Told {
	type timed struct {
		took time.Duration
		one  bool
	}
	var all []timed
	for _, t := range one {
		all = append(all, timed{t, true})
	}
	for _, t := range other {
		all = append(all, timed{t, false})
	}
	slices.SortFunc(all, func(a, b timed) int { return int(a.took - b.took) })
	var sum float64 // of the ranks of the one kind, equals sharing theirs
	for i := 0; i < len(all); {
		first := i
		for ; i < len(all) && all[i].took == all[first].took; i++ {
		}
		for _, t := range all[first:i] {
			if t.one {
				sum += float64(first+1+i) / 2
			}
		}
	}
	n, m := float64(len(one)), float64(len(other))
	return Told{median(one), median(other), (sum - n*(n+m+1)/2) / math.Sqrt(n*m*(n+m+1)/12)}
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// Apart is how far the medians lie apart.
func (t Told) Apart() time.Duration { return max(t.One-t.Other, t.Other-t.One) }

func (t Told) String() string {
	return fmt.Sprintf("medians %v and %v, apart %v, z %.1f", t.One, t.Other, t.Apart(), t.Z)
}
