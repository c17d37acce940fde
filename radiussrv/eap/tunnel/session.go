package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/resume"
)

// Session is one peer's TLS session and what is said inside it. A Method's Run
// reads and writes as if the peer were at the end of a connection; every time
// that it has to wait, the coroutine that it runs in is left, and what was
// written goes to the peer in one message.
type Session struct {
	engine *Engine
	config *tls.Config
	conn   *tls.Conn
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool

	// The turn that is being answered.
	turn      Turn
	in        []byte // of the turn, not yet read by crypto/tls
	out       []byte // for the peer
	notBefore time.Time
	spent     bool // the turn was looked at
	nowait    bool // Read gives up instead of waiting for the next turn

	claims      []string // names that the peer said, outside and inside
	issued      *resume.Handle
	taken       *taken
	established bool
	result      Result
}

// Turn is one whole message of the peer.
type Turn struct {
	Ctx    context.Context
	Source identity.Source
	ID     byte // of the EAP response
	Data   []byte
}

// Result is how a session ended.
type Result struct {
	Verdict identity.Verdict
	MSK     *[64]byte // where accepted
	Resumed bool
}

// errAbandoned is what everything in a session ends with after Close.
var errAbandoned = errors.New("the conversation was given up")

// begin makes the coroutine; it runs with the first turn.
func (e *Engine) begin(outer string) *Session {
	s := &Session{engine: e}
	if outer != "" {
		s.claims = append(s.claims, outer)
	}
	s.config = e.sessionConfig(s)
	s.conn = tls.Server((*wire)(s), s.config)
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		s.yield = yield
		s.result = s.finish(s.serve())
	})
	return s
}

// step lets the session answer one turn. Done says that result is there.
func (s *Session) step(t Turn) (out []byte, done bool) {
	s.turn, s.in, s.out, s.spent, s.notBefore = t, t.Data, nil, false, time.Time{}
	_, more := s.next()
	out = s.out
	s.turn, s.in, s.out = Turn{}, nil, nil
	return out, !more
}

// close ends the coroutine wherever it waits.
func (s *Session) close() { s.stop() }

// serve is the session from its first byte to its verdict.
func (s *Session) serve() identity.Verdict {
	if err := s.conn.Handshake(); err != nil {
		return s.Broken(err)
	}
	s.established = true
	state := s.conn.ConnectionState()
	if s.result.MSK = exportMSK(&state, s.engine.method); s.result.MSK == nil {
		return refused(ReasonNoMasterSecret)
	}
	s.result.Resumed = state.DidResume
	return s.engine.method.Run(s)
}

// finish takes a verdict to its result: an accepted one needs names that agree,
// and is what lets the session be resumed.
func (s *Session) finish(v identity.Verdict) Result {
	r := s.result
	r.Verdict = v
	if v.Outcome == identity.Accepted && !s.agree(v.Person) {
		r.Verdict = identity.Verdict{Outcome: identity.Rejected, Reason: ReasonNames, Person: v.Person, Login: v.Login}
	}
	if r.Verdict.Outcome != identity.Accepted {
		r.MSK = nil
		return r
	}
	s.record(v.Voucher)
	return r
}

// agree says that no name that the peer said belongs to somebody else than was
// accepted. A device is nobody.
func (s *Session) agree(accepted identity.PersonID) bool {
	if s.engine.opts.Whose == nil || accepted.IsZero() {
		return true
	}
	for _, name := range s.claims {
		if p, ok := s.engine.opts.Whose(name); ok && p != accepted {
			return false
		}
	}
	return true
}

// wait sends what was written and waits for the next turn.
func (s *Session) wait() error {
	if !s.yield(struct{}{}) {
		return errAbandoned
	}
	return nil
}

// Ack sends what was written and takes an empty message for an answer.
func (s *Session) Ack() error {
	if err := s.wait(); err != nil {
		return err
	}
	if len(s.in) > 0 {
		return s.alertOr(ErrOrder)
	}
	s.spent = true
	return nil
}

// alertOr looks at what came where nothing should: an alert says more than err,
// application data is out of order.
func (s *Session) alertOr(err error) error {
	s.nowait = true
	defer func() { s.nowait = false }()
	n, tlsErr := s.conn.Read(make([]byte, 1))
	switch {
	case n > 0:
		return ErrOrder
	case errors.Is(tlsErr, os.ErrDeadlineExceeded):
		return err
	}
	return tlsErr
}

// Read gives all application data of the peer's next message, at least a byte.
func (s *Session) Read() ([]byte, error) {
	b := make([]byte, 512)
	n, err := s.conn.Read(b)
	if err != nil {
		return nil, err
	}
	s.nowait = true
	defer func() { s.nowait = false }()
	for {
		if n == len(b) {
			b = append(b, make([]byte, len(b))...)
		}
		more, err := s.conn.Read(b[n:])
		n += more
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return b[:n], nil
		case err != nil:
			return nil, err
		}
	}
}

// Exchange sends application data and gives the peer's answer: not what the
// peer had sent before it could know the question.
func (s *Session) Exchange(b []byte) ([]byte, error) {
	if err := s.Write(b); err != nil {
		return nil, err
	}
	if err := s.alertOr(nil); err != nil {
		return nil, err
	}
	return s.Read()
}

// NextID is the identifier of the request that answers this turn.
func (s *Session) NextID() byte { return s.turn.ID + 1 }

