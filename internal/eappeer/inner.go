package eappeer

import (
	"encoding/binary"
	"io"

	"schoolbridge/internal/mschap"
)

// inner is the sign-in inside the tunnel.
type inner interface {
	// begin gives what we say first; nil where the server does.
	begin() []byte
	// take answers what came; nil for nothing. It may give an answer and an
	// error: a refusal that is acknowledged.
	take(text []byte) ([]byte, error)
	// complete says that we are content.
	complete() bool
}

func newInner(p *Peer) inner {
	eap := &innerEAP{peer: p, method: typeMSCHAPv2}
	switch p.opts.Method {
	case TTLSPAP:
		return &ttlsPAP{peer: p}
	case TTLSMSCHAPv2:
		return &ttlsMSCHAPv2{peer: p}
	case TTLSEAPMSCHAPv2:
		return &ttlsEAP{innerEAP: eap}
	case TTLSEAPGTC:
		eap.method = typeGTC
		return &ttlsEAP{innerEAP: eap}
	case PEAPGTC:
		eap.method = typeGTC
	}
	return &peap{innerEAP: eap}
}

// exchange is one answer to an MSCHAPv2 challenge (RFC 2759).
type exchange struct {
	hash      mschap.Hash
	challenge [8]byte
	peer      [16]byte
	response  [24]byte
}

// answer computes an exchange. The name that is hashed has no domain (RFC 2759
// section 4).
func (p *Peer) answer(authenticator [16]byte) (*exchange, error) {
	x := &exchange{hash: mschap.NTHash(string(p.opts.Password))}
	if _, err := io.ReadFull(p.opts.Random, x.peer[:]); err != nil {
		return nil, err
	}
	x.challenge = mschap.Challenge(x.peer, authenticator, mschap.Name(p.opts.Identity))
	x.response = mschap.Response(x.hash, x.challenge)
	return x, nil
}

// value is what EAP and RADIUS both send: peer challenge, 8 zeros, response.
func (x *exchange) value() []byte {
	b := make([]byte, 0, 48)
	b = append(b, x.peer[:]...)
	b = append(b, make([]byte, 8)...)
	return append(b, x.response[:]...)
}

// proves checks the server's text.
func (x *exchange) proves(text string) error {
	got, ok := mschap.ParseSuccess(text)
	if !ok || x == nil || !mschap.CheckAuthenticator(x.hash, x.challenge, x.response, got) {
		return ErrUnproven
	}
	return nil
}

// passwordError reads a failure's text.
func passwordError(text string) error {
	f, ok := mschap.ParseFailure(text)
	if !ok {
		return ErrRejected
	}
	return &PasswordError{f}
}

// innerEAP is the EAP inside: identity, then GTC or MSCHAPv2
// (draft-kamath-pppext-eap-mschapv2-02).
type innerEAP struct {
	peer   *Peer
	method byte
	x      *exchange
	sent   bool // GTC: the password
	proven bool // MSCHAPv2: the server knows it too
}

func (e *innerEAP) complete() bool { return e.proven || e.method == typeGTC && e.sent }

// handle answers one request; type and data go without EAP header.
func (e *innerEAP) handle(kind byte, data []byte) (byte, []byte, error) {
	switch {
	case kind == typeIdentity:
		return typeIdentity, []byte(e.peer.opts.Identity), nil
	case kind == typeNotification:
		return typeNotification, nil, nil
	case kind != e.method:
		return typeNAK, []byte{e.method}, nil
	case kind == typeGTC:
		e.sent = true
		return typeGTC, []byte(e.peer.opts.Password), nil
	}
	answer, err := e.mschapv2(data)
	return typeMSCHAPv2, answer, err
}

// The operations of EAP-MSCHAPv2 (its section 2).
const (
	opChallenge = 1
	opResponse  = 2
	opSuccess   = 3
	opFailure   = 4
)

func (e *innerEAP) mschapv2(b []byte) ([]byte, error) {
	// Operation, identifier, length; the length counts from the operation.
	if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:4])) != len(b) {
		return nil, ErrMalformed
	}
	text := b[4:]
	switch b[0] {
	case opChallenge:
		if len(text) < 17 || text[0] != 16 {
			return nil, ErrMalformed
		}
		if e.x != nil {
			return nil, ErrOrder
		}
		var err error
		if e.x, err = e.peer.answer([16]byte(text[1:17])); err != nil {
			return nil, err
		}
		name := e.peer.opts.Identity
		out := []byte{opResponse, b[1], 0, 0, 49}
		out = append(out, e.x.value()...)
		out = append(out, 0) // flags
		out = append(out, name...)
		binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
		return out, nil
	case opSuccess:
		if e.x == nil {
			return nil, ErrOrder
		}
		if err := e.x.proves(string(text)); err != nil {
			return nil, err
		}
		e.proven = true
		return []byte{opSuccess}, nil
	case opFailure:
		return []byte{opFailure}, passwordError(string(text))
	}
	return nil, ErrMalformed
}
