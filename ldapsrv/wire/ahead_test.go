package wire

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAbandon(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(5, "watch"), request1(6, "queued"), request1(7, "kept"))
	if body := <-w.e.started; body != "watch" {
		t.Fatalf("memory of the request is gone: %q", body)
	}
	p.send(pdu(8, OpAbandonRequest, []byte{6}), pdu(9, OpAbandonRequest, []byte{99}), pdu(10, OpAbandonRequest, []byte{5}))
	if got := <-w.e.started; got != "abandoned" {
		t.Fatal(got)
	}
	p.want(7, "kept")
	p.send(request1(11, "next"), pdu(12, OpBindRequest, []byte("bind")), request1(13, "after"))
	p.want(11, "next")
	p.want(12, "bind")
	p.want(13, "after")
	// And where nothing is to be abandoned.
	p.send(pdu(14, OpAbandonRequest, []byte{13}), request1(15, "still"))
	p.want(15, "still")
}

// An unbind while a search runs: nobody waits for what else was asked.
func TestUnbindAbandons(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(1, "watch"), request1(2, "queued"))
	<-w.e.started
	p.send(pdu(3, OpUnbindRequest, nil))
	if got := <-w.e.started; got != "abandoned" {
		t.Error(got)
	}
	p.wantEnd()
}

func TestReadAheadIsBounded(t *testing.T) {
	w := start(t, Limits{InFlight: 4})
	p := w.dial()
	p.send(request1(1, "watch"))
	<-w.e.started
	var batch []byte
	for id := int32(2); id <= 100; id++ {
		batch = append(batch, request1(id, "x")...)
	}
	p.send(batch, request1(101, strings.Repeat("l", 9_000)), request1(102, "end"))
	w.e.release <- struct{}{}
	p.want(1, "watch")
	for id := int32(2); id <= 100; id++ {
		p.want(id, "x")
	}
	p.want(101, strings.Repeat("l", 20))
	p.want(102, "end")
}

func TestGoneClientIsNoticed(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(1, "watch"))
	<-w.e.started
	_ = p.Conn.(*net.TCPConn).SetLinger(0)
	_ = p.Close()
	if got := <-w.e.started; got != "abandoned" {
		t.Error(got)
	}
}

// So it is during the last request that was read ahead, such as an extended one or a bind.
func TestGoneClientIsNoticedAtTheLast(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(1, "watch"), pdu(2, OpExtendedRequest, []byte("watch")))
	<-w.e.started
	for c := range w.open() {
		for len(c.ahead.queue) == 0 { // until the second is there: its turn comes at once
			time.Sleep(time.Millisecond)
		}
	}
	w.e.release <- struct{}{}
	<-w.e.started
	p.want(1, "watch") // though the second is not answered
	_ = p.Conn.(*net.TCPConn).SetLinger(0)
	_ = p.Close()
	if got := <-w.e.started; got != "abandoned" {
		t.Error(got)
	}
}

// The memory of a request that is served is lent to nobody else, though its
// client sends no more, and is given back when it is answered.
func TestWatchedRequestKeepsItsMemory(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	p.send(request1(1, "watch"))
	<-w.e.started
	var a *ahead
	for c := range w.open() {
		a = c.ahead
	}
	if err := p.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	<-a.done
	if a.first.buf == nil {
		t.Error("it is lent while the request is served")
	}
	w.e.release <- struct{}{}
	p.want(1, "watch")
	p.wantEnd()
	w.eventually("the connection stays", func() bool { return len(w.open()) == 0 })
	if a.first.buf != nil {
		t.Error("it is held in the end")
	}
}

// Whatever is waited for, a stop ends the waiting.
func TestStopBeforeDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		c := newConn(&Server{}, ours, &Listener{})
		defer c.kill()
		c.stop()
		c.deadline(time.Hour)
		began := time.Now()
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
