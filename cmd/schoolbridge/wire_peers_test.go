//go:build peers

package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// fate is what becomes of a record on a wire.
type fate int

const (
	carry   fate = iota
	cut          // the connection ends before it
	swallow      // it and all behind it in this direction are lost; the connection stays
)

// wire lies between the daemon and the domain controller. What passes is TLS,
// so what can be seen are its records; ldapclient sends each request in one.
type wire struct {
	net.Listener
	server string

	mu    sync.Mutex
	watch func(toServer bool, n int) fate
	n     int
	open  map[net.Conn]bool
	done  sync.WaitGroup
}

// newWire listens on the server's address, so that its certificate serves here
// too.
func newWire(t *testing.T, host, port string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, server: net.JoinHostPort(host, port), open: map[net.Conn]bool{}}
	w.done.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		for c := range w.open {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.done.Wait()
	})
	return w
}

// set has every record with application data judged before it is carried on; n
// counts those to the server from 1. nil: all are carried.
func (w *wire) set(watch func(toServer bool, n int) fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch, w.n = watch, 0
}

// count is how many records went to the server since set.
func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

func (w *wire) judge(toServer bool) fate {
	w.mu.Lock()
	if toServer {
		w.n++
	}
	n, watch := w.n, w.watch
	w.mu.Unlock()
	if watch == nil {
		return carry
	}
	return watch(toServer, n)
}

func (w *wire) accept() {
	for {
		client, err := w.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil { // the controller is off
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.open[client], w.open[server] = true, true
		w.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { w.carry(server, client, true) })
		both.Go(func() { w.carry(client, server, false) })
		w.done.Go(func() {
			both.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.open, client)
			delete(w.open, server)
		})
	}
}

// carry brings records from one end to the other until one of them ends.
func (w *wire) carry(to, from net.Conn, toServer bool) {
	defer to.Close()
	defer from.Close()
	const applicationData, most = 23, 1<<14 + 256 + 5 // RFC 8446 section 5.2
	record := make([]byte, most)
	lost := false
	for {
		if _, err := io.ReadFull(from, record[:5]); err != nil {
			return
		}
		end := 5 + int(binary.BigEndian.Uint16(record[3:5]))
		if end > most {
			return
		}
		if _, err := io.ReadFull(from, record[5:end]); err != nil {
			return
		}
		if record[0] == applicationData {
			switch w.judge(toServer) {
			case cut:
				return
			case swallow:
				lost = true
			}
		}
		if lost {
			continue
		}
		if _, err := to.Write(record[:end]); err != nil {
			return
		}
	}
}
