package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// Who sends a request drop by drop, its head or its body, in clear or over TLS, is gone
// when the time for it is over, however long he goes on; and meanwhile others are served,
// while he holds as many places as one source may have.
func TestSlowClients(t *testing.T) {
	const perSource = 4
	s := newSite(t)
	d := s.started(io.Discard)
	pages, err := d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	head := "POST /support HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n"
	for what, c := range map[string]struct {
		sent string
		tls  bool
		most time.Duration // how long he may be there, with what a busy machine adds
	}{
		"head": {"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", false, 12 * time.Second}, "body": {head + "\r\n", false, 25 * time.Second},
		"head over TLS": {"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", true, 12 * time.Second}, "body over TLS": {head + "\r\n", true, 25 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			address, _ := serving(t, limits{all: 100, perSource: perSource}, pages, discardLog())
			dial := func() (net.Conn, error) { return net.Dial("tcp", address) }
			if c.tls {
				server := httptest.NewUnstartedServer(nil) // for its certificate
				server.StartTLS()
				t.Cleanup(server.Close)
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					_ = serveHTTP(t.Context(), tls.NewListener(limit(l, limits{all: 100, perSource: perSource}, discardLog()), server.TLS), pages, discardLog())
				}()
				address = l.Addr().String()
				config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
				config.NextProtos = []string{"http/1.1"}
				dial = func() (net.Conn, error) { return tls.Dial("tcp", address, config) }
			}
			began := time.Now()
			gone := make(chan time.Duration, perSource)
			for range perSource {
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				if _, err := io.WriteString(conn, c.sent); err != nil {
					t.Fatal(err)
				}
				go trickle(conn, 2*c.most, func() { gone <- time.Since(began) })
			}
			if code := fromElsewhere(t, address, c.tls); code != http.StatusOK {
				t.Errorf("somebody else is answered %d", code)
			}
			for range perSource {
				if took := <-gone; took > c.most {
					t.Errorf("he is there for %v", took)
				}
			}
		})
	}
}

// trickle sends a byte now and then, until the other end has had enough.
func trickle(conn net.Conn, most time.Duration, ended func()) {
	defer ended()
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		close(closed)
	}()
	for deadline := time.After(most); ; {
		select {
		case <-closed:
			return
		case <-deadline:
			return
		case <-time.After(300 * time.Millisecond):
			if _, err := conn.Write([]byte("a")); err != nil {
				return
			}
		}
	}
}

// fromElsewhere asks for a page from another address of this machine.
func fromElsewhere(t *testing.T, address string, secure bool) int {
	t.Helper()
	dialer := net.Dialer{Timeout: 10 * time.Second, LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.77:0"))}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	res, err := client.Get(scheme + address + "/")
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}
