//go:build unix

package wire

import (
	"errors"
	"io"
	"net"
	"testing"
)

// A silent connection on a socket holds no memory of its own either.
func TestSocketBorrowsMemory(t *testing.T) {
	w := start(t, Limits{})
	p := w.dial()
	if !p.answered(2) {
		t.Fatal("no answer")
	}
	for c := range w.open() {
		if c.reader.socket == nil || c.reader.first != nil {
			t.Error("it reads into memory of its own")
		}
	}
}

// Where a socket has nothing, the buffer goes back before the waiting begins.
func TestSocketWaitsWithoutMemory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	r, waits := newReader(server, &purse{}), 0
	r.try = func(fd uintptr) bool {
		done := r.readSocket(fd)
		if !done {
			if waits++; r.buf != nil {
				t.Error("it waits with a buffer")
			}
			if waits == 1 {
				_, _ = client.Write(request1(1, "x")) // what it waits for
			}
		}
		return done
	}
	if err := r.wait(); err != nil || waits == 0 || !r.whole() {
		t.Fatalf("%v, after waiting %d times", err, waits)
	}
	if b, err := r.read(100); err != nil || len(b) == 0 {
		t.Error(err)
	}
	_ = client.Close()
	if err := r.wait(); !errors.Is(err, io.EOF) || r.buf != nil {
		t.Errorf("%v, or a buffer is held", err)
	}
}
