package ldapsrv

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// guesses bounds how often one source may try secrets of one service account,
// whose password nobody but this server looks after. Being slow is not enough:
// who hears nothing at once knows that he was wrong, and dials again.
//
// A source has so many tries; each wrong one takes one, which comes back later.
// Who has none left waits for one, in no order, beside others of his address: a
// board with an old password, or a guesser, behind the same NAT as a program
// takes the tries from it but does not shut it out. Each connection waits for one
// bind, and none that its client has closed; where as many wait as may, the one who
// has waited for longest makes room, so that a newcomer has the same chance at each
// try as any other, and more he cannot have: whoever is right and comes in before
// others would tell them that they are wrong. What is right takes none, so
// that whoever waits behind it goes on, and gives none back: a program that signs in
// every second would else give a guesser beside it ten tries each time. Tries that
// cannot come to anything, from where the account may not come from or of one
// without a password, do not count, nor do certificates.
type guesses struct {
	mu       sync.Mutex
	of       map[guess]*tries
	patience time.Duration // until who waits is told to come back; 0: guessPatience
}

type guess struct {
	source  netip.Addr
	account string // its key
}

// tries are what a source has left for an account.
type tries struct {
	whole time.Time       // when all are there again
	line  []chan struct{} // of those who wait, closed where one has to leave; the first came first
}

const (
	guessLimit    = 10              // at once
	guessTime     = 6 * time.Second // until one comes back
	guessPatience = 10 * time.Second
	guessLine     = 16     // who wait at the same time
	guessTable    = 10_000 // sources and accounts that are counted
)

// left is how long until there is a try.
func (t *tries) left(now time.Time) time.Duration {
	wait := t.whole.Sub(now) - (guessLimit-1)*guessTime
	if wait > guessTime { // the clock was set back
		t.whole, wait = now, 0
	}
	return max(wait, 0)
}

// take takes a try, if it is wrong, or tells how long until there is one.
func (g *guesses) take(one guess, right bool, now time.Time) (of *tries, left time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.of[one]
	switch {
	case t == nil && right:
		return nil, 0
	case t == nil:
		// A table full of sources is forgotten: whoever has so many needs no second
		// try from any, and the accounts' own hosts must not suffer.
		if g.of == nil || len(g.of) >= guessTable {
			g.of = map[guess]*tries{}
		}
		t = &tries{}
		g.of[one] = t
	}
	if left = t.left(now); left == 0 && !right {
		if t.whole.Before(now) {
			t.whole = now
		}
		t.whole = t.whole.Add(guessTime)
	}
	return t, left
}

// heard waits until a try may count; false: it may not, so that the answer tells
// nothing of it, right or wrong. waits gives a context that ends when nobody is there
// who would hear.
func (g *guesses) heard(waits func() (context.Context, context.CancelFunc), one guess, right bool, now func() time.Time) bool {
	t, left := g.take(one, right, now())
	if left == 0 {
		return true
	}
	ctx, done := waits()
	defer done()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(g.patience, guessPatience))
	defer cancel()
	leave := g.join(t)
	defer g.part(t, leave)
	for {
		timer := time.NewTimer(left + rand.N(guessTime/64)) // in no order
		select {
		case <-timer.C:
		case <-leave:
			timer.Stop()
			return false
		case <-ctx.Done():
			timer.Stop()
		}
		if ctx.Err() != nil {
			return false
		}
		if _, left = g.take(one, right, now()); left == 0 {
			return true
		}
	}
}

// join puts somebody into the line, who leaves when the channel is closed.
func (g *guesses) join(t *tries) (leave chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(t.line) == guessLine {
		close(t.line[0])
		t.line = slices.Delete(t.line, 0, 1)
	}
	leave = make(chan struct{})
	t.line = append(t.line, leave)
	return leave
}

// part takes him out, if he is there.
func (g *guesses) part(t *tries, leave chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(t.line, leave); i >= 0 {
		t.line = slices.Delete(t.line, i, i+1)
	}
}

// seldom lets a line of log through once a minute: of what anybody can bring
// about any number of times.
type seldom struct {
	mu     sync.Mutex
	silent time.Time // until then
}

func (s *seldom) may(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left := s.silent.Sub(now); left > 0 && left <= time.Minute {
		return false
	}
	s.silent = now.Add(time.Minute)
	return true
}
