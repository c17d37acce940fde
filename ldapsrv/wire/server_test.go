package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// echo answers every request with its body as the text. Bodies that are words
// of command are obeyed.
type echo struct {
	started chan string // told the body of "hold"
	release chan struct{}
}

func (e *echo) Serve(ctx context.Context, c *Conn, m *Message) {
	switch body := string(m.Body); {
	case m.Op == OpUnbindRequest:
		c.End()
		return
	case m.Op == OpAbandonRequest:
		return
	case m.Op == OpBindRequest:
		if body == "watched" {
			c.Watch()
		}
		person, as := strings.CutPrefix(body, "as ")
		c.SetBound(as || body == "in" || body == "watched")
		c.SetPerson([16]byte([]byte(fmt.Sprintf("%16s", person))))
		if !as {
			c.SetPerson([16]byte{})
		}
	case body == "panic":
		panic("as told")
	case body == "broken":
		c.Malformed()
		return
	case body == "peer":
		c.Reply(m.ID, OpSearchResultDone, Result{Text: c.Peer().String()})
		return
	case body == "signed out":
		c.SetBound(false)
	case body == "starttls":
		c.StartTLS()
		c.Reply(m.ID, OpSearchResultDone, Result{})
		return
	case body == "hold":
		e.started <- body
		select {
		case <-e.release:
		case <-ctx.Done():
		}
	case body == "watch":
		c.Watch()
		e.started <- string(m.Body)
		for !c.Abandoned() {
			select {
			case <-e.release:
				c.Reply(m.ID, OpSearchResultDone, Result{Text: string(m.Body)})
				return
			case <-time.After(time.Millisecond):
			}
		}
		e.started <- "abandoned"
		if c.Canceled() {
			c.Reply(m.ID, OpSearchResultDone, Result{Code: Canceled})
		}
		return
	}
	if value, ok := isCancel(m.Body); ok && m.Op == OpExtendedRequest {
		c.Reply(m.ID, OpExtendedResponse, Result{Code: c.Cancel(value), Text: "cancel"})
		return
	}
	c.Reply(m.ID, m.Op+1, Result{Text: string(m.Body[:min(len(m.Body), 20)])})
}

type world struct {
	*testing.T
	*Server
	e       *echo
	address string
	metrics *prometheus.Registry
	served  sync.WaitGroup
}

func start(t *testing.T, l Limits) *world {
	t.Helper()
	return startAs(t, Options{Limits: l}, Listener{})
}

