package wire

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var secret = []byte("a shared secret")

// script is a Handler made of a function.
type script func(ctx context.Context, r *Received) *Reply

func (f script) Handle(ctx context.Context, r *Received) *Reply { return f(ctx, r) }

// accept answers every request with one attribute.
var accept = script(func(_ context.Context, r *Received) *Reply {
	reply := &Reply{Code: AccessAccept}
	if r.Packet.Code == AccountingRequest {
		reply.Code = AccountingResponse
	}
	reply.AddText(ReplyMessage, "yes")
	return reply
})

// tally counts events.
type tally struct {
	mu       sync.Mutex
	drops    map[Drop]int
	answered int
	inFlight int
	panics   int
}

func (t *tally) Dropped(why Drop, _ netip.AddrPort, _ *Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.drops == nil {
		t.drops = make(map[Drop]int)
	}
	t.drops[why]++
}

func (t *tally) Duplicate(answered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if answered {
		t.answered++
	} else {
		t.inFlight++
	}
}

func (t *tally) Panicked(any, []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.panics++
}

func (t *tally) dropped(why Drop) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drops[why]
}

// wireTap is a link that keeps what is sent.
type wireTap struct {
	as   Role
	sent chan []byte
}

func newTap(as Role) *wireTap             { return &wireTap{as: as, sent: make(chan []byte, 1000)} }
func (w *wireTap) role() Role             { return w.as }
func (w *wireTap) dropped(Drop)           {}
func (w *wireTap) number() (uint16, bool) { return 1, true }
func (w *wireTap) send(b []byte, _ *route) error {
	w.sent <- bytes.Clone(b)
	return nil
}

// next gives what was sent, or nil if nothing was by now.
func (w *wireTap) next() []byte {
	synctest.Wait()
	select {
	case b := <-w.sent:
		return b
	default:
		return nil
	}
}

// arrive puts bytes on the server's desk as if they had come from addr.
func arrive(s *Server, w link, b []byte, from string) {
	d := s.buffers.Get().(*datagram)
	d.n = copy(d.buf[:], b)
	d.link, d.from, d.At = w, netip.MustParseAddrPort(from), s.opts.Now()
	if s.take(d, nil) {
		s.release(d)
	}
}

const nas = "192.0.2.1:1000"

func everyone(unsigned bool) func(netip.Addr) *Peer {
	peer := NewPeer(secret, unsigned, nil)
	return func(netip.Addr) *Peer { return peer }
}

