// Package tunnel runs crypto/tls as the server's end of an EAP method: what
// EAP-TLS, EAP-TTLS and PEAP have in common (RFC 5216, and RFC 9190 with RFC
// 9427 for TLS 1.3). It knows fragments, the TLS session, the keys that come
// out of it and its resumption; what is said inside is a Method's business.
//
//	          Start
//	            │           ┌────────── fragments ◄─────────┐
//	            ▼           ▼                               │ rest
//	EAP ──► inbound ──► whole message ──► Session.step ──► outbound ──► EAP
//	          │ more                          │
//	          └► empty request                └► done: Result
//
// A Session is straight-line code in a coroutine (runner): handshake, then
// Method.Run. Where it would wait for the peer it yields; where nobody comes
// back, Transport.Close unwinds it, and neither goroutine nor channel is left.
//
//	handshake ─┬─ failed ─► alert, if we have one ─► answer to it ─► refused
//	           └─ complete ─► keys ─┬─ none (no Extended Master Secret) ─► refused
//	                                └─ Method.Run ─► verdict ─► names agree? ─► recorded for resumption
//
// Limits: a peer's message has at most 4 KiB, of EAP-TLS 16 KiB, and all of a
// handshake twice that and 4 KiB; TLS 1.2 and 1.3 only. TLS 1.0 and 1.1 are not
// offered, to no client: their devices lack Extended Master Secret for the most
// part, and then nobody can vouch for the keys.
//
// Start reading at Method, then Session.
package tunnel

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/resume"
)

// Method is one EAP method on top of TLS.
type Method interface {
	Type() packet.Type
	// Label exports the keys from TLS 1.2; 1.3 has one label for all.
	Label() string
	// VersionMask are the bits of the flags that hold the method's version.
	// Only version 0 is spoken.
	VersionMask() byte
	// Configure changes a session's configuration before it begins.
	Configure(c *tls.Config)
	// Run goes on after the handshake. It never accepts whom the
	// authenticator has not.
	Run(s *Session) identity.Verdict
}

// Authenticator decides sign-ins; internal/auth is one.
type Authenticator interface {
	Authenticate(ctx context.Context, c identity.Credential) identity.Verdict
	// Resumable says whether Resume would accept. It is asked for a ticket that
	// the peer has not shown to be its own, and changes nothing: tickets of
	// others can be overheard.
	Resumable(ctx context.Context, v identity.Voucher, ch identity.Channel, from identity.Source) bool
	// Resume admits again, with the grant of now, whoever holds the voucher's
	// ticket.
	Resume(ctx context.Context, v identity.Voucher, ch identity.Channel, from identity.Source) identity.Verdict
}

// Keys gives the secrets from which ticket keys are derived, the newest first,
// and a number that changes when they do. It is asked for every session.
type Keys func(now time.Time) (generation uint64, secrets [][32]byte)

// Options are shared by the engines of one server. Auth and Certificates are
// required.
type Options struct {
	Auth Authenticator
	// Certificates gives the server's, the preferred first: the first one that
	// the peer can use is shown. Asked for every handshake; it must not be
	// empty.
	Certificates func() []tls.Certificate
	// Whose says to whom a name belongs. Nil: names inside and outside are not
	// compared.
	Whose func(name string) (identity.PersonID, bool)
	// Outer is a name that devices give outside instead of their person's,
	// beside "anonymous" and nothing, each with any realm or none.
	Outer string
	// Lifetime of a session from its full handshake; 0: none is resumed.
	Lifetime time.Duration
	Ledger   resume.Ledger
	Keys     Keys   // nil: random ones, changed every Lifetime
	Listener string // tickets of one are none of another's
	Fragment int    // bytes of a request's type data at most; 1024
	Now      func() time.Time
	Random   io.Reader
}

// Engine makes the sessions of one method.
type Engine struct {
	method  Method
	opts    Options
	base    *tls.Config // of every session, until its hello is there
	runners runners

	mu         sync.Mutex
	generation uint64
	sealers    []cipher.AEAD
}

