package wire

import (
	"net/netip"
	"testing"
)

// TestShare: what a peer and an address of it may have, and that nothing is left
// when all was given back.
func TestShare(t *testing.T) {
	var s Share // of 16: 12, and 9 at an address
	at := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }
	took := func(addr byte) (n int) {
		for range 20 {
			if s.Take(16, at(addr)) {
				n++
			}
		}
		return n
	}
	for addr, want := range []int{9, 3, 0} {
		if n := took(byte(addr)); n != want {
			t.Errorf("%v takes %d, want %d", at(byte(addr)), n, want)
		}
	}
	s.Give(at(0))
	if n := took(2); n != 1 {
		t.Errorf("%d after one was given back", n)
	}
	for addr, n := range []int{8, 3, 1} {
		for range n {
			s.Give(at(byte(addr)))
		}
	}
	if n := took(7); n != 9 || s.all.Load() != 9 {
		t.Errorf("%d when all was given back, %d in all", n, s.all.Load())
	}
	if one := (Share{}); !one.Take(1, at(1)) || one.Take(1, at(1)) {
		t.Error("of one place, one is to be had")
	}
}

// TestCorners: access points of one network are counted apart, and of others few
// fall together.
func TestCorners(t *testing.T) {
	var s Share
	for name, addr := range map[string]func(n byte) netip.Addr{
		"a /24": func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 2, n}) },
		"a /64": func(n byte) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: 1, 15: n}) },
	} {
		seen := map[any]bool{}
		for n := range corners {
			seen[s.corner(addr(byte(n)))] = true
		}
		if len(seen) != corners {
			t.Errorf("%s: %d corners", name, len(seen))
		}
	}
	seen := map[any]bool{}
	for n := range byte(64) {
		seen[s.corner(netip.AddrFrom4([4]byte{10, n, 0, 1}))] = true
	}
	if len(seen) < 32 {
		t.Errorf("one access point of each of 64 schools: %d corners", len(seen))
	}
}
