// Package radiussrv answers Wi-Fi: access points and their controllers (NAS
// clients) ask over RADIUS whether somebody may join, and tell when sessions
// begin and end.
//
// Its job is the rules: which client speaks, what the request asks, which
// identity.Credential that makes, and how each of the four outcomes looks on
// the wire. Bytes, signatures, duplicates and bounds are the business of
// radiussrv/wire; who may sign in is decided behind Authenticator.
//
//	                    ┌─ EAP-Message ─► EAP (refused while there is none)
//	Access-Request ─────┼─ a hardware address for name and password ─► Authenticator ─► Accept | Reject
//	                    ├─ CHAP, MS-CHAPv1 ─► refused: nobody keeps what could check them
//	                    └─ MS-CHAPv2, User-Password ─► Authenticator ─► Accept | Reject, in its time
//	Accounting-Request ─► Accounting ─► Response once it is kept
//	Status-Server ──────► an answer while this replica can serve, else silence
//
// A reject leaves not before the verdict's NotBefore and the client's
// RejectDelay, in the same words for an unknown name and a wrong password.
// Unavailable is a reject too, RADIUS has no other word, but in words that do
// not ask to type the password again, and within 3 s of the request.
//
// Limits: PAP with passwords of at most 128 bytes; names of at most 253; no
// EAP method of its own. Of RFC 5176 there are Disconnect and CoA as their client,
// over UDP and back over the NAS's own RadSec connection (Server.Disconnect,
// Server.Change): no Authorize Only, and no routing through proxies (RFC 8559).
//
// Start reading at Options and Server.Handle.
package radiussrv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// Authenticator decides sign-ins; internal/auth is one.
type Authenticator interface {
	Authenticate(ctx context.Context, c identity.Credential) identity.Verdict
}

// Recaller is an Authenticator that accepts some credentials from memory, without
// waiting. Where it says false it has counted nothing, and Authenticate decides.
type Recaller interface {
	Recall(c identity.Credential) (identity.Verdict, bool)
}

// Messages are shown to people by their devices, in Reply-Message.
type Messages struct {
	Accepted    string // nothing is sent if ""
	Rejected    string
	Unavailable string
}

// defaultMessages are Russian: those who read them are at a Moscow school.
var defaultMessages = Messages{
	Accepted:    "Вход выполнен",
	Rejected:    "Неверный логин или пароль",
	Unavailable: "Вход сейчас невозможен, повторите позже",
}

// The time within which a whole authentication is answered: access points wait
// for three to five seconds, and every answer is due within three.
const (
	decideWithin = 2600 * time.Millisecond
	answerWithin = 2900 * time.Millisecond
)

// Options says what a Server needs; only Auth and Clients are required.
type Options struct {
	Auth    Authenticator
	Clients func() *Clients // asked for every packet, so that a reload counts at once
	// EAP answers requests that carry EAP-Message; nil refuses them.
	EAP EAP
	// Accounting keeps what clients tell of sessions; nil answers and forgets.
	Accounting Accounting
	// Refused is told of sign-ins without EAP that are refused before Auth is
	// asked: who says so to be, and the method, "" for none of ours. It must not
	// wait. Nil: nobody is.
	Refused func(name, method string, from identity.Source, v identity.Verdict)
	// Dropped is told, as often as the log is, why nobody may look at requests of
	// a client, or of an address that is none (client ""). It must not wait. Nil:
	// nobody is.
	Dropped func(why identity.Reason, client string, addr netip.Addr)
	// Ready says whether this replica can serve at all. While it says false,
	// Status-Server gets no answer and clients go to another server. Nil: yes.
	Ready func() bool
	// Loaded says whether this replica knows anybody yet. While it says false,
	// Access-Requests get no answer and clients ask another server. Nil: yes.
	Loaded func() bool
	// ClassKey is shared by replicas, so that accounting may reach another one
	// than the sign-in. Nil: a random one, good until the process ends.
	ClassKey *[32]byte
	// ChargeKey makes Chargeable-User-Identity (RFC 4372), which NAS clients
	// that ask for it are told. Nil: nobody is.
	ChargeKey *[32]byte
	// Interim asks NAS clients for interim accounting at this interval (RFC
	// 2869 section 5.16). 0: they do as they are configured.
	Interim time.Duration
	// Asked is how many RadSec connections of a client are asked about one session
	// at most; 0: 16.
	Asked    int
	Messages Messages // empty ones take the Russian defaults
	Logger   *slog.Logger
	Metrics  prometheus.Registerer
	Now      func() time.Time
	// Wire bounds the engine; its Peer, Events and Now are set here.
	Wire wire.Options
}

// Server is a RADIUS server for any number of sockets.
type Server struct {
	opts    Options
	wire    *wire.Server
	recall  func(identity.Credential) (identity.Verdict, bool) // nil: nobody can
	class   classSealer
	metrics *metrics
	log     *reporter
	shares  *shares

	stopping  atomic.Bool // see Shutdown
	finishing sync.Once
}

