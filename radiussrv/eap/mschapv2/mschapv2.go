// Package mschapv2 is the form of EAP-MSCHAPv2 (MS-CHAP: Microsoft's extension
// of EAP by RFC 2759), and of the answer that EAP-TTLS carries without EAP. It
// reads and writes type data; it is pure, and knows neither passwords nor hashes:
// those, and the texts, are internal/mschap's.
//
//	0        1    2..3        4            5..
//	opcode | id | MS-Length | value size | value, name      challenge (1), response (2)
//	opcode | id | MS-Length | message                        success (3), failure (4)
//	opcode                                                   the answers to the last two
//
// Start reading at ParseResponse.
package mschapv2

import (
	"encoding/binary"
	"errors"

	"schoolbridge/internal/mschap"
)

// Opcode is the first byte of the type data.
type Opcode byte

// The opcodes.
const (
	OpNone           Opcode = 0
	OpChallenge      Opcode = 1
	OpResponse       Opcode = 2
	OpSuccess        Opcode = 3
	OpFailure        Opcode = 4
	OpChangePassword Opcode = 7
)

const (
	headerLen = 4
	valueLen  = 49 // peer challenge 16, reserved 8, NT response 24, flags 1 (RFC 2759 section 4)
	maxName   = 253
)

// ErrMalformed says that bytes are no answer of a peer.
var ErrMalformed = errors.New("not an EAP-MSCHAPv2 packet")

// Response is a peer's answer to a challenge.
type Response struct {
	ID            byte
	PeerChallenge [16]byte
	NTResponse    [24]byte
	Name          string // as sent, perhaps with a domain
}

// Op gives the opcode of type data, OpNone where there is none.
func Op(data []byte) Opcode {
	if len(data) == 0 {
		return OpNone
	}
	return Opcode(data[0])
}

// ParseResponse reads the type data of a response to a challenge.
func ParseResponse(data []byte) (Response, error) {
	var r Response
	if Op(data) != OpResponse || len(data) < headerLen+1+valueLen || data[headerLen] != valueLen ||
		int(binary.BigEndian.Uint16(data[2:4])) != len(data) {
		return r, ErrMalformed
	}
	r.ID = data[1]
	if err := r.value(data[headerLen+1 : headerLen+1+valueLen]); err != nil {
		return r, err
	}
	name := data[headerLen+1+valueLen:]
	if len(name) > maxName {
		return r, ErrMalformed
	}
	r.Name = string(name)
	return r, nil
}

// value reads the 49 bytes that hold the answer itself.
func (r *Response) value(v []byte) error {
	for _, b := range v[16:24] { // reserved, must be zero
		if b != 0 {
			return ErrMalformed
		}
	}
	r.PeerChallenge, r.NTResponse = [16]byte(v[:16]), [24]byte(v[24:48])
	return nil
}

// ParseAttribute reads MS-CHAP2-Response as EAP-TTLS and RADIUS carry it (RFC
// 2548 section 2.3.2): identifier, flags, peer challenge, reserved, answer.
func ParseAttribute(b []byte) (Response, error) {
	var r Response
	if len(b) != 50 {
		return r, ErrMalformed
	}
	r.ID = b[0]
	v := make([]byte, 0, valueLen)
	v = append(append(v, b[2:50]...), b[1])
	return r, r.value(v)
}

// Challenge is the type data that asks.
func Challenge(id byte, challenge [16]byte, server string) []byte {
	b := []byte{byte(OpChallenge), id, 0, 0, byte(len(challenge))}
	b = append(append(b, challenge[:]...), server...)
	return sized(b)
}

// Success is the type data that shows the peer that we know the password too.
func Success(id byte, authenticator [20]byte) []byte {
	return sized(append([]byte{byte(OpSuccess), id, 0, 0}, mschap.Success(authenticator, "OK")...))
}

// Failure is the type data that refuses, with one of mschap's codes. R=0: there
// is no second try in this conversation, so that a device that has an old
// password stored cannot knock with it over and over; Windows asks its user and
// begins anew.
func Failure(id byte, code int, challenge [16]byte) []byte {
	f := mschap.Failure{Code: code, Challenge: challenge, Message: "Authentication failed"}
	return sized(append([]byte{byte(OpFailure), id, 0, 0}, f.String()...))
}

func sized(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:4], uint16(len(b)))
	return b
}
