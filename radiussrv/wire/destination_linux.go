package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// learnDestination asks the kernel to tell, with every datagram, which of our
// addresses it was sent to.
func learnDestination(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		family, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_DOMAIN)
		switch {
		case err != nil:
			failed = err
		case family == syscall.AF_INET:
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
		default:
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1)
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// returnControl turns the control message of a request into that of its reply,
// in place, and gives its length: the kernel takes in_pktinfo and in6_pktinfo
// back as they were, source address included. The interface is taken out, so
// that the routing table decides the way back, except for link-local addresses,
// which mean nothing without it.
func returnControl(control []byte) int {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return 0
	}
	m := messages[0]
	switch {
	case m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_PKTINFO && len(m.Data) >= 12:
		// struct in_pktinfo: index, local address, destination address.
		binary.NativeEndian.PutUint32(m.Data[0:4], 0)
	case m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_PKTINFO && len(m.Data) >= 20:
		// struct in6_pktinfo: destination address, index.
		if !netip.AddrFrom16([16]byte(m.Data[:16])).IsLinkLocalUnicast() {
			binary.NativeEndian.PutUint32(m.Data[16:20], 0)
		}
	default:
		return 0
	}
	return len(control)
}
