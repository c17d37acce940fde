package wire

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// headerV2 makes a binary header.
func headerV2(command, family byte, payload ...byte) []byte {
	b := append(bytes.Clone(signatureV2), 0x20|command, family)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(payload))), payload...)
}

var (
	header4 = headerV2(1, 0x11, 192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 1, 133)
	header6 = headerV2(1, 0x21, append(append(netip.MustParseAddr("2001:db8::7").AsSlice(), netip.MustParseAddr("2001:db8::1").AsSlice()...), 0x30, 0x39, 1, 133)...)
)

func TestParseProxy(t *testing.T) {
	for in, want := range map[string]string{
		"PROXY TCP4 192.0.2.7 10.0.0.1 12345 389\r\nrest":   "192.0.2.7:12345",
		"PROXY TCP6 2001:db8::7 2001:db8::1 12345 389\r\n":  "[2001:db8::7]:12345",
		"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 389\r\n": "192.0.2.7:1",
		"PROXY UNKNOWN\r\n": "invalid AddrPort",
		"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\nrest": "invalid AddrPort",
		string(header4):                                 "192.0.2.7:12345",
		string(header6) + "rest":                        "[2001:db8::7]:12345",
		string(headerV2(0, 0)):                          "invalid AddrPort",
		string(headerV2(0, 0x11, header4[16:]...)):      "invalid AddrPort",
		string(headerV2(1, 0)):                          "invalid AddrPort",
		string(headerV2(1, 0x31, make([]byte, 216)...)): "invalid AddrPort",
		string(headerV2(1, 0x11, append(bytes.Clone(header4[16:]), 3, 0, 4, 1, 2, 3, 4)...)): "192.0.2.7:12345", // with a TLV
	} {
		client, n, err := parseProxy([]byte(in))
		if err != nil || client.String() != want || n != len(strings.TrimSuffix(in, "rest")) {
			t.Errorf("%q: %v, %d bytes, %v; want %s", in, client, n, err, want)
		}
		for cut := range n { // in pieces
			if _, _, err := parseProxy([]byte(in[:cut])); !errors.Is(err, errProxyMore) {
				t.Errorf("%q: %v", in[:cut], err)
			}
		}
	}
	for _, in := range []string{
		"GET / HTTP/1.1\r\n", "0\x0c\x02\x01\x01", "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 12345\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 12345 389 x\r\n",
		"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 70000 389\r\n", "PROXY TCP4 192.0.2.7 10.0.0.1 -1 389\r\n",
		"PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n", "PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n", "PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n", "PROXY " + strings.Repeat("x", maxProxyText),
		string(headerV2(2, 0x11, header4[16:]...)), string(headerV2(1, 0x11, 1, 2, 3)), string(headerV2(1, 0x41, header4[16:]...)),
		string(headerV2(1, 0x11, make([]byte, maxProxy)...)), string(signatureV2) + "\x31\x11\x00\x00",
	} {
		if client, n, err := parseProxy([]byte(in)); !errors.Is(err, errProxy) {
			t.Errorf("%.60q passes: %v, %d bytes, %v", in, client, n, err)
		}
	}
}

func FuzzProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 10.0.0.1 12345 389\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add(header4)
	f.Add(header6)
	f.Add(headerV2(0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		client, n, err := parseProxy(b)
		switch {
		case errors.Is(err, errProxyMore):
			if len(b) >= maxProxy {
				t.Fatalf("%d bytes are no header yet", len(b))
			}
		case err != nil:
			if !errors.Is(err, errProxy) {
				t.Fatal(err)
			}
		case n <= 0 || n > len(b) || n > maxProxy || client.Addr().Zone() != "" || client.Addr().Is4In6():
			t.Fatalf("%v in %d bytes of %d", client, n, len(b))
		default: // what follows is not looked at
			again, m, err := parseProxy(append(bytes.Clone(b[:n]), 0xff))
			if err != nil || again != client || m != n {
				t.Fatalf("%v in %d bytes, %v; was %v in %d", again, m, err, client, n)
			}
		}
	})
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