// Write keeps application data for the peer's next message.
func (s *Session) Write(b []byte) error {
	_, err := s.conn.Write(b)
	return err
}

// Version is the version of TLS.
func (s *Session) Version() uint16 { return s.conn.ConnectionState().Version }

// State is TLS's own.
func (s *Session) State() tls.ConnectionState { return s.conn.ConnectionState() }

// Export derives what an inner method needs from the handshake (RFC 5705), or
// nil.
func (s *Session) Export(label string, length int) []byte {
	state := s.conn.ConnectionState()
	b, err := state.ExportKeyingMaterial(label, nil, length)
	if err != nil {
		return nil
	}
	return b
}

// Claim notes a name that the peer said inside; it must belong to whoever is
// accepted, or to nobody.
func (s *Session) Claim(name string) { s.claims = append(s.claims, name) }

// maxName is the longest name that RADIUS could carry.
const maxName = 253

// Authenticate asks who is there. The verdict always has an outcome.
func (s *Session) Authenticate(name string, proof identity.Proof) identity.Verdict {
	if _, certificate := proof.(identity.Certificate); !certificate {
		if name == "" || len(name) > maxName || !printable(name) {
			return Malformed()
		}
		// Windows asks for the computer itself; it has no password here.
		if len(name) >= 5 && strings.EqualFold(name[:5], "host/") {
			return refused(ReasonMachine)
		}
		s.Claim(name)
	}
	v := s.engine.opts.Auth.Authenticate(s.turn.Ctx, identity.Credential{
		Name: name, Proof: proof, Channel: identity.ChannelWiFi, Source: s.turn.Source,
	})
	if v.Outcome == 0 {
		v.Outcome = identity.Unavailable
	}
	if v.Outcome == identity.Rejected {
		s.notBefore = v.NotBefore // of what is said next, be it the last word or not
	}
	return v
}

// printable says that s is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 })
}

// Reasons of the methods' own.
const (
	ReasonMethod         identity.Reason = "METHOD_NOT_OFFERED"
	ReasonMachine        identity.Reason = "MACHINE_ACCOUNT"
	ReasonNames          identity.Reason = "NAMES_DISAGREE"            // outer or inner identity is somebody else's
	ReasonDistrust       identity.Reason = "SERVER_NOT_TRUSTED"        // the peer refused our certificate
	ReasonHandshake      identity.Reason = "TLS_FAILED"                // no common version or cipher, or bytes that are no TLS
	ReasonPeer           identity.Reason = "PEER_GAVE_UP"              // the peer said no after we had said yes
	ReasonNoMasterSecret identity.Reason = "NO_EXTENDED_MASTER_SECRET" // RFC 7627: without it no keys may be exported
)

func refused(why identity.Reason) identity.Verdict {
	return identity.Verdict{Outcome: identity.Rejected, Reason: why}
}

// Malformed is the verdict on a peer that does not keep to the protocol.
func Malformed() identity.Verdict {
	return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
}

// Broken is the verdict on a session that cannot go on. Where TLS has an alert
// for the peer, it is sent and acknowledged first (RFC 5216 section 2.1.3).
func (s *Session) Broken(err error) identity.Verdict {
	if errors.Is(err, errAbandoned) {
		return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonOverload}
	}
	v := Malformed()
	var remote *net.OpError
	var local *tls.CertificateVerificationError
	switch {
	case errors.As(err, &remote) && remote.Op == "remote error":
		v = refused(alertReason(err))
	case errors.As(err, &local):
		v = refused(ReasonCertificate)
	case !s.established && !errors.Is(err, ErrOrder):
		v = refused(ReasonHandshake)
	}
	if len(s.out) > 0 {
		_ = s.wait() // whatever comes, the verdict stands
	}
	return v
}

// ReasonCertificate is there where the peer's certificate is not one of a
// configured authority's, or out of date.
const ReasonCertificate identity.Reason = "CERTIFICATE_NOT_VALID"

// alertReason says what a peer's alert means to somebody who looks for the
// fault (RFC 8446 section 6.2).
func alertReason(err error) identity.Reason {
	var alert tls.AlertError
	if !errors.As(err, &alert) {
		// crypto/tls keeps the alert's type to itself; its words are those of
		// AlertError.
		for _, a := range []tls.AlertError{42, 43, 44, 45, 46, 48} {
			if strings.HasSuffix(err.Error(), a.Error()) {
				return ReasonDistrust
			}
		}
	}
	return ReasonHandshake
}

// wire is the session as crypto/tls sees it: the connection below.
type wire Session

// Read gives bytes of the turn, or leaves the coroutine until the next.
func (w *wire) Read(p []byte) (int, error) {
	s := (*Session)(w)
	for len(s.in) == 0 {
		if s.nowait {
			return 0, os.ErrDeadlineExceeded
		}
		if s.spent {
			if err := s.wait(); err != nil {
				return 0, err
			}
		}
		s.spent = true
		if len(s.in) == 0 {
			return 0, ErrOrder
		}
	}
	s.spent = true
	n := copy(p, s.in)
	s.in = s.in[n:]
	return n, nil
}

// Write keeps bytes for the peer. What we say has its bound in what we are
// asked: certificates, a few kilobytes.
func (w *wire) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

func (*wire) Close() error                     { return nil }
func (*wire) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (*wire) RemoteAddr() net.Addr             { return &net.UDPAddr{} }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }
