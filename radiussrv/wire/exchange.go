package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// How an exchange can fail besides ErrForged, ErrUnsigned and ErrMalformed.
var (
	// ErrNoAnswer: nothing came in time.
	ErrNoAnswer = errors.New("no answer")
	// ErrRefused: the machine answers that nobody listens on the port.
	ErrRefused = errors.New("nobody listens on that port")
	// ErrLost: the RadSec connection could not be made, or broke. The cause is
	// wrapped beside it.
	ErrLost = errors.New("no RadSec connection")
)

// ClientOptions bounds a Client; zero values take the defaults.
type ClientOptions struct {
	Secret []byte // not used over TLS, where RFC 6614 section 2.3 fixes it
	// TLS makes the connections RadSec, with its certificate and authorities.
	TLS   *tls.Config
	Lines int           // source ports or connections, each with at most 256 requests in flight; 1
	Wait  time.Duration // for an answer, before the request is sent again; 2 s
	Tries int           // how often a request is sent at most; 3. Over TLS once, and the answer has Wait times Tries
	// Unsigned takes replies without Message-Authenticator that carry no EAP:
	// what an attacker between us and the server can forge (CVE-2024-3596).
	Unsigned bool
	// Asked says whether a Disconnect-Request or CoA-Request is done that the server
	// sends over a RadSec connection of ours (RFC 5176): ACK, else NAK. It keeps
	// nothing waiting. nil: such requests are passed over.
	Asked func(*Packet) bool
}

// Client asks one server, as an access point or a proxy does. It may be used by
// several goroutines.
type Client struct {
	server string
	opts   ClientOptions
	peer   *Peer
	lines  []*Line

	mu     sync.Mutex
	next   int
	closed bool
	open   map[net.Conn]struct{}
	reads  sync.WaitGroup
}

// Line is one source port or one RadSec connection. What belongs together (the
// rounds of one sign-in) goes over one line, because what stands before servers
// may share out requests by it.
type Line struct {
	client *Client
	free   chan byte // identifiers in no use, the longest unused first

	mu      sync.Mutex
	conn    net.Conn // nil until the first request, and after a break
	waiting [256]*pending
}

// pending is a request that waits for its answer.
type pending struct {
	request []byte
	conn    net.Conn
	answer  chan outcome // takes one
	mu      sync.Mutex
	seen    error // what came instead of an answer
}

type outcome struct {
	packet *Packet
	err    error
}

// Answer is what came back.
type Answer struct {
	*Packet
	Tries int           // how often the request was sent
	Took  time.Duration // since it was sent first
}

// NewClient makes a client of the server at host:port. Sockets and connections
// are opened when they are needed.
func NewClient(server string, opts ClientOptions) *Client {
	if opts.Lines <= 0 {
		opts.Lines = 1
	}
	if opts.Wait <= 0 {
		opts.Wait = 2 * time.Second
	}
	if opts.Tries <= 0 {
		opts.Tries = 3
	}
	c := &Client{server: server, opts: opts, open: make(map[net.Conn]struct{})}
	if opts.TLS == nil {
		c.peer = NewPeer(opts.Secret, opts.Unsigned, nil)
	} else {
		c.peer = NewTunnelPeer(nil)
		c.opts.Wait, c.opts.Tries = opts.Wait*time.Duration(opts.Tries), 1
		if opts.TLS.ServerName == "" && !opts.TLS.InsecureSkipVerify {
			c.opts.TLS = opts.TLS.Clone()
			c.opts.TLS.ServerName, _, _ = net.SplitHostPort(server)
		}
	}
	for range opts.Lines {
		l := &Line{client: c, free: make(chan byte, 256)}
		for id := range 256 {
			l.free <- byte(id)
		}
		c.lines = append(c.lines, l)
	}
	return c
}

// Secret is the one that hides passwords and keys.
func (c *Client) Secret() []byte { return c.peer.Secret() }

// Line gives the lines in turn.
func (c *Client) Line() *Line {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return c.lines[c.next%len(c.lines)]
}

// Client gives the client that a line belongs to.
func (l *Line) Client() *Client { return l.client }

// Close closes all lines; exchanges under way fail.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.reads.Wait()
}

// lost marks what ends a RadSec connection.
func (c *Client) lost(err error) error {
	if c.opts.TLS == nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// dial opens a connection, or gives the one that another exchange opened.
func (l *Line) dial(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		return l.conn, nil
	}
	c := l.client
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	var conn net.Conn
	var err error
	if c.opts.TLS != nil {
		conn, err = (&tls.Dialer{Config: c.opts.TLS}).DialContext(ctx, "tcp", c.server)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "udp", c.server)
	}
	if err != nil {
		return nil, c.lost(err)
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(readBuffer)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c.open[conn] = struct{}{}
	c.reads.Add(1)
	l.conn = conn
	go l.read(conn)
	return conn, nil
}

