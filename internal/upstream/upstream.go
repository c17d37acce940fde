// Package upstream asks systems beside mos.ru whether a login and a password
// belong together, and who their owner is: an LDAP server by a bind (LDAP), any
// other by an HTTP question with a JSON answer (HTTP). It decides nothing about
// persons; which of the systems owns somebody, and so is the only one ever asked
// about them, is internal/auth's.
//
//	SignIn/Profile ─► breaker ─► slot ─► Checker.Check ─► profile ─► Subject "upstream:NAME:id"
//	                  answers    bounded  one question,    trusted as far as
//	                  at once    number   one deadline     Options.Confirmed says
//	                  when open
//
// The breaker opens where the system does not answer (transport errors, missed
// deadlines, 5xx, LDAP 52); a refusal of any kind is a sign of life.
//
// What a system says of a person counts as not confirmed unless it is named in
// Options.Confirmed: a school's own directory holds what its administrator typed.
//
// Limits: no event of a changed password, so that a confirmation lives as long as
// without events, and no single flight: internal/auth shares equal questions.
// Errors hold fixed words and codes, no byte of what was sent or came back.
//
// Start reading at Client.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Checker asks one system. LDAP and HTTP are such.
type Checker interface {
	// Check gives what the system says of whoever the login and password belong
	// to, with its own identifier as the Subject, or an *Error.
	Check(ctx context.Context, login string, password identity.Password) (person.Profile, error)
}

// Longer ones belong to nobody; they are refused without asking.
const (
	maxLogin    = 256
	maxPassword = 1024
	maxID       = 255 // of the system's identifier for somebody
	maxField    = 1 << 10
)

// Options of a Client. Name is required.
type Options struct {
	Name            string        // as in identity.SubjectAt; without a colon
	Timeout         time.Duration // of one sign-in in all; 2.5 s
	InFlight        int           // questions at once; 16
	BreakerFailures int           // so many in a row open the breaker; 5
	BreakerOpenFor  time.Duration // 15 s
	Confirmed       Confirmed     // what the system vouches for

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Confirmed is what a system vouches for of what it says.
type Confirmed struct {
	SNILS, Phone, Email bool
	Registration        bool // it knows whom it registered: person.Profile.Trusted
}

// Client asks one system. It is safe for concurrent use.
type Client struct {
	o       Options
	checker Checker
	breaker *breaker.Breaker
	slots   chan struct{}
	metrics metrics
}

// New gives a Client; it does not call the system.
func New(c Checker, o Options) (*Client, error) {
	if o.Name == "" || strings.Contains(o.Name, ":") {
		return nil, errors.New("an upstream needs a name without a colon")
	}
	if o.Timeout <= 0 {
		o.Timeout = 2500 * time.Millisecond
	}
	if o.InFlight <= 0 {
		o.InFlight = 16
	}
	if o.BreakerFailures <= 0 {
		o.BreakerFailures = 5
	}
	if o.BreakerOpenFor <= 0 {
		o.BreakerOpenFor = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client := &Client{o: o, checker: c, breaker: breaker.New(o.BreakerFailures, o.BreakerOpenFor), slots: make(chan struct{}, o.InFlight)}
	client.metrics = newMetrics(o.Metrics, client)
	return client, nil
}

// Name is the upstream's.
func (c *Client) Name() string { return c.o.Name }

// SignIn says whose account the login and password open; errors are *Error over
// one of identity's upstream errors.
func (c *Client) SignIn(ctx context.Context, login string, password identity.Password) (identity.Subject, error) {
	p, err := c.Profile(ctx, login, password)
	return p.Subject, err
}

// Profile is SignIn with all that the system says of the person.
func (c *Client) Profile(ctx context.Context, login string, password identity.Password) (person.Profile, error) {
	start := c.o.Now()
	p, err := c.ask(ctx, login, password)
	c.metrics.observe(err, c.o.Now().Sub(start))
	if err != nil {
		return person.Profile{}, err
	}
	return p, nil
}

// State is the breaker's.
func (c *Client) State() breaker.State { return c.breaker.At(c.o.Now()) }

// ask is one question, past breaker and slots.
func (c *Client) ask(ctx context.Context, login string, password identity.Password) (p person.Profile, err error) {
	if !usable(login, maxLogin) || password == "" || len(password) > maxPassword || strings.ContainsRune(string(password), 0) {
		return p, c.fail(identity.ErrWrongPassword, "empty_or_not_usable")
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	pass, ok := c.breaker.Enter(c.o.Now())
	if !ok {
		return p, c.fail(identity.ErrUnreachable, "breaker_open")
	}
	sign := breaker.Silent
	defer func() {
		switch state, changed := c.breaker.Done(pass, sign, c.o.Now()); {
		case changed && state == breaker.Open:
			c.o.Logger.Warn("an upstream is unreachable: it is not asked for a while", "upstream", c.o.Name, "for", c.o.BreakerOpenFor.String())
		case changed:
			c.o.Logger.Info("an upstream answers again", "upstream", c.o.Name)
		}
	}()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return p, c.fail(identity.ErrThrottled, "too_many_in_flight")
	}
	p, err = c.checker.Check(ctx, login, password)
	sign = signOf(ctx, err)
	if err != nil {
		c.o.Logger.Debug("an upstream said no", "upstream", c.o.Name, "error", err)
		return p, err
	}
	return c.vouched(p, login)
}

// signOf: who was cancelled learned nothing of the system.
func signOf(ctx context.Context, err error) breaker.Sign {
	switch {
	case !errors.Is(err, identity.ErrUnreachable):
		return breaker.Alive
	case errors.Is(ctx.Err(), context.Canceled):
		return breaker.Silent
	}
	return breaker.Dead
}

// vouched makes the profile ours: whose it is, and what of it counts.
func (c *Client) vouched(p person.Profile, login string) (person.Profile, error) {
	if !usable(string(p.Subject), maxID) {
		return p, c.fail(identity.ErrFault, "no_identifier")
	}
	p.Subject = identity.SubjectAt(c.o.Name, string(p.Subject))
	if p.Login == "" {
		p.Login = login
	}
	v := c.o.Confirmed
	p.SNILSConfirmed = v.SNILS && p.SNILS != ""
	p.PhoneVerified = v.Phone && p.Phone != ""
	p.EmailVerified = v.Email && p.Email != ""
	p.Trusted = v.Registration
	return p, nil
}

// usable says that a text is one line of letters and not too long.
func usable(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError
	})
}

func (c *Client) fail(kind error, code string) *Error {
	return &Error{Kind: kind, Op: "wait", Code: code}
}

// Error is why there is no answer, or which one that is no yes.
type Error struct {
	Kind error  // one of identity's upstream errors
	Op   string // "bind", "search", "http", or "wait" where nothing went out
	Code string // the system's code, or why in one of our words
}

// Error says what was asked and what came of it.
func (e *Error) Error() string { return fmt.Sprintf("upstream %s: %v (%s)", e.Op, e.Kind, e.Code) }

// Unwrap gives Kind.
func (e *Error) Unwrap() error { return e.Kind }
