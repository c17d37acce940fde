package ldapsrv

import (
	"net/netip"
	"sync"
	"time"
)

// guesses bounds how often one source may try secrets of one service account,
// whose password nobody but this server looks after. Being slow is not enough:
// who hears nothing at once knows that he was wrong, and dials again.
type guesses struct {
	mu    sync.Mutex
	since time.Time // when the counting began
	wrong map[guess]int
}

type guess struct {
	source  netip.Addr
	account *service
}

const (
	guessLimit = 10          // within
	guessTime  = time.Minute // of each source for each account
	guessTable = 10_000      // sources and accounts that are counted
)

// heard says whether a try counts at all: false where there were too many wrong
// ones, so that the answer tells nothing of this one either.
func (g *guesses) heard(one guess, right bool, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A table full of sources is forgotten: whoever has so many needs no second
	// try from any, and the accounts' own hosts must not suffer.
	if age := now.Sub(g.since); age < 0 || age >= guessTime || len(g.wrong) >= guessTable {
		g.since, g.wrong = now, map[guess]int{}
	}
	if g.wrong[one] >= guessLimit {
		return false
	}
	if right {
		delete(g.wrong, one)
	} else {
		g.wrong[one]++
	}
	return true
}
