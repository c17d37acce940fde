// Package events receives mos.ru's notices of changed accounts as signed push:
// Security Event Tokens (RFC 8417) delivered by HTTP POST (RFC 8935), with the
// event types of CAEP and RISC. It also has the Sender that the simulated
// mos.ru uses.
//
//	POST ─► size, type ─► signature ─► issuer, audience, age ─► Sink ─► 202
//	          400 err        400 err        400 err        fails └─► 503, come again
//
// A token is answered 202 only when the Sink has made it durable. A token that
// came before is answered 202 too and has no effect: the Sink knows the ids of
// as long as MaxAge, this package only refuses older ones. Any verified token
// is a sign of life of the channel, by the time at which it was issued, so that
// a repeated one proves nothing; a quiet channel sends verification events.
//
// Limits: the sender is known by its signature only; put the address behind the
// school's reverse proxy where TLS and addresses are checked. Stream management
// of SSF is not offered.
//
// Start reading at Receiver.ServeHTTP and set.changes.
package events

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/keyset"
)

// Kind is what happened to an account.
type Kind uint8

// The kinds.
const (
	PasswordChanged Kind = iota + 1
	Disabled
	Enabled
	Removed
)

// String gives "password_changed", "disabled", "enabled" or "removed".
func (k Kind) String() string {
	switch k {
	case PasswordChanged:
		return "password_changed"
	case Disabled:
		return "disabled"
	case Enabled:
		return "enabled"
	case Removed:
		return "removed"
	}
	return "unknown"
}

// Change is one verified notice.
type Change struct {
	ID      string // unique for the issuer, printable, at most 256 bytes
	At      time.Time
	Subject identity.Subject
	Kind    Kind
	// Password is the new one, where the event carried it and could be opened.
	Password identity.Password
	sealed   string // as it came
}

// Sink takes changes. It returns when the change is durable; applied is false
// for one that it has taken before, or about nobody here.
type Sink interface {
	ApplyChange(ctx context.Context, c Change) (applied bool, err error)
}

// Options of a Receiver. The first four are required.
type Options struct {
	Issuer   string // "iss" of the tokens and of the subjects in them
	Audience string // must be among "aud"
	Keys     func() keyset.Set
	Sink     Sink
	// Passwords opens those that events carry; nil: they are passed over.
	Passwords *Opener

	MaxAge   time.Duration // greatest age of a token; 24 h; never above what the Sink remembers
	Skew     time.Duration // how far ahead the sender's clock may be; 1 min
	Interval time.Duration // the sender's heartbeat; 1 min
	Patience time.Duration // healthy for so long after a sign of life; 3 intervals
	Timeout  time.Duration // of one call of the Sink; 10 s
	AtOnce   int           // tokens judged and applied at once; 32

	Now     func() time.Time
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

func defaultTo[T int | time.Duration](p *T, to T) {
	if *p <= 0 {
		*p = to
	}
}

// Receiver is the http.Handler to which events are pushed.
type Receiver struct {
	o    Options
	slot chan struct{}
	last atomic.Int64 // issue time of the newest taken token, Unix nanoseconds
	took *prometheus.CounterVec
}

// New checks the options.
func New(o Options) (*Receiver, error) {
	switch {
	case o.Issuer == "" || o.Audience == "":
		return nil, errors.New("mos.ru events: issuer and audience are needed")
	case o.Keys == nil || o.Keys().Len() == 0:
		return nil, errors.New("mos.ru events: no keys to check signatures with")
	case o.Sink == nil:
		return nil, errors.New("mos.ru events: no sink")
	}
	defaultTo(&o.MaxAge, 24*time.Hour)
	defaultTo(&o.Skew, time.Minute)
	defaultTo(&o.Interval, time.Minute)
	defaultTo(&o.Patience, 3*o.Interval)
	defaultTo(&o.Timeout, 10*time.Second)
	defaultTo(&o.AtOnce, 32)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Receiver{o: o, slot: make(chan struct{}, o.AtOnce)}
	f := promauto.With(o.Metrics)
	r.took = f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_mosru_events_total",
		Help: "Pushed security event tokens by what became of them.",
	}, []string{"result"})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_mosru_events_healthy",
		Help: "1 while the event channel shows signs of life.",
	}, func() float64 {
		if r.Healthy() {
			return 1
		}
		return 0
	})
	return r, nil
}

// Healthy says that the channel showed a sign of life within Patience.
func (r *Receiver) Healthy() bool {
	last := r.LastSeen()
	return !last.IsZero() && r.o.Now().Sub(last) < r.o.Patience
}

