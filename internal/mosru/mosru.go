// Package mosru asks mos.ru (Blitz Identity Provider) whether a login and a
// password belong together, and who their owner is: the password grant at
// /oauth/te and the claims at /oauth/me. Where people sign in on mos.ru's own
// page it says who came back: the code flow (code.go). It decides nothing about
// persons.
//
//	SignIn/Profile ─► flight ─► breaker ─► budget ─► slot ─► POST /oauth/te ─► id_token or GET /oauth/me
//	                  one per    answers    requests  in         within the deadline
//	                  login and  at once    a second  flight
//	                  proof      when open
//
// The breaker (internal/breaker) opens on transport errors, missed deadlines and
// 5xx only; a refusal of any kind is a sign of life. Where no sign-in comes to ask
// again, Watch does, in nobody's name.
//
// Limits: no discovery (the endpoints are those of Blitz below one address), no
// refresh tokens; tokens are thrown away at once. Redirects are refused, answers are
// bounded, plain HTTP serves on loopback only.
//
// Start reading at Client.SignIn, then ask.go.
package mosru

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Options of a Client. BaseURL and ClientID are required.
type Options struct {
	BaseURL      string            // https://login.mos.ru/sps, without /oauth; http on loopback only
	Issuer       string            // "iss" of id_tokens; BaseURL if empty
	ClientID     string            // as registered at mos.ru
	ClientSecret identity.Password // empty: a public client, named in the body
	Scopes       []string          // openid and profile if empty

	RootCAs *x509.CertPool                        // nil: the system's
	Proxy   func(*http.Request) (*url.URL, error) // nil: none

	Timeout     time.Duration // of one sign-in, all requests and waiting included; 2.5 s
	MaxInFlight int           // sign-ins on the way at once; 64
	Budget      rate.Limit    // requests a second; 50
	Burst       int           // requests at once out of a rested budget; 2 seconds' worth
	MaxWait     time.Duration // for budget and a free slot, within Timeout; a fifth of it

	BreakerFailures int           // that many in a row open the breaker; 5
	BreakerOpenFor  time.Duration // 15 s

	// ContactsUnverified says that phone and e-mail count as not verified
	// where mos.ru says nothing of it. Otherwise they count as verified.
	ContactsUnverified bool

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 2500 * time.Millisecond
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 64
	}
	if o.Budget <= 0 {
		o.Budget = 50
	}
	if o.Burst <= 0 {
		o.Burst = max(1, int(2*o.Budget))
	}
	if o.MaxWait <= 0 {
		o.MaxWait = o.Timeout / 5
	}
	if o.BreakerFailures <= 0 {
		o.BreakerFailures = 5
	}
	if o.BreakerOpenFor <= 0 {
		o.BreakerOpenFor = 15 * time.Second
	}
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"openid", "profile"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Client asks one mos.ru. It is safe for use by many goroutines. Close it when
// nobody asks any more.
type Client struct {
	o     Options
	http  *http.Client
	pool  *http.Transport
	token string
	me    string
	// Where browsers go.
	authorize, logout string

	keys    *keyCache
	breaker *breaker.Breaker
	budget  *rate.Limiter
	slots   chan struct{}
	// pausedUntil is what the last 429 with Retry-After asked for, in Unix
	// nanoseconds.
	pausedUntil atomic.Int64
	metrics     metrics

	flights singleflight.Group
	secret  [32]byte      // key of the flights' names
	era     atomic.Uint64 // part of the flights' names; see Forget

	life   context.Context // the owner of every flight
	cancel context.CancelFunc
	mu     sync.Mutex // orders running.Add before Close's Wait
	closed bool
	// running are the flights under way, whoever still waits for them.
	running sync.WaitGroup
}

// New checks the options; it does not call mos.ru.
func New(o Options) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.ClientID == "" {
		return nil, errors.New("mos.ru: no client id")
	}
	if o.Issuer == "" {
		o.Issuer = base
	}
	o = o.withDefaults()
	c := &Client{
		o: o, token: base + "/oauth/te", me: base + "/oauth/me", authorize: base + "/oauth/ae", logout: base + "/oauth/logout",
		breaker: breaker.New(o.BreakerFailures, o.BreakerOpenFor),
		budget:  rate.NewLimiter(o.Budget, o.Burst),
		slots:   make(chan struct{}, o.MaxInFlight),
	}
	if _, err := rand.Read(c.secret[:]); err != nil {
		return nil, err
	}
	c.life, c.cancel = context.WithCancel(context.Background())
	c.keys = &keyCache{now: o.Now, fetch: func(ctx context.Context) ([]byte, *Error) {
		return c.get(ctx, "keys", base+"/oauth/jwks", "")
	}}
	c.pool = &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            (&net.Dialer{Timeout: o.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    o.Timeout, // it goes on when nobody waits for it any more
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           o.MaxInFlight,
		MaxIdleConnsPerHost:    o.MaxInFlight,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 32 << 10,
	}
	c.http = &http.Client{
		Transport: c.pool,
		// A redirected POST would carry the password to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.metrics = newMetrics(o.Metrics, c)
	return c, nil
}

// baseURL checks the address of mos.ru and takes the last slash off.
func baseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("mos.ru: the address must be a URL such as https://login.mos.ru/sps")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("mos.ru: the address must be without user, query and fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return strings.TrimSuffix(u.String(), "/"), nil
	}
	return "", fmt.Errorf("mos.ru: passwords go to https only, not to %s://%s", u.Scheme, u.Host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// SignIn says whose account the login (of any of mos.ru's four kinds) and the
// password open. Errors are *Error over one of identity's upstream errors, or
// ctx's own where the caller gave up. Callers with the same login and password
// share one flight; one that gives up does not disturb the others.
func (c *Client) SignIn(ctx context.Context, login string, password identity.Password) (identity.Subject, error) {
	p, err := c.fly(ctx, "sign_in", login, password, func(ctx context.Context) (person.Profile, error) {
		return c.signIn(ctx, login, password)
	})
	return p.Subject, err
}

// Profile is SignIn for an activation: it gives all that mos.ru says of the
// person.
func (c *Client) Profile(ctx context.Context, login string, password identity.Password) (person.Profile, error) {
	return c.fly(ctx, "profile", login, password, func(ctx context.Context) (person.Profile, error) {
		return c.profile(ctx, login, password)
	})
}

// State is the breaker's.
func (c *Client) State() breaker.State { return c.breaker.At(c.o.Now()) }

// Healthy says that the breaker is closed.
func (c *Client) Healthy() bool { return c.State() == breaker.Closed }

// Forget keeps later callers out of the flights that are under way. Whoever
// makes changed credential epochs visible calls it before: a caller that came
// under the new epoch must not be told what mos.ru said before the change.
func (c *Client) Forget() { c.era.Add(1) }

// Close gives up what is under way and waits for it.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	c.pool.CloseIdleConnections()
}
