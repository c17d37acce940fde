package wire

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"layeh.com/radius"
)

// ErrForged says that a reply is not the answer of somebody who knows the
// secret to this request.
var ErrForged = errors.New("the reply's authenticator is wrong: another secret, or forged")

// Request is a packet to send, for probes, load and tests.
type Request struct {
	Code          Code
	ID            byte
	Authenticator [16]byte // Access-Request and Status-Server: random, chosen by the caller
	// Unsigned leaves Message-Authenticator out of an Access-Request.
	Unsigned bool
	attrs    radius.Attributes
}

// Add appends an attribute; Encode fails if it is longer than 253 bytes.
func (r *Request) Add(t Type, value []byte) { r.attrs.Add(radius.Type(t), value) }

// AddText appends text.
func (r *Request) AddText(t Type, s string) { r.Add(t, []byte(s)) }

// AddUint32 appends a number.
func (r *Request) AddUint32(t Type, n uint32) { r.Add(t, binary.BigEndian.AppendUint32(nil, n)) }

// AddVendor appends one attribute of a vendor, as Reply.AddVendor does.
func (r *Request) AddVendor(vendor uint32, kind byte, value []byte) {
	r.Add(VendorSpecific, vendorValue(vendor, kind, value))
}

// AddPassword appends User-Password, hidden with the secret and Authenticator,
// which therefore have to be set before.
func (r *Request) AddPassword(password, secret []byte) error {
	hidden, err := radius.NewUserPassword(password, secret, r.Authenticator[:])
	if err != nil {
		return err
	}
	r.attrs.Add(radius.Type(UserPassword), hidden)
	return nil
}

// Encode gives the packet's bytes, Message-Authenticator first. A
// Disconnect-Request is sealed like an Accounting-Request, over the
// Message-Authenticator that was computed with a zero authenticator (RFC 5176
// sections 2.3 and 3.4); Authenticator counts for nothing there.
func (r *Request) Encode(secret []byte) ([]byte, error) {
	peer := NewPeer(secret, false, nil)
	out := radius.Packet{Code: radius.Code(r.Code), Identifier: r.ID, Authenticator: r.Authenticator, Secret: peer.secret}
	if r.Code == AccountingRequest {
		out.Attributes = r.attrs
		return out.Encode()
	}
	sealed := r.Code == DisconnectRequest
	if sealed {
		out.Authenticator = [16]byte{}
	}
	if !r.Unsigned {
		out.Add(radius.Type(MessageAuthenticator), make([]byte, macLen))
	}
	out.Attributes = append(out.Attributes, r.attrs...)
	b, err := out.MarshalBinary()
	if err != nil {
		return nil, err
	}
	if !r.Unsigned {
		mac := peer.sum(b)
		copy(b[headerLen+2:], mac[:])
	}
	if sealed {
		h := md5.New()
		h.Write(b)
		h.Write(peer.secret)
		h.Sum(b[4:4:headerLen])
	}
	return b, nil
}

// ParseReply checks the reply to a request, both as sent: identifier, Response
// Authenticator and, wherever there is one, Message-Authenticator, which must
// be there in an answer to Access-Request or Status-Server. Answers to an
// Accounting-Request and a Disconnect-Request may come without: nobody can
// choose the bytes that their Response Authenticator covers.
func ParseReply(reply, request, secret []byte) (*Packet, error) {
	reply, l, err := trim(reply)
	if err != nil {
		return nil, err
	}
	if len(request) < headerLen || reply[1] != request[1] {
		return nil, ErrForged
	}
	sent := [16]byte(reply[4:headerLen])
	signed := append([]byte(nil), reply...)
	copy(signed[4:headerLen], request[4:headerLen])
	want := md5.Sum(append(append([]byte(nil), signed...), secret...))
	if subtle.ConstantTimeCompare(sent[:], want[:]) != 1 {
		return nil, ErrForged
	}
	mayLack := Code(request[0]) == AccountingRequest || Code(request[0]) == DisconnectRequest
	if l.mac == 0 && !mayLack || l.mac != 0 && !NewPeer(secret, false, nil).signed(signed, l.mac) {
		return nil, ErrForged
	}
	return decode(reply)
}