// LastSeen is when the newest token that was taken had been issued; zero for
// never.
func (r *Receiver) LastSeen() time.Time {
	if n := r.last.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// ContentType of a delivered token (RFC 8935 section 2.1).
const ContentType = "application/secevent+jwt"

const maxBody = 32 << 10

// refusal is an error of RFC 8935 section 2.4.
type refusal struct{ code, description string }

func (r *refusal) Error() string { return r.code + ": " + r.description }

var (
	refuseForm     = &refusal{"invalid_request", "not a security event token in compact form"}
	refuseType     = &refusal{"invalid_request", "the typ header must be secevent+jwt"}
	refuseSubject  = &refusal{"invalid_request", "the subject is missing, unknown in form, or contradicts itself"}
	refuseAge      = &refusal{"invalid_request", "issued too long ago"}
	refuseFuture   = &refusal{"invalid_request", "issued in the future"}
	refuseExpired  = &refusal{"invalid_request", "expired"}
	refuseKey      = &refusal{"invalid_key", "the signing key or algorithm is not accepted, or the signature does not fit"}
	refuseIssuer   = &refusal{"invalid_issuer", "another issuer is expected"}
	refuseAudience = &refusal{"invalid_audience", "another audience is expected"}
)

// ServeHTTP takes one token (RFC 8935 section 2).
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer func() {
		if recover() != nil {
			r.o.Logger.Error("mos.ru event handler panicked")
			r.again(w)
		}
	}()
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	if kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || kind != ContentType {
		r.refuse(w, &refusal{"invalid_request", "the content type must be " + ContentType})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		r.refuse(w, &refusal{"invalid_request", "the token is too long or was cut off"})
		return
	}
	// Only now: whoever sends nothing, slowly, must not keep the sender out.
	select {
	case r.slot <- struct{}{}:
		defer func() { <-r.slot }()
	default:
		r.again(w)
		return
	}
	s, err := r.verify(string(body))
	var no *refusal
	if errors.As(err, &no) {
		r.refuse(w, no)
		return
	}
	changes, heartbeat, err := s.changes(r.o.Issuer, r.o.Now().Add(-r.o.MaxAge))
	if err != nil {
		r.refuse(w, refuseSubject)
		return
	}
	result := "ignored"
	if heartbeat {
		result = "heartbeat"
	}
	ctx, cancel := context.WithTimeout(req.Context(), r.o.Timeout)
	defer cancel()
	for i, c := range changes {
		c.Password = r.password(c)
		applied, err := r.o.Sink.ApplyChange(ctx, c)
		if err != nil {
			r.o.Logger.Warn("mos.ru event not applied; the sender will come again", "kind", c.Kind.String(), "err", err)
			r.again(w)
			return
		}
		if applied {
			result = "applied"
		} else if i == 0 {
			result = "no_effect"
		}
	}
	r.seen(s.IssuedAt.Time())
	r.took.WithLabelValues(result).Inc()
	w.WriteHeader(http.StatusAccepted)
}

// password opens what a change carries. The change counts without it: that the
// old password is gone is what must never be lost.
func (r *Receiver) password(c Change) identity.Password {
	if c.sealed == "" || r.o.Passwords == nil {
		return ""
	}
	p, err := r.o.Passwords.open(c.sealed)
	if err != nil {
		r.took.WithLabelValues("password_unreadable").Inc()
		r.o.Logger.Warn("mos.ru event: its password is passed over", "err", err, "remedy", "give mos.ru the public key that belongs to mosru.events.password_key_file")
	}
	return p
}

// verify checks everything about the token that needs no store.
func (r *Receiver) verify(compact string) (set, error) {
	token, err := keyset.Read(compact, jose.RS256, jose.ES256, jose.EdDSA)
	if err != nil {
		return set{}, refuseForm
	}
	// RFC 8417 section 2.3: without it, any other token under the same key
	// could be passed off as an event.
	if token.Type != "secevent+jwt" && token.Type != ContentType {
		return set{}, refuseType
	}
	payload, err := r.o.Keys().For(token.KeyID).Verify(token)
	if err != nil {
		return set{}, refuseKey
	}
	s, err := parseSet(payload)
	if err != nil {
		return set{}, refuseForm
	}
	now, issued := r.o.Now(), s.IssuedAt.Time()
	switch {
	case s.Issuer != r.o.Issuer:
		return set{}, refuseIssuer
	case !s.Audience.Contains(r.o.Audience):
		return set{}, refuseAudience
	case issued.Before(now.Add(-r.o.MaxAge)):
		return set{}, refuseAge
	case issued.After(now.Add(r.o.Skew)):
		return set{}, refuseFuture
	case s.Expiry != nil && !now.Before(s.Expiry.Time().Add(r.o.Skew)):
		return set{}, refuseExpired
	}
	return s, nil
}

// Heard books a sign of life that another replica had, whose changes come by the store.
// A time that is further ahead than a sender's clock may be is that of a wrong clock.
func (r *Receiver) Heard(at time.Time) {
	if !at.IsZero() && !at.After(r.o.Now().Add(r.o.Skew)) {
		r.seen(at)
	}
}

// seen books a sign of life; the sender's clock may be ahead, but buys no time.
func (r *Receiver) seen(issued time.Time) {
	if now := r.o.Now(); issued.After(now) {
		issued = now
	}
	for n := issued.UnixNano(); ; {
		old := r.last.Load()
		if n <= old || r.last.CompareAndSwap(old, n) {
			return
		}
	}
}

// refuse answers what will not get better by sending it again.
func (r *Receiver) refuse(w http.ResponseWriter, no *refusal) {
	r.took.WithLabelValues(no.code).Inc()
	r.o.Logger.Warn("mos.ru event refused", "code", no.code, "why", no.description)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Language", "en")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"err": no.code, "description": no.description})
}

// again asks the sender to come again.
func (r *Receiver) again(w http.ResponseWriter) {
	r.took.WithLabelValues("failed").Inc()
	w.Header().Set("Retry-After", "5")
	http.Error(w, "try again", http.StatusServiceUnavailable)
}
