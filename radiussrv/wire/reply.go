package wire

import (
	"encoding/binary"
	"errors"
	"time"
)

// errPacket says that attributes do not fit into a packet.
var errPacket = errors.New("the attributes do not fit into a RADIUS packet")

// Reply is what a Handler answers: see Received.Reply. Message-Authenticator,
// Proxy-State, identifier and Response Authenticator are added when it is sent.
type Reply struct {
	Code Code
	// NotBefore is the moment before which it must not leave; it waits without
	// holding a worker. Zero: at once.
	NotBefore time.Time
	attrs     attributes
	keys      mppeKeys
	oversize  bool
}

// replySize is what most replies take.
const replySize = 256

// Reply begins the reply to a request, in memory of the request's own.
func (r *Received) Reply(code Code) *Reply {
	if r.reply == nil {
		r.reply = &Reply{}
	}
	*r.reply = Reply{Code: code, attrs: r.reply.attrs[:0]}
	return r.reply
}

// Add appends an attribute of at most 253 bytes; a longer one makes the reply
// impossible to send.
func (r *Reply) Add(t Type, value []byte) {
	if len(value) > maxValue {
		r.oversize = true
		return
	}
	r.attrs = r.room().add(t, value)
}

// room makes room for the first attribute and those that follow.
func (r *Reply) room() attributes {
	if r.attrs == nil {
		return make(attributes, 0, replySize)
	}
	return r.attrs
}

// AddText appends text. An empty one is left out: RFC 2865 section 5 forbids
// sending it.
func (r *Reply) AddText(t Type, s string) {
	switch {
	case len(s) > maxValue:
		r.oversize = true
	case s != "":
		r.attrs = append(append(r.room(), byte(t), byte(2+len(s))), s...)
	}
}

// AddUint32 appends a number. With the types of RFC 2868 its first byte is the
// tag, which stays 0: none.
func (r *Reply) AddUint32(t Type, n uint32) {
	r.attrs = binary.BigEndian.AppendUint32(append(r.room(), byte(t), 2+4), n)
}

// AddEAP appends an EAP packet in pieces (RFC 3579 section 3.1).
func (r *Reply) AddEAP(message []byte) {
	for len(message) > maxValue {
		r.Add(EAPMessage, message[:maxValue])
		message = message[maxValue:]
	}
	r.Add(EAPMessage, message)
}

// encode makes, in out, the bytes that answer the request: Message-Authenticator in
// front of everything, so that no chosen prefix can come before it
// (CVE-2024-3596), and the Proxy-States at the end, in their order.
//
// The answer to an Accounting-Request goes without: the attribute is not defined
// there, FreeRADIUS computes it otherwise than others do and drops a reply whose
// sum it does not share, and the request, being proven whole, carries nothing
// that an attacker chose.
func (r *Reply) encode(out []byte, request *Packet, peer *Peer) ([]byte, error) {
	b := header(out, r.Code, request.ID, request.Authenticator)
	signed := request.Code != AccountingRequest
	if signed {
		b = attributes(b).add(MessageAuthenticator, zeros[:])
	}
	b = append(b, r.attrs...)
	if r.keys.send != nil {
		b = r.keys.appendTo(b, request.Authenticator, peer.secret)
	}
	for state := range request.All(ProxyState) {
		b = attributes(b).add(ProxyState, state)
	}
	if r.oversize || len(b) > maxPacket {
		return nil, errPacket
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if signed {
		mac := peer.sum(b)
		copy(b[headerLen+2:], mac[:])
	}
	// Response Authenticator: MD5(Code+ID+Length+RequestAuth+Attributes+Secret)
	// (RFC 2865 section 3).
	peer.seal(b)
	return b, nil
}

var zeros [macLen]byte

// header begins a packet in out, whose length is still to come.
func header(out []byte, code Code, id byte, authenticator [16]byte) []byte {
	return append(append(out[:0], byte(code), id, 0, 0), authenticator[:]...)
}
