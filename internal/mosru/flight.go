package mosru

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime/debug"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Longer ones belong to nobody; they are refused without asking.
const (
	maxLogin    = 256
	maxPassword = 1024
)

// fly runs ask once for all callers that come with the same login and password
// while it is under way. It runs under the client's life, not a caller's.
func (c *Client) fly(ctx context.Context, kind, login string, password identity.Password, ask func(context.Context) (person.Profile, error)) (person.Profile, error) {
	if login == "" || password == "" || len(login) > maxLogin || len(password) > maxPassword {
		return person.Profile{}, &Error{Kind: identity.ErrWrongPassword, Op: "wait", Code: "empty_or_too_long"}
	}
	if err := ctx.Err(); err != nil {
		return person.Profile{}, gaveUp(err)
	}
	answer := c.flights.DoChan(c.name(kind, login, password), func() (any, error) {
		p, err := c.run(ask)
		return p, err
	})
	select {
	case <-ctx.Done():
		return person.Profile{}, gaveUp(ctx.Err())
	case r := <-answer:
		if r.Shared {
			c.metrics.shared.Inc()
		}
		return r.Val.(person.Profile), r.Err
	}
}

// gaveUp is the answer to a caller whose context ended: past a deadline mos.ru
// did not answer in time, otherwise nobody wants to know any more.
func gaveUp(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: identity.ErrUnreachable, Op: "wait", Code: "timeout"}
	}
	return err
}

// run owns one flight.
func (c *Client) run(ask func(context.Context) (person.Profile, error)) (p person.Profile, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return p, &Error{Kind: identity.ErrUnreachable, Op: "wait", Code: "stopping"}
	}
	c.running.Add(1)
	c.mu.Unlock()
	defer c.running.Done()
	defer func() {
		// A panic here would end the process: singleflight hands it on in a
		// goroutine that nobody can recover. The value may hold input.
		if recover() != nil {
			c.o.Logger.Error("mos.ru client panicked", "stack", string(debug.Stack()))
			p, err = person.Profile{}, &Error{Kind: identity.ErrFault, Op: "wait", Code: "panic"}
		}
	}()
	ctx, cancel := context.WithTimeout(c.life, c.o.Timeout)
	defer cancel()
	return ask(ctx)
}

// name tells flights apart without keeping the password.
func (c *Client) name(kind, login string, password identity.Password) string {
	h := hmac.New(sha256.New, c.secret[:])
	var n [8]byte
	for _, part := range []string{kind, login, string(password)} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	binary.BigEndian.PutUint64(n[:], c.era.Load())
	h.Write(n[:])
	return string(h.Sum(nil))
}
