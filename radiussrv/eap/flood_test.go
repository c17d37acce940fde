package eap

import (
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// begun takes a peer to a step and leaves it there until goOn, which says whether
// it signs in then.
func (b *bench) begun(t *testing.T, from identity.Source, k kind, step string) (goOn func() bool) {
	t.Helper()
	p := b.peer(t, k, tls.VersionTLS13)
	send := b.link(from)
	wait, reached, done := make(chan struct{}), make(chan struct{}), make(chan bool)
	p.Wrong = func(at string, m []byte) []byte {
		if at == step {
			close(reached)
			<-wait
		}
		return m
	}
	go func() {
		o, err := p.Run(send)
		done <- err == nil && o.Success
	}()
	<-reached
	return func() bool { close(wait); return <-done }
}

// TestFlood: what is only named pushes out its like, and nothing of other NASes
// or further on.
func TestFlood(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Conversations, o.Share = 100, 50 })
	yard := b.begun(t, at("yard"), kinds[0], "hello 1")
	handshake := b.begun(t, nas, kinds[0], "password")
	inside := b.begun(t, nas, kinds[4], "response")
	for i := range 1000 {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: hello(fmt.Sprint("x", i))})
		if out.Verdict.Outcome != 0 {
			t.Fatal(out.Verdict)
		}
	}
	if n := b.table.size(); n != 51 {
		t.Errorf("%d conversations", n)
	}
	for i := range 200 { // from everywhere
		b.Exchange(t.Context(), Request{Source: at(fmt.Sprint("nas", i%20)), Message: hello("x")})
	}
	if n := b.table.size(); n != 100 {
		t.Errorf("%d conversations", n)
	}
	if !inside() {
		t.Error("an established one was pushed out")
	}
	if !handshake() {
		t.Error("one in the handshake was pushed out")
	}
	if !yard() {
		t.Error("one of another NAS was pushed out")
	}
}

// TestHundredThousand: so many conversations are begun and left, by one NAS and
// then by a hundred, some of them in the handshake. The table stays bounded,
// everyone who has to go is counted, and those who sign in, at the flooded NAS too,
// do not notice.
func TestHundredThousand(t *testing.T) {
	const attempts = 100_000
	for name, nases := range map[string]int{"one NAS": 1, "many": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			b := newBench(t, func(o *Options) { o.Metrics = registry })
			first := b.recorded(t)
			yard := b.begun(t, at("yard"), kinds[0], "password")
			for i := range attempts {
				from := at(fmt.Sprint("nas ", i%nases))
				if i%500 == 0 {
					b.halfOpen(t, from, first)
				} else if out := b.Exchange(t.Context(), Request{Source: from, Message: hello("anonymous")}); out.Verdict.Outcome != 0 {
					t.Fatal(out.Verdict)
				}
				if i%(attempts/10) > 0 {
					continue
				}
				for _, place := range []string{"yard", "nas 0"} {
					p := b.peer(t, kinds[4], tls.VersionTLS13)
					if o, err := p.Run(b.link(at(place))); err != nil || !o.Success {
						t.Errorf("after %d a sign-in at %s comes to %+v, %v", i, place, o, err)
					}
				}
			}
			most := b.opts.Conversations
			if nases == 1 {
				most = b.opts.Share + 1 // the one in the yard
			}
			left := b.table.size()
			if left != most {
				t.Errorf("%d conversations are kept, not %d", left, most)
			}
			if gone := values(t, registry)["schoolbridge_eap_abandoned_total pushed_out"]; int(gone) != attempts+1-left {
				t.Errorf("%v were counted as pushed out, and %d are left", gone, left)
			}
			if !yard() {
				t.Error("one in the handshake, of a NAS that does nothing, was pushed out")
			}
		})
	}
}

// TestLongMessagesTakePlaces: who has the server keep more than others do counts
// for several.
func TestLongMessagesTakePlaces(t *testing.T) {
	const places = 40
	b := newBench(t, func(o *Options) { o.Conversations, o.Share = places, places })
	yard := b.begun(t, at("yard"), kinds[0], "password")
	piece := append([]byte{flagMore}, make([]byte, morePlaces)...)
	for range 100 {
		out := b.Exchange(t.Context(), Request{Source: nas, Message: hello("anonymous")})
		for _, kind := range []packet.Type{packet.Nak, packet.TLS, packet.TLS, packet.TLS} {
			data := piece
			if kind == packet.Nak {
				data = []byte{byte(packet.TLS)}
			}
			r := packet.Packet{Code: packet.Response, ID: out.Message[1], Type: kind, Data: data}
			if out = b.Exchange(t.Context(), Request{Source: nas, Message: r.Bytes(), State: out.State}); out.Verdict.Outcome != 0 {
				t.Fatal(out.Verdict)
			}
		}
		if n := b.table.size(); n > 1+places/4+1 {
			t.Fatalf("%d conversations that take four places each, of %d", n, places)
		}
	}
	if !yard() {
		t.Error("one of another NAS was pushed out")
	}
}

// flagMore says that a fragment is not the last (RFC 5216 section 3.1).
const flagMore = 0x40
