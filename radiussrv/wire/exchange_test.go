package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/certtest"
)

// fake is a server of datagrams: it answers as its function says.
func fake(t *testing.T, answer func(n int, request []byte, reply func([]byte))) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [maxPacket]byte
		for n := 0; ; n++ {
			size, from, err := conn.ReadFromUDPAddrPort(b[:])
			if err != nil {
				return
			}
			answer(n, bytes.Clone(b[:size]), func(b []byte) { _, _ = conn.WriteToUDPAddrPort(b, from) })
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// accepting makes the reply of an honest server.
func accepting(t *testing.T, request, secret []byte, text string) []byte {
	p, err := Parse(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	reply := &Reply{Code: AccessAccept}
	reply.AddText(ReplyMessage, text)
	b, err := reply.encode(nil, p, NewPeer(secret, false, nil))
	if err != nil {
		t.Error(err)
	}
	return b
}

func question(text string) *Request {
	r := &Request{Code: AccessRequest}
	_, _ = rand.Read(r.Authenticator[:])
	r.AddText(UserName, text)
	return r
}

// TestExchange: what comes instead of an answer is waited on and told, and a
// request is sent again, the same bytes.
func TestExchange(t *testing.T) {
	var first []byte
	for name, c := range map[string]struct {
		answer func(n int, request []byte, reply func([]byte))
		opts   ClientOptions
		want   error
		tries  int
	}{
		"at once": {func(_ int, b []byte, reply func([]byte)) { reply(accepting(t, b, secret, "yes")) }, ClientOptions{}, nil, 1},
		"at the third time": {func(n int, b []byte, reply func([]byte)) {
			if n == 0 {
				first = b
			}
			if !bytes.Equal(first, b) {
				t.Error("sent again, but not the same")
			}
			if n >= 2 {
				reply(accepting(t, b, secret, "yes"))
			}
		}, ClientOptions{Wait: 50 * time.Millisecond, Tries: 100}, nil, 3},
		"after a forged one": {func(_ int, b []byte, reply func([]byte)) {
			reply(accepting(t, b, []byte("another"), "forged"))
			reply([]byte{2, b[1]})
			reply(accepting(t, b, secret, "yes"))
		}, ClientOptions{}, nil, 1},
		"forged only": {func(_ int, b []byte, reply func([]byte)) { reply(accepting(t, b, []byte("another"), "forged")) },
			ClientOptions{Wait: 50 * time.Millisecond, Tries: 20}, ErrForged, 20},
		"nothing":  {func(int, []byte, func([]byte)) {}, ClientOptions{Wait: 10 * time.Millisecond, Tries: 2}, ErrNoAnswer, 2},
		"unsigned": {func(_ int, b []byte, reply func([]byte)) { reply(unsigned(t, b, nil)) }, ClientOptions{}, ErrUnsigned, 1},
		"unsigned, taken": {func(_ int, b []byte, reply func([]byte)) { reply(unsigned(t, b, nil)) },
			ClientOptions{Unsigned: true}, nil, 1},
		"unsigned EAP is never taken": {func(_ int, b []byte, reply func([]byte)) { reply(unsigned(t, b, []byte{3, 1, 0, 4})) },
			ClientOptions{Unsigned: true}, ErrUnsigned, 1},
	} {
		c.opts.Secret = secret
		if c.opts.Wait == 0 {
			c.opts.Wait = time.Minute // an answer comes, however slow the machine
		}
		client := NewClient(fake(t, c.answer), c.opts)
		a, err := client.Line().Exchange(t.Context(), question("orlovami"))
		client.Close()
		// A slow machine may try once more than was needed, where it is timed.
		if !errors.Is(err, c.want) || a.Tries < c.tries || err == nil && a.Text(ReplyMessage) != "yes" {
			t.Errorf("%s: %v, %d tries", name, err, a.Tries)
		}
	}
}

// unsigned makes a reply that has only the Response Authenticator.
func unsigned(t *testing.T, request, eap []byte) []byte {
	p, err := Parse(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	p.Code = AccountingRequest // whose replies are not signed
	reply := &Reply{Code: AccessAccept}
	reply.AddText(ReplyMessage, "yes")
	if eap != nil {
		reply.AddEAP(eap)
	}
	b, err := reply.encode(nil, p, NewPeer(secret, false, nil))
	if err != nil {
		t.Error(err)
	}
	return b
}

func TestExchangeRefused(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	_ = conn.Close()
	client := NewClient(address, ClientOptions{Secret: secret, Wait: 30 * time.Millisecond})
	defer client.Close()
	if _, err := client.Line().Exchange(t.Context(), question("a")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Line().Exchange(ctx, question("a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	client.Close()
	if _, err := client.Line().Exchange(t.Context(), question("a")); err == nil {
		t.Error("a closed client asks")
	}
}

// echo answers with the name that was asked.
type echo struct{}

func (echo) Handle(_ context.Context, r *Received) *Reply {
	reply := &Reply{Code: AccessAccept}
	reply.AddText(ReplyMessage, r.Packet.Text(UserName))
	return reply
}

// crowd asks from many goroutines and wants everybody to get his own answer.
func crowd(t *testing.T, client *Client) {
	t.Helper()
	var all sync.WaitGroup
	for i := range 800 { // more than there are identifiers
		all.Go(func() {
			line, name := client.Line(), fmt.Sprint(i)
			for range 2 {
				a, err := line.Exchange(t.Context(), question(name))
				if err != nil || a.Text(ReplyMessage) != name {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestExchangeCrowd(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	peer := NewPeer(secret, false, nil)
	s := NewServer(echo{}, Options{Peer: func(netip.Addr) *Peer { return peer }})
	go func() { _ = s.ServeUDP(conn, Authentication) }()
	defer func() { _ = s.Shutdown(context.Background()) }()
	client := NewClient(conn.LocalAddr().String(), ClientOptions{Secret: secret, Lines: 3, Tries: 20})
	defer client.Close()
	crowd(t, client)
}

// TestExchangeRadSec: the same over TLS, also after the connection broke.
func TestExchangeRadSec(t *testing.T) {
	pair, roots := certtest.SelfSigned(t, "127.0.0.1")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peer := NewTunnelPeer(nil)
	serve := func(ln net.Listener) *Server {
		s := NewServer(echo{}, Options{Tunnels: 64})
		go func() {
			_ = s.ServeTLS(ln, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots}, func(netip.Addr, *tls.ConnectionState) *Peer { return peer })
		}()
		return s
	}
	s := serve(ln)
	client := NewClient(ln.Addr().String(), ClientOptions{TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}, Lines: 2, Wait: time.Minute})
	defer client.Close()
	crowd(t, client)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Line().Exchange(t.Context(), question("a")); !errors.Is(err, ErrLost) {
		t.Errorf("nobody there: %v", err)
	}
	if ln, err = net.Listen("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	s = serve(ln)
	defer func() { _ = s.Shutdown(context.Background()) }()
	for _, line := range client.lines { // each learns of the break in its time
		for err := ErrLost; err != nil; {
			_, err = line.Exchange(t.Context(), question("a"))
		}
	}
	crowd(t, client)

	stranger := NewClient(ln.Addr().String(), ClientOptions{TLS: &tls.Config{RootCAs: roots, ServerName: "evil.example", Certificates: []tls.Certificate{pair}}})
	defer stranger.Close()
	var name x509.HostnameError
	if _, err := stranger.Line().Exchange(t.Context(), question("a")); !errors.Is(err, ErrLost) || !errors.As(err, &name) {
		t.Errorf("another name: %v", err)
	}
}

// FuzzStream: whatever a RadSec server sends, packets are cut within bounds.
func FuzzStream(f *testing.F) {
	f.Add([]byte{2, 1, 0, 20, 15: 1, 19: 1, 20: 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		next := stream(bytes.NewReader(b))
		var packet [maxPacket]byte
		for {
			n, err := next(packet[:])
			if err != nil {
				return
			}
			if n < headerLen || n > maxPacket {
				t.Fatal(n)
			}
		}
	})
}
