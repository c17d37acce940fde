// Package packet is the EAP packet (RFC 3748 section 4), outside a tunnel and
// inside one: bytes to values and back, and the choice that a Nak asks for. It
// is pure and holds no state.
//
//	 0      1          2..3     4     5..
//	code | identifier | length | type | type data      (type from requests and responses only)
//
// Limits: a packet is exactly as long as it says, padding is an error; expanded
// types (section 5.7) are read as type 254 and offered by nobody here.
//
// Start reading at Packet and Parse.
package packet

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
)

// ErrMalformed says that bytes are no EAP packet.
var ErrMalformed = errors.New("not an EAP packet")

// Code is the first byte (RFC 3748 section 4).
type Code byte

// The codes.
const (
	Request  Code = 1
	Response Code = 2
	Success  Code = 3
	Failure  Code = 4
)

// Type says what a request asks or a response answers (RFC 3748 section 5).
type Type byte

// The types that are met here.
const (
	Identity   Type = 1
	Nak        Type = 3
	MD5        Type = 4
	GTC        Type = 6
	TLS        Type = 13 // RFC 5216
	TTLS       Type = 21 // RFC 5281
	PEAP       Type = 25 // MS-PEAP
	MSCHAPv2   Type = 26 // MS-CHAP
	Extensions Type = 33 // MS-PEAP: carries TLVs at the end of PEAPv0
)

// String gives the usual name, or the number.
func (t Type) String() string {
	switch t {
	case Identity:
		return "identity"
	case Nak:
		return "nak"
	case MD5:
		return "md5"
	case GTC:
		return "gtc"
	case TLS:
		return "tls"
	case TTLS:
		return "ttls"
	case PEAP:
		return "peap"
	case MSCHAPv2:
		return "mschapv2"
	case Extensions:
		return "extensions"
	}
	return strconv.Itoa(int(t))
}

const (
	headerLen = 4
	typeLen   = 1
)

// Packet is one EAP packet. Type and Data are there in requests and responses.
type Packet struct {
	Code Code
	ID   byte
	Type Type
	Data []byte // after the type; shares memory with what was parsed
}

// Parse reads exactly one packet.
func Parse(b []byte) (Packet, error) {
	if len(b) < headerLen || int(binary.BigEndian.Uint16(b[2:4])) != len(b) {
		return Packet{}, ErrMalformed
	}
	p := Packet{Code: Code(b[0]), ID: b[1]}
	switch p.Code {
	case Request, Response:
		if len(b) < headerLen+typeLen {
			return Packet{}, ErrMalformed
		}
		p.Type, p.Data = Type(b[headerLen]), b[headerLen+typeLen:]
	case Success, Failure:
		if len(b) != headerLen { // section 4.2: they carry nothing
			return Packet{}, ErrMalformed
		}
	default:
		return Packet{}, ErrMalformed
	}
	return p, nil
}

// Bytes gives the packet on the wire. It panics beyond 65,535 bytes, which no
// caller has the room for.
func (p Packet) Bytes() []byte {
	n := headerLen
	if p.Code == Request || p.Code == Response {
		n += typeLen + len(p.Data)
	}
	if n > math.MaxUint16 {
		panic("packet: an EAP packet is at most 65535 bytes")
	}
	b := make([]byte, 0, n)
	b = append(b, byte(p.Code), p.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	if p.Code == Request || p.Code == Response {
		b = append(append(b, byte(p.Type)), p.Data...)
	}
	return b
}

// Choose answers a Nak (RFC 3748 section 5.3.1): the first of ours, in our
// order, that the peer names. A zero in the Nak names nothing.
func Choose(ours []Type, nak []byte) (Type, bool) {
	for _, t := range ours {
		if slices.Contains(nak, byte(t)) {
			return t, true
		}
	}
	return 0, false
}
