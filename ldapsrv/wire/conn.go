package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/timely"
)

// flushAt is how many answered bytes are gathered before they are written even
// though more requests wait.
const flushAt = 32 << 10

// outs lends the memory for answers, so that silent connections hold none.
var outs = sync.Pool{New: func() any { return new([]byte) }}

// Conn is one client's connection, as a Session sees it. Its methods are called
// by the session while it serves a request, and by nobody else.
type Conn struct {
	server  *Server
	how     *Listener
	from    *origin  // nil: whose the connection is, a balancer has yet to say
	raw     net.Conn // the socket
	net     net.Conn // the socket, or TLS over it
	reader  *pduReader
	ahead   *ahead // not nil: a goroutine reads
	out     []byte
	request Message    // that is served
	lent    *[]byte    // where out came from; nil: nowhere
	peer    netip.Addr // the client's; until a balancer has told it, the socket's
	local   bool       // the socket's other end is this machine

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	readUntil time.Time    // deadline of the socket
	writes    *timely.Conn // where TLS writes

	bound    atomic.Bool // somebody is signed in: larger requests are taken
	person   [16]byte    // who, where that counts; see SetPerson
	lobbied  bool        // the lobby has it as one where nobody is; see fallSilent
	counted  [16]byte    // for whom people has it; changed with Server.mu held
	ended    bool        // no further request is served
	failed   error
	startTLS *tls.Config
	stopping atomic.Bool

	outgrown atomic.Bool  // its person has too many; set before stopping
	silent   atomic.Bool  // nothing is under way
	since    atomic.Int64 // when nothing was, of a person's; Unix, ns
	places   [4]place     // in the lobby, or Server.unheard, and that of its source; and see people.go; of Server.mu
}

func newConn(s *Server, raw net.Conn, how *Listener) *Conn {
	c := &Conn{server: s, how: how, raw: raw, net: raw, writes: timely.New(raw, s.opt.Limits.Write), lobbied: true}
	c.silent.Store(true)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if a, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		c.peer = a.AddrPort().Addr().Unmap().WithZone("")
		c.local = c.peer.IsLoopback()
	}
	return c
}

// Peer is the client's address: the socket's, or what a balancer says it is.
func (c *Conn) Peer() netip.Addr { return c.peer }

// Loopback says that client and socket are this machine's: a balancer's own
// loopback is elsewhere, and between it and us lies a network.
func (c *Conn) Loopback() bool { return c.local && c.peer.IsLoopback() }

// Source is what limits count: the client's IPv4 address or IPv6 /64.
func (c *Conn) Source() netip.Addr { return source(c.peer) }

// TLS says whether the connection is confidential.
func (c *Conn) TLS() bool { return c.net != c.raw }

// Certificates are what the client has shown in the TLS handshake, its own first;
// it has the key of that one. Nobody has looked at who issued it.
func (c *Conn) Certificates() []*x509.Certificate {
	secured, ok := c.net.(*tls.Conn)
	if !ok {
		return nil
	}
	return secured.ConnectionState().PeerCertificates
}

// SetBound says whether somebody is signed in: such connections may send larger
// requests and be silent for longer.
func (c *Conn) SetBound(bound bool) { c.bound.Store(bound) }

// SetPerson says whose connection it is while somebody is signed in, for
// Limits.PerPerson: a number that each person has for himself; zero is nobody's.
func (c *Conn) SetPerson(id [16]byte) { c.person = id }

// End ends the connection after what was answered so far is written.
func (c *Conn) End() { c.ended = true }

// Malformed ends the connection because a request's structure is broken: RFC
// 4511 section 4.1.1 demands the notice and the end.
func (c *Conn) Malformed() {
	if !c.ended {
		c.leave(ErrBER)
	}
	c.ended = true
}

// Reply answers with a result.
func (c *Conn) Reply(id int32, op byte, r Result) { c.ReplyExtra(id, op, r, nil, nil) }

// ReplyExtra answers with a result, what the operation adds to it, and controls
// that AppendControl made.
func (c *Conn) ReplyExtra(id int32, op byte, r Result, extra, controls []byte) {
	c.out = AppendResult(c.Buffer(), id, op, r, extra, controls)
}

// Buffer gives the memory in which answers are gathered, for appending whole
// messages; Wrote takes it back.
func (c *Conn) Buffer() []byte {
	if c.out == nil {
		c.lent = outs.Get().(*[]byte)
		c.out = (*c.lent)[:0]
	}
	return c.out
}

// Wrote takes back what Buffer gave, and writes it out when it is large. The
// error says that the client is gone and there is no use in answering further.
func (c *Conn) Wrote(b []byte) error {
	c.out = b
	if len(c.out) >= flushAt {
		c.Flush()
	}
	return c.failed
}

