package freeport

import (
	"net"
	"testing"
)

// Every port of a block is given once before one comes again, free ones only,
// and nobody else gets the block.
func TestPortsOfABlock(t *testing.T) {
	held, err := net.Listen("tcp", TCP(t))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	seen := map[string]bool{}
	for range size - 2 { // without the one that is held, and the claim
		address := TCP(t)
		if seen[address] || address == held.Addr().String() {
			t.Fatalf("%s is given again", address)
		}
		seen[address] = true
	}
	for range size - 1 { // a port of TCP says nothing of UDP's
		c, err := net.ListenPacket("udp", UDP(t))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if l, err := net.Listen("tcp", at(block.first)); err == nil {
		_ = l.Close()
		t.Error("the block can be claimed a second time")
	}
}
