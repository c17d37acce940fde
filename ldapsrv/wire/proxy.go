package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt):
// a balancer says in front of a connection whose it is. It is believed on
// listeners that name their balancers, from these addresses, and must be there:
// whoever may leave it out can speak as the balancer itself.

// Bounds of a header. The text form has its own; the binary form may bring
// along what a balancer knows of the client (TLVs), which is passed over.
const (
	maxProxyText = 107
	maxProxy     = 2 << 10
)

var (
	errProxyMore = errors.New("a part of a PROXY header") // none of the parser's callers shows it
	errProxy     = errors.New("no PROXY header, or a malformed one")
	signatureV2  = []byte("\r\n\r\n\x00\r\nQUIT\n")
	signatureV1  = []byte("PROXY ")
)

// parseProxy reads the header at the beginning of b: the client's address and
// port, and how many bytes the header has. An invalid address says that the
// balancer speaks for itself (LOCAL) or does not know (UNKNOWN): the socket's
// own counts. errProxyMore asks for more bytes.
func parseProxy(b []byte) (client netip.AddrPort, n int, err error) {
	switch {
	case bytes.HasPrefix(b, signatureV2):
		return parseProxyV2(b)
	case bytes.HasPrefix(b, signatureV1):
		return parseProxyV1(b)
	case bytes.HasPrefix(signatureV2, b) || bytes.HasPrefix(signatureV1, b):
		return client, 0, errProxyMore
	}
	return client, 0, errProxy
}

// parseProxyV1 is section 2.1.
func parseProxyV1(b []byte) (client netip.AddrPort, n int, err error) {
	end := bytes.Index(b[:min(len(b), maxProxyText)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= maxProxyText {
			return client, 0, errProxy
		}
		return client, 0, errProxyMore
	}
	n = end + 2
	fields := strings.Split(string(b[:end]), " ")
	if fields[1] == "UNKNOWN" {
		return client, n, nil
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return client, 0, errProxy
	}
	for i, want6 := 2, fields[1] == "TCP6"; i < 4; i++ {
		address, err := netip.ParseAddr(fields[i])
		port, err2 := strconv.ParseUint(fields[i+2], 10, 16)
		if err != nil || err2 != nil || address.Zone() != "" || address.Is6() != want6 {
			return client, 0, errProxy
		}
		if i == 2 {
			client = netip.AddrPortFrom(address.Unmap(), uint16(port))
		}
	}
	return client, n, nil
}

// parseProxyV2 is section 2.2.
func parseProxyV2(b []byte) (client netip.AddrPort, n int, err error) {
	const head = 16
	if len(b) < head {
		return client, 0, errProxyMore
	}
	n = head + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case b[12]>>4 != 2 || b[12]&0xf > 1 || n > maxProxy:
		return client, 0, errProxy
	case len(b) < n:
		return client, 0, errProxyMore
	case b[12]&0xf == 0: // LOCAL
		return client, n, nil
	}
	address, size := b[head:n], 0
	switch b[13] {
	case 0x11: // TCP over IPv4
		size = 4
	case 0x21: // TCP over IPv6
		size = 16
	case 0x00, 0x12, 0x22, 0x31, 0x32: // unspecified, datagrams, files: nothing that has a TCP client's address
		return client, n, nil
	default:
		return client, 0, errProxy
	}
	if len(address) < 2*size+4 {
		return client, 0, errProxy
	}
	from, _ := netip.AddrFromSlice(address[:size]) // of 4 or 16 bytes
	return netip.AddrPortFrom(from.Unmap(), binary.BigEndian.Uint16(address[2*size:])), n, nil
}

// proxied reads the header; the bytes behind it stay in the reader.
func (c *Conn) proxied() error {
	c.deadline(c.server.opt.Limits.Handshake)
	for !c.stopping.Load() {
		client, n, err := parseProxy(c.reader.there())
		if err == nil {
			c.reader.r += n
			if client.IsValid() {
				c.server.mu.Lock() // who looks for room reads it
				c.peer = client.Addr()
				c.server.mu.Unlock()
			}
			return nil
		}
		if !errors.Is(err, errProxyMore) {
			return err
		}
		if err := c.reader.fill(); err != nil {
			return err
		}
	}
	return errStopping
}

// behind is a connection of which something was read already.
type behind struct {
	net.Conn
	rest []byte
}

// Read implements net.Conn.
func (b *behind) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		b.rest = nil
	}
	return n, nil
}
