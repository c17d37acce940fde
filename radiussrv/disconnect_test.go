package radiussrv

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"schoolbridge/radiussrv/wire"
)

const dynamicSecret = "dynamic-secret"

// nasSide is a NAS that says what answer tells it to each request, nothing for
// nil; requests that do not verify fail the test.
func nasSide(t *testing.T, answer func(n int, request []byte) []byte) (Client, <-chan []byte) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan []byte, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [4096]byte
		for n := 1; ; n++ {
			size, from, err := conn.ReadFromUDP(b[:])
			if err != nil {
				return
			}
			request := bytes.Clone(b[:size])
			came <- request
			if reply := answer(n, request); reply != nil {
				_, _ = conn.WriteToUDP(reply, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return Client{Name: "nas", Secret: "other", DynamicSecret: dynamicSecret, DynamicPort: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()}, came
}

// replyTo is computed by the RFC's words alone, apart from package wire.
func replyTo(request []byte, code byte, secret string, attributes ...byte) []byte {
	b := append([]byte{code, request[1], 0, byte(20 + len(attributes))}, request[4:20]...)
	b = append(b, attributes...)
	sum := md5.Sum(append(bytes.Clone(b), secret...))
	copy(b[4:20], sum[:])
	return b
}

func ending(client Client) Ending {
	return Ending{Addr: netip.MustParseAddr("127.0.0.1"), NASAddr: netip.MustParseAddr("10.0.0.1"), NASIdentifier: "ap-1", SessionID: "5F-1", Station: "02-00-00-00-00-01"}
}

func TestDisconnectAsksAsTheRFCsSay(t *testing.T) {
	client, came := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 41, dynamicSecret) })
	answer, err := Disconnect(t.Context(), &client, ending(client))
	if err != nil || !answer.Done {
		t.Fatal(answer, err)
	}
	request := <-came
	p, err := wire.Parse(request)
	if err != nil || p.Code != wire.DisconnectRequest {
		t.Fatal(p, err)
	}
	// RFC 5176 section 2.3: the authenticator of RFC 2866 section 3.
	zeroed := bytes.Clone(request)
	clear(zeroed[4:20])
	if sum := md5.Sum(append(bytes.Clone(zeroed), dynamicSecret...)); !bytes.Equal(sum[:], request[4:20]) {
		t.Error("the Request Authenticator is wrong")
	}
	mac, _ := p.First(wire.MessageAuthenticator)
	at := bytes.Index(zeroed, mac)
	clear(zeroed[at : at+16])
	h := hmac.New(md5.New, []byte(dynamicSecret))
	h.Write(zeroed)
	if !hmac.Equal(h.Sum(nil), mac) {
		t.Error("the Message-Authenticator is wrong")
	}
	if p.Text(wire.AcctSessionID) != "5F-1" || p.Text(wire.CallingStationID) != "02-00-00-00-00-01" || p.Text(wire.NASIdentifier) != "ap-1" ||
		p.IPv4(wire.NASIPAddress).String() != "10.0.0.1" || p.Has(wire.UserName) {
		t.Errorf("%+v", p)
	}
	if at, ok := p.Uint32(wire.EventTimestamp); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Minute {
		t.Errorf("Event-Timestamp %d", at)
	}
}

func TestDisconnectTakesNoAnswerOfOthers(t *testing.T) {
	client, _ := nasSide(t, func(n int, request []byte) []byte {
		switch n {
		case 1: // another secret
			return replyTo(request, 41, "guessed")
		case 2: // a code that answers nothing
			return replyTo(request, 2, dynamicSecret)
		case 3: // a Message-Authenticator that is wrong
			return replyTo(request, 41, dynamicSecret, append([]byte{80, 18}, make([]byte, 16)...)...)
		case 4:
			return []byte("no packet")
		}
		return replyTo(request, 42, dynamicSecret, 101, 6, 0, 0, 1, 0xf7)
	})
	short := 20 * time.Millisecond
	answer, err := disconnect(t.Context(), &client, ending(client), []time.Duration{short, short, short, short, time.Minute})
	if err != nil || answer.Done || answer.Cause != 503 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestDisconnectRepeatsTheSamePacket(t *testing.T) {
	client, came := nasSide(t, func(n int, request []byte) []byte {
		if n < 3 {
			return nil
		}
		return replyTo(request, 41, dynamicSecret)
	})
	answer, err := disconnect(t.Context(), &client, ending(client), []time.Duration{time.Millisecond, time.Millisecond, time.Minute})
	if err != nil || !answer.Done {
		t.Fatal(answer, err)
	}
	if first := <-came; !bytes.Equal(first, <-came) {
		t.Error("the NAS cannot know the repetition for one")
	}
}

func TestDisconnectWithoutAnswer(t *testing.T) {
	client, _ := nasSide(t, func(int, []byte) []byte { return nil })
	if _, err := disconnect(t.Context(), &client, ending(client), []time.Duration{time.Millisecond}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Disconnect(ctx, &client, ending(client)); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end: %v", err)
	}
	closed, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	client.DynamicPort = closed.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	_ = closed.Close()
	if _, err := disconnect(t.Context(), &client, ending(client), []time.Duration{time.Millisecond}); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("nobody there: %v", err)
	}
	client.DynamicPort = 0
	if _, err := Disconnect(t.Context(), &client, ending(client)); !errors.Is(err, ErrNotOffered) {
		t.Errorf("off: %v", err)
	}
	if _, err := Disconnect(t.Context(), nil, ending(client)); !errors.Is(err, ErrNotOffered) {
		t.Errorf("a NAS that is gone from the configuration: %v", err)
	}
}

func TestInterimAndChargeableUserIdentity(t *testing.T) {
	_, auth, _ := live(t, Options{Interim: 10 * time.Minute, ChargeKey: &[32]byte{1}})
	ask := func(change func(*wire.Request)) *wire.Packet {
		t.Helper()
		return exchange(t, auth, access(t, "orlovami", "Snegir-2021", change))
	}
	plain := ask(nil)
	if seconds, _ := plain.Uint32(wire.AcctInterimInterval); seconds != 600 || plain.Has(wire.ChargeableUserIdentity) {
		t.Errorf("interim %d; who does not ask is told %q", seconds, plain.Text(wire.ChargeableUserIdentity))
	}
	nul := func(r *wire.Request) { r.Add(wire.ChargeableUserIdentity, []byte{0}) }
	one, two := ask(nul).Text(wire.ChargeableUserIdentity), ask(nul).Text(wire.ChargeableUserIdentity)
	if len(one) != 32 || one != two || one == chargeable(&[32]byte{2}, orlova) || bytes.Contains([]byte(one), orlova[:]) {
		t.Errorf("%q, %q", one, two)
	}
	_, auth, _ = live(t, Options{})
	if p := ask(nul); p.Has(wire.ChargeableUserIdentity) || p.Has(wire.AcctInterimInterval) {
		t.Error("it is told although it is off")
	}
}