// ask makes an Access-Request.
func ask(t testing.TB, id byte, change func(*Request)) []byte {
	t.Helper()
	r := &Request{Code: AccessRequest, ID: id}
	for i := range r.Authenticator {
		r.Authenticator[i] = byte(rand.Uint32())
	}
	r.AddText(UserName, "orlovami")
	if err := r.AddPassword([]byte("Snegir-2021"), secret); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	b, err := r.Encode(secret)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bench runs a server in a bubble and stops it in the end.
func bubble(t *testing.T, h Handler, opts Options, run func(s *Server, events *tally)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		events := &tally{}
		opts.Events = events
		if opts.Peer == nil {
			opts.Peer = everyone(false)
		}
		s := NewServer(h, opts)
		run(s, events)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRepeatedRequestGetsTheSameReply(t *testing.T) {
	var calls atomic.Int32
	h := script(func(_ context.Context, r *Received) *Reply {
		reply := &Reply{Code: AccessAccept}
		reply.AddUint32(SessionTimeout, uint32(calls.Add(1)))
		return reply
	})
	bubble(t, h, Options{}, func(s *Server, events *tally) {
		tap, request := newTap(Authentication), ask(t, 7, nil)
		arrive(s, tap, request, nas)
		first := tap.next()
		for range 3 {
			time.Sleep(time.Second)
			arrive(s, tap, request, nas)
			if again := tap.next(); !bytes.Equal(again, first) {
				t.Fatalf("a repeat was answered with %x, not %x", again, first)
			}
		}
		if calls.Load() != 1 || events.answered != 3 {
			t.Errorf("%d calls and %d repeats, want 1 and 3", calls.Load(), events.answered)
		}
		for what, differently := range map[string]func(){
			"another port":          func() { arrive(s, tap, request, "192.0.2.1:1001") },
			"another address":       func() { arrive(s, tap, request, "192.0.2.2:1000") },
			"another authenticator": func() { arrive(s, tap, ask(t, 7, nil), nas) },
			"another identifier":    func() { arrive(s, tap, ask(t, 8, nil), nas) },
		} {
			before := calls.Load()
			differently()
			if tap.next(); calls.Load() != before+1 {
				t.Errorf("%s counts as a repeat", what)
			}
		}
		before := calls.Load()
		time.Sleep(keepReply)
		arrive(s, tap, request, nas)
		if tap.next(); calls.Load() != before+1 {
			t.Errorf("a reply is kept for longer than %v", keepReply)
		}
	})
}

func TestRepeatInFlightIsDropped(t *testing.T) {
	var calls atomic.Int32
	h := script(func(ctx context.Context, r *Received) *Reply {
		calls.Add(1)
		time.Sleep(2 * time.Second)
		return &Reply{Code: AccessAccept}
	})
	bubble(t, h, Options{}, func(s *Server, events *tally) {
		tap, request := newTap(Authentication), ask(t, 7, nil)
		for range 5 {
			arrive(s, tap, request, nas)
			if tap.next() != nil {
				t.Fatal("answered too early")
			}
		}
		time.Sleep(3 * time.Second)
		if tap.next() == nil || tap.next() != nil || calls.Load() != 1 || events.inFlight != 4 {
			t.Errorf("%d calls, %d repeats in flight; want one reply, 1 and 4", calls.Load(), events.inFlight)
		}
	})
}

func TestSilenceLetsTheRepeatTryAgain(t *testing.T) {
	var calls atomic.Int32
	h := script(func(context.Context, *Received) *Reply {
		if calls.Add(1) == 1 {
			return nil
		}
		return &Reply{Code: AccessAccept}
	})
	bubble(t, h, Options{}, func(s *Server, _ *tally) {
		tap, request := newTap(Authentication), ask(t, 7, nil)
		arrive(s, tap, request, nas)
		if tap.next() != nil {
			t.Fatal("silence was not silent")
		}
		arrive(s, tap, request, nas)
		if tap.next() == nil {
			t.Error("the repeat was not tried")
		}
	})
}

func TestDelayedReplyHoldsNoWorker(t *testing.T) {
	h := script(func(_ context.Context, r *Received) *Reply {
		return &Reply{Code: AccessReject, NotBefore: r.At.Add(time.Second)}
	})
	bubble(t, h, Options{Workers: 1, Delayed: 6}, func(s *Server, events *tally) {
		tap, first := newTap(Authentication), ask(t, 0, nil)
		arrive(s, tap, first, nas)
		for id := range byte(4) {
			arrive(s, tap, ask(t, id+1, nil), nas)
		}
		arrive(s, tap, first, nas)
		time.Sleep(time.Second - time.Nanosecond)
		if tap.next() != nil {
			t.Fatal("a reject left before its time")
		}
		if events.inFlight != 1 {
			t.Error("the repeat of a delayed reject is not held to be in flight")
		}
		time.Sleep(time.Nanosecond)
		for range 3 {
			if tap.next() == nil {
				t.Fatal("a reject did not leave in its time")
			}
		}
		if tap.next() != nil || events.dropped(DropOverload) != 2 {
			t.Errorf("%d dropped, want 2 beyond the three delayed replies of one address", events.dropped(DropOverload))
		}
		arrive(s, tap, first, nas)
		if tap.next() == nil {
			t.Error("a repeat after the delayed reject is not answered at once")
		}
	})
}

func TestOverloadIsDroppedAndReported(t *testing.T) {
	open := make(chan struct{})
	h := script(func(context.Context, *Received) *Reply {
		<-open
		return &Reply{Code: AccessAccept}
	})
	synctest.Test(t, func(t *testing.T) {
		open = make(chan struct{})
		events := &tally{}
		s := NewServer(h, Options{Workers: 2, Queue: 6, Events: events, Peer: everyone(false)})
		tap := newTap(Authentication)
		for id := range byte(10) {
			arrive(s, tap, ask(t, id, nil), nas)
			synctest.Wait()
		}
		if n := events.dropped(DropOverload); n != 5 {
			t.Errorf("%d of 10 dropped, want 5: two in work and three queued", n)
		}
		close(open)
		for range 5 {
			if tap.next() == nil {
				t.Error("a queued request was lost")
			}
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// One access point that floods fills its share of the queue and no more: others'
// requests find a place, those of the same client and those of another.
func TestAFloodLeavesRoomForOthers(t *testing.T) {
	open := make(chan struct{})
	h := script(func(context.Context, *Received) *Reply {
		<-open
		return &Reply{Code: AccessAccept}
	})
	synctest.Test(t, func(t *testing.T) {
		open = make(chan struct{})
		one, two := NewPeer(secret, false, nil), NewPeer(secret, false, nil)
		peers := map[string]*Peer{"192.0.2.1": one, "192.0.2.3": one, "192.0.2.2": two}
		events := &tally{}
		s := NewServer(h, Options{Workers: 1, Queue: 16, Events: events, Peer: func(a netip.Addr) *Peer { return peers[a.String()] }})
		flood, other := newTap(Authentication), newTap(Authentication)
		for id := range byte(20) {
			arrive(s, flood, ask(t, id, nil), nas)
			synctest.Wait()
		}
		for id := range byte(2) {
			arrive(s, other, ask(t, id, nil), "192.0.2.2:1000")
			arrive(s, other, ask(t, id, nil), "192.0.2.3:1000")
			synctest.Wait()
		}
		if n := events.dropped(DropOverload); n != 10 {
			t.Errorf("%d dropped, want 10 of the flood's: one is in work and nine are queued", n)
		}
		close(open)
		for range 4 {
			if other.next() == nil {
				t.Error("another's request was lost")
			}
		}
		for id := range byte(2) { // what was taken is given back
			arrive(s, flood, ask(t, 100+id, nil), nas)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if one.queued.all.Load() != 0 || two.queued.all.Load() != 0 {
			t.Error("some are counted as queued at the end")
		}
	})
}

// Nor does it take every place of those replies that wait for their moment: the
// refusals of others leave.
func TestAFloodOfRefusalsLeavesRoomForOthers(t *testing.T) {
	h := script(func(_ context.Context, r *Received) *Reply {
		return &Reply{Code: AccessReject, NotBefore: r.At.Add(time.Second)}
	})
	one, two := NewPeer(secret, false, nil), NewPeer(secret, false, nil)
	peers := map[string]*Peer{"192.0.2.1": one, "192.0.2.3": one, "192.0.2.2": two}
	bubble(t, h, Options{Delayed: 16, Peer: func(a netip.Addr) *Peer { return peers[a.String()] }}, func(s *Server, events *tally) {
		flood, other := newTap(Authentication), newTap(Authentication)
		for id := range byte(20) {
			arrive(s, flood, ask(t, id, nil), nas)
		}
		synctest.Wait()
		for id := range byte(2) {
			arrive(s, other, ask(t, id, nil), "192.0.2.2:1000")
			arrive(s, other, ask(t, id, nil), "192.0.2.3:1000")
		}
		time.Sleep(time.Second)
		for range 4 {
			if other.next() == nil {
				t.Error("another's refusal was lost")
			}
		}
		if n := events.dropped(DropOverload); n != 11 || one.delayed.all.Load() != 0 {
			t.Errorf("%d dropped, want 11 beyond the nine of one address; %d are counted at the end", n, one.delayed.all.Load())
		}
	})
}

func TestWaitedTooLong(t *testing.T) {
	h := script(func(context.Context, *Received) *Reply {
		time.Sleep(2500 * time.Millisecond)
		return &Reply{Code: AccessAccept}
	})
	bubble(t, h, Options{Workers: 1}, func(s *Server, events *tally) {
		tap := newTap(Authentication)
		arrive(s, tap, ask(t, 1, nil), nas)
		arrive(s, tap, ask(t, 2, nil), nas)
		time.Sleep(3 * time.Second)
		if tap.next() == nil || tap.next() != nil || events.dropped(DropLate) != 1 {
			t.Error("a request that waited for longer than the peer does was worked on")
		}
	})
}

func TestPanicCostsOnePacket(t *testing.T) {
	var calls atomic.Int32
	h := script(func(context.Context, *Received) *Reply {
		if calls.Add(1) == 1 {
			panic("broken")
		}
		return &Reply{Code: AccessAccept}
	})
	bubble(t, h, Options{Workers: 1}, func(s *Server, events *tally) {
		tap, request := newTap(Authentication), ask(t, 1, nil)
		arrive(s, tap, request, nas)
		if tap.next() != nil || events.panics != 1 {
			t.Fatal("the panic was not noticed")
		}
		arrive(s, tap, request, nas)
		if tap.next() == nil {
			t.Error("no answer after a panic")
		}
	})
}

func TestShutdownGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := script(func(ctx context.Context, r *Received) *Reply {
			if r.Packet.ID == 1 {
				<-ctx.Done()
				return nil
			}
			return &Reply{Code: AccessReject, NotBefore: r.At.Add(time.Hour)}
		})
		s := NewServer(h, Options{Peer: everyone(false)})
		tap := newTap(Authentication)
		arrive(s, tap, ask(t, 1, nil), nas)
		arrive(s, tap, ask(t, 2, nil), nas)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown says %v", err)
		}
		synctest.Wait()
		if tap.next() != nil {
			t.Error("something was sent after Shutdown")
		}
	})
}

// listen serves on a loopback socket and gives a connection to it.
func listen(t *testing.T, h Handler, at string, role Role, opts Options) *net.UDPConn {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(h, opts)
	served := make(chan error, 1)
	go func() { served <- s.ServeUDP(conn, role) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
	return conn
}

// exchange sends a request and gives the reply, checked.
func exchange(t *testing.T, conn net.Conn, request []byte) *Packet {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var b [maxPacket]byte
	n, err := conn.Read(b[:])
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseReply(b[:n], request, secret)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A connected socket takes datagrams from the address it is connected to only,
// so an answer shows that the reply came from where the request went.
func TestReplyLeavesFromTheAddressThatWasAsked(t *testing.T) {
	for _, c := range []struct{ listen, ask string }{
		{"0.0.0.0:0", "127.0.0.2"},
		{"0.0.0.0:0", "127.0.0.1"},
		{"[::]:0", "::1"},
		{"[::]:0", "127.0.0.3"},
		{"127.0.0.1:0", "127.0.0.1"},
		{"[::1]:0", "::1"},
	} {
		t.Run(c.listen+" "+c.ask, func(t *testing.T) {
			conn := listen(t, accept, c.listen, Authentication, Options{Peer: everyone(false)})
			port := conn.LocalAddr().(*net.UDPAddr).Port
			client, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.ParseIP(c.ask), Port: port})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if p := exchange(t, client, ask(t, 1, nil)); p.Code != AccessAccept {
				t.Errorf("%v", p.Code)
			}
		})
	}
}

func TestTenThousandMalformedPackets(t *testing.T) {
	events := &tally{}
	conn := listen(t, accept, "127.0.0.1:0", Authentication|Accounting, Options{Peer: everyone(true), Events: events})
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 10000 {
		b := ask(t, byte(i), func(r *Request) { r.Unsigned = i%2 == 0 })
		for range 1 + random.IntN(8) {
			b[random.IntN(len(b))] ^= byte(1 + random.IntN(255))
		}
		b = b[:random.IntN(len(b)+1)]
		if _, err := client.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	good := ask(t, 99, nil)
	for {
		_, _ = client.Write(good)
		_ = client.SetReadDeadline(time.Now().Add(time.Second))
		var b [maxPacket]byte
		n, err := client.Read(b[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("no answer after malformed packets")
		}
		if p, err := ParseReply(b[:n], good, secret); err == nil && p.Code == AccessAccept {
			return
		}
	}
}