func startAs(t *testing.T, o Options, how Listener) *world {
	t.Helper()
	w := &world{T: t, e: &echo{started: make(chan string, 8), release: make(chan struct{})}, metrics: prometheus.NewRegistry()}
	if o.Metrics = w.metrics; o.Open == nil {
		o.Open = func(*Conn) Session { return w.e }
	}
	w.Server = New(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = listener.Addr().String()
	w.served.Go(func() {
		if err := w.Server.Serve(listener, how); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = w.Shutdown(ctx) // whatever a test left open is cut
		w.served.Wait()
	})
	return w
}

// metric reads one figure; with labels, the one whose label has the value.
func (w *world) metric(name string, label ...string) float64 {
	w.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "schoolbridge_ldapsrv_"+name {
			continue
		}
		for _, m := range f.Metric {
			if len(label) == 0 || m.Label[0].GetValue() == label[0] {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if len(label) == 0 {
		w.Fatalf("no metric %s", name)
	}
	return 0 // it begins with its first event
}

// peer is a client that speaks bytes.
type peer struct {
	*testing.T
	net.Conn
	since int64 // see world.rests
}

func (w *world) dial() *peer { return w.dialFrom("127.0.0.1") }

// dialFrom comes from another address of this machine.
func (w *world) dialFrom(address string) *peer {
	w.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.Dial("tcp", w.address)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{T: w.T, Conn: c}
}

func (p *peer) send(b ...[]byte) {
	p.Helper()
	if _, err := p.Write(bytes.Join(b, nil)); err != nil {
		p.Fatal(err)
	}
}

// answer reads one whole answer.
func (p *peer) answer() (id int32, op byte, code int32, text string, err error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(p, head); err != nil {
		return 0, 0, 0, "", err
	}
	n := int(head[1])
	if n > 0x80 {
		more := make([]byte, n&0x7f)
		if _, err := io.ReadFull(p, more); err != nil {
			return 0, 0, 0, "", err
		}
		n = int(binary.BigEndian.Uint64(append(make([]byte, 8-len(more)), more...)))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(p, b); err != nil {
		return 0, 0, 0, "", err
	}
	value, b, _ := Expect(b, TagInteger)
	id, _ = Int(value)
	e, _, _ := Next(b)
	value, b, _ = Expect(e.Value, TagEnumerated)
	code, _ = Int(value)
	_, b, _ = Expect(b, TagOctets)
	value, _, _ = Expect(b, TagOctets)
	return id, e.Tag, code, string(value), nil
}

func (p *peer) want(id int32, text string) {
	p.Helper()
	gotID, _, code, got, err := p.answer()
	if err != nil || gotID != id || got != text || code != 0 {
		p.Fatalf("answer %d %d %q %v, want %d %q", gotID, code, got, err, id, text)
	}
}

// wantNotice expects the notice of disconnection and the end.
func (p *peer) wantCode(id int32, code Code) {
	p.Helper()
	gotID, _, got, text, err := p.answer()
	if err != nil || gotID != id || Code(got) != code {
		p.Fatalf("answer %d %d %q %v, want %d %d", gotID, got, text, err, id, code)
	}
}

func (p *peer) wantNotice(code Code) {
	p.Helper()
	id, op, got, text, err := p.answer()
	if err != nil || id != 0 || op != OpExtendedResponse || Code(got) != code {
		p.Fatalf("no notice %d: id %d op %#x code %d %q %v", code, id, op, got, text, err)
	}
	p.wantEnd()
}

func (p *peer) wantEnd() {
	p.Helper()
	if _, _, _, text, err := p.answer(); err == nil {
		p.Fatalf("the connection goes on with %q", text)
	}
}

func request1(id int32, body string) []byte { return pdu(id, OpSearchRequest, []byte(body)) }

func TestOrderAndPipelining(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	var batch []byte
	for id := int32(1); id <= 300; id++ {
		batch = append(batch, pdu(2*id, OpBindRequest, []byte("b"))...)
		batch = append(batch, request1(2*id+1, "s")...)
	}
	p.send(batch)
	for id := int32(1); id <= 300; id++ {
		p.want(2*id, "b")
		p.want(2*id+1, "s")
	}
	// A part of a request holds up no earlier answer.
	next := request1(9, "next")
	p.send(request1(8, "whole"), next[:5])
	p.want(8, "whole")
	p.send(next[5:])
	p.want(9, "next")
	p.send(request1(10, "peer"))
	p.want(10, "127.0.0.1")
	p.send(pdu(11, OpUnbindRequest, nil), request1(12, "late"))
	p.wantEnd()
}

func TestLargeRequests(t *testing.T) {
	w := start(t, Limits{FirstPDU: 10_000, PDU: 100_000})
	p := w.dial()
	p.send(request1(1, strings.Repeat("x", 9_000)), request1(2, "small"))
	p.want(1, strings.Repeat("x", 20))
	p.want(2, "small")
	p.send(pdu(3, OpBindRequest, []byte("in")), request1(4, strings.Repeat("y", 90_000)), request1(5, "after"))
	p.want(3, "in")
	p.want(4, strings.Repeat("y", 20))
	p.want(5, "after")
	p.send(pdu(6, OpBindRequest, []byte("out")))
	p.want(6, "out")
	p.send(request1(7, strings.Repeat("z", 90_000))[:10])
	p.wantNotice(ProtocolError)
}

func TestMemoryOfLargeRequestsIsShared(t *testing.T) {
	w := start(t, Limits{LargePDUs: 40_000})
	first, second := w.dial(), w.dial()
	large := request1(1, strings.Repeat("x", 30_000))
	first.send(large[:29_000])
	deadline := time.Now().Add(5 * time.Second)
	for w.large.Load() < 28_000 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // until it is read
	}
	second.send(large)
	if _, _, code, _, err := second.answer(); err != nil || Code(code) != Busy {
		t.Errorf("answered %d, %v", code, err)
	}
	first.send(large[29_000:])
	first.want(1, strings.Repeat("x", 20))
	w.dial().send(large)
}

func TestMalformedEndsWithNotice(t *testing.T) {
	w := start(t, Limits{})
	for what, b := range map[string][]byte{
		"no sequence": []byte("GET / HTTP/1.1\r\n\r\n"), "an indefinite length": {0x30, 0x80, 2, 1, 1, 0x42, 0, 0, 0}, "a foreign operation": pdu(1, 0x7f, nil), "a response": pdu(1, OpSearchResultDone, nil),
		"id 0": pdu(0, OpSearchRequest, nil), "an element too long": {0x30, 3, 2, 9, 1}, "too large": {0x30, 0x84, 0x10, 0, 0, 0}, "found by the session": request1(1, "broken"),
	} {
		t.Run(what, func(t *testing.T) {
			p := w.dial()
			p.T = t
			p.send(b)
			p.wantNotice(ProtocolError)
		})
	}
	p := w.dial()
	p.send(request1(1, "good"), []byte("bad"))
	p.want(1, "good")
	p.wantNotice(ProtocolError)
}

// A client that is still sending what is refused hears why: a socket closed
// with bytes unread would be reset, and the notice lost.
func TestNoticeAmidLargeRequest(t *testing.T) {
	w := start(t, Limits{FirstPDU: 10_000})
	large := request1(1, strings.Repeat("x", 600_000))
	for range 50 {
		p := w.dial()
		p.send(large)
		p.wantNotice(ProtocolError)
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	w := start(t, Limits{})
	other, p := w.dial(), w.dial()
	p.send(request1(1, "panic"))
	p.wantEnd()
	other.send(request1(1, "on"))
	other.want(1, "on")
	if n := w.metric("panics_total"); n != 1 {
		t.Errorf("%v panics are counted", n)
	}
}

// deaf takes connections on which no answer can be sent.
type deaf struct{ net.Listener }

type deafConn struct{ net.Conn }

func (d deaf) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	return deafConn{c}, err
}

func (deafConn) Write([]byte) (int, error) { return 0, errors.New("nobody listens") }

// A client that takes no answers holds no connection, read ahead or not.
func TestFailedAnswerEnds(t *testing.T) {
	w := start(t, Limits{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	w.served.Go(func() { _ = w.Server.Serve(deaf{l}, Listener{}) })
	for _, body := range []string{"at once", "watch"} {
		p := w.dial()
		p.send(request1(1, body))
		if body == "watch" {
			<-w.e.started
			w.e.release <- struct{}{}
		}
		if _, err := p.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestConnectionLimits(t *testing.T) {
	w := start(t, Limits{PerSource: 2})
	a, b := w.dial(), w.dial()
	for _, p := range []*peer{a, b} {
		p.send(pdu(1, OpBindRequest, []byte("in")))
		p.want(1, "in")
	}
	w.eventually("they are not counted as signed in", func() bool { return w.inLobby() == 0 })
	w.dial().wantEnd()
	a.send(pdu(2, OpUnbindRequest, nil))
	a.wantEnd()
	deadline := time.Now().Add(5 * time.Second)
	for w.metric("connections") > 1 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // until the end is counted
	}
	c := w.dial()
	c.send(request1(1, "c"))
	c.want(1, "c")

	w = start(t, Limits{Connections: 1})
	d := w.dial()
	d.send(pdu(1, OpBindRequest, []byte("in")))
	d.want(1, "in")
	w.eventually("he is not counted as signed in", func() bool { return w.inLobby() == 0 })
	w.dial().wantEnd()
}

func TestSource(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::", "2001:db8::ffff:1": "2001:db8::", "2001:db8:0:1::1": "2001:db8:0:1::"} {
		if got := source(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
}

func TestLimitDefaults(t *testing.T) {
	if l := (Limits{}).withDefaults(); l.FirstPDU != 256<<10 || l.PDU != 1<<20 || l.Connections != 10_000 || l.InFlight != 32 {
		t.Errorf("%+v", l)
	}
	if l := (Limits{PDU: 4096, Idle: time.Second}).withDefaults(); l.FirstPDU != 4096 || l.FirstIdle != time.Second {
		t.Errorf("what comes before a bind has more than what comes after: %+v", l)
	}
}

func TestDeadlines(t *testing.T) {
	w := start(t, Limits{FirstIdle: 20 * time.Millisecond, Idle: 10 * time.Second, Read: 20 * time.Millisecond})
	w.dial().wantNotice(AdminLimitExceeded) // silent
	p := w.dial()
	p.send(request1(1, "begun")[:4])
	p.wantNotice(AdminLimitExceeded) // began and went no further
	p = w.dial()
	p.send(pdu(1, OpBindRequest, []byte("in")))
	p.want(1, "in")
	_ = p.SetReadDeadline(time.Now().Add(60 * time.Millisecond))
	if _, _, _, _, err := p.answer(); !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
		t.Errorf("silent after a bind: %v", err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestClientThatDoesNotRead(t *testing.T) {
	w := start(t, Limits{Write: 20 * time.Millisecond})
	p := w.dial()
	_ = p.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	batch := bytes.Repeat(request1(1, "answer me"), 2000)
	for range 10_000 {
		if _, err := p.Write(batch); err != nil {
			return // it was cut
		}
	}
	t.Error("answers pile up without end")
}

func TestShutdown(t *testing.T) {
	w := start(t, Limits{})
	idle, busy := w.dial(), w.dial()
	idle.send(request1(1, "x"))
	idle.want(1, "x")
	busy.send(request1(1, "hold"))
	<-w.e.started
	done := make(chan error)
	go func() { done <- w.Shutdown(context.Background()) }()
	idle.wantNotice(Unavailable)
	close(w.e.release)
	busy.want(1, "hold")
	busy.wantNotice(Unavailable)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", w.address); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

// A client that has sent requests without end does not hold up the stop.
func TestShutdownAmidRequests(t *testing.T) {
	for _, first := range []string{"hold", "watch"} {
		w := start(t, Limits{})
		p := w.dial()
		p.send(request1(1, first))
		<-w.e.started
		p.send(bytes.Repeat(request1(2, "waits"), 10))
		done := make(chan error)
		go func() { done <- w.Shutdown(context.Background()) }()
		for !w.isClosing() {
			time.Sleep(time.Millisecond)
		}
		for c := range w.open() {
			for !c.stopping.Load() {
				time.Sleep(time.Millisecond)
			}
		}
		w.e.release <- struct{}{}
		p.want(1, first)
		p.wantNotice(Unavailable)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// open gives the connections that are open.
func (w *world) open() map[*Conn]bool {
	w.Server.mu.Lock()
	defer w.Server.mu.Unlock()
	return maps.Clone(w.conns)
}

func TestShutdownCuts(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(1, "hold"))
	<-w.e.started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 LDAP connections") {
		t.Errorf("nothing is said of what was cut: %v", err)
	}
}

// Ten thousand malformed requests leave the server answering.
func TestMalformedFlood(t *testing.T) {
	w := start(t, Limits{FirstPDU: 64 << 10, Read: 50 * time.Millisecond, FirstIdle: 50 * time.Millisecond})
	good := pdu(1, OpSearchRequest, []byte("body"), 0xa0, 7, 0x30, 5, 4, 3, '1', '.', '2')
	var wait sync.WaitGroup
	for worker := range uint64(8) {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(worker, 1))
			for range 1250 {
				c, err := net.Dial("tcp", w.address)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Write(spoil(random, good)) // it may be cut at once
				_ = c.(*net.TCPConn).CloseWrite()
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				if _, err := io.Copy(io.Discard, c); isTimeout(err) {
					t.Error("neither answered nor ended")
				}
				_ = c.Close()
			}
		})
	}
	wait.Wait()
	p := w.dial()
	p.send(request1(1, "alive"))
	p.want(1, "alive")
	if n := w.metric("panics_total"); n != 0 {
		t.Errorf("%v panics", n)
	}
}

func spoil(random *rand.Rand, good []byte) []byte {
	b := bytes.Clone(good)
	switch random.IntN(4) {
	case 0:
		for range 1 + random.IntN(4) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
	case 1:
		b = b[:random.IntN(len(b))]
	case 2:
		b = make([]byte, random.IntN(100))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
	case 3:
		b = bytes.Repeat([]byte{0x30, 0x80}, 1+random.IntN(2000))
	}
	return b
}