// read hands answers to those who wait for them, until the connection ends.
func (l *Line) read(conn net.Conn) {
	c := l.client
	defer c.reads.Done()
	next := func(b []byte) (int, error) { return conn.Read(b) }
	if c.opts.TLS != nil {
		next = stream(bufio.NewReaderSize(conn, maxPacket))
	}
	var b [maxPacket]byte
	for {
		n, err := next(b[:])
		if errors.Is(err, syscall.ECONNREFUSED) {
			l.note(ErrRefused)
			continue
		}
		if err != nil {
			l.end(conn, err)
			return
		}
		switch {
		case n >= headerLen && c.opts.TLS != nil && c.opts.Asked != nil && Code(b[0]).dynamic():
			l.client.asked(conn, b[:n])
		case n > 1:
			l.take(b[:n])
		}
	}
}

// stream cuts packets from a stream by the length that each gives.
func stream(r io.Reader) func([]byte) (int, error) {
	return func(b []byte) (int, error) {
		if _, err := io.ReadFull(r, b[:4]); err != nil {
			return 0, err
		}
		length := int(binary.BigEndian.Uint16(b[2:4]))
		if length < headerLen || length > maxPacket {
			return 0, ErrMalformed
		}
		_, err := io.ReadFull(r, b[4:length])
		return length, err
	}
}

// take finds out which request a packet answers. One that is no answer is
// noted and waited on: anybody can send a datagram.
func (l *Line) take(b []byte) {
	l.mu.Lock()
	p := l.waiting[b[1]]
	l.mu.Unlock()
	if p == nil {
		return
	}
	packet, err := parseReply(b, p.request, l.client.peer)
	if err != nil && !errors.Is(err, ErrUnsigned) {
		p.note(err)
		return
	}
	select {
	case p.answer <- outcome{packet, err}:
	default: // the answer came twice
	}
}

// asked answers a request that comes the other way, once it is proven (RFC 5176
// section 2.3). What is not is passed over.
func (c *Client) asked(conn net.Conn, b []byte) {
	p, err := Parse(b)
	if err != nil || !c.peer.sealed(b) {
		return
	}
	code := p.Code + 2 // NAK
	if c.opts.Asked(p) {
		code = p.Code + 1
	}
	reply := append(make([]byte, 0, maxPacket), byte(code), p.ID, 0, headerLen)
	reply = append(reply, b[4:headerLen]...)
	c.peer.seal(reply)
	_ = conn.SetWriteDeadline(time.Now().Add(writeWithin))
	_, _ = conn.Write(reply) // whoever reads the connection learns of its end
}

// note keeps the first thing that came instead of an answer; a forged answer
// says more than a refusal.
func (p *pending) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || errors.Is(p.seen, ErrRefused) {
		p.seen = err
	}
}

// note tells all that wait.
func (l *Line) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.waiting {
		if p != nil {
			p.note(err)
		}
	}
}

// end closes a connection and tells those who wait for something from it.
func (l *Line) end(conn net.Conn, err error) {
	_ = conn.Close()
	l.mu.Lock()
	if l.conn == conn {
		l.conn = nil
	}
	for _, p := range l.waiting {
		if p != nil && p.conn == conn {
			select {
			case p.answer <- outcome{nil, l.client.lost(err)}:
			default:
			}
		}
	}
	l.mu.Unlock()
	l.client.mu.Lock()
	delete(l.client.open, conn)
	l.client.mu.Unlock()
}

// Exchange sends a request, again if need be, and waits for its answer, after
// waiting for a free identifier. The error is one of those above, ctx's, or the
// system's.
func (l *Line) Exchange(ctx context.Context, r *Request) (Answer, error) {
	conn, err := l.dial(ctx)
	if err != nil {
		return Answer{}, err
	}
	select {
	case r.ID = <-l.free:
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	defer func() { l.free <- r.ID }()
	b, err := r.encode(l.client.peer)
	if err != nil {
		return Answer{}, err
	}
	p := &pending{request: b, conn: conn, answer: make(chan outcome, 1)}
	l.set(r.ID, p)
	defer l.set(r.ID, nil)
	return l.client.ask(ctx, p)
}

func (l *Line) set(id byte, p *pending) {
	l.mu.Lock()
	l.waiting[id] = p
	l.mu.Unlock()
}

// ask sends until there is an answer.
func (c *Client) ask(ctx context.Context, p *pending) (a Answer, err error) {
	began := time.Now()
	timer := time.NewTimer(c.opts.Wait)
	defer timer.Stop()
	for {
		a.Tries++
		if c.opts.TLS != nil {
			_ = p.conn.SetWriteDeadline(time.Now().Add(writeWithin))
		}
		if _, err := p.conn.Write(p.request); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return a, c.lost(err)
		} else if err != nil {
			p.note(ErrRefused)
		}
		select {
		case o := <-p.answer:
			a.Packet, a.Took = o.packet, time.Since(began)
			return a, o.err
		case <-ctx.Done():
			return a, ctx.Err()
		case <-timer.C:
		}
		if a.Tries >= c.opts.Tries {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.seen != nil {
				return a, p.seen
			}
			return a, ErrNoAnswer
		}
		timer.Reset(c.opts.Wait)
	}
}
