package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/certtest"
)

// serverTLS is a configuration with a certificate of its own.
func serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	cert, _ := certtest.SelfSigned(t, "localhost")
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// ahead1 sends bytes in front of the first write, in one segment with it.
type ahead1 struct {
	net.Conn
	first []byte
}

func (a *ahead1) Write(b []byte) (int, error) {
	if a.first == nil {
		return a.Conn.Write(b)
	}
	n, err := a.Conn.Write(append(bytes.Clone(a.first), b...))
	n, a.first = max(n-len(a.first), 0), nil
	return n, err
}

// eventually waits until something holds that happens beside the test.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	for until := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			w.Fatal(what)
		}
	}
}

// answered asks on a connection so often, and says whether all answers came.
func (p *peer) answered(n int) bool {
	for id := range int32(n) {
		if _, err := p.Write(request1(id+1, "x")); err != nil {
			return false
		}
		if got, _, code, text, err := p.answer(); err != nil || got != id+1 || code != 0 || text != "x" {
			return false
		}
	}
	return true
}

// Five thousand connections of one address, all of which begin a request and
// do not end it: others get every answer, new ones too.
func TestFloodFromOneAddress(t *testing.T) {
	w := startAs(t, Options{Limits: Limits{Connections: 2000, PerSource: 500}}, Listener{})
	other := w.dialFrom("127.0.0.2")
	if !other.answered(1) {
		t.Fatal("nobody answers")
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 5000 / 8 {
				c, err := net.Dial("tcp", w.address)
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(func() { _ = c.Close() })
				_, _ = c.Write(request1(1, "begun")[:4]) // it may be cut at once
			}
		})
	}
	wait.Go(func() {
		for range 50 {
			if !other.answered(20) || !w.dialFrom("127.0.0.3").answered(1) {
				t.Error("others are not answered meanwhile")
				return
			}
		}
	})
	wait.Wait()
	w.eventually("the rest is not refused, nor are those before them ended", func() bool {
		return w.metric("refused_connections_total", troublePerSource)+w.metric("ended_connections_total", troubleCrowded) == 4500
	})
	if !other.answered(100) || !w.dialFrom("127.0.0.4").answered(100) {
		t.Error("others are not answered afterwards")
	}
}

// What nests or promises without end costs its sender the connection, and
// nobody else anything.
func TestAttacksTouchNobodyElse(t *testing.T) {
	w := start(t, Limits{})
	other := w.dialFrom("127.0.0.2")
	nested := bytes.Repeat([]byte{0x30, 0x84, 0, 3, 0xa9, 0x7a}, 40_000)
	for what, b := range map[string][]byte{
		"indefinite and nested": bytes.Repeat([]byte{0x30, 0x80}, 2<<20), "nested": nested, "2 GiB": {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"2^63": {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "127 bytes of length": append([]byte{0x30, 0xff}, make([]byte, 200)...),
	} {
		p := w.dial()
		_, _ = p.Write(b) // it may be cut at once
		_ = p.Conn.(*net.TCPConn).CloseWrite()
		p.wantNotice(ProtocolError)
		if !other.answered(10) {
			t.Fatalf("%s: others are not answered", what)
		}
	}
	w.eventually("memory is held in the end", func() bool { return w.large.Load() == 0 })
}

// Large requests dribbled in by one source leave memory to others.
func TestLargeRequestsOfOneSource(t *testing.T) {
	w := start(t, Limits{LargePDUs: 800_000, PDU: 100_000})
	large := request1(1, strings.Repeat("x", 60_000))
	w.dial().send(large[:59_000])
	w.eventually("it is not read", func() bool { return w.large.Load() > 50_000 })
	p := w.dial()
	p.send(large)
	if _, _, code, _, err := p.answer(); err != nil || Code(code) != Busy {
		t.Errorf("the source takes more: %d, %v", code, err)
	}
	p = w.dialFrom("127.0.0.2")
	p.send(large)
	p.want(1, strings.Repeat("x", 20))
}

// A client that reads nothing is ended; meanwhile and afterwards others of the
// same source have their answers.
func TestUnreadAnswers(t *testing.T) {
	w := start(t, Limits{Write: 2 * time.Second})
	other := w.dial()
	p := w.dial()
	_ = p.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	batch := bytes.Repeat(request1(1, "answer me"), 2000)
	for err := error(nil); err == nil; {
		_, err = p.Write(batch)
		if !other.answered(2) {
			t.Fatal("another connection is not answered")
		}
	}
	w.eventually("it is not counted", func() bool { return w.metric("ended_connections_total", troubleDeaf) == 1 })
	w.eventually("bytes are counted as unread in the end", func() bool {
		w.Server.mu.Lock()
		defer w.Server.mu.Unlock()
		return w.sources[netip.MustParseAddr("127.0.0.1")].unread.Load() == 0
	})
}

// An answer that is larger than the bound goes out to who reads it.
func TestAnswerAboveUnread(t *testing.T) {
	w := start(t, Limits{Unread: 10})
	if !w.dial().answered(3) {
		t.Error("it is taken for an unread one")
	}
}

// What all connections of a source leave unread is bounded together.
func TestUnreadOfOneSource(t *testing.T) {
	w := start(t, Limits{Unread: 8000})
	batch := bytes.Repeat(request1(1, "answer me"), 2000)
	for range 3 {
		p := w.dial()
		_ = p.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		_ = p.SetWriteDeadline(time.Now().Add(10 * time.Second))
		go func() {
			for err := error(nil); err == nil; {
				_, err = p.Write(batch)
			}
		}()
	}
	w.eventually("none is ended", func() bool { return w.metric("ended_connections_total", troubleUnread) >= 2 })
	if !w.dialFrom("127.0.0.2").answered(100) {
		t.Error("another source is not answered")
	}
}

func TestHalfOpenHandshakes(t *testing.T) {
	config := serverTLS(t)
	w := startAs(t, Options{Limits: Limits{Handshakes: 2}, TLS: func() *tls.Config { return config }}, Listener{Implicit: true})
	dial := func(from string) *peer {
		p := w.dialFrom(from)
		p.Conn = tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true})
		return p
	}
	standing := dial("127.0.0.1")
	if !standing.answered(1) {
		t.Fatal("no answer by TLS")
	}
	half := []*peer{w.dial(), w.dial()}
	half[1].send([]byte{22, 3, 1, 0, 200, 1}) // a ClientHello that does not end
	w.eventually("they do not begin", func() bool { return w.metric("handshakes") == 2 })
	if w.dial().wantEnd(); w.metric("refused_connections_total", troubleHandshakes) != 1 {
		t.Error("a third one is not refused")
	}
	if !standing.answered(1) || !dial("127.0.0.2").answered(1) {
		t.Error("others are not answered")
	}
	for _, p := range half {
		_ = p.Close()
	}
	if w.eventually("they do not end", func() bool { return w.metric("handshakes") == 0 }); !dial("127.0.0.1").answered(1) {
		t.Error("the source is shut out for good")
	}
}

