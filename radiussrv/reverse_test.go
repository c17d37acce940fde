package radiussrv

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// radsecNAS is a NAS at its end of a RadSec connection: it says what answer
// tells it to each request that comes the other way, nothing for nil.
func radsecNAS(t *testing.T, conn *tls.Conn, answer func(request []byte) [][]byte) <-chan []byte {
	t.Helper()
	came := make(chan []byte, 600)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			request := make([]byte, 4096)
			if _, err := io.ReadFull(conn, request[:4]); err != nil {
				return
			}
			n := binary.BigEndian.Uint16(request[2:4])
			if _, err := io.ReadFull(conn, request[4:n]); err != nil {
				return
			}
			came <- request[:n]
			for _, reply := range answer(request[:n]) {
				if _, err := conn.Write(reply); err != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return came
}

// heard has a NAS say something, so that the server knows the connection.
func heard(t *testing.T, conn *tls.Conn) {
	t.Helper()
	if p := over(t, conn, &wire.Request{Code: wire.StatusServer, ID: 77}); p == nil {
		t.Fatal("no answer to Status-Server")
	}
}

func acks(code byte) func([]byte) [][]byte {
	return func(request []byte) [][]byte { return [][]byte{replyTo(request, code, "radsec")} }
}

var wlc = Client{Name: "wlc", Certificate: "wlc.school.example", DynamicTunnel: true}

func reverse(t *testing.T) (*Server, func() *tls.Conn) {
	t.Helper()
	ca := newAuthority(t)
	s, dial := radsecServer(t, ca, Options{Clients: table(t, wlc)})
	return s, func() *tls.Conn { return dial(ca.issue("wlc.school.example")) }
}

func TestReverseDisconnectAndChange(t *testing.T) {
	s, dial := reverse(t)
	if _, err := s.Disconnect(t.Context(), &wlc, ending()); !errors.Is(err, ErrAway) {
		t.Fatalf("without a connection: %v", err)
	}
	conn := dial()
	heard(t, conn)
	came := radsecNAS(t, conn, func(request []byte) [][]byte {
		ack := replyTo(request, request[0]+1, "radsec")
		return [][]byte{ // of nobody, with another secret, and the answer twice
			replyTo(append([]byte{request[0], request[1] + 9}, request[2:]...), 41, "radsec"), replyTo(request, 41, "guessed"), ack, ack,
		}
	})
	for _, ask := range []func() (Answer, error){
		func() (Answer, error) { return s.Disconnect(t.Context(), &wlc, ending()) },
		func() (Answer, error) { return s.Change(t.Context(), &wlc, ending(), identity.Grant{VLAN: 30}) },
	} {
		if answer, err := ask(); err != nil || !answer.Done {
			t.Fatal(answer, err)
		}
	}
	first, second := <-came, <-came
	p, err := wire.Parse(first)
	if err != nil || p.Code != wire.DisconnectRequest || p.Text(wire.AcctSessionID) != "5F-1" || !p.Has(wire.MessageAuthenticator) {
		t.Errorf("%+v, %v", p, err)
	}
	q, err := wire.Parse(second)
	if err != nil || q.Code != wire.CoARequest || q.Text(wire.TunnelPrivateGroupID) != "30" || q.ID == p.ID {
		t.Errorf("%+v, %v", q, err)
	}
}

// Requests in both directions share nothing but the connection.
func TestReverseBesideSignIns(t *testing.T) {
	s, dial := reverse(t)
	conn := dial()
	heard(t, conn)
	answers := make(chan error, 1)
	asked := make(chan error, 1)
	go func() {
		answer, err := s.Disconnect(t.Context(), &wlc, ending())
		if err == nil && !answer.Done {
			err = errors.New("refused")
		}
		answers <- err
	}()
	go func() {
		request := make([]byte, 4096)
		_, err := io.ReadFull(conn, request[:4])
		if err == nil {
			_, err = io.ReadFull(conn, request[4:binary.BigEndian.Uint16(request[2:4])])
		}
		asked <- err
		if err == nil {
			// A sign-in with the same identifier, before the answer.
			if p := over(t, conn, &wire.Request{Code: wire.AccessRequest, ID: request[1]}); p == nil || p.Code != wire.AccessAccept {
				t.Errorf("%+v", p)
			}
			_, _ = conn.Write(replyTo(request[:binary.BigEndian.Uint16(request[2:4])], 41, "radsec"))
		}
	}()
	for _, c := range []chan error{asked, answers} {
		if err := <-c; err != nil {
			t.Fatal(err)
		}
	}
}

func TestReverseRefusedAndSilent(t *testing.T) {
	s, dial := reverse(t)
	conn := dial()
	heard(t, conn)
	say := make(chan func([]byte) [][]byte, 1)
	radsecNAS(t, conn, func(request []byte) [][]byte { return (<-say)(request) })
	say <- func(request []byte) [][]byte {
		return [][]byte{replyTo(request, 45, "radsec", 101, 6, 0, 0, 1, 0x91)}
	}
	if answer, err := s.Change(t.Context(), &wlc, ending(), identity.Grant{}); err != nil || answer.Done || answer.Cause != 401 {
		t.Errorf("refused: %+v, %v", answer, err)
	}
	say <- func([]byte) [][]byte { return nil }
	if _, err := s.ask(t.Context(), &wlc, ending(), &wire.Request{Code: wire.DisconnectRequest}, time.Millisecond); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	say <- func([]byte) [][]byte { cancel(); return nil }
	if _, err := s.Disconnect(ctx, &wlc, ending()); !errors.Is(err, context.Canceled) {
		t.Errorf("the end: %v", err)
	}
	say <- func([]byte) [][]byte { _ = conn.Close(); return nil }
	if _, err := s.Disconnect(t.Context(), &wlc, ending()); !errors.Is(err, ErrAway) {
		t.Errorf("a connection that breaks: %v", err)
	}
	// It is reached again over its next one.
	conn = dial()
	heard(t, conn)
	radsecNAS(t, conn, acks(41))
	if answer, err := s.Disconnect(t.Context(), &wlc, ending()); err != nil || !answer.Done {
		t.Errorf("again: %+v, %v", answer, err)
	}
}

// Identifiers are the connection's own, and as many requests as there are for
// wait at once; further ones are told so.
func TestReverseManyAtOnce(t *testing.T) {
	s, dial := reverse(t)
	conn := dial()
	heard(t, conn)
	const most, all = 128, 160
	held := make(chan []byte, all)
	came := radsecNAS(t, conn, func(request []byte) [][]byte { held <- request; return nil })
	results := make(chan error, all)
	for range all {
		go func() {
			answer, err := s.Disconnect(t.Context(), &wlc, ending())
			if err == nil && !answer.Done {
				err = errors.New("refused")
			}
			results <- err
		}()
	}
	ids := map[byte]bool{}
	for range most {
		ids[(<-came)[1]] = true
	}
	for range all - most {
		if err := <-results; !errors.Is(err, ErrNoAnswer) {
			t.Errorf("beyond the bound: %v", err)
		}
	}
	for range most {
		if _, err := conn.Write(replyTo(<-held, 41, "radsec")); err != nil {
			t.Fatal(err)
		}
	}
	for range most {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if len(ids) != most {
		t.Errorf("%d identifiers for %d requests", len(ids), most)
	}
}

// Of several devices behind one certificate the one that knows the session
// answers, and others' words that it is not theirs end nothing.
func TestReverseFindsTheDevice(t *testing.T) {
	s, dial := reverse(t)
	theirs := func(request []byte) [][]byte { return [][]byte{replyTo(request, 41, "radsec")} }
	stranger := func(request []byte) [][]byte {
		return [][]byte{replyTo(request, 42, "radsec", 101, 6, 0, 0, 1, 0xf7)}
	}
	for _, answer := range []func([]byte) [][]byte{stranger, theirs, stranger} {
		conn := dial()
		heard(t, conn)
		radsecNAS(t, conn, answer)
	}
	if answer, err := s.Disconnect(t.Context(), &wlc, ending()); err != nil || !answer.Done {
		t.Errorf("%+v, %v", answer, err)
	}
	other := wlc
	other.Name = "other"
	if _, err := s.Disconnect(t.Context(), &other, ending()); !errors.Is(err, ErrAway) {
		t.Errorf("over somebody else's connection: %v", err)
	}
}

// One of them that says nothing keeps nobody from answering, and that it is not
// theirs is no answer in its place.
func TestReverseOneIsSilent(t *testing.T) {
	mute := func([]byte) [][]byte { return nil }
	stranger := func(request []byte) [][]byte {
		return [][]byte{replyTo(request, 42, "radsec", 101, 6, 0, 0, 1, 0xf7)}
	}
	for name, c := range map[string]struct {
		heard []func([]byte) [][]byte // the last one is asked first
		want  error
	}{
		"the first":  {[]func([]byte) [][]byte{acks(41), mute}, nil},
		"the second": {[]func([]byte) [][]byte{mute, stranger}, ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dial := reverse(t)
			for _, answer := range c.heard {
				conn := dial()
				heard(t, conn)
				radsecNAS(t, conn, answer)
			}
			if answer, err := s.Disconnect(t.Context(), &wlc, ending()); !errors.Is(err, c.want) || answer.Done != (c.want == nil) {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

// Where more devices are connected than are asked, those that were do not speak
// for the rest: only all of them together say that a session is gone. How many are
// asked can be set, and what is missed stands in the log, once.
func TestReverseManyStrangers(t *testing.T) {
	stranger := func(request []byte) [][]byte {
		return [][]byte{replyTo(request, 42, "radsec", 101, 6, 0, 0, 1, 0xf7)}
	}
	for name, c := range map[string]struct {
		strangers, asked int
		want             error
	}{
		"as many as are asked": {defaultAsked, 0, nil}, "one more": {defaultAsked + 1, 0, ErrNoAnswer},
		"more, and more are asked": {defaultAsked + 4, defaultAsked + 4, nil}, "fewer are asked": {3, 2, ErrNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logged
			ca := newAuthority(t)
			s, dial := radsecServer(t, ca, Options{Clients: table(t, wlc), Asked: c.asked, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			for range c.strangers {
				conn := dial(ca.issue("wlc.school.example"))
				heard(t, conn)
				radsecNAS(t, conn, stranger)
			}
			for range 2 {
				answer, err := s.Disconnect(t.Context(), &wlc, ending())
				if !errors.Is(err, c.want) || err == nil && answer.Cause != 503 || answer.Done {
					t.Errorf("%+v, %v", answer, err)
				}
			}
			if n := strings.Count(log.String(), "radius.radsec_limits.asked"); (n == 1) != (c.want != nil) {
				t.Errorf("%d lines:\n%s", n, log.String())
			}
		})
	}
}

// A client known by its address alone is asked over a connection from there,
// and over UDP where it has none and a port.
func TestReverseByAddress(t *testing.T) {
	udp, came := nasSide(t, func(_ int, request []byte) []byte { return replyTo(request, 41, dynamicSecret) })
	udp.Name, udp.Prefix, udp.DynamicTunnel = "switch", netip.MustParsePrefix("127.0.0.0/8"), true
	ca := newAuthority(t)
	s, dial := radsecServer(t, ca, Options{Clients: table(t, udp)})
	if answer, err := s.Disconnect(t.Context(), &udp, ending()); err != nil || !answer.Done || len(came) != 1 {
		t.Fatalf("over UDP: %+v, %v", answer, err)
	}
	conn := dial(ca.issue("any.example"))
	heard(t, conn)
	tunnel := radsecNAS(t, conn, acks(41))
	if answer, err := s.Disconnect(t.Context(), &udp, ending()); err != nil || !answer.Done || len(tunnel) != 1 || len(came) != 1 {
		t.Fatalf("over RadSec: %+v, %v", answer, err)
	}
	elsewhere := ending()
	elsewhere.Addr = netip.MustParseAddr("127.0.0.9")
	udp.DynamicPort = 0
	if _, err := s.Disconnect(t.Context(), &udp, elsewhere); !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "RadSec") {
		t.Errorf("of another device: %v", err)
	}
}
