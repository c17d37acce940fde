package wire

import (
	"net/netip"
	"sync"
)

// Places are what requests take while they wait or are worked on. An owner has
// at most three quarters of them, and one address of his three quarters of that,
// so that a flood leaves room for other peers, and one access point of many that
// go wild leaves some for its neighbours.
type Places struct {
	ofOwner, atAddr int

	mu    sync.Mutex
	taken map[place]int // no more than there are places twice
}

// place is one address of an owner, or all that the owner has.
type place struct {
	owner any
	addr  netip.Addr
}

// NewPlaces shares out n places. Who bounds the whole is the caller.
func NewPlaces(n int) *Places {
	owners := max(n*3/4, 1)
	return &Places{ofOwner: owners, atAddr: max(owners*3/4, 1), taken: make(map[place]int)}
}

// Take takes one, if either share has one left.
func (p *Places) Take(owner any, addr netip.Addr) bool {
	all, here := place{owner: owner}, place{owner, addr}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[all] >= p.ofOwner || p.taken[here] >= p.atAddr {
		return false
	}
	p.taken[all]++
	p.taken[here]++
	return true
}

// Give gives one back that was taken.
func (p *Places) Give(owner any, addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range [2]place{{owner: owner}, {owner, addr}} {
		if p.taken[at]--; p.taken[at] == 0 {
			delete(p.taken, at)
		}
	}
}