func TestProxy(t *testing.T) {
	w := startAs(t, Options{}, Listener{Proxies: loopback})
	for what, c := range map[string]struct {
		header []byte
		peer   string
	}{
		"v1": {[]byte("PROXY TCP4 192.0.2.7 10.0.0.1 12345 389\r\n"), "192.0.2.7"}, "v2": {header6, "2001:db8::7"},
		"local": {headerV2(0, 0), "127.0.0.1"}, "unknown": {[]byte("PROXY UNKNOWN\r\n"), "127.0.0.1"},
	} {
		t.Run(what, func(t *testing.T) {
			p := w.dial()
			p.T = t
			p.send(c.header, request1(1, "peer"), request1(2, "more")) // in one segment
			p.want(1, c.peer)
			p.want(2, "more")
			p = w.dial()
			p.T = t
			for _, b := range append(bytes.Clone(c.header), request1(1, "peer")...) { // in as many as can be
				p.send([]byte{b})
			}
			p.want(1, c.peer)
		})
	}
	for what, b := range map[string][]byte{"no header": request1(1, "peer"), "a broken one": []byte("PROXY TCP4 x\r\n"), "one that is too long": headerV2(1, 0x11, make([]byte, 9000)...)} {
		p := w.dial()
		p.send(b)
		p.wantEnd()
		if n := w.metric("refused_connections_total", troubleProxy); n == 0 {
			t.Errorf("%s is not counted", what)
		}
	}
	// From elsewhere nobody says whose a connection is.
	p := w.dialFrom("127.0.0.2")
	_, _ = p.Write([]byte("PROXY TCP4 192.0.2.7 10.0.0.1 12345 389\r\n")) // it may be cut at once
	p.wantEnd()
}

// Limits are the client's, not the balancer's.
func TestProxyLimits(t *testing.T) {
	w := startAs(t, Options{Limits: Limits{PerSource: 2}}, Listener{Proxies: loopback})
	for range 2 {
		for _, header := range [][]byte{header4, header6} {
			p := w.dial()
			p.send(header, pdu(1, OpBindRequest, []byte("in"))) // whoever is signed in makes no room
			p.want(1, "in")
		}
	}
	w.eventually("they are not counted as signed in", func() bool { return w.inLobby() == 0 })
	p := w.dial()
	p.send(header4)
	p.wantEnd()
	if n := w.metric("refused_connections_total", troublePerSource); n != 1 {
		t.Errorf("%v connections are refused", n)
	}
}

// dialled is a connection whose other end is somewhere.
type dialled struct {
	net.Conn
	from string
}

func (d dialled) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(d.from))
}

// What a balancer elsewhere calls loopback is not ours.
func TestLoopback(t *testing.T) {
	local := "PROXY TCP4 127.0.0.1 10.0.0.1 12345 389\r\n"
	for _, c := range []struct {
		socket, header string
		want           bool
	}{
		{"127.0.0.1:1000", "", true}, {"[::1]:1000", "", true}, {"[::ffff:127.0.0.1]:1000", "", true}, {"192.0.2.1:1000", "", false},
		{"127.0.0.1:1000", local, true}, {"127.0.0.1:1000", string(header4), false}, {"192.0.2.1:1000", local, false}, {"192.0.2.1:1000", string(header4), false},
	} {
		ours, theirs := net.Pipe()
		conn := newConn(&Server{opt: Options{Limits: Limits{}.withDefaults()}}, dialled{ours, c.socket}, &Listener{})
		conn.reader = newReader(ours, conn)
		if c.header != "" {
			go func() { _, _ = theirs.Write([]byte(c.header)) }()
			if err := conn.proxied(); err != nil {
				t.Fatal(err)
			}
		}
		if got := conn.Loopback(); got != c.want {
			t.Errorf("%s, %q: %v", c.socket, c.header, got)
		}
		conn.kill()
		_ = theirs.Close()
	}
}

// A header has its time.
func TestProxyDeadline(t *testing.T) {
	w := startAs(t, Options{Limits: Limits{Handshake: 50 * time.Millisecond}}, Listener{Proxies: loopback})
	p := w.dial()
	p.send(header4[:20])
	p.wantEnd() // the rest never came
}

func TestProxyBeforeTLS(t *testing.T) {
	for what, implicit := range map[string]bool{"LDAPS": true, "StartTLS": false} {
		t.Run(what, func(t *testing.T) {
			w := startAs(t, Options{TLS: func() *tls.Config { return serverTLS(t) }}, Listener{Proxies: loopback, Implicit: implicit})
			p := w.dial()
			if implicit {
				p.Conn = &ahead1{Conn: p.Conn, first: header4}
			} else {
				p.send(header4, request1(1, "starttls"))
				p.want(1, "")
			}
			p.Conn = tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true})
			p.send(request1(2, "peer"))
			p.want(2, "192.0.2.7")
			if n := w.metric("tls_connections_total", "1.3"); n != 1 {
				t.Errorf("%v connections with TLS", n)
			}
		})
	}
}
