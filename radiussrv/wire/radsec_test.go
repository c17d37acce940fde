package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/certtest"
	"schoolbridge/internal/rawtls"
)

// pipes is a listener whose connections are made by dial.
type pipes struct {
	came chan net.Conn
	end  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.came:
		return c, nil
	case <-p.end:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.end); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// piped is a server whose connections are in memory.
func piped(t *testing.T) (s *Server, dial func() *tls.Conn, ended chan error) {
	pair, roots := certtest.SelfSigned(t, "127.0.0.1")
	s, connect, ended := plumbed(t, pair, roots)
	return s, func() *tls.Conn {
		return tls.Client(connect(), &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "127.0.0.1"})
	}, ended
}

// plumbed is one to which TLS has yet to be spoken; both sides show the certificate.
func plumbed(t *testing.T, pair tls.Certificate, roots *x509.CertPool) (s *Server, connect func() net.Conn, ended chan error) {
	peer := NewTunnelPeer(nil)
	s = NewServer(script(func(context.Context, *Received) *Reply { return &Reply{Code: AccessAccept} }), Options{})
	ln := &pipes{make(chan net.Conn), make(chan struct{})}
	ended = make(chan error, 1)
	go func() {
		ended <- s.ServeTLS(ln, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots}, func(netip.Addr, *tls.ConnectionState) *Peer { return peer })
	}()
	return s, func() net.Conn {
		ours, theirs := net.Pipe()
		ln.came <- theirs
		return ours
	}, ended
}

// TestRadSecIsKeptByItsWatchdog: whoever asks Status-Server now and then stays
// connected for hours; who says nothing is told that the connection is closed,
// and may open another.
func TestRadSecIsKeptByItsWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial, ended := piped(t)
		for range 2 {
			conn := dial()
			for range 20 {
				watchdog(t, conn)
				time.Sleep(idleFor - time.Second)
			}
			watchdog(t, conn)
			began := time.Now()
			if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) { // io.ErrUnexpectedEOF without close_notify
				t.Errorf("%d bytes, %v", n, err)
			}
			if idle := time.Since(began); idle != idleFor {
				t.Errorf("closed after %v", idle)
			}
			_ = conn.Close()
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}

// watchdog asks whether the server is there.
func watchdog(t *testing.T, conn *tls.Conn) {
	t.Helper()
	b, err := (&Request{Code: StatusServer}).Encode([]byte(radsecSecret))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	var reply [maxPacket]byte
	n, err := stream(conn)(reply[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseReply(reply[:n], b, []byte(radsecSecret)); err != nil {
		t.Error(err)
	}
}

// TestOneThatReadsNothingHoldsNobody: a connection whose end the peer does not
// take is waited for, and meanwhile others come and go.
func TestOneThatReadsNothingHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dial, ended := piped(t)
		stuck := dial()
		watchdog(t, stuck)
		time.Sleep(idleFor) // from now on the server writes its close_notify, which nobody reads
		synctest.Wait()
		began := time.Now()
		other := dial()
		watchdog(t, other)
		if took := time.Since(began); took != 0 {
			t.Errorf("another one waited %v", took)
		}
		_ = other.Close()
		_ = stuck.NetConn().Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// TestRadSecKeyUpdate: an access point may want new keys after any silence, and is
// answered as before; one that wants them and reads nothing is not there for longer
// than one that is silent.
func TestRadSecKeyUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pair, roots := certtest.SelfSigned(t, "127.0.0.1")
		s, connect, ended := plumbed(t, pair, roots)
		defer func() {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-ended
		}()
		c, err := rawtls.Dial(connect(), pair)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		ask, err := (&Request{Code: StatusServer}).Encode([]byte(radsecSecret))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(2 * handshakeWithin)
			if err := c.UpdateKeys(); err != nil {
				t.Fatal(err)
			}
			if kind, b, err := c.ReadRecord(); err != nil || kind != rawtls.Handshake || b[0] != rawtls.KeyUpdate {
				t.Fatalf("new keys: record of kind %d: %x, %v", kind, b, err)
			}
			if err := c.WriteRecord(rawtls.Data, ask); err != nil {
				t.Fatal(err)
			}
			_, b, err := c.ReadRecord()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseReply(b, ask, []byte(radsecSecret)); err != nil {
				t.Error(err)
			}
		}
		if err := c.UpdateKeys(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for err == nil { // the server ends it: nothing is taken any more
			if err = c.WriteRecord(rawtls.Data, ask[:1]); err == nil {
				time.Sleep(time.Second)
			}
		}
		if took := time.Since(began); took > writeWithin+packetWithin+time.Second {
			t.Errorf("one that reads nothing is ended after %v", took)
		}
	})
}

// from is a connection from an address.
type from struct {
	net.Conn
	addr netip.AddrPort
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.addr) }

// TestTunnelsOfOneSource: whoever has a /64 has no more connections than others,
// and who is refused is told which limit it was.
func TestTunnelsOfOneSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := &tally{}
		s := NewServer(script(func(context.Context, *Received) *Reply { return nil }), Options{Events: events, Tunnels: 7, TunnelsAt: 2})
		l := &tlsListener{server: s, config: &tls.Config{}, conns: map[*tlsLink]struct{}{}, from: map[netip.Addr]int{}}
		for i, addr := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.1"} {
			ours, theirs := net.Pipe()
			defer func() { _ = theirs.Close() }()
			l.open(from{ours, netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(1000+i))})
		}
		open := func() (conns, sources int) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.conns), len(l.from)
		}
		conns, sources := open()
		if at, all := events.dropped(DropLimitAt), events.dropped(DropLimit); at != 3 || all != 1 || conns != 7 || sources != 5 {
			t.Errorf("%d and %d are refused and %d taken of %d sources, want 3, 1, 7 and 5", at, all, conns, sources)
		}
		time.Sleep(handshakeWithin) // nobody goes on
		synctest.Wait()
		if conns, sources := open(); conns+sources != 0 {
			t.Errorf("%d connections and %d sources are counted in the end", conns, sources)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
