// Package freeport gives tests a port of 127.0.0.1 that a server opens only later:
// one started by its configuration. Who can listen on port 0 does that instead.
// Tests only.
//
// A port that the system chose and that was closed again may go to anybody's
// client before the server opens it. These lie below the range from which clients
// get theirs (32768 on Linux, 49152 by RFC 6335), in a block that one process
// keeps by listening on its first port: nobody else among the tests that run at
// the same time is given them.
//
// Start reading at TCP.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

const (
	low    = 10000
	blocks = 220
	size   = 100 // of a block; its first port is the claim
)

// TCP gives the address of a TCP port that nobody listens on. A process is
// given the same again only after all others of its block.
func TCP(t testing.TB) string { return take(t, "tcp") }

// UDP is TCP for datagrams.
func UDP(t testing.TB) string { return take(t, "udp") }

// Port is an address's port.
func Port(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err) // ours are whole
	}
	return port
}

// block is this process's.
var block struct {
	mu    sync.Mutex
	first int          // port of the claim; 0 before there is one
	claim net.Listener // until the process ends
	last  int          // given, counted from first
}

func take(t testing.TB, network string) string {
	t.Helper()
	block.mu.Lock()
	defer block.mu.Unlock()
	if block.first == 0 {
		claim(t)
	}
	for range size - 1 {
		block.last = block.last%(size-1) + 1
		address := at(block.first + block.last)
		if free(network, address) {
			return address
		}
	}
	t.Fatalf("no %s port is free from %d to %d", network, block.first+1, block.first+size-1)
	return ""
}

func claim(t testing.TB) {
	t.Helper()
	for _, n := range rand.Perm(blocks) {
		first := low + n*size
		if l, err := net.Listen("tcp", at(first)); err == nil {
			block.first, block.claim = first, l
			return
		}
	}
	t.Fatal(fmt.Errorf("every block of ports from %d is taken", low))
}

func at(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func free(network, address string) bool {
	if network == "udp" {
		c, err := net.ListenPacket(network, address)
		return err == nil && c.Close() == nil
	}
	l, err := net.Listen(network, address)
	return err == nil && l.Close() == nil
}
