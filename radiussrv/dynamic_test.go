package radiussrv

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
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

// asking is a server that asks.
func asking(t *testing.T) *Server {
	t.Helper()
	return newServer(t, Options{})
}

// replyTo is computed by the RFC's words alone, apart from package wire.
func replyTo(request []byte, code byte, secret string, attributes ...byte) []byte {
	b := append([]byte{code, request[1], 0, byte(20 + len(attributes))}, request[4:20]...)
	b = append(b, attributes...)
	sum := md5.Sum(append(bytes.Clone(b), secret...))
	copy(b[4:20], sum[:])
	return b
}

func ending() Session {
	return Session{Addr: netip.MustParseAddr("127.0.0.1"), NASAddr: netip.MustParseAddr("10.0.0.1"), NASIdentifier: "ap-1", SessionID: "5F-1", Station: "02-00-00-00-00-01"}
}

func TestDisconnectAsksAsTheRFCsSay(t *testing.T) {
	client, came := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 41, dynamicSecret) })
	answer, err := asking(t).Disconnect(t.Context(), &client, ending())
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
		case 2: // a Message-Authenticator that is wrong
			return replyTo(request, 41, dynamicSecret, append([]byte{80, 18}, make([]byte, 16)...)...)
		case 3:
			return []byte("no packet")
		}
		return replyTo(request, 42, dynamicSecret, 101, 6, 0, 0, 1, 0xf7)
	})
	answer, err := asking(t).ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Second)
	if err != nil || answer.Done || answer.Cause != 503 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// An answer that another secret signs is none, and the log says what to compare,
// once a minute.
func TestAnswersWithAnotherSecretAreTold(t *testing.T) {
	var log logged
	s := newServer(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	client, _ := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 41, "guessed") })
	answer, err := s.ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Second)
	if !errors.Is(err, ErrForged) || !errors.Is(err, ErrNoAnswer) || answer.Done {
		t.Errorf("%+v, %v", answer, err)
	}
	s.log.forged(&client, ending().Addr)
	if text := log.String(); strings.Count(text, "wrong authenticator") != 1 || !strings.Contains(text, "client=nas") || !strings.Contains(text, "dynamic_authorization.secret_file") {
		t.Errorf("%s", text)
	}
}

// Whoever answers from elsewhere is not the NAS, though he knows the secret.
func TestDisconnectTakesNoAnswerFromElsewhere(t *testing.T) {
	elsewhere, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = elsewhere.Close() }()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [4096]byte
		for {
			n, from, err := conn.ReadFromUDP(b[:])
			if err != nil {
				return
			}
			_, _ = elsewhere.WriteToUDP(replyTo(b[:n], 41, dynamicSecret), from)
		}
	}()
	defer func() { _ = conn.Close(); <-done }()
	client := Client{Name: "nas", Secret: dynamicSecret, DynamicPort: conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()}
	r := &wire.Request{Code: wire.DisconnectRequest}
	if answer, err := asking(t).ask(t.Context(), &client, ending(), r, 20*time.Millisecond); !errors.Is(err, ErrNoAnswer) {
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
	answer, err := asking(t).ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Second)
	if err != nil || !answer.Done {
		t.Fatal(answer, err)
	}
	if first := <-came; !bytes.Equal(first, <-came) {
		t.Error("the NAS cannot know the repetition for one")
	}
}

