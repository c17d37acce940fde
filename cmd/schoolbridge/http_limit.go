package main

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// limits of a listener's connections.
type limits struct {
	all       int
	perSource int            // of one IPv4 address or IPv6 /64
	exempt    []netip.Prefix // reverse proxies: many people come from each
}

// limited closes the connections that are too many, so that nobody can use up
// the descriptors that LDAP and RADIUS need by doing nothing, many times.
type limited struct {
	net.Listener
	limits
	log *slog.Logger

	mu      sync.Mutex
	open    int
	sources map[netip.Addr]int
	told    time.Time // when the log last heard of it
}

func limit(l net.Listener, by limits, log *slog.Logger) *limited {
	return &limited{Listener: l, limits: by, log: log, sources: map[netip.Addr]int{}}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := l.source(conn.RemoteAddr())
		if l.take(from) {
			return &counted{Conn: conn, forget: sync.OnceFunc(func() { l.forget(from) })}, nil
		}
		_ = conn.Close()
	}
}

// source is what perSource counts; the zero address is not counted.
func (l *limited) source(peer net.Addr) netip.Addr {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range l.exempt {
		if p.Contains(addr) {
			return netip.Addr{}
		}
	}
	if addr.Is6() {
		wide, _ := addr.Prefix(64) // 64 bits are never too many
		return wide.Addr()
	}
	return addr
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.all || from.IsValid() && l.sources[from] >= l.perSource {
		if now := time.Now(); now.Sub(l.told) > time.Minute {
			l.told = now
			l.log.Warn("web: connections are turned away, there are too many", "open", l.open, "of_this_source", l.sources[from],
				"remedy", "web.limits, or web.proxies where the source is a reverse proxy of yours")
		}
		return false
	}
	l.open++
	if from.IsValid() {
		l.sources[from]++
	}
	return true
}

func (l *limited) forget(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.sources[from]--; l.sources[from] <= 0 {
		delete(l.sources, from)
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	forget func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.forget()
	return c.Conn.Close()
}
