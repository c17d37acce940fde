package wire

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// refuse makes the system refuse what is sent to the socket from now on, as where
// nobody listens (ICMP), while it still sends: what came before waits to be read,
// and nothing is taken any more that would never be answered. A socket takes
// datagrams from its peer alone once it is connected (connect(2)), and this one is
// connected to itself.
func (u *udpLink) refuse() error {
	local := u.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	var failed error
	err := u.raw.Control(func(fd uintptr) {
		family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			failed = err
			return
		}
		failed = unix.Connect(int(fd), itself(family, local))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("refuse further requests at %v: %w", local, err)
	}
	return nil
}

// itself is a local address as a peer's; that of a socket for all addresses is on
// the loopback.
func itself(family int, local netip.AddrPort) unix.Sockaddr {
	addr := local.Addr().Unmap()
	if family == unix.AF_INET {
		if addr.IsUnspecified() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		return &unix.SockaddrInet4{Port: int(local.Port()), Addr: addr.As4()}
	}
	if addr.IsUnspecified() {
		addr = netip.IPv6Loopback()
	}
	s := &unix.SockaddrInet6{Port: int(local.Port()), Addr: addr.As16()}
	if i, err := net.InterfaceByName(addr.Zone()); err == nil {
		s.ZoneId = uint32(i.Index)
	}
	return s
}

// rest takes what is in the socket and waits for nothing.
func (b *batch) rest() {
	for failures := 0; failures <= 100; {
		for i := range b.done {
			b.aim(i)
		}
		b.done = 0
		if err := b.link.raw.Control(func(fd uintptr) { b.read(fd) }); err != nil || b.errno == unix.EAGAIN {
			return
		}
		if b.errno != 0 { // of an earlier reply: see read
			failures++
			continue
		}
		b.arrived()
		b.serve(b.done)
	}
}
