package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Received is a request as the Handler sees it: checked, proven as far as its
// code allows, and not seen before. It and the values of its packet are good
// until the Handler returns; what is needed longer has to be copied.
type Received struct {
	Packet *Packet
	Peer   *Peer
	From   netip.AddrPort
	At     time.Time // when it arrived
	Signed bool      // proven: by Message-Authenticator, whole by its authenticator, or by TLS
	Role   Role      // what the listener it came by is for
	reply  *Reply
}

// Handler answers requests. Nil is silence: the peer will try again, here or at
// another server. It is called by several goroutines at once, may wait, and
// should give up at the end of ctx.
type Handler interface {
	Handle(ctx context.Context, r *Received) *Reply
}

// Prompt is a Handler that knows some answers without waiting for anybody. It is
// asked first, by whoever reads the socket: what it answers takes no queue and no
// other goroutine. Where it says false it has changed nothing, and Handle is
// asked. It must not wait, nor compute for longer than some microseconds.
type Prompt interface {
	HandlePrompt(r *Received) (reply *Reply, ok bool)
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
	Readers    int              // goroutines that read a socket and answer what is answered promptly; one for each processor, 4 at most
	Workers    int              // requests handled at once that were not; 1024
	Queue      int              // requests that wait for a worker; 4096, as many of one peer as a Share allows
	Duplicates int              // requests remembered, with 112 bytes of reply on average: 5 MiB; 32768
	Delayed    int              // replies that wait for their moment; 16384, likewise
	Tunnels    int              // RadSec connections of a listener at once; 1024
	TunnelsAt  int              // of them from one IPv4 address or IPv6 /64; a sixteenth
	Patience   time.Duration    // a request that waited longer for its worker is dropped; 2 s
	Now        func() time.Time // time.Now
}

// Server answers RADIUS on any number of UDP sockets and RadSec listeners.
type Server struct {
	opts       Options
	handler    Handler
	prompt     Prompt // the same, or nil
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

// datagram is one packet on its way in, with the way back and with what becomes
// known of it.
type datagram struct {
	buf    [maxPacket]byte
	n      int
	ticket ticket // where repeats are noticed; zero where there are none
	packet Packet
	answer Reply
	Received
	route
}

// route is the way back to the sender. It is copied into what outlives the
// datagram.
type route struct {
	link link
	from netip.AddrPort // as the socket has it
	native
	// control is the socket's control message that makes the reply leave from
	// the address the request was sent to.
	control  [controlSize]byte
	controls int
}

// controlSize has room for one in6_pktinfo.
const controlSize = 64

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
	set(&opts.Readers, min(runtime.GOMAXPROCS(0), 4))
	set(&opts.Workers, 1024)
	set(&opts.Queue, 4096)
	set(&opts.Duplicates, 32768)
	set(&opts.Delayed, 16384)
	set(&opts.Tunnels, 1024)
	set(&opts.TunnelsAt, max(opts.Tunnels/16, 1))
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
		duplicates: newDuplicates(opts.Duplicates, opts.Now()),
		later:      &later{limit: opts.Delayed, waiting: make(map[*time.Timer]struct{})},
		queue:      make(chan *datagram, opts.Queue),
	}
	s.prompt, _ = h.(Prompt)
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

// take takes a datagram from its bytes to its reply, or to the queue where its
// answer has to be waited for. It says whether the datagram may be used again.
// Replies leave through out; nil: each by itself.
func (s *Server) take(d *datagram, out *batch) (free bool) {
	free = true
	defer func() {
		if v := recover(); v != nil {
			s.panicked(d, v)
		}
	}()
	b, l, ok := s.admit(d)
	if !ok || s.repeated(d, b, out) {
		return true
	}
	d.packet = decode(b)
	d.Packet, d.Role, d.reply = &d.packet, d.link.role(), &d.answer
	d.From = netip.AddrPortFrom(d.from.Addr().Unmap(), d.from.Port())
	d.Signed = l.mac != 0 || d.packet.Code == AccountingRequest || d.Peer.tunnel
	if s.prompt != nil {
		if reply, ok := s.prompt.HandlePrompt(&d.Received); ok {
			s.answer(reply, d, out)
			return true
		}
	}
	return !s.enqueue(d)
}

// enqueue gives a datagram to the workers, or drops it where everything is full,
// or as much of it as one peer or address may fill.
func (s *Server) enqueue(d *datagram) bool {
	if !d.Peer.queued.Take(cap(s.queue), d.From.Addr()) {
		s.drop(d, DropOverload)
		return false
	}
	select {
	case s.queue <- d:
	default:
		d.Peer.queued.Give(d.From.Addr())
		s.drop(d, DropOverload)
		return false
	}
	if s.idle.Load() == 0 {
		s.hire()
	}
	return true
}

