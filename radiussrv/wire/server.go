package wire

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Received is a request as the Handler sees it: checked, proven as far as its
// code allows, and not seen before.
type Received struct {
	Packet *Packet
	Peer   *Peer
	From   netip.AddrPort
	At     time.Time // when it arrived
	Signed bool      // proven: by Message-Authenticator, whole by its authenticator, or by TLS
	Role   Role      // what the listener it came by is for
}

// Handler answers requests. Nil is silence: the peer will try again, here or at
// another server. It is called by several goroutines at once, may wait, and
// should give up at the end of ctx.
type Handler interface {
	Handle(ctx context.Context, r *Received) *Reply
}

// Events tells what happened to packets that no Handler saw, or that it spoiled.
// It is called on the hot path and must not wait. Peer may be nil.
type Events interface {
	Dropped(why Drop, from netip.AddrPort, peer *Peer)
	Duplicate(answered bool)
	Panicked(value any, stack []byte)
}

// Options bounds a Server; zero values take the defaults.
type Options struct {
	// Peer finds who may talk from an address; nil for nobody.
	Peer func(netip.Addr) *Peer
	// Events may be nil.
	Events     Events
	Workers    int              // requests handled at once; 1024
	Queue      int              // requests that wait for a worker; 4096
	Duplicates int              // requests remembered; 65536
	Delayed    int              // replies that wait for their moment; 16384
	Tunnels    int              // RadSec connections at once; 1024, a sixteenth of them from one address
	Patience   time.Duration    // a request that waited longer for its worker is dropped; 2 s
	Now        func() time.Time // time.Now
}

// Server answers RADIUS on any number of UDP sockets and RadSec listeners.
type Server struct {
	opts       Options
	handler    Handler
	duplicates *duplicates
	later      *later
	queue      chan *datagram
	buffers    sync.Pool
	idle       atomic.Int32
	workers    atomic.Int32
	links      atomic.Uint32
	tunnels    tunnels

	ctx    context.Context // ends when requests in work have to give up
	cancel context.CancelFunc

	mu        sync.Mutex
	stopping  bool
	stops     []func() // make readers return
	closers   []func() // close sockets, after the last reply
	readers   sync.WaitGroup
	working   sync.WaitGroup
	closeOnce sync.Once
}

// ErrStopped is what serving ends with after Shutdown.
var ErrStopped = errors.New("the RADIUS server was stopped")

// datagram is one packet on its way in, with the way back.
type datagram struct {
	buf  [maxPacket]byte
	n    int
	at   time.Time
	peer *Peer // known from the connection (RadSec), else nil
	route
}

// route is the way back to the sender. It is copied into what outlives the
// datagram.
type route struct {
	link link
	from netip.AddrPort
	// control is the socket's control message that makes the reply leave from
	// the address the request was sent to.
	control  [64]byte
	controls int
}

// link is a socket or a connection.
type link interface {
	role() Role
	number() (n uint16, repeats bool) // repeats: requests may come twice here
	send(b []byte, r *route) error
	dropped(why Drop)
}

