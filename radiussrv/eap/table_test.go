package eap

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

func hello(name string) []byte {
	return packet.Packet{Code: packet.Response, ID: 3, Type: packet.Identity, Data: []byte(name)}.Bytes()
}

func at(name string) identity.Source {
	return identity.Source{NAS: name, Addr: netip.MustParseAddr("127.0.0.1")}
}

// coroutines counts the goroutines that wait in a session.
func coroutines(t *testing.T) int {
	t.Helper()
	buf := make([]byte, 4<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "tunnel.(*Session).wait")
}

// walkAway leaves a conversation of each stage behind.
func (b *bench) walkAway(t *testing.T, from identity.Source) {
	t.Helper()
	for _, k := range kinds {
		for _, version := range versions {
			for _, leave := range []string{"hello 1", "hello 2", "finished", "password", "response", "proven", "result", "done"} {
				p := b.peer(t, k, version)
				p.Leave, p.Fragment = leave, 150
				if o, err := p.Run(b.link(from)); !errors.Is(err, eaptest.ErrLeft) && !o.Success {
					t.Fatal(leave, o, err)
				}
			}
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	b := newBench(t, nil)
	b.walkAway(t, nas)
	if b.table.size() < 40 || coroutines(t) < 20 {
		t.Fatalf("%d conversations wait in %d coroutines", b.table.size(), coroutines(t))
	}
	b.skew.Store(int64(2 * time.Minute)) // the next message finds them too old
	b.Exchange(t.Context(), Request{Source: nas, Message: hello("x")})
	if b.table.size() != 1 || coroutines(t) != 0 {
		t.Errorf("%d conversations, %d coroutines are left", b.table.size(), coroutines(t))
	}
	b.walkAway(t, at("other"))
	b.Close()
	if b.table.size() != 0 || coroutines(t) != 0 {
		t.Errorf("%d conversations, %d coroutines are left", b.table.size(), coroutines(t))
	}
	if out := b.Exchange(t.Context(), Request{Source: nas, Message: hello("x")}); out.Verdict.Outcome != identity.Unavailable {
		t.Error("a closed server begins conversations")
	}
}

// TestSilenceEndsThem: nobody needs to come for them to go.
func TestSilenceEndsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.walkAway(t, nas)
		time.Sleep(30 * time.Second)
		b.Exchange(t.Context(), Request{Source: nas, Message: hello("x")})
		time.Sleep(30*time.Second + time.Millisecond)
		synctest.Wait()
		if b.table.size() != 1 || coroutines(t) != 0 {
			t.Errorf("%d conversations, %d coroutines are left", b.table.size(), coroutines(t))
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if b.table.size() != 0 {
			t.Error("one is left")
		}
	})
}

// TestEstablishedOnesHoldTheirPlace: but not for ever.
func TestEstablishedOnesHoldTheirPlace(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Conversations, o.Share = 4, 2 })
	for range 2 {
		p := b.peer(t, kinds[4], tls.VersionTLS12)
		p.Leave = "response"
		if _, err := p.Run(b.link(nas)); !errors.Is(err, eaptest.ErrLeft) {
			t.Fatal(err)
		}
	}
	begin := func() identity.Outcome {
		return b.Exchange(t.Context(), Request{Source: nas, Message: hello("x")}).Verdict.Outcome
	}
	if begin() != identity.Unavailable {
		t.Error("an established one was pushed out")
	}
	b.skew.Store(int64(16 * time.Second))
	if begin() != 0 {
		t.Error("one that stands still holds its place")
	}
}

// TestPanicCostsOneConversation: the engine around us recovers.
func TestPanicCostsOneConversation(t *testing.T) {
	b := newBench(t, nil)
	b.school.Block = func(context.Context) { panic("a fault") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_, _ = b.peer(t, kinds[0], tls.VersionTLS13).Run(b.link(nas))
	}()
	if b.table.size() != 0 || coroutines(t) != 0 {
		t.Error("the conversation is left")
	}
}

// recorded is a hello of TLS 1.3, to be sent again and again: the server cannot
// know.
func (b *bench) recorded(t *testing.T) (first []byte) {
	t.Helper()
	p := b.peer(t, kinds[4], tls.VersionTLS13)
	p.TLS.CurvePreferences = []tls.CurveID{tls.X25519}
	p.Leave = "hello 2"
	p.Wrong = func(step string, m []byte) []byte {
		if step == "hello 1" {
			first = m
		}
		return m
	}
	if _, err := p.Run(b.link(nas)); first == nil {
		t.Fatal(err)
	}
	return first
}

// halfOpen begins a conversation and leaves it after the server's first flight.
func (b *bench) halfOpen(t *testing.T, from identity.Source, first []byte) {
	t.Helper()
	out := b.Exchange(t.Context(), Request{Source: from, Message: hello("anonymous")})
	r := packet.Packet{Code: packet.Response, ID: 4, Type: packet.PEAP, Data: append([]byte{0}, first...)}
	if out = b.Exchange(t.Context(), Request{Source: from, Message: r.Bytes(), State: out.State}); out.Verdict.Outcome != 0 {
		t.Fatal(out.Verdict)
	}
}

// TestHalfOpenMemory: what a conversation costs that stops after its hello, and
// that more of them than there are places cost no more.
func TestHalfOpenMemory(t *testing.T) {
	const places = 300
	b := newBench(t, func(o *Options) { o.Conversations, o.Share = places, places })
	first := b.recorded(t)
	used := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc + m.StackInuse)
	}
	open := func(n int) {
		for range n {
			b.halfOpen(t, nas, first)
		}
	}
	before := used()
	open(places)
	full := used() - before
	t.Logf("%d bytes each", full/places)
	// 17 KiB, and what the race detector adds to it.
	if full > places*32<<10 {
		t.Errorf("%d bytes for a half-open conversation", full/places)
	}
	open(places / 2)
	if more := used() - before; b.table.size() != places || more > full*5/4 {
		t.Errorf("%d conversations in %d bytes, before %d", b.table.size(), more, full)
	}
}

// TestEndlessHandshake: a peer that begins a message of TLS and never ends it
// does not fill the memory.
func TestEndlessHandshake(t *testing.T) {
	b := newBench(t, nil)
	for method, most := range map[packet.Type]int{packet.PEAP: 16 << 10, packet.TLS: 40 << 10} {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: hello("anonymous")})
		answer := func(kind packet.Type, data []byte) {
			r := packet.Packet{Code: packet.Response, ID: out.Message[1], Type: kind, Data: data}
			out = b.Exchange(t.Context(), Request{Source: nas, Message: r.Bytes(), State: out.State})
		}
		if method != packet.PEAP {
			answer(packet.Nak, []byte{byte(method)})
		}
		piece := append([]byte{0, 22, 3, 1, 0x0f, 0x00}, make([]byte, 0xf00)...) // a record of 3,840 bytes
		copy(piece[6:], []byte{1, 0, 0xff, 0xff})                                // of a hello of 64 KiB
		taken := 0
		for ; out.Verdict.Outcome == 0 && taken < 100<<10; taken += len(piece) {
			answer(method, piece)
			piece = append(piece[:6], make([]byte, 0xf00)...)
		}
		if taken > most {
			t.Errorf("%v: %d bytes of a handshake are taken", method, taken)
		}
	}
}
