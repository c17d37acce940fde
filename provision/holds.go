package provision

import (
	"time"

	"schoolbridge/internal/identity"
)

// holds keeps accounts out of the way for a time that cannot be told to the
// store: those whose pass ended with an error. So one account that the target
// or the store chokes on does not keep the others from their turn.
type holds map[identity.PersonID]hold

type hold struct {
	until time.Time
	times int
}

const (
	firstHold = 5 * time.Second
	lastHold  = time.Minute
	maxHolds  = 10_000
)

// add holds an account, longer each time.
func (h holds) add(id identity.PersonID, now time.Time) {
	if _, known := h[id]; !known && len(h) >= maxHolds {
		clear(h) // they are tried again: nothing is lost
	}
	one := h[id]
	one.until = now.Add(min(firstHold<<min(one.times, 20), lastHold))
	one.times++
	h[id] = one
}

func (h holds) active(id identity.PersonID, now time.Time) bool { return h[id].until.After(now) }
