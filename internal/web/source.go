package web

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// From is the address of whoever made a request: the last address in X-Forwarded-For
// that is not a proxy of ours, if one of ours brought it.
func (f *Frame) From(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	addr = addr.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && f.proxy(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr.WithZone("")
}

func (f *Frame) proxy(addr netip.Addr) bool {
	for _, p := range f.o.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

func requestID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// The pace of one source, which may be a whole school behind one address: thirty
// classes that activate in one lesson come through, a program does not. Passwords
// are counted much more narrowly where they are checked (internal/auth).
const (
	paceEvery = 100 * time.Millisecond // one request, in the long run
	paceBurst = 300
	paceTable = 20_000 // sources remembered
)

// Pace bounds how often a source may make others work (a leaky bucket: GCRA), as
// far as one replica sees it.
type Pace struct {
	every time.Duration
	burst int

	mu   sync.Mutex
	next *lru.Cache[netip.Addr, time.Time] // when the source's bucket is empty
}

// NewPace lets a source come so many times at once, and then as often.
func NewPace(every time.Duration, burst int) *Pace {
	table, _ := lru.New[netip.Addr, time.Time](paceTable) // fails on no size only
	return &Pace{every: every, burst: burst, next: table}
}

// What of an IPv6 address is one source: the network of one device, and the site that
// a provider gives to one customer, who has 65536 of those.
const (
	HostBits = 64
	SiteBits = 48
)

// Network is what is counted of an address as one source: of IPv6 so many bits.
func Network(a netip.Addr, bits int) netip.Addr {
	if a.Is6() {
		wide, _ := a.Prefix(bits) // of so few bits there is always one
		return wide.Addr()
	}
	return a
}

// Allow says that the source may, and counts it. One address, or one IPv6 /64, is
// a source.
func (p *Pace) Allow(from netip.Addr, now time.Time) bool {
	from = Network(from, HostBits)
	p.mu.Lock()
	defer p.mu.Unlock()
	empty, _ := p.next.Get(from)
	if empty.Before(now) {
		empty = now
	}
	if empty.Sub(now) > time.Duration(p.burst-1)*p.every {
		return false
	}
	p.next.Add(from, empty.Add(p.every))
	return true
}
