// Package sim is a mos.ru to try schoolbridge against: the OAuth and OpenID
// Connect endpoints of Blitz Identity Provider with its error codes, invented
// people, and switches for everything that goes wrong in life.
//
//	/oauth/ae  te  me  introspect  logout  jwks, /.well-known/openid-configuration
//	/sim/      the switches, also while the rest plays dead (GET /sim/ explains them)
//
// Limits: it is for demos and tests on loopback. It keeps passwords in clear,
// in its state file too, and whoever reaches the port may turn every switch.
// Tables that the network feeds are bounded.
//
// Start reading at Server.ServeHTTP, then token.go (sign-in) and control.go
// (switches).
package sim

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/person"
)

// User is one city account.
type User struct {
	Profile  person.Profile
	Password identity.Password
	Flags    Flags
}

// Flags are what may be odd about an account.
type Flags struct {
	Disabled     bool             `json:"disabled,omitempty"`      // mos.ru does not know it any more
	Locked       bool             `json:"locked,omitempty"`        // pswd_method_temp_locked
	Expired      bool             `json:"expired,omitempty"`       // the password is right, but expired
	SecondFactor bool             `json:"second_factor,omitempty"` // the password alone is not enough
	Missing      []string         `json:"missing,omitempty"`       // claims that /oauth/me leaves out
	Lie          identity.Subject `json:"lie,omitempty"`           // the subject that tokens name instead
}

// Client is one registered application.
type Client struct {
	ID             string
	Secret         identity.Password
	Redirects      []string // exact; of /oauth/ae
	LogoutRedirect []string // exact; of /oauth/logout
	PasswordGrant  bool     // may ask with passwords
}

// Events says where changes are pushed to; an empty Endpoint pushes none.
type Events struct {
	Endpoint string
	Audience string
	Interval time.Duration // heartbeat; 20 s
	Client   *http.Client
	First    time.Duration // wait before the second attempt; 500 ms
	// PasswordKey is the receiver's public key; with it, events of changed
	// passwords carry the new one.
	PasswordKey crypto.PublicKey
}

// Options of a Server.
type Options struct {
	Issuer  string // the address at which it is reached, without last slash; required
	Clients []Client
	Users   []User
	Events  Events
	// StateFile keeps keys, passwords and flags over a restart, mode 0600; ""
	// keeps nothing.
	StateFile string
	LockAfter int           // wrong passwords in a row; 5
	LockFor   time.Duration // 10 min
	Now       func() time.Time
	Logger    *slog.Logger
}

// Server is the simulator; an http.Handler. Run pushes its events.
type Server struct {
	o       Options
	mux     *http.ServeMux
	control *http.ServeMux
	people  *people
	keys    *keys
	sender  *events.Sender
	out     chan push

	codes    *lru.Cache[string, grant]
	access   *lru.Cache[string, grant]
	refresh  *lru.Cache[string, grant]
	sessions *lru.Cache[string, string] // cookie -> login
	redeem   sync.Mutex                 // makes codes and refresh tokens single-use
	saving   sync.Mutex                 // one writer of the state file

	mu      sync.Mutex
	trouble trouble
	held    []string // reordered events that wait for the next one
	counts  counts
}

// trouble is how the whole service is at the moment.
type trouble struct {
	Outage  string        `json:"outage"`  // off, drop, 503, 429, nonsense
	Latency time.Duration `json:"-"`       // before every answer
	Millis  int64         `json:"latency"` // the same, in milliseconds
	IDToken bool          `json:"id_token"`
	Style   string        `json:"claims"` // modern, legacy or aupd: how /oauth/me names its claims
}

const tableSize = 20000

// New makes a simulator, with what the state file holds.
func New(o Options) (*Server, error) {
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" {
		return nil, errors.New("simulated mos.ru: the issuer must be its URL")
	}
	o.Issuer = strings.TrimSuffix(o.Issuer, "/")
	if o.LockAfter <= 0 {
		o.LockAfter = 5
	}
	if o.LockFor <= 0 {
		o.LockFor = 10 * time.Minute
	}
	if o.Events.Interval <= 0 {
		o.Events.Interval = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, out: make(chan push, 1024), trouble: trouble{Outage: "off", IDToken: true, Style: "modern"}}
	s.people = newPeople(o.Users, o.LockAfter, o.LockFor)
	s.counts.logins = map[string]*count{}
	kept, err := readState(o.StateFile)
	if err != nil {
		return nil, err
	}
	if s.keys, err = newKeys(kept); err != nil {
		return nil, err
	}
	s.people.restore(kept.Accounts)
	for _, table := range []**lru.Cache[string, grant]{&s.codes, &s.access, &s.refresh} {
		*table, _ = lru.New[string, grant](tableSize)
	}
	s.sessions, _ = lru.New[string, string](tableSize)
	if o.Events.Endpoint != "" {
		s.sender, err = events.NewSender(events.SenderOptions{
			Endpoint: o.Events.Endpoint, Issuer: o.Issuer, Audience: o.Events.Audience,
			Key: s.keys.eventKey(), Client: o.Events.Client, First: o.Events.First, Now: o.Now,
			PasswordKey: o.Events.PasswordKey,
		})
		if err != nil {
			return nil, err
		}
	}
	s.routes()
	return s, s.save()
}

func (s *Server) routes() {
	s.mux, s.control = http.NewServeMux(), http.NewServeMux()
	s.mux.HandleFunc("GET /oauth/ae", s.authorize)
	s.mux.HandleFunc("POST /oauth/ae", s.authorize)
	s.mux.HandleFunc("POST /oauth/te", s.token)
	s.mux.HandleFunc("GET /oauth/me", s.me)
	s.mux.HandleFunc("POST /oauth/me", s.me)
	s.mux.HandleFunc("POST /oauth/introspect", s.introspect)
	s.mux.HandleFunc("GET /oauth/logout", s.logout)
	s.mux.HandleFunc("GET /oauth/jwks", s.jwks)
	s.mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	s.controls()
}

// EventKeys is the JWK set with which a receiver checks the pushed events. It
// stays the same over restarts with a state file.
func (s *Server) EventKeys() []byte { return s.keys.eventSet() }

// ServeHTTP answers the switches first, so that they work in every trouble.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		if !ownPage(r) {
			http.Error(w, "the switches are not for other sites' pages", http.StatusForbidden)
			return
		}
		s.control.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	t := s.trouble
	s.counts.total++
	s.mu.Unlock()
	// The body first: net/http notices a caller who leaves only after it.
	_ = r.ParseForm()
	if !pause(r.Context(), t.Latency) {
		return
	}
	switch t.Outage {
	case "drop":
		// The connection ends without an answer.
		panic(http.ErrAbortHandler)
	case "503":
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
	case "429":
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	case "nonsense":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>mos.ru</title><p>Ведутся технические работы"))
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// ownPage keeps a browser's other pages off the switches.
func ownPage(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return false
	}
	return r.Method == http.MethodGet || !slices.Contains([]string{"cross-site", "same-site"}, r.Header.Get("Sec-Fetch-Site"))
}

// pause waits; false if the caller has gone.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
