package wire

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"time"

	"layeh.com/radius"
)

// errReply says that a reply does not fit into a packet.
var errReply = errors.New("the reply does not fit into a RADIUS packet")

// Reply is what a Handler answers. Message-Authenticator, Proxy-State,
// identifier and Response Authenticator are added when it is sent.
type Reply struct {
	Code Code
	// NotBefore is the moment before which it must not leave; it waits without
	// holding a worker. Zero: at once.
	NotBefore time.Time
	attrs     radius.Attributes
	keys      *mppeKeys
	oversize  bool
}

// Add appends an attribute of at most 253 bytes; a longer one makes the reply
// impossible to send.
func (r *Reply) Add(t Type, value []byte) {
	if len(value) > maxValue {
		r.oversize = true
		return
	}
	r.attrs.Add(radius.Type(t), value)
}

// AddText appends text. An empty one is left out: RFC 2865 section 5 forbids
// sending it.
func (r *Reply) AddText(t Type, s string) {
	if s != "" {
		r.Add(t, []byte(s))
	}
}

// AddUint32 appends a number. With the types of RFC 2868 its first byte is the
// tag, which stays 0: none.
func (r *Reply) AddUint32(t Type, n uint32) {
	r.Add(t, binary.BigEndian.AppendUint32(make([]byte, 0, 4), n))
}

// AddVendor appends one attribute of a vendor, in a Vendor-Specific of its own
// (RFC 2865 section 5.26). The value has at most 247 bytes.
func (r *Reply) AddVendor(vendor uint32, kind byte, value []byte) {
	r.Add(VendorSpecific, vendorValue(vendor, kind, value))
}

func vendorValue(vendor uint32, kind byte, value []byte) []byte {
	b := make([]byte, 0, 4+2+len(value))
	b = binary.BigEndian.AppendUint32(b, vendor)
	return append(append(b, kind, byte(2+len(value))), value...)
}

// AddEAP appends an EAP packet in pieces (RFC 3579 section 3.1).
func (r *Reply) AddEAP(message []byte) {
	for len(message) > maxValue {
		r.Add(EAPMessage, message[:maxValue])
		message = message[maxValue:]
	}
	r.Add(EAPMessage, message)
}

// encode makes the bytes that answer the request: Message-Authenticator in
// front of everything, so that no chosen prefix can come before it
// (CVE-2024-3596), and the Proxy-States at the end, in their order.
//
// The answer to an Accounting-Request goes without: the attribute is not defined
// there, FreeRADIUS computes it otherwise than others do and drops a reply whose
// sum it does not share, and the request, being proven whole, carries nothing
// that an attacker chose.
func (r *Reply) encode(request *Packet, peer *Peer) ([]byte, error) {
	if r.oversize {
		return nil, errReply
	}
	out := radius.Packet{Code: radius.Code(r.Code), Identifier: request.ID, Authenticator: request.Authenticator}
	out.Attributes = make(radius.Attributes, 0, len(r.attrs)+4)
	signed := request.Code != AccountingRequest
	if signed {
		out.Add(radius.Type(MessageAuthenticator), make([]byte, macLen))
	}
	out.Attributes = append(out.Attributes, r.attrs...)
	if r.keys != nil {
		r.keys.addTo(&out, peer.secret)
	}
	for state := range request.All(ProxyState) {
		out.Add(radius.Type(ProxyState), state)
	}
	b, err := out.MarshalBinary()
	if err != nil {
		return nil, errReply
	}
	if signed {
		mac := peer.sum(b)
		copy(b[headerLen+2:], mac[:])
	}
	// Response Authenticator: MD5(Code+ID+Length+RequestAuth+Attributes+Secret)
	// (RFC 2865 section 3).
	h := md5.New()
	h.Write(b)
	h.Write(peer.secret)
	h.Sum(b[4:4:headerLen])
	return b, nil
}
