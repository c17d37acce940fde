package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	radiuswire "schoolbridge/radiussrv/wire"
)

// flood sends from an address whatever packet gives, as fast as the daemon takes
// it, until it is stopped; stop gives how many packets that were.
func (s *troubled) flood(from string, packet func(n int) []byte) (stop func() int) {
	s.t.Helper()
	to, err := net.ResolveUDPAddr("udp", s.auth)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, to)
	if err != nil {
		s.t.Fatal(err)
	}
	end, done, sent := make(chan struct{}), make(chan struct{}), 0
	go func() {
		defer close(done)
		for seen := -1.0; ; {
			for range 128 { // fits into what the kernel holds for the daemon
				_, _ = conn.Write(packet(sent)) // what is lost is lost
				sent++
			}
			for {
				select {
				case <-end:
					return
				default:
				}
				taken := s.metric("schoolbridge_radiussrv_dropped_total") + s.metric("schoolbridge_radiussrv_results_total")
				if taken == seen {
					break
				}
				seen = taken
			}
		}
	}()
	return func() int {
		close(end)
		<-done
		_ = conn.Close()
		return sent
	}
}

// request makes an Access-Request as an access point with that secret does.
func (s *troubled) request(n int, login, secret string) []byte {
	r := &radiuswire.Request{Code: radiuswire.AccessRequest, ID: byte(n)}
	_, _ = rand.Read(r.Authenticator[:]) // never fails
	r.AddText(radiuswire.UserName, login)
	if err := r.AddPassword([]byte("guess"), []byte(secret)); err != nil {
		panic(err) // of constants
	}
	b, err := r.Encode([]byte(secret))
	if err != nil {
		panic(err)
	}
	return b
}

// TestOneAccessPointFloods: whatever one address sends at full speed, all
// sign-ins behind another access point are answered, and the flood shows in the
// metrics and, a line a minute, in the log.
func TestOneAccessPointFloods(t *testing.T) {
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	dropped := func(why string) func() float64 {
		return func() float64 { return s.metric("schoolbridge_radiussrv_dropped_total", why) }
	}
	for _, c := range []struct {
		what, from string
		packet     func(n int) []byte
		seen       func() float64
		line       string // "": of an answer there is none
	}{
		{"an unknown user", "127.0.0.2", func(n int) []byte { return s.request(n, fmt.Sprint("nobody", n), siteSecret) },
			func() float64 {
				return s.metric("schoolbridge_auth_verdicts_total", string(identity.ReasonUnknown)) + s.metric("schoolbridge_auth_verdicts_total", string(identity.ReasonThrottled))
			}, ""},
		{"malformed packets", "127.0.0.2", func(n int) []byte { return s.request(n, "orlovami", siteSecret)[:30] }, dropped("malformed"), "malformed RADIUS packet"},
		{"a wrong Message-Authenticator", "127.0.0.2", func(n int) []byte { return s.request(n, "orlovami", "another secret") }, dropped("forged"), "wrong authenticator"},
		{"no client", "127.0.0.3", func(n int) []byte { return s.request(n, "orlovami", siteSecret) }, dropped("unknown_client"), "address that is no client"},
	} {
		before, began := c.seen(), time.Now()
		s.log.take()
		stop := s.flood(c.from, c.packet)
		if !eventually(func() bool { return c.seen() > before }) {
			t.Fatalf("%s: the flood does not show in the metrics", c.what)
		}
		for n := range 20 {
			s.opens("orlovami", hers, herPhone)
			s.opens("belovas", hers, fmt.Sprintf("02-00-00-00-01-%02x", n))
			if ok, _ := s.pap("evann", "wrong", herLaptop); ok {
				t.Fatal("a wrong password is right")
			}
		}
		sent := stop()
		said, minutes := s.log.take(), int(time.Since(began)/time.Minute)+2
		lines := strings.Count(said, c.from)
		t.Logf("%s: %d packets, %.0f in the metrics, %d lines", c.what, sent, c.seen()-before, lines)
		if !strings.Contains(said, c.line) || lines > 2*minutes { // another one perhaps of requests dropped
			t.Errorf("%s: %d lines of %s:\n%s", c.what, lines, c.from, said)
		}
	}
}
