package tunnel

import (
	"context"
	"crypto/cipher"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
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
	engine  *Engine
	conn    *tls.Conn
	runner  *runner       // until there is a result
	sealers []cipher.AEAD // of its tickets

	// The turn that is being answered.
	turn      Turn
	in        []byte // of the turn, not yet read by crypto/tls
	out       []byte // for the peer
	notBefore time.Time
	spent     bool // the turn was looked at
	nowait    bool // Read gives up instead of waiting for the next turn

	claims      []string          // names that the peer said, outside and inside
	judged      *identity.Verdict // the authenticator's last
	broken      *identity.Verdict // while our alert waits for its acknowledgement
	offered     uint16            // newest version of TLS that the peer offers
	handle      resume.Handle     // of its ticket
	issued      bool              // the handle is fresh
	taken       *resume.Record    // of the ticket that was honoured; it counts once TLS has resumed
	established bool
	resumed     bool
	msk         *[64]byte
	result      *Result // at the end
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
	// Own says that the authenticator was not asked, or had said yes.
	Own bool
}

// errAbandoned is what everything in a session ends with after Close.
var errAbandoned = errors.New("the conversation was given up")

// begin makes a session; it runs with the first turn.
func (e *Engine) begin(outer string) *Session {
	s := &Session{engine: e, runner: e.runners.get()}
	s.runner.session = s
	s.Claim(outer)
	s.conn = tls.Server((*wire)(s), e.base)
	return s
}

// step lets the session answer one turn. Done says that result is there.
func (s *Session) step(t Turn) (out []byte, done bool) {
	s.turn, s.in, s.out, s.spent, s.notBefore = t, t.Data, nil, false, time.Time{}
	s.runner.next()
	out = s.out
	s.turn, s.in, s.out = Turn{}, nil, nil
	if s.result == nil {
		return out, false
	}
	s.engine.runners.put(s.runner)
	s.runner = nil
	return out, true
}

// close unwinds the session wherever it waits.
func (s *Session) close() {
	if s.runner != nil {
		s.runner.stop()
	}
}

// serve is the session from its first byte to its result. It keeps its frame
// small: while a peer is in the handshake, the stack is most of what it costs.
func (s *Session) serve() {
	if err := s.conn.Handshake(); err != nil {
		s.fail(err)
		return
	}
	s.inside()
}

//go:noinline
func (s *Session) fail(err error) { s.finish(s.Broken(err)) }

//go:noinline
func (s *Session) inside() {
	s.established = true
	state := s.conn.ConnectionState()
	s.resumed = state.DidResume
	if s.msk = exportMSK(&state, s.engine.method); s.msk == nil {
		s.finish(refused(identity.ReasonNoMasterSecret))
		return
	}
	s.finish(s.engine.method.Run(s))
}

// finish takes a verdict to its result: an accepted one needs names that agree,
// and is what lets the session be resumed.
func (s *Session) finish(v identity.Verdict) {
	if v.Outcome == identity.Accepted && !s.agree(v.Person) {
		v = refused(identity.ReasonNamesDisagree)
	}
	s.result = &Result{Verdict: v, Resumed: s.resumed, Own: s.judged == nil}
	if j := s.judged; j != nil && j.Outcome == identity.Accepted && v.Outcome != identity.Accepted {
		s.result.Own, s.result.Verdict.Person, s.result.Verdict.Login = true, j.Person, j.Login
	}
	if v.Outcome == identity.Accepted {
		s.result.MSK = s.msk
		s.record(v.Voucher)
	}
}

// agree says that every name that the peer said is that of who was accepted, in
// whatever realm, or anonymous. A name that nobody has is refused as somebody
// else's is, so that whoever may sign in learns of no other name whether it
// exists. A device is nobody.
func (s *Session) agree(accepted identity.PersonID) bool {
	if s.engine.opts.Whose == nil || accepted.IsZero() {
		return true
	}
	own := func(name string) bool {
		p, ok := s.engine.opts.Whose(name)
		return ok && p == accepted
	}
	for _, name := range s.claims {
		user, _, _ := strings.Cut(name, "@")
		if !s.engine.anonymous(user) && !own(name) && !own(user) {
			return false
		}
	}
	return true
}

// wait sends what was written and waits for the next turn.
func (s *Session) wait() error {
	if !s.runner.yield(struct{}{}) {
		return errAbandoned
	}
	return nil
}

