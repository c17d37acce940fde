package web

import (
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
func (h *Handler) From(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	addr = addr.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && h.proxy(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr.WithZone("")
}

func (h *Handler) proxy(addr netip.Addr) bool {
	for _, p := range h.o.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// costly says that a request makes others work: mos.ru, the store, the target.
func costly(r *http.Request) bool {
	return r.Method == http.MethodPost || r.URL.Path == "/sign-in/mosru"
}

// The pace of one source, which may be a whole school behind one address: thirty
// classes that activate in one lesson come through, a program does not. Passwords
// are counted much more narrowly where they are checked (internal/auth).
const (
	paceEvery = 100 * time.Millisecond // one request, in the long run
	paceBurst = 300
	paceTable = 20_000 // sources remembered
)

// pace bounds how often a source may make others work (a leaky bucket: GCRA).
type pace struct {
	mu   sync.Mutex
	next *lru.Cache[netip.Addr, time.Time] // when the source's bucket is empty
}

func newPace() *pace {
	table, _ := lru.New[netip.Addr, time.Time](paceTable) // fails on no size only
	return &pace{next: table}
}

// allow says that the source may, and counts it. One address, or one IPv6 /64, is
// a source.
func (p *pace) allow(from netip.Addr, now time.Time) bool {
	if from.Is6() {
		wide, _ := from.Prefix(64) // 64 bits are never too many
		from = wide.Addr()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	empty, _ := p.next.Get(from)
	if empty.Before(now) {
		empty = now
	}
	if empty.Sub(now) > (paceBurst-1)*paceEvery {
		return false
	}
	p.next.Add(from, empty.Add(paceEvery))
	return true
}
