package main

import (
	"context"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"schoolbridge/internal/web"
)

// glassPlaces bounds how many compute the hash of the break-glass password at a time.
// One place is kept from sources that were wrong lately: whoever floods the form, from
// however many of them, keeps the operator waiting for a hash and no longer.
type glassPlaces struct {
	all, kept chan struct{}
	wrong     *lru.Cache[netip.Addr, time.Time] // by network; when it was wrong last
}

const (
	glassWait  = 5 * time.Second // how long somebody waits for a place
	glassOpen  = 2               // places for everybody
	glassLong  = time.Hour       // how long a source counts as one that was wrong
	glassTable = 10_000          // sources remembered
)

func newGlassPlaces() *glassPlaces {
	wrong, _ := lru.New[netip.Addr, time.Time](glassTable) // fails on no size only
	return &glassPlaces{all: make(chan struct{}, glassOpen), kept: make(chan struct{}, 1), wrong: wrong}
}

// glassNetwork is what counts as one source: who has one IPv6 address has many.
func glassNetwork(from string) netip.Addr {
	addr, _ := netip.ParseAddr(from) // what is none is one source
	return web.Network(addr, web.SiteBits)
}

// enter waits for a place. Only the wait is bounded: on a slow machine, the hash alone
// may take as long.
func (p *glassPlaces) enter(ctx context.Context, from string, now time.Time) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, glassWait)
	defer cancel()
	kept := p.kept
	if at, ok := p.wrong.Get(glassNetwork(from)); ok && now.Sub(at) < glassLong {
		kept = nil // nothing is sent into it
	}
	select {
	case p.all <- struct{}{}:
		return func() { <-p.all }, nil
	case kept <- struct{}{}:
		return func() { <-p.kept }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// failed notes that a source was wrong.
func (p *glassPlaces) failed(from string, now time.Time) { p.wrong.Add(glassNetwork(from), now) }