func TestDisconnectWithoutAnswer(t *testing.T) {
	client, _ := nasSide(t, func(int, []byte) []byte { return nil })
	if _, err := asking(t).ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Millisecond); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := asking(t).Disconnect(ctx, &client, ending()); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end: %v", err)
	}
	closed, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	client.DynamicPort = closed.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	_ = closed.Close()
	if _, err := asking(t).ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Millisecond); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("nobody there: %v", err)
	}
	client, _ = nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 2, dynamicSecret) })
	if _, err := asking(t).Disconnect(t.Context(), &client, ending()); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("a code that answers nothing: %v", err)
	}
	if _, err := asking(t).Disconnect(t.Context(), &Client{Certificate: "a.example", DynamicPort: 3799}, ending()); !errors.Is(err, ErrNotOffered) {
		t.Errorf("without a secret: %v", err)
	}
	client.DynamicPort = 0
	if _, err := asking(t).Disconnect(t.Context(), &client, ending()); !errors.Is(err, ErrNotOffered) {
		t.Errorf("off: %v", err)
	}
	if _, err := asking(t).Disconnect(t.Context(), nil, ending()); !errors.Is(err, ErrNotOffered) {
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

// TestChangeTellsWhatIsGivenNow: what identifies the session, what is given,
// and nothing that RFC 5176 section 3 does not allow beside it.
func TestChangeTellsWhatIsGivenNow(t *testing.T) {
	client, came := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 44, dynamicSecret) })
	client.Vendor = VendorMikroTik
	grant := identity.Grant{VLAN: 30, SessionTimeout: 90 * time.Minute, IdleTimeout: time.Minute, Filter: "kids", Down: 20_000_000, Up: 5_000_000}
	answer, err := asking(t).Change(t.Context(), &client, ending(), grant)
	if err != nil || !answer.Done {
		t.Fatal(answer, err)
	}
	request := <-came
	p, err := wire.Parse(request)
	if err != nil || p.Code != wire.CoARequest {
		t.Fatal(p, err)
	}
	zeroed := bytes.Clone(request)
	clear(zeroed[4:20])
	if sum := md5.Sum(append(bytes.Clone(zeroed), dynamicSecret...)); !bytes.Equal(sum[:], request[4:20]) {
		t.Error("the Request Authenticator is wrong")
	}
	seconds, _ := p.Uint32(wire.SessionTimeout)
	kind, _ := p.Uint32(wire.TunnelType)
	if p.Text(wire.AcctSessionID) != "5F-1" || p.Text(wire.CallingStationID) != "02-00-00-00-00-01" || !p.Has(wire.EventTimestamp) || !p.Has(wire.MessageAuthenticator) ||
		p.Text(wire.TunnelPrivateGroupID) != "30" || kind != 13 || seconds != 5400 || p.Text(wire.FilterID) != "kids" {
		t.Errorf("%+v", p)
	}
	rates := 0
	for kind, value := range p.Vendor(14988) {
		if kind == 8 && string(value) == "5000k/20000k" {
			rates++
		}
	}
	if rates != 1 || p.Has(wire.State) || p.Has(wire.ServiceType) || p.Has(wire.UserName) || p.Has(wire.Class) {
		t.Errorf("%+v", p)
	}
}

func TestChangeIsAnsweredByItsOwnCodes(t *testing.T) {
	for name, c := range map[string]struct {
		code   byte
		more   []byte
		answer Answer
		err    error
	}{
		"ack":              {44, nil, Answer{Done: true}, nil},
		"nak":              {45, []byte{101, 6, 0, 0, 1, 0x95}, Answer{Cause: 405}, nil},
		"nak without why":  {45, nil, Answer{}, nil},
		"an odd why":       {45, []byte{101, 5, 0, 1, 0x95}, Answer{}, nil},
		"a disconnect ack": {41, nil, Answer{}, ErrNoAnswer},
		"an accept":        {2, nil, Answer{}, ErrNoAnswer},
		"an old answer":    {44, []byte{55, 6, 0x40, 0, 0, 0}, Answer{}, ErrNoAnswer},
	} {
		client, _ := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, c.code, dynamicSecret, c.more...) })
		answer, err := asking(t).Change(t.Context(), &client, ending(), identity.Grant{VLAN: 5})
		if answer != c.answer || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
	client, came := nasSide(t, func(int, []byte) []byte { return nil })
	client.NoCoA = true
	if _, err := asking(t).Change(t.Context(), &client, ending(), identity.Grant{}); !errors.Is(err, ErrNoCoA) || len(came) > 0 {
		t.Errorf("by the configuration it takes none: %v", err)
	}
	if _, err := asking(t).Change(t.Context(), nil, ending(), identity.Grant{}); !errors.Is(err, ErrNotOffered) {
		t.Errorf("a NAS that is gone from the configuration: %v", err)
	}
}
