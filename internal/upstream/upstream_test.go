package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// told is a Checker that says what a test wants.
type told struct {
	profile person.Profile
	err     error
	calls   int
	wait    bool
}

func (c *told) Check(ctx context.Context, _ string, _ identity.Password) (person.Profile, error) {
	c.calls++
	if c.wait {
		<-ctx.Done()
		return person.Profile{}, &Error{identity.ErrUnreachable, "bind", "no_answer"}
	}
	return c.profile, c.err
}

const password = identity.Password("Kedrovka-2021")

func client(t *testing.T, c Checker, o Options) *Client {
	t.Helper()
	o.Name = "school"
	o.Metrics = prometheus.NewRegistry()
	client, err := New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestConfirmed: what the system says counts as not confirmed unless it vouches
// for it, and then only where it says something.
func TestConfirmed(t *testing.T) {
	whole := person.Profile{Subject: "17", SNILS: "1", Phone: "2", Email: "3", SNILSConfirmed: true, PhoneVerified: true, EmailVerified: true, Trusted: true}
	p, err := client(t, &told{profile: whole}, Options{}).Profile(t.Context(), "petrov", password)
	if err != nil || p.SNILSConfirmed || p.PhoneVerified || p.EmailVerified || p.Trusted || p.Subject != "upstream:school:17" || p.Login != "petrov" || p.Subject.Upstream() != "school" {
		t.Errorf("%v %+v", err, p)
	}
	all := Options{Confirmed: Confirmed{true, true, true, true}}
	if p, _ = client(t, &told{profile: whole}, all).Profile(t.Context(), "petrov", password); !p.SNILSConfirmed || !p.PhoneVerified || !p.EmailVerified || !p.Trusted {
		t.Errorf("%+v", p)
	}
	if p, _ = client(t, &told{profile: person.Profile{Subject: "17"}}, all).Profile(t.Context(), "petrov", password); p.SNILSConfirmed || p.PhoneVerified || p.EmailVerified {
		t.Errorf("%+v", p)
	}
}

// TestNothingToAsk: what is no login or password reaches nobody; what is no
// identifier is nobody.
func TestNothingToAsk(t *testing.T) {
	c := &told{profile: person.Profile{Subject: "17"}}
	asks := client(t, c, Options{})
	for login, p := range map[string]identity.Password{"": password, "petrov": "", "pet\x00rov": password, "petrov1": "a\x00b", "\xff": password, strings.Repeat("a", 257): password, "a": identity.Password(strings.Repeat("a", 1025))} {
		if _, err := asks.SignIn(t.Context(), login, p); !errors.Is(err, identity.ErrWrongPassword) {
			t.Errorf("%q: %v", login, err)
		}
	}
	if c.calls != 0 {
		t.Error("it was asked")
	}
	for _, id := range []identity.Subject{"", "a\nb", identity.Subject(strings.Repeat("a", 256))} {
		if _, err := client(t, &told{profile: person.Profile{Subject: id}}, Options{}).SignIn(t.Context(), "petrov", password); !errors.Is(err, identity.ErrFault) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestBreaker: silence opens it, a refusal and a caller who gave up do not.
func TestBreaker(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	c := &told{err: &Error{identity.ErrWrongPassword, "bind", "x"}}
	asks := client(t, c, Options{BreakerFailures: 2, BreakerOpenFor: time.Minute, Now: func() time.Time { return now }})
	ask := func(ctx context.Context) error {
		_, err := asks.SignIn(ctx, "petrov", password)
		return err
	}
	for range 5 {
		if err := ask(t.Context()); !errors.Is(err, identity.ErrWrongPassword) || asks.State() != breaker.Closed {
			t.Fatalf("%v %v", err, asks.State())
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c.wait = true
	for range 5 {
		if err := ask(gone); !errors.Is(err, identity.ErrUnreachable) && !errors.Is(err, identity.ErrThrottled) || asks.State() != breaker.Closed {
			t.Fatalf("%v %v", err, asks.State())
		}
	}
	c.wait, c.err = false, &Error{identity.ErrUnreachable, "bind", "x"}
	_, _ = ask(t.Context()), ask(t.Context())
	if asks.State() != breaker.Open {
		t.Fatal(asks.State())
	}
	before := c.calls
	if err := ask(t.Context()); !errors.Is(err, identity.ErrUnreachable) || c.calls != before {
		t.Errorf("%v, asked %d times", err, c.calls-before)
	}
	now = now.Add(time.Minute)
	c.err, c.profile = nil, person.Profile{Subject: "17"}
	if err := ask(t.Context()); err != nil || asks.State() != breaker.Closed {
		t.Errorf("%v %v", err, asks.State())
	}
}

// TestErrorsHoldNothing: neither login nor password.
func TestErrorsHoldNothing(t *testing.T) {
	err := error(&Error{identity.ErrWrongPassword, "bind", "result 49 data 52e"})
	if text := fmt.Sprintf("%v %+v", err, err); !strings.Contains(text, "52e") || strings.Contains(text, string(password)) {
		t.Error(text)
	}
}

func TestOptions(t *testing.T) {
	for _, name := range []string{"", "a:b"} {
		if _, err := New(&told{}, Options{Name: name}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	registry := prometheus.NewRegistry()
	for _, name := range []string{"a", "b"} { // two share a registry
		if _, err := New(&told{}, Options{Name: name, Metrics: registry}); err != nil {
			t.Error(err)
		}
	}
}