// Flush writes what was answered so far. The engine does so by itself when no
// request waits; a session that is about to wait for somebody does it first.
// What a client does not take waits in its socket and here, flushAt bytes and a
// message at most, until Limits.Write ends the connection; all that a source
// leaves waiting is bounded too, so that many such clients take no memory.
func (c *Conn) Flush() {
	if len(c.out) == 0 || c.failed != nil {
		c.out = c.out[:0]
		return
	}
	n := int64(len(c.out))
	if !add(&c.from.unread, n, max(c.server.opt.Limits.Unread, n)) { // one alone may be larger: a group of thousands
		c.failed = errUnread
		c.server.ended(c, troubleUnread)
		c.out = c.out[:0]
		return
	}
	c.waiting(true)
	c.writes.Answer(true)
	if _, c.failed = c.net.Write(c.out); errors.Is(c.failed, os.ErrDeadlineExceeded) {
		c.server.ended(c, troubleDeaf)
	}
	c.writes.Answer(false)
	c.waiting(false)
	c.from.unread.Add(-n)
	c.out = c.out[:0]
}

var errUnread = errors.New("too many answers that nobody takes")

// rest flushes and gives the memory back, before the connection falls silent.
func (c *Conn) rest() {
	c.Flush()
	if c.lent == nil {
		return
	}
	if cap(c.out) <= 4*flushAt {
		*c.lent = c.out
		outs.Put(c.lent)
	}
	c.out, c.lent = nil, nil
}

// OffersTLS says whether the connection has TLS or may begin it.
func (c *Conn) OffersTLS() bool { return c.how.TLS != nil }

// StartTLS says whether TLS can begin now; if so it does when the answer is
// written (RFC 4511 section 4.14).
func (c *Conn) StartTLS() bool {
	if c.TLS() || c.how.TLS == nil {
		return false
	}
	c.startTLS = c.how.TLS()
	return c.startTLS != nil
}

// stop ends a connection that waits for a request; one that serves ends after.
func (c *Conn) stop() {
	c.stopping.Store(true)
	_ = c.raw.SetReadDeadline(time.Now()) // wakes the reader; a closed socket needs no waking
}

// kill ends a connection whatever it does.
func (c *Conn) kill() {
	c.stopping.Store(true)
	c.cancel()
	_ = c.raw.Close() // ends its reads and writes
}

// run owns the connection from its first to its last byte.
func (s *Server) run(c *Conn) {
	defer s.forget(c)
	defer func() {
		if p := recover(); p != nil {
			s.fault(p)
		}
		c.cancel()
		_ = c.net.Close() // whatever was to be written was
		if c.ahead != nil {
			<-c.ahead.done
			c.ahead.first.free()
		}
		if c.reader != nil {
			c.reader.free()
		}
	}()
	c.reader = newReader(c.raw, c)
	if len(c.how.Proxies) > 0 && !s.introduce(c) {
		return
	}
	if c.how.Implicit && (c.how.TLS == nil || !c.handshake(c.how.TLS())) {
		return
	}
	session := s.opt.Open(c)
	for !c.ended && c.failed == nil {
		var err error
		if c.request, err = c.next(); err != nil {
			c.leave(err)
			return
		}
		s.metrics.requests.Inc()
		s.serve(session, c)
		c.request = Message{}
		if c.ahead != nil {
			c.ahead.first.free() // nothing but that request lay there
		}
		if c.startTLS != nil && !c.upgrade() {
			return
		}
	}
	c.Flush()
}

// serve serves one request, unless too many of its source are under way. A bind
// that is refused unseen ends the connection: whoever was signed in must not go
// on as if it had not come (RFC 4511 section 4.2.1).
func (s *Server) serve(session Session, c *Conn) {
	if !add(&c.from.operations, 1, int64(s.opt.Limits.Operations)) {
		if op := ResponseOf(c.request.Op); op != 0 {
			s.metrics.busy.Inc()
			s.notices.say("an LDAP request is answered busy", troubleOperations, c.peer)
			c.Reply(c.request.ID, op, Result{Code: Busy, Text: "too many requests from your address are under way"})
			c.ended = c.ended || op == OpBindResponse
			return
		}
		c.from.operations.Add(1) // unbind and abandon cost nothing
	}
	defer c.from.operations.Add(-1)
	session.Serve(c.ctx, c, &c.request)
}

// fault books a panic; its connection ends.
func (s *Server) fault(p any) {
	s.metrics.panics.Inc()
	s.opt.Logger.Error("a fault while serving an LDAP connection", "panic", p, "stack", string(debug.Stack()))
}

// next gives the next request, from the goroutine that reads ahead if there is
// one. Before it waits, the answers so far are written. Once the server stops
// there is none, however many a client has sent.
func (c *Conn) next() (Message, error) {
	if c.stopping.Load() {
		return Message{}, errStopping
	}
	if c.ahead != nil {
		if m, ok := c.ahead.next(c); ok {
			return m, nil
		}
		if c.failed != nil {
			return Message{}, c.failed
		}
		err := c.ahead.err
		c.ahead = nil
		if err != nil {
			return Message{}, err
		}
	}
	if !c.reader.whole() {
		c.rest()
		if c.failed != nil {
			return Message{}, c.failed
		}
		c.fallSilent()
	}
	b, err := c.read()
	if err != nil {
		return Message{}, err
	}
	c.silent.Store(false)
	return ParseMessage(b)
}