// drop reports a request that gets no answer. A repeat is a new try.
func (s *Server) drop(d *datagram, why Drop) {
	s.opts.Events.Dropped(why, d.from, d.Peer)
	d.ticket.forget()
}

func (s *Server) panicked(d *datagram, value any) {
	s.opts.Events.Panicked(value, debug.Stack())
	s.drop(d, DropPanic)
}

func (s *Server) release(d *datagram) {
	d.clean()
	s.buffers.Put(d)
}

// clean forgets all but the buffer.
func (d *datagram) clean() {
	d.ticket, d.packet, d.Received = ticket{}, Packet{}, Received{}
	d.answer.keys = mppeKeys{}
	d.link, d.controls = nil, 0
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
		d.Peer.queued.Give(d.From.Addr())
		s.handle(d)
		s.release(d)
	}
}

// handle lets the Handler answer a datagram from the queue.
func (s *Server) handle(d *datagram) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked(d, v)
		}
	}()
	if s.opts.Now().Sub(d.At) > s.opts.Patience {
		s.drop(d, DropLate)
		return
	}
	s.answer(s.handler.Handle(s.ctx, &d.Received), d, nil)
}

// admit takes what comes from a peer, is whole, belongs here and is authentic,
// and reports what it does not take.
func (s *Server) admit(d *datagram) (b []byte, l layout, ok bool) {
	if d.Peer == nil {
		// An IPv4 peer on a socket for both families is an IPv4 peer.
		d.Peer = s.opts.Peer(d.from.Addr().Unmap())
	}
	drop := func(why Drop) ([]byte, layout, bool) {
		s.opts.Events.Dropped(why, d.from, d.Peer)
		d.link.dropped(why)
		return nil, layout{}, false
	}
	if d.Peer == nil {
		return drop(DropUnknownPeer)
	}
	b, l, err := trim(d.buf[:d.n])
	if err != nil {
		return drop(DropMalformed)
	}
	if !d.link.role().takes(Code(b[0])) {
		return drop(DropCode)
	}
	if why, authentic := d.Peer.authentic(b, l); !authentic {
		return drop(why)
	}
	return b, l, true
}

// repeated notes a request; one that was noted before gets its reply again.
func (s *Server) repeated(d *datagram, b []byte, out *batch) bool {
	number, repeats := d.link.number()
	if !repeats {
		return false
	}
	key := keyOf(b, d.from, number)
	t, was, reply := s.duplicates.begin(&key, d.At, out.room())
	switch was {
	case seenInFlight:
		s.opts.Events.Duplicate(false)
	case seenAnswered:
		s.opts.Events.Duplicate(true)
		s.send(reply, &d.route, d.Peer, out)
	default:
		d.ticket = t
	}
	return was != seenNever
}

// answer encodes a reply and sends it now or in its time.
func (s *Server) answer(reply *Reply, d *datagram, out *batch) {
	if reply == nil {
		d.ticket.forget()
		return
	}
	b, err := reply.encode(out.room(), &d.packet, d.Peer)
	if err != nil {
		s.drop(d, DropReply)
		return
	}
	wait := time.Duration(0)
	if !reply.NotBefore.IsZero() {
		wait = reply.NotBefore.Sub(s.opts.Now())
	}
	if wait <= 0 {
		d.ticket.finish(b, s.duplicates.age(s.opts.Now()))
		s.send(b, &d.route, d.Peer, out)
		return
	}
	s.delay(wait, bytes.Clone(b), d)
}

// delay sends a reply in its time, without the datagram that it answers.
func (s *Server) delay(wait time.Duration, b []byte, d *datagram) {
	back, peer, ticket, addr := d.route, d.Peer, d.ticket, d.From.Addr()
	if !peer.delayed.Take(s.opts.Delayed, addr) {
		s.drop(d, DropOverload)
		return
	}
	if !s.later.after(wait, func() {
		peer.delayed.Give(addr)
		ticket.finish(b, s.duplicates.age(s.opts.Now()))
		s.send(b, &back, peer, nil)
	}) {
		// Sending at once would tell what the delay is there to hide.
		peer.delayed.Give(addr)
		s.drop(d, DropOverload)
	}
}

// send sends b, which may be used again once it returns, or once out is flushed.
func (s *Server) send(b []byte, r *route, peer *Peer, out *batch) {
	if out != nil {
		out.add(b, r, peer)
		return
	}
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
	var closing sync.WaitGroup
	for _, closer := range s.closers { // at once: TLS's farewell to one that reads nothing takes seconds
		closing.Go(closer)
	}
	closing.Wait()
	return err
}
