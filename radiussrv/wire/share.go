package wire

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
)

// Share is what one peer has of some places, which requests take while they wait
// or are worked on: at most three quarters of all, and one address of the peer
// three quarters of that, so that a flood leaves room for other peers, and one
// access point of many that go wild leaves some for its neighbours. The zero
// value has nothing.
type Share struct {
	all atomic.Int32
	at  atomic.Pointer[[corners]atomic.Int32]
}

// corners is in how many parts a peer's addresses are counted: those of one /24
// each by itself, of others one in so many together.
const corners = 256

// Take takes a place of n, if there is one for the peer and for the address.
func (s *Share) Take(n int, addr netip.Addr) bool {
	most := int32(max(n*3/4, 1))
	all, here := s.all.Add(1), s.corner(addr).Add(1)
	if all > most || here > max(most*3/4, 1) {
		s.Give(addr)
		return false
	}
	return true
}

// Give gives one back.
func (s *Share) Give(addr netip.Addr) {
	s.all.Add(-1)
	s.corner(addr).Add(-1)
}

func (s *Share) corner(addr netip.Addr) *atomic.Int32 {
	at := s.at.Load()
	for at == nil {
		s.at.CompareAndSwap(nil, new([corners]atomic.Int32))
		at = s.at.Load()
	}
	b := addr.As16()
	net := binary.BigEndian.Uint64(b[:8])*3 + binary.BigEndian.Uint64(b[8:])>>8
	return &at[b[15]^byte(net*0x9e3779b97f4a7c15>>56)]
}