// read waits for a request: silence is bounded by Idle, a request that began
// by Read. It belongs to one goroutine at a time.
func (c *Conn) read() ([]byte, error) {
	limits := &c.server.opt.Limits
	if !c.reader.whole() && c.reader.waiting() == 0 {
		if err := c.await(); err != nil {
			return nil, silence(err)
		}
	}
	if !c.reader.whole() {
		c.deadline(limits.Read)
	}
	if c.bound.Load() {
		return c.reader.read(limits.PDU)
	}
	return c.reader.read(limits.FirstPDU)
}

// await waits for the first byte of a request. Whoever is signed in meanwhile, by a
// request that is served while this one is read ahead, may be silent for longer.
func (c *Conn) await() error {
	for {
		bound, idle := c.bound.Load(), c.how.Idle
		if !bound {
			idle = min(c.server.opt.Limits.FirstIdle, idle)
		}
		c.deadline(idle)
		err := c.reader.wait()
		if bound || !errors.Is(err, os.ErrDeadlineExceeded) || !c.bound.Load() || c.stopping.Load() {
			return err
		}
	}
}

// errSilent says that a client asked nothing for too long.
var errSilent = errors.New("silent for too long")

func silence(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return err
}

// deadline bounds the reads to come; those of a connection that is stopped fail
// at once, whichever of the two came first.
func (c *Conn) deadline(in time.Duration) {
	until, renew := timely.Renewed(c.readUntil, in)
	if !renew {
		return
	}
	c.readUntil = until
	_ = c.raw.SetReadDeadline(until) // a closed socket fails at the read
	if c.stopping.Load() {
		_ = c.raw.SetReadDeadline(time.Now())
	}
}

var (
	errStopping = errors.New("the server is stopping")
	errOutgrown = errors.New("too many connections of yours: this one has been idle for longest")
)

// goodbyes are the notices of disconnection and what is counted, by the reason
// why there is no next request. Being silent or slow is no result code's meaning
// (RFC 4511 section 4.4.1); adminLimitExceeded says it best.
var goodbyes = []struct {
	err  error
	code Code
	text string
	why  string
}{
	{errSilent, AdminLimitExceeded, "silent for too long", troubleIdle},
	{os.ErrDeadlineExceeded, AdminLimitExceeded, "the request took too long to come", troubleSlow},
	{ErrTooLarge, ProtocolError, "the request is too large", troubleTooLarge},
	{ErrBER, ProtocolError, "the request cannot be understood", troubleMalformed},
	{errBusy, Busy, "too many large requests at once", troubleBusy},
}

// leave says goodbye in the words of RFC 4511 section 4.4.1.
func (c *Conn) leave(err error) {
	if c.stopping.Load() {
		code, why := Unavailable, errStopping
		if c.outgrown.Load() {
			code, why = AdminLimitExceeded, errOutgrown
		}
		c.out = appendNotice(c.Buffer(), code, why.Error())
		c.rest()
		return
	}
	for _, bye := range goodbyes {
		if !errors.Is(err, bye.err) || c.failed != nil {
			continue
		}
		c.server.ended(c, bye.why)
		if bye.code == ProtocolError {
			c.server.metrics.malformed.Inc()
		}
		c.out = appendNotice(c.Buffer(), bye.code, bye.text)
		c.rest()
		if c.ahead == nil { // nobody else reads
			c.reader.free()
		}
		if bye.code != AdminLimitExceeded {
			c.linger()
		}
		return
	}
	c.rest()
}

// ended tells of a connection that is ended for what its client does. Silence is
// usual, and only counted.
func (s *Server) ended(c *Conn, why string) {
	s.metrics.ended.WithLabelValues(why).Inc()
	if why != troubleIdle {
		s.notices.say("an LDAP connection is ended", why, c.peer)
	}
}

// linger takes what the client is still sending, for a moment: a socket that is
// closed with bytes unread is reset, and the notice is lost with it.
func (c *Conn) linger() {
	if half, ok := c.net.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.raw.SetReadDeadline(time.Now().Add(time.Second)) // a closed socket fails below
		_, _ = io.CopyN(io.Discard, c.raw, 1<<20)
	}
}

// upgrade begins TLS after the answer that promised it. Bytes that came before
// the handshake were not protected and end the connection.
func (c *Conn) upgrade() bool {
	config := c.startTLS
	c.startTLS = nil
	c.reader.release()
	early := c.reader.waiting() > 0
	c.rest()
	return c.failed == nil && !early && c.handshake(config)
}
