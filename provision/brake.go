package provision

import (
	"time"

	"schoolbridge/internal/identity"
)

// Brake bounds how many accounts may be switched off within a day without
// somebody's consent: a registry that came in half must not lock out schools.
type Brake struct {
	Share   float64 // of all accounts
	Minimum int     // so many always may
	Accept  int     // so many may at once, because somebody said so
}

// Allowed is how many of so many accounts may be switched off within a day
// without consent.
func (b Brake) Allowed(accounts int) int { return max(b.Minimum, int(b.Share*float64(accounts))) }

const (
	brakeDay  = 24 * time.Hour
	brakeHold = time.Hour // until a held account is looked at again
)

// brake gathers the accounts of a run that would be switched off, until it is
// known how many they are.
type brake struct {
	Brake
	done    []time.Time                     // when accounts were switched off, within the last day
	gather  []identity.PersonID             // those of this run, not judged yet
	tripped bool                            // this run has gathered too many
	held    map[identity.PersonID]time.Time // those left as they are, and until when
}

// limit is how many may be switched off now.
func (b *brake) limit(accounts int, now time.Time) int {
	recent := 0
	for _, at := range b.done {
		if now.Sub(at) < brakeDay {
			b.done[recent] = at
			recent++
		}
	}
	b.done = b.done[:recent]
	return max(b.Allowed(accounts)-recent, b.Accept)
}

// waiting counts the accounts that are held, and forgets those that somebody
// else has brought since: they would have come back.
func (b *brake) waiting(now time.Time) int {
	for id, until := range b.held {
		if now.Sub(until) > brakeHold/4 {
			delete(b.held, id)
		}
	}
	return len(b.held)
}