// NewServer makes a server that serves nothing yet.
func NewServer(h Handler, opts Options) *Server {
	set := func(n *int, usual int) {
		if *n <= 0 {
			*n = usual
		}
	}
	set(&opts.Workers, 1024)
	set(&opts.Queue, 4096)
	set(&opts.Duplicates, 65536)
	set(&opts.Delayed, 16384)
	set(&opts.Tunnels, 1024)
	if opts.Patience <= 0 {
		opts.Patience = 2 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Events == nil {
		opts.Events = quiet{}
	}
	s := &Server{
		opts:       opts,
		handler:    h,
		duplicates: newDuplicates(opts.Duplicates),
		later:      &later{limit: opts.Delayed, waiting: make(map[*time.Timer]struct{})},
		queue:      make(chan *datagram, opts.Queue),
	}
	s.buffers.New = func() any { return new(datagram) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

type quiet struct{}

func (quiet) Dropped(Drop, netip.AddrPort, *Peer) {}
func (quiet) Duplicate(bool)                      {}
func (quiet) Panicked(any, []byte)                {}

// enter registers a reader with the function that makes it return and the one
// that closes what it reads from.
func (s *Server) enter(stop, closer func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.stops, s.closers = append(s.stops, stop), append(s.closers, closer)
	s.readers.Add(1)
	return true
}

// take queues a datagram, or drops it where everything is full.
func (s *Server) take(d *datagram) {
	select {
	case s.queue <- d:
	default:
		s.opts.Events.Dropped(DropOverload, d.from, d.peer)
		s.release(d)
		return
	}
	if s.idle.Load() == 0 {
		s.hire()
	}
}

func (s *Server) release(d *datagram) {
	d.peer, d.link, d.controls = nil, nil, 0
	s.buffers.Put(d)
}

// keepIdle workers stay when there is nothing to do; more came because all were
// waiting for somebody.
const keepIdle = 64

// hire starts a worker if there may be one more.
func (s *Server) hire() {
	if s.workers.Add(1) > int32(s.opts.Workers) {
		s.workers.Add(-1)
		return
	}
	s.working.Add(1)
	go s.work()
}

func (s *Server) work() {
	defer s.working.Done()
	defer func() { s.workers.Add(-1) }()
	for {
		if s.idle.Add(1) > keepIdle && len(s.queue) == 0 {
			s.idle.Add(-1)
			return
		}
		d, ok := <-s.queue
		// Whoever queued while this one was being woken counted on it: the
		// last to leave looks back.
		if s.idle.Add(-1) == 0 && len(s.queue) > 0 {
			s.hire()
		}
		if !ok {
			return
		}
		s.process(d)
		s.release(d)
	}
}

// process takes one datagram from its bytes to its reply.
func (s *Server) process(d *datagram) {
	var key requestKey
	begun := false
	defer func() {
		if v := recover(); v != nil {
			s.opts.Events.Panicked(v, debug.Stack())
			s.opts.Events.Dropped(DropPanic, d.from, d.peer)
			if begun {
				s.duplicates.forget(key)
			}
		}
	}()
	b, l, peer, ok := s.admit(d)
	if !ok {
		return
	}
	number, repeats := d.link.number()
	if repeats {
		key = keyOf(b, d.from, number)
		switch was, reply := s.duplicates.begin(key, d.at); was {
		case seenInFlight:
			s.opts.Events.Duplicate(false)
			return
		case seenAnswered:
			s.opts.Events.Duplicate(true)
			s.send(reply, &d.route, peer)
			return
		}
		begun = true
	}
	p, err := decode(b)
	if err != nil { // the codec is stricter than trim
		s.opts.Events.Dropped(DropMalformed, d.from, peer)
		s.duplicates.forget(key)
		return
	}
	signed := l.mac != 0 || p.Code == AccountingRequest || peer.tunnel
	reply := s.handler.Handle(s.ctx, &Received{Packet: p, Peer: peer, From: netip.AddrPortFrom(d.from.Addr().Unmap(), d.from.Port()), At: d.at, Signed: signed, Role: d.link.role()})
	s.answer(reply, p, peer, d.route, key, begun)
}

// admit takes what comes from a peer, is whole, belongs here, is not too old and
// is authentic, and reports what it does not take.
func (s *Server) admit(d *datagram) (b []byte, l layout, peer *Peer, ok bool) {
	if peer = d.peer; peer == nil {
		// An IPv4 peer on a socket for both families is an IPv4 peer.
		peer = s.opts.Peer(d.from.Addr().Unmap())
	}
	drop := func(why Drop) ([]byte, layout, *Peer, bool) {
		s.opts.Events.Dropped(why, d.from, peer)
		d.link.dropped(why)
		return nil, layout{}, nil, false
	}
	if peer == nil {
		return drop(DropUnknownPeer)
	}
	b, l, err := trim(d.buf[:d.n])
	if err != nil {
		return drop(DropMalformed)
	}
	if !d.link.role().takes(Code(b[0])) {
		return drop(DropCode)
	}
	if s.opts.Now().Sub(d.at) > s.opts.Patience {
		return drop(DropLate)
	}
	if why, authentic := peer.authentic(b, l); !authentic {
		return drop(why)
	}
	return b, l, peer, true
}

// answer encodes a reply and sends it now or in its time.
func (s *Server) answer(reply *Reply, p *Packet, peer *Peer, back route, key requestKey, begun bool) {
	if reply == nil {
		if begun {
			s.duplicates.forget(key)
		}
		return
	}
	b, err := reply.encode(p, peer)
	if err != nil {
		s.opts.Events.Dropped(DropReply, back.from, peer)
		if begun {
			s.duplicates.forget(key)
		}
		return
	}
	deliver := func() {
		if begun {
			s.duplicates.finish(key, b, s.opts.Now())
		}
		s.send(b, &back, peer)
	}
	wait := time.Duration(0)
	if !reply.NotBefore.IsZero() {
		wait = reply.NotBefore.Sub(s.opts.Now())
	}
	if wait <= 0 {
		deliver()
		return
	}
	if !s.later.after(wait, deliver) {
		// Sending at once would tell what the delay is there to hide.
		s.opts.Events.Dropped(DropOverload, back.from, peer)
		if begun {
			s.duplicates.forget(key)
		}
	}
}

func (s *Server) send(b []byte, r *route, peer *Peer) {
	if err := r.link.send(b, r); err != nil {
		s.opts.Events.Dropped(DropReply, r.from, peer)
	}
}

// Shutdown stops reading, lets requests in work and delayed replies finish
// until ctx ends, then closes everything. It says what was left undone.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for _, stop := range s.stops {
		stop()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.readers.Wait()
		s.closeOnce.Do(func() { close(s.queue) })
		s.working.Wait()
		s.later.wait()
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		waiting := s.later.stop()
		err = fmt.Errorf("stop RADIUS: %d requests in work, %d queued and %d delayed replies were given up: %w",
			max(s.workers.Load()-s.idle.Load(), 0), len(s.queue), waiting, ctx.Err())
	}
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, closer := range s.closers {
		closer()
	}
	return err
}
