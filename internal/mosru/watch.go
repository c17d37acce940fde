package mosru

import (
	"context"
	"crypto/rand"
	"net/url"
	"time"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/person"
)

// Watch asks, until ctx ends, in place of sign-ins that do not come: at night nobody
// else would learn that mos.ru is back. Where people sign in theirs come first: it waits
// until nobody has asked for as long as the breaker is open.
func (c *Client) Watch(ctx context.Context) {
	tick := time.NewTicker(c.o.BreakerOpenFor)
	defer tick.Stop()
	waits := false // at the last tick too
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if waits && c.probe(ctx) {
			waits = false
			continue
		}
		waits = c.State() == breaker.HalfOpen
	}
}

// probe asks whether mos.ru answers, where the breaker lets one question through. It
// shows a code that nobody was given: what is refused there is in nobody's name, and goes
// the way of a sign-in up to the client's own secret (RFC 6749 section 4.1.3).
func (c *Client) probe(ctx context.Context) bool {
	if c.State() != breaker.HalfOpen || ctx.Err() != nil {
		return false
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"probe-" + rand.Text()}, "code_verifier": {rand.Text() + rand.Text()}}
	_, _ = c.run(func(ctx context.Context) (p person.Profile, err error) {
		return p, c.guarded(ctx, func() *Error {
			_, fault := c.tokenRequest(ctx, "probe", form)
			return fault
		})
	})
	return true
}