// New makes an engine. Close ends it.
func New(m Method, o Options) (*Engine, error) {
	if o.Auth == nil || o.Certificates == nil {
		return nil, errors.New("EAP needs an authenticator and a certificate")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Fragment == 0 {
		o.Fragment = 1024
	}
	if o.Fragment < minFragment {
		return nil, fmt.Errorf("fragments of less than %d bytes need too many round trips", minFragment)
	}
	if o.Lifetime > 0 {
		if o.Ledger == nil {
			o.Ledger = resume.NewMemory(1 << 16)
		}
		if o.Keys == nil {
			o.Keys = (&ring{every: o.Lifetime, random: o.Random}).keys
		}
	}
	e := &Engine{method: m, opts: o}
	e.base = &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Time:                        o.Now,
		Rand:                        o.Random,
		CurvePreferences:            curves,
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      true,
		GetConfigForClient:          e.configure,
	}
	return e, nil
}

// Type is the method's.
func (e *Engine) Type() packet.Type { return e.method.Type() }

// Close frees what is kept for sessions to come. Sessions that are there are
// their holders' to close.
func (e *Engine) Close() { e.runners.close() }

var (
	// Post-quantum shares make every hello one round trip longer, and cost more
	// than the rest of a handshake.
	curves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	// A peer of TLS 1.2 that knows both would choose X25519, which costs a third
	// more here. In TLS 1.3 another curve than the peer bets on would cost a round
	// trip.
	curves12 = []tls.CurveID{tls.CurveP256, tls.CurveP384}
)

// configure makes the configuration of a session whose hello is there.
func (e *Engine) configure(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	s := (*Session)(hello.Conn.(*wire))
	for _, v := range hello.SupportedVersions {
		s.offered = max(s.offered, v)
	}
	certificates, err := e.certificate(hello)
	if err != nil {
		return nil, err
	}
	c := e.base.Clone()
	c.Certificates = certificates
	if s.offered <= tls.VersionTLS12 && slices.Contains(hello.SupportedCurves, tls.CurveP256) {
		c.CurvePreferences = curves12
	}
	if s.sealers = e.ticketSealers(); len(s.sealers) > 0 {
		c.SessionTicketsDisabled, c.WrapSession, c.UnwrapSession = false, s.wrap, s.unwrap
	}
	e.method.Configure(c)
	return c, nil
}

// anonymous says that a name is nobody's, whatever the realm behind it (RFC 7542
// section 2.4).
func (e *Engine) anonymous(user string) bool {
	outer, _, _ := strings.Cut(e.opts.Outer, "@")
	return user == "" || strings.EqualFold(user, "anonymous") || strings.EqualFold(user, outer)
}

// certificate chooses the first that the peer can use. Peers of EAP address
// nobody by name: the name that they check is not what a hello might carry.
func (e *Engine) certificate(hello *tls.ClientHelloInfo) ([]tls.Certificate, error) {
	all := e.opts.Certificates()
	if len(all) == 0 {
		return nil, errors.New("there is no certificate for EAP")
	}
	if len(all) == 1 {
		return all, nil
	}
	anonymous := *hello
	anonymous.ServerName = ""
	for i := range all {
		if anonymous.SupportsCertificate(&all[i]) == nil {
			return all[i : i+1], nil
		}
	}
	return all[:1], nil
}

// ring makes random secrets and keeps the last two.
type ring struct {
	every  time.Duration
	random io.Reader

	mu         sync.Mutex
	generation uint64
	since      time.Time
	secrets    [][32]byte
}

func (r *ring) keys(now time.Time) (uint64, [][32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.generation == 0 || now.Sub(r.since) >= r.every {
		var fresh [32]byte
		if _, err := io.ReadFull(r.random, fresh[:]); err != nil {
			return r.generation, r.secrets // none at all: nothing is resumed
		}
		r.secrets = append([][32]byte{fresh}, r.secrets[:min(len(r.secrets), 1)]...)
		r.generation++
		r.since = now
	}
	return r.generation, r.secrets
}
