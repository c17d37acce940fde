package wire

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clerk is a Handler that answers some requests promptly.
type clerk struct {
	script
	prompt func(r *Received) (*Reply, bool)
}

func (c clerk) HandlePrompt(r *Received) (*Reply, bool) { return c.prompt(r) }

// slowly is for requests with even identifiers; odd ones are answered promptly.
func slowly(handle script) clerk {
	return clerk{handle, func(r *Received) (*Reply, bool) {
		if r.Packet.ID%2 == 0 {
			return nil, false
		}
		return r.Reply(AccessAccept), true
	}}
}

func TestPromptAnswersDoNotWaitForSlowOnes(t *testing.T) {
	open := make(chan struct{})
	h := slowly(func(context.Context, *Received) *Reply {
		<-open
		return &Reply{Code: AccessReject}
	})
	events := &tally{}
	conn := listen(t, h, "127.0.0.1:0", Authentication, Options{Peer: everyone(false), Events: events, Readers: 1, Workers: 2, Queue: 6, Patience: time.Hour})
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	slow := make([][]byte, 8) // more than there are workers and places in the queue
	for i := range slow {
		slow[i] = ask(t, byte(2*i), nil)
		if _, err := client.Write(slow[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		if p := exchange(t, client, ask(t, byte(2*i+1), nil)); p.Code != AccessAccept {
			t.Fatalf("%v", p.Code)
		}
	}
	close(open)
	// Three are queued; two more are in work, if their workers came before the
	// queue was full.
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	for range len(slow) - events.dropped(DropOverload) {
		var b [maxPacket]byte
		n, err := client.Read(b[:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseReply(b[:n], slow[b[1]/2], secret); err != nil || Code(b[0]) != AccessReject {
			t.Errorf("%v, %v", Code(b[0]), err)
		}
	}
	if dropped := events.dropped(DropOverload); dropped < 3 || dropped > 5 {
		t.Errorf("%d dropped", dropped)
	}
}

// A request that is waited for keeps its bytes while others come and go in the
// buffers of the reader.
func TestARequestInWorkIsNotWrittenOver(t *testing.T) {
	var waiting sync.WaitGroup
	open := make(chan struct{})
	h := slowly(func(_ context.Context, r *Received) *Reply {
		waiting.Done()
		<-open
		reply := r.Reply(AccessAccept)
		reply.AddText(ReplyMessage, r.Packet.Text(UserName)+r.Packet.Text(FilterID))
		return reply
	})
	conn := listen(t, h, "127.0.0.1:0", Authentication, Options{Peer: everyone(false), Patience: time.Hour})
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const n = 20
	slow := map[byte][]byte{}
	waiting.Add(n)
	for i := range n {
		id := byte(2 * i)
		slow[id] = ask(t, id, func(r *Request) { r.AddText(FilterID, string(rune('a'+i))) })
		if _, err := client.Write(slow[id]); err != nil {
			t.Fatal(err)
		}
	}
	waiting.Wait()
	for i := range 200 {
		exchange(t, client, ask(t, byte(2*i+1), func(r *Request) { r.AddText(FilterID, "somebody else's") }))
	}
	close(open)
	for range n {
		var b [maxPacket]byte
		length, err := client.Read(b[:])
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseReply(b[:length], slow[b[1]], secret)
		if err != nil {
			t.Fatal(err)
		}
		if want := "orlovami" + string(rune('a'+int(p.ID)/2)); p.Text(ReplyMessage) != want {
			t.Errorf("request %d was answered with %q, want %q", p.ID, p.Text(ReplyMessage), want)
		}
	}
}

// Replies are made in memory that is used again: nothing of one is in the next.
func TestNothingIsLeftOfAnotherReply(t *testing.T) {
	var calls atomic.Int32
	h := clerk{accept, func(r *Received) (*Reply, bool) {
		reply := r.Reply(AccessReject)
		reply.AddText(ReplyMessage, "begun and thrown away")
		reply = r.Reply(AccessAccept)
		if calls.Add(1) == 1 {
			reply.AddText(FilterID, "first")
			reply.AddMPPEKeys(make([]byte, 32), make([]byte, 32))
			reply.Add(ReplyMessage, make([]byte, maxValue+1)) // cannot be sent
		}
		return reply, true
	}}
	events := &tally{}
	conn := listen(t, h, "127.0.0.1:0", Authentication, Options{Peer: everyone(false), Events: events, Readers: 1})
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write(ask(t, 1, nil)); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		p := exchange(t, client, ask(t, byte(i+2), nil))
		for kind := range p.Attributes() {
			if kind != MessageAuthenticator {
				t.Fatalf("reply %d has attribute %d", i, kind)
			}
		}
	}
	if events.dropped(DropReply) != 1 {
		t.Errorf("%d reported as unsent, want 1", events.dropped(DropReply))
	}
}

func TestPromptPanicCostsOnePacket(t *testing.T) {
	var calls atomic.Int32
	h := clerk{accept, func(r *Received) (*Reply, bool) {
		if calls.Add(1) == 1 {
			panic("broken")
		}
		return r.Reply(AccessAccept), true
	}}
	bubble(t, h, Options{}, func(s *Server, events *tally) {
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

func TestPromptRepliesAreRepeatedAndDelayedToo(t *testing.T) {
	var calls atomic.Int32
	h := clerk{accept, func(r *Received) (*Reply, bool) {
		reply := r.Reply(AccessReject)
		reply.NotBefore = r.At.Add(time.Second)
		reply.AddUint32(SessionTimeout, uint32(calls.Add(1)))
		return reply, true
	}}
	bubble(t, h, Options{}, func(s *Server, events *tally) {
		tap, request := newTap(Authentication), ask(t, 1, nil)
		arrive(s, tap, request, nas)
		arrive(s, tap, request, nas)
		if tap.next() != nil || events.inFlight != 1 {
			t.Fatal("a reject left before its time")
		}
		time.Sleep(time.Second)
		first := tap.next()
		arrive(s, tap, request, nas)
		if again := tap.next(); first == nil || string(again) != string(first) || calls.Load() != 1 {
			t.Errorf("a repeat was answered with %x, not %x", again, first)
		}
	})
}

// More at once than a batch takes, over both families, on one server that listens
// on several addresses: everybody gets the answer to his own question, from the
// address that he asked.
func TestManyAtOnceOnSeveralAddresses(t *testing.T) {
	s := NewServer(accept, Options{Peer: everyone(false), Patience: time.Hour})
	var served sync.WaitGroup
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	var clients sync.WaitGroup
	for _, at := range []string{"127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		addr, err := net.ResolveUDPAddr("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.ListenUDP("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		served.Go(func() { _ = s.ServeUDP(conn, Authentication) })
		to := []net.IP{addr.IP}
		if addr.IP.IsUnspecified() {
			to = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 7)}
			if addr.IP.To4() == nil {
				to = append(to, net.IPv6loopback)
			}
		}
		for _, ip := range to {
			clients.Go(func() { flood(t, &net.UDPAddr{IP: ip, Port: conn.LocalAddr().(*net.UDPAddr).Port}) })
		}
	}
	clients.Wait()
}

// flood asks 200 questions at once from a connected socket, which takes answers
// from the address asked alone.
func flood(t *testing.T, to *net.UDPAddr) {
	client, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	asked := map[byte][]byte{}
	for id := range byte(200) {
		asked[id] = ask(t, id, nil)
		if _, err := client.Write(asked[id]); err != nil {
			t.Error(err)
		}
	}
	for tries := 0; len(asked) > 0; {
		_ = client.SetReadDeadline(time.Now().Add(2 * time.Second))
		var b [maxPacket]byte
		n, err := client.Read(b[:])
		if err != nil { // datagrams may be lost: ask again, as access points do
			if tries++; tries > 5 {
				t.Errorf("%v: %d questions are left without an answer", to, len(asked))
				return
			}
			for _, q := range asked {
				_, _ = client.Write(q)
			}
			continue
		}
		if q := asked[b[1]]; q != nil {
			if _, err := ParseReply(b[:n], q, secret); err != nil {
				t.Errorf("%v: %v", to, err)
			}
			delete(asked, b[1])
		}
	}
}
