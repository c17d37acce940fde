package wire

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"
)

// ErrMalformed says that bytes are no RADIUS packet, or one beyond our bounds.
var ErrMalformed = errors.New("not a RADIUS packet")

// Packet is a received packet whose lengths are sound and whose origin is
// proven as far as its code allows. It is for reading only, and it lies in the
// buffer that it was received in: see Received.
type Packet struct {
	Code          Code
	ID            byte
	Authenticator [16]byte
	attrs         attributes
}

// layout is what the check of the lengths learns on its way.
type layout struct {
	mac         int // offset of the Message-Authenticator's value, 0 if there is none
	eap         bool
	proxyStates int
}

// trim checks every length before anything else looks at the bytes, and cuts
// what lies behind the packet's own length: padding that counts for nothing,
// not even in hashes (RFC 2865 section 3).
func trim(b []byte) ([]byte, layout, error) {
	var l layout
	if len(b) < headerLen {
		return nil, l, ErrMalformed
	}
	length := int(binary.BigEndian.Uint16(b[2:4]))
	if length < headerLen || length > maxPacket || length > len(b) {
		return nil, l, ErrMalformed
	}
	b = b[:length]
	count, proxyBytes := 0, 0
	for at := headerLen; at < length; {
		if length-at < 2 {
			return nil, l, ErrMalformed
		}
		size := int(b[at+1])
		if size < 2 || size > length-at {
			return nil, l, ErrMalformed
		}
		switch Type(b[at]) {
		case MessageAuthenticator:
			// Once, with 16 bytes (RFC 3579 section 3.2): a second one would
			// be zeroed by one side and not by the other.
			if l.mac != 0 || size != 2+macLen {
				return nil, l, ErrMalformed
			}
			l.mac = at + 2
		case EAPMessage:
			l.eap = true
		case ProxyState:
			l.proxyStates++
			proxyBytes += size
		}
		count++
		at += size
	}
	if count > maxAttributes || l.proxyStates > maxProxyStates || proxyBytes > maxProxyStateBytes {
		return nil, l, ErrMalformed
	}
	return b, l, nil
}

// decode reads trimmed bytes, which the packet goes on to lie in.
func decode(b []byte) Packet {
	return Packet{Code: Code(b[0]), ID: b[1], Authenticator: [16]byte(b[4:headerLen]), attrs: attributes(b[headerLen:])}
}

// Parse reads one packet without proving where it comes from. It keeps nothing
// of b.
func Parse(b []byte) (*Packet, error) {
	b, _, err := trim(b)
	if err != nil {
		return nil, err
	}
	p := decode(bytes.Clone(b))
	return &p, nil
}

// Clone gives a packet that lies in memory of its own.
func (p *Packet) Clone() *Packet {
	own := *p
	own.attrs = bytes.Clone(p.attrs)
	return &own
}

// First gives the value of the first attribute of the type.
func (p *Packet) First(t Type) ([]byte, bool) {
	for a, v := range p.attrs.all() {
		if a == t {
			return v, true
		}
	}
	return nil, false
}

// All gives the values of all attributes of the type, in order.
func (p *Packet) All(t Type) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for a, v := range p.attrs.all() {
			if a == t && !yield(v) {
				return
			}
		}
	}
}

// Count says how many attributes of the type there are.
func (p *Packet) Count(t Type) int {
	n := 0
	for a := range p.attrs.all() {
		if a == t {
			n++
		}
	}
	return n
}

// Has says whether there is an attribute of the type.
func (p *Packet) Has(t Type) bool {
	_, ok := p.First(t)
	return ok
}

// Text gives the first attribute of the type as it came, or "".
func (p *Packet) Text(t Type) string {
	v, _ := p.First(t)
	return string(v)
}

// Uint32 gives the first attribute of the type if it has four bytes.
func (p *Packet) Uint32(t Type) (uint32, bool) {
	v, _ := p.First(t)
	if len(v) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}

// IPv4 gives the first attribute of the type if it has four bytes.
func (p *Packet) IPv4(t Type) netip.Addr {
	v, _ := p.First(t)
	if len(v) != 4 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(v))
}

// IPv6 gives the first attribute of the type if it has sixteen bytes.
func (p *Packet) IPv6(t Type) netip.Addr {
	v, _ := p.First(t)
	if len(v) != 16 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte(v))
}

// IPv6Prefix reads the value of an IPv6 prefix attribute (RFC 3162 section
// 2.3): a reserved byte, a length in bits, and as many bytes as were needed or
// more. Bits behind the length are dropped. The zero prefix where it is none.
func IPv6Prefix(v []byte) netip.Prefix {
	if len(v) < 2 || len(v) > 18 || v[1] > 128 || int(v[1]) > 8*(len(v)-2) {
		return netip.Prefix{}
	}
	var addr [16]byte
	copy(addr[:], v[2:])
	return netip.PrefixFrom(netip.AddrFrom16(addr), int(v[1])).Masked()
}

// EAP joins the EAP-Message attributes in order (RFC 3579 section 3.1). It says
// false where there is none; an EAP-Start is present and empty.
func (p *Packet) EAP() ([]byte, bool) {
	var message []byte
	found := false
	for v := range p.All(EAPMessage) {
		message, found = append(message, v...), true
	}
	return message, found
}

// Vendor gives type and value of the vendor's attributes, in the format of RFC
// 2865 section 5.26, in order; the values are for reading only. A vendor
// attribute with odd lengths ends there and does no harm.
func (p *Packet) Vendor(vendor uint32) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for v := range p.All(VendorSpecific) {
			for a := range SplitVendor(v) {
				if a.Vendor != vendor {
					break
				}
				if !yield(a.Type, a.Value) {
					return
				}
			}
		}
	}
}

// Password decrypts User-Password (RFC 2865 section 5.2): 16 to 128 bytes,
// padded with NULs. It says false if the attribute is missing, there twice, of
// a forbidden length, or holds a NUL inside, which no password can: cutting
// there, as helpers elsewhere do, would check another password than was sent.
func (p *Packet) Password(secret []byte) ([]byte, bool) {
	hidden, _ := p.First(UserPassword)
	if len(hidden) < 16 || len(hidden) > 128 || len(hidden)%16 != 0 || p.Count(UserPassword) != 1 {
		return nil, false
	}
	clear := make([]byte, len(hidden))
	before := p.Authenticator[:]
	for at := 0; at < len(hidden); at += 16 {
		mask := saltMask(secret, before)
		before = hidden[at : at+16]
		subtle.XORBytes(clear[at:], before, mask[:])
	}
	end := len(clear)
	for end > 0 && clear[end-1] == 0 {
		end--
	}
	for _, c := range clear[:end] {
		if c == 0 {
			return nil, false
		}
	}
	return clear[:end], true
}
