package provision

import (
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// holds keeps accounts out of the way for a time that cannot be told to the
// store: those whose pass ended with an error. So those that the target or the
// store chokes on do not keep the others from their turn.
type holds map[identity.PersonID]hold

type hold struct {
	until time.Time
	times int       // that the account itself failed
	back  time.Time // when it failed in an outage: others go first
}

const (
	firstHold = 5 * time.Second
	lastHold  = time.Hour
	maxHolds  = 10_000
)

// add holds an account that failed itself, longer each time.
func (h holds) add(id identity.PersonID, now time.Time) {
	one := h[id]
	one.until = now.Add(min(firstHold<<min(one.times, 20), lastHold))
	one.times++
	h.put(id, one)
}

// sendBack lets others go before an account that may have done nothing.
func (h holds) sendBack(id identity.PersonID, now time.Time) {
	one := h[id]
	one.back = now
	h.put(id, one)
}

func (h holds) put(id identity.PersonID, one hold) {
	if _, known := h[id]; !known && len(h) >= maxHolds {
		clear(h) // they are tried again: nothing is lost
	}
	h[id] = one
}

// release ends what an outage has brought about.
func (h holds) release() {
	for id, one := range h {
		if one.back = (time.Time{}); one.times == 0 {
			delete(h, id)
		} else {
			h[id] = one
		}
	}
}

func (h holds) active(id identity.PersonID, now time.Time) bool { return h[id].until.After(now) }

// sort puts last who was sent back, the last one at the end.
func (h holds) sort(ids []identity.PersonID) {
	slices.SortStableFunc(ids, func(a, b identity.PersonID) int { return h[a].back.Compare(h[b].back) })
}
