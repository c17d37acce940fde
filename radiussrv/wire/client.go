package wire

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"layeh.com/radius"
)

// What is wrong with a reply.
var (
	// ErrForged: it is not the answer of somebody who knows the secret to this
	// request.
	ErrForged = errors.New("the reply's authenticator is wrong: another secret, or forged")
	// ErrUnsigned: its Response Authenticator is right, but that alone can be
	// forged (CVE-2024-3596), and there is no Message-Authenticator.
	ErrUnsigned = errors.New("the reply has no Message-Authenticator")
)

// Request is a packet to send, for probes, load and tests.
type Request struct {
	Code          Code
	ID            byte     // chosen by Line.Exchange, else by the caller
	Authenticator [16]byte // Access-Request and Status-Server: random, chosen by the caller
	// Unsigned leaves Message-Authenticator out of an Access-Request.
	Unsigned bool
	attrs    attributes
	oversize bool
}

// Add appends an attribute; Encode fails if it is longer than 253 bytes.
func (r *Request) Add(t Type, value []byte) {
	r.oversize = r.oversize || len(value) > maxValue
	r.attrs = r.attrs.add(t, value)
}

// AddText appends text.
func (r *Request) AddText(t Type, s string) { r.Add(t, []byte(s)) }

// AddUint32 appends a number.
func (r *Request) AddUint32(t Type, n uint32) { r.Add(t, binary.BigEndian.AppendUint32(nil, n)) }

// AddVendor appends one attribute of a vendor, as Reply.AddVendor does.
func (r *Request) AddVendor(vendor uint32, kind byte, value []byte) {
	r.oversize = r.oversize || len(value) > maxVendorValue
	r.attrs = append(appendVendor(r.attrs, vendor, kind, len(value)), value...)
}

// AddAll appends what a reply carries.
func (r *Request) AddAll(reply *Reply) {
	r.oversize = r.oversize || reply.oversize
	r.attrs = append(r.attrs, reply.attrs...)
}

// AddEAP appends an EAP packet in pieces (RFC 3579 section 3.1).
func (r *Request) AddEAP(message []byte) {
	for len(message) > maxValue {
		r.Add(EAPMessage, message[:maxValue])
		message = message[maxValue:]
	}
	r.Add(EAPMessage, message)
}

// AddPassword appends User-Password, hidden with the secret and Authenticator,
// which therefore have to be set before.
func (r *Request) AddPassword(password, secret []byte) error {
	hidden, err := radius.NewUserPassword(password, secret, r.Authenticator[:])
	if err != nil {
		return err
	}
	r.Add(UserPassword, hidden)
	return nil
}

// Encode gives the packet's bytes, Message-Authenticator first. A
// Disconnect-Request or CoA-Request is sealed like an Accounting-Request, over
// the Message-Authenticator that was computed with a zero authenticator (RFC
// 5176 sections 2.3 and 3.4); Authenticator counts for nothing there.
func (r *Request) Encode(secret []byte) ([]byte, error) {
	return r.encode(NewPeer(secret, false, nil))
}

func (r *Request) encode(peer *Peer) ([]byte, error) {
	sealed := r.Code == AccountingRequest || r.Code.dynamic()
	signed := !r.Unsigned && r.Code != AccountingRequest
	authenticator := r.Authenticator
	if sealed {
		authenticator = [16]byte{}
	}
	b := header(make([]byte, 0, 256), r.Code, r.ID, authenticator)
	if signed {
		b = attributes(b).add(MessageAuthenticator, make([]byte, macLen))
	}
	b = append(b, r.attrs...)
	if r.oversize || len(b) > maxPacket {
		return nil, errPacket
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	if signed {
		mac := peer.sum(b)
		copy(b[headerLen+2:], mac[:])
	}
	if sealed {
		peer.seal(b)
	}
	return b, nil
}

// ParseReply checks the reply to a request, both as sent: identifier, Response
// Authenticator and, wherever there is one, Message-Authenticator, which must
// be there in an answer to Access-Request or Status-Server. Answers to an
// Accounting-Request, a Disconnect-Request and a CoA-Request may come without:
// nobody can choose the bytes that their Response Authenticator covers. The error is
// ErrMalformed, ErrForged or ErrUnsigned.
func ParseReply(reply, request, secret []byte) (*Packet, error) {
	return parseReply(reply, request, NewPeer(secret, false, nil))
}

// parseReply takes a reply without Message-Authenticator from a peer that may
// leave it out, but never one with EAP-Message (RFC 3579 section 3.2).
func parseReply(reply, request []byte, peer *Peer) (*Packet, error) {
	reply, l, err := trim(reply)
	if err != nil {
		return nil, err
	}
	if len(request) < headerLen || reply[1] != request[1] {
		return nil, ErrForged
	}
	var sent, want [16]byte
	copy(sent[:], reply[4:headerLen])
	h := md5.New()
	h.Write(reply[:4])
	h.Write(request[4:headerLen])
	h.Write(reply[headerLen:])
	h.Write(peer.secret)
	h.Sum(want[:0])
	if subtle.ConstantTimeCompare(sent[:], want[:]) != 1 {
		return nil, ErrForged
	}
	if l.mac != 0 {
		copy(reply[4:headerLen], request[4:headerLen])
		signed := peer.signed(reply, l.mac)
		if !signed && Code(request[0]).dynamic() {
			// RFC 5176 section 3.4 has the request's authenticator here too;
			// FreeRADIUS 3 takes zeros, as in requests. Either takes the secret.
			clear(reply[4:headerLen])
			signed = peer.signed(reply, l.mac)
		}
		copy(reply[4:headerLen], sent[:])
		if !signed {
			return nil, ErrForged
		}
	} else if Code(request[0]) != AccountingRequest && !Code(request[0]).dynamic() && (l.eap || !peer.unsigned) {
		return nil, ErrUnsigned
	}
	p := decode(bytes.Clone(reply))
	return &p, nil
}