// New makes a server that serves nothing yet.
func New(opts Options) (*Server, error) {
	if opts.Auth == nil || opts.Clients == nil {
		return nil, errors.New("a RADIUS server needs an authenticator and a table of clients")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Ready == nil {
		opts.Ready = func() bool { return true }
	}
	if opts.Loaded == nil {
		opts.Loaded = func() bool { return true }
	}
	fallback := func(s *string, usual string) {
		if *s == "" {
			*s = usual
		}
	}
	fallback(&opts.Messages.Accepted, defaultMessages.Accepted)
	fallback(&opts.Messages.Rejected, defaultMessages.Rejected)
	fallback(&opts.Messages.Unavailable, defaultMessages.Unavailable)
	sealer, err := newClassSealer(opts.ClassKey)
	if err != nil {
		return nil, fmt.Errorf("prepare Class: %w", err)
	}
	if opts.Asked <= 0 {
		opts.Asked = defaultAsked
	}
	if opts.Wire.Workers <= 0 {
		opts.Wire.Workers = defaultWorkers
	}
	s := &Server{opts: opts, class: sealer, metrics: newMetrics(opts.Metrics), shares: newShares(opts.Wire.Workers)}
	if r, ok := opts.Auth.(Recaller); ok {
		s.recall = r.Recall
	}
	s.log = newReporter(opts.Logger, opts.Now, s.metrics)
	s.log.dropped = opts.Dropped
	opts.Wire.Peer = func(addr netip.Addr) *wire.Peer { return opts.Clients().peer(addr) }
	opts.Wire.Events, opts.Wire.Now = s.log, opts.Now
	s.wire = wire.NewServer(s, opts.Wire)
	return s, nil
}

// ServeAuthentication answers sign-ins on conn until Shutdown; it closes conn.
func (s *Server) ServeAuthentication(conn *net.UDPConn) error {
	return s.wire.ServeUDP(conn, wire.Authentication)
}

// ServeAccounting answers accounting on conn until Shutdown; it closes conn.
func (s *Server) ServeAccounting(conn *net.UDPConn) error {
	return s.wire.ServeUDP(conn, wire.Accounting)
}

// ServeRadSec answers sign-ins and accounting over TLS (RFC 6614) on ln until
// Shutdown; it closes ln. Config holds the server's certificate and, in
// ClientCAs, the authority of the clients' certificates, which are demanded.
func (s *Server) ServeRadSec(ln net.Listener, config *tls.Config) error {
	return s.wire.ServeTLS(ln, config, func(addr netip.Addr, state *tls.ConnectionState) *wire.Peer {
		return s.opts.Clients().tunnel(addr, state)
	})
}

// Handle answers one request; the engine calls it.
func (s *Server) Handle(ctx context.Context, r *wire.Received) *wire.Reply {
	client := r.Peer.Owner().(*Client)
	if r.Packet.Code != wire.StatusServer {
		if !s.shares.enter(client, r) {
			s.metrics.result(resultBusy)
			s.log.busy(client, r.From.Addr())
			return nil
		}
		defer s.shares.leave(client, r)
	}
	switch r.Packet.Code {
	case wire.AccessRequest:
		if !s.opts.Loaded() { // a reject would keep out somebody whom the next server lets in
			s.metrics.result(resultNotLoaded)
			return nil
		}
		reply := s.access(ctx, client, r)
		s.decidedNow(client, r)
		return reply
	case wire.AccountingRequest:
		return s.account(ctx, client, r)
	case wire.StatusServer:
		return s.status(r)
	}
	return nil
}

// HandlePrompt answers sign-ins that memory alone can decide; the engine asks it
// before Handle.
func (s *Server) HandlePrompt(r *wire.Received) (*wire.Reply, bool) {
	if s.recall == nil || r.Packet.Code != wire.AccessRequest || r.Packet.Has(wire.EAPMessage) {
		return nil, false
	}
	client := r.Peer.Owner().(*Client)
	reply, ok := s.signIn(client, r, s.recall)
	if ok {
		s.decidedNow(client, r)
	}
	return reply, ok
}

// decidedNow notes that an Access-Request has been decided.
func (s *Server) decidedNow(client *Client, r *wire.Received) {
	if !r.Signed {
		s.log.unsigned(client, r.From.Addr())
	}
	s.metrics.seconds.Observe(s.opts.Now().Sub(r.At).Seconds())
}

// status answers Status-Server as the port would answer its own requests
// (RFC 5997 section 4.1). A client that gets no answer holds the server for
// dead, which is what it should do while nothing can be decided here.
func (s *Server) status(r *wire.Received) *wire.Reply {
	if s.stopping.Load() || !s.opts.Ready() {
		s.metrics.result(resultStatusSilent)
		return nil
	}
	s.metrics.result(resultStatus)
	if r.Role == wire.Accounting {
		return r.Reply(wire.AccountingResponse)
	}
	return r.Reply(wire.AccessAccept)
}

// requestID ties the log lines of one request together.
func requestID() string {
	return strconv.FormatUint(rand.Uint64()|1<<63, 36)
}