// Ack sends what was written and takes an empty message for an answer.
func (s *Session) Ack() error {
	if err := s.alertOr(nil); err != nil { // what came before was not all
		return err
	}
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
	b := make([]byte, 128) // name and password, or a proof, fit
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

// Random is where challenges come from.
func (s *Session) Random() io.Reader { return s.engine.opts.Random }

// Now is the time.
func (s *Session) Now() time.Time { return s.engine.opts.Now() }

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
func (s *Session) Claim(name string) {
	if named(name) {
		s.claims = append(s.claims, name)
	}
}

// maxName is the longest name that RADIUS could carry.
const maxName = 253

// named says that a name could be somebody's.
func named(name string) bool { return name != "" && len(name) <= maxName && printable(name) }

// Authenticate asks who is there. The verdict always has an outcome.
func (s *Session) Authenticate(name string, proof identity.Proof) identity.Verdict {
	if c, ok := proof.(identity.Certificate); ok {
		s.certified(c)
	} else {
		if !named(name) {
			return Malformed()
		}
		// Windows asks for the computer itself; it has no password here.
		if len(name) >= 5 && strings.EqualFold(name[:5], "host/") {
			return refused(identity.ReasonMachineAccount)
		}
		s.Claim(name)
	}
	v := s.engine.opts.Auth.Authenticate(s.turn.Ctx, identity.Credential{
		Name: name, Proof: proof, Channel: identity.ChannelWiFi, Source: s.turn.Source,
	})
	if v.Outcome == 0 {
		v.Outcome = identity.Unavailable
	}
	s.judged = &v
	if v.Outcome == identity.Rejected {
		s.notBefore = v.NotBefore // of what is said next, be it the last word or not
	}
	return v
}

// certified takes the names of the peer's certificate from those that it has
// only said.
func (s *Session) certified(c identity.Certificate) {
	names := slices.Concat(c.UPNs, c.DNSNames, []string{c.CommonName})
	s.claims = slices.DeleteFunc(s.claims, func(said string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, said) })
	})
}

// printable says that s is UTF-8 without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 })
}

func refused(why identity.Reason) identity.Verdict {
	return identity.Verdict{Outcome: identity.Rejected, Reason: why}
}

// Malformed is the verdict on a peer that does not keep to the protocol.
func Malformed() identity.Verdict {
	return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
}

// Broken is the verdict on a session that cannot go on. Where TLS has an alert
// for the peer, it is sent and acknowledged first (RFC 5216 section 2.1.3);
// whoever has given up by an alert of its own acknowledges nothing any more.
func (s *Session) Broken(err error) identity.Verdict {
	if errors.Is(err, errAbandoned) {
		return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonOverload}
	}
	v := Malformed()
	why, alert := s.alert(err)
	switch {
	case alert && why == identity.ReasonHandshake && s.established:
		return refused(identity.ReasonGaveUp)
	case alert:
		return refused(why)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		v = refused(identity.ReasonNotValid)
	case !s.established && s.offered != 0 && s.offered < tls.VersionTLS12:
		v = refused(identity.ReasonOldTLS)
	case !s.established && !errors.Is(err, ErrOrder):
		v = refused(identity.ReasonHandshake)
	}
	if len(s.out) > 0 {
		s.broken = &v
		_ = s.wait() // whatever comes, the verdict stands
	}
	return v
}

// recordAlert is the type of an alert's record (RFC 8446 section 5.1).
const recordAlert = 21

// distrust are the alerts by which a peer refuses a certificate (RFC 8446
// section 6.2); wpa_supplicant says internal_error (80) where the name does not
// fit.
var distrust = []tls.AlertError{42, 43, 44, 45, 46, 48, 80}

// alert says whether the peer has given up, and what that means to somebody who
// looks for the fault.
func (s *Session) alert(err error) (why identity.Reason, alert bool) {
	var remote *net.OpError
	// In TLS 1.3 a peer that does not like our certificate has no key yet, and
	// its alert comes in clear where crypto/tls expects a sealed one.
	if b := s.turn.Data; len(b) == 7 && b[0] == recordAlert {
		if slices.Contains(distrust, tls.AlertError(b[6])) {
			return identity.ReasonDistrust, true
		}
		return identity.ReasonHandshake, true
	}
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return "", false
	}
	// crypto/tls keeps the type of its alerts to itself; the words are those of
	// AlertError.
	for _, a := range distrust {
		if strings.HasSuffix(err.Error(), a.Error()) {
			return identity.ReasonDistrust, true
		}
	}
	return identity.ReasonHandshake, true
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