// A handshake that does not go on ends, whatever was sent of it.
func TestHandshakeDeadline(t *testing.T) {
	config := serverTLS(t)
	w := startAs(t, Options{Limits: Limits{Handshake: 50 * time.Millisecond}, TLS: func() *tls.Config { return config }}, Listener{Implicit: true})
	p := w.dial()
	p.wantEnd()
	p = w.dial()
	p.send([]byte{22, 3, 1, 0, 200, 1})
	p.wantEnd()
	w.eventually("they are not counted", func() bool { return w.metric("failed_handshakes_total") == 2 && w.metric("handshakes") == 0 })
}

func TestOperationsOfOneSource(t *testing.T) {
	w := start(t, Limits{Operations: 2})
	var held []*peer
	for range 2 {
		p := w.dial()
		p.send(request1(1, "hold"))
		<-w.e.started
		held = append(held, p)
	}
	p := w.dial()
	p.send(request1(1, "x"), pdu(2, OpAbandonRequest, []byte{1}), pdu(3, OpBindRequest, nil))
	for _, want := range []struct {
		id int32
		op byte
	}{{1, OpSearchResultDone}, {3, OpBindResponse}} {
		if id, op, code, _, err := p.answer(); err != nil || id != want.id || op != want.op || Code(code) != Busy {
			t.Errorf("answer %d %#x %d, %v", id, op, code, err)
		}
	}
	p.wantEnd() // nobody goes on as who he was before the bind
	if !w.dialFrom("127.0.0.2").answered(3) || w.metric("busy_total") != 2 {
		t.Error("another source is not answered, or the answers are not counted")
	}
	close(w.e.release)
	for _, h := range held {
		h.want(1, "hold")
	}
	if !held[0].answered(3) || !w.dial().answered(3) {
		t.Error("the source does not go on")
	}
}

// A listener has its own patience; a slow client that goes on is not silent.
func TestIdleOfListener(t *testing.T) {
	w := startAs(t, Options{}, Listener{Idle: 2 * time.Second})
	p := w.dial()
	p.send(pdu(1, OpBindRequest, []byte("in")))
	p.want(1, "in")
	p.wantNotice(AdminLimitExceeded)
	if n := w.metric("ended_connections_total", troubleIdle); n != 1 {
		t.Errorf("%v silent connections are ended", n)
	}
}

// watched tells of each read before it waits.
type watched struct {
	io.Reader
	tell func(room int)
}

func (w *watched) Read(b []byte) (int, error) {
	w.tell(len(b))
	return w.Reader.Read(b)
}

// A silent connection holds no buffer, whatever came before.
func TestIdleHoldsNoMemory(t *testing.T) {
	server, client := net.Pipe()
	go func() {
		for id := range int32(3) {
			_, _ = client.Write(request1(id+1, strings.Repeat("x", 2500*int(id))))
		}
		_ = client.Close()
	}()
	var r *pduReader
	silent, budget := false, &purse{}
	budget.Store(1 << 20)
	r = newReader(&watched{server, func(room int) {
		if silent && (r.buf != nil || room != firstSize) {
			t.Errorf("it waits with %d bytes, and a buffer: %v", room, r.buf != nil)
		}
	}}, budget)
	for id := range int32(3) {
		silent = true
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
		silent = false
		b, err := r.read(10_000)
		if m, err2 := ParseMessage(b); err != nil || err2 != nil || m.ID != id+1 {
			t.Fatalf("%+v, %v, %v", m, err, err2)
		}
	}
	if silent = true; !errors.Is(r.wait(), io.EOF) || r.buf != nil {
		t.Error("no end, or a buffer is held")
	}
}

// Whatever happens, a kind of trouble is one line a minute.
func TestNoticesAreBounded(t *testing.T) {
	var text bytes.Buffer
	n := newNotices(slog.New(slog.NewTextHandler(&text, nil)))
	now := time.Unix(1_800_000_000, 0)
	n.now = func() time.Time { return now }
	for range 1000 {
		n.say("refused", troublePerSource, netip.MustParseAddr("192.0.2.1"))
		n.say("refused", troubleHandshakes, netip.MustParseAddr("192.0.2.1"))
	}
	now = now.Add(noticePause)
	n.say("refused", troublePerSource, netip.MustParseAddr("192.0.2.2"))
	if lines := strings.Count(text.String(), "\n"); lines != 3 || !strings.Contains(text.String(), "source=192.0.2.2 unsaid=999") {
		t.Errorf("%d lines: %s", lines, &text)
	}
}
