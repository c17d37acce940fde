package store

import (
	"net"
	"runtime"
	"sync/atomic"
	"testing"
)

// Who waits for a packet has it while a transaction computes, also where the
// process has one processor.
func TestYieldLooksForPackets(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var read atomic.Int64
	go func() {
		for b := make([]byte, 8); ; read.Add(1) {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}()
	const rounds = 100
	for n := range int64(rounds) {
		yield() // the reader waits
		if _, err := conn.WriteTo([]byte("packet"), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		yield() // both are found
		yield() // and the reader's turn is over
		if read.Load() != n+1 {
			t.Fatalf("packet %d: nobody has read it", n)
		}
	}
}
