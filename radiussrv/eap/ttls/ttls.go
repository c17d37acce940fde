// Package ttls is the inside of EAP-TTLS version 0 (RFC 5281): the peer speaks
// first, in AVPs, and says by them how it signs in.
//
//	resumed ─────────────────────────────────────────────────────────────► accepted
//	AVPs ─┬─ User-Name, User-Password ─► Authenticate(password) ─────────► verdict
//	      ├─ User-Name, MS-CHAP-Challenge, MS-CHAP2-Response (11.2.4)
//	      │     challenge from the handshake ─► Authenticate(MSCHAPv2) ─┬► verdict
//	      │                        accepted ─► MS-CHAP2-Success ─► empty ┘
//	      ├─ EAP-Message with an identity (11.2.1) ─► package inner ─────► verdict
//	      └─ CHAP, MS-CHAP ──────────────────────────────────────────────► refused
//
// Anything else, two of these at once included, is malformed.
//
// Limits: at most 32 AVPs in a message. A challenge that the peer chose itself
// is refused: only the handshake's cannot be a replay.
//
// Start reading at Method.Run.
package ttls

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/eap/inner"
	"schoolbridge/radiussrv/eap/mschapv2"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Method is EAP-TTLS.
type Method struct {
	Inner []packet.Type // inner EAP methods, in the order in which they are offered
}

// Type is 21.
func (Method) Type() packet.Type { return packet.TTLS }

// Label is that of RFC 5281 section 8.
func (Method) Label() string { return tunnel.LabelTTLS }

// VersionMask is the low three bits (RFC 5281 section 9.1).
func (Method) VersionMask() byte { return 0x07 }

// Configure changes nothing.
func (Method) Configure(*tls.Config) {}

// Run goes from the handshake to the verdict.
func (m Method) Run(s *tunnel.Session) identity.Verdict {
	if v, ok := s.Resumed(); ok {
		return v
	}
	all, err := read(s)
	if err != nil {
		return s.Broken(err)
	}
	name, _ := all.one(0, avpUserName)
	password, pap := all.one(0, avpUserPassword)
	response, byHash := all.one(vendorMicrosoft, avpChap2Response)
	message, eap := all.one(0, avpEAPMessage)
	_, chap := all.one(0, avpCHAPPassword)
	_, chap1 := all.one(vendorMicrosoft, avpChapResponse)
	if count(pap, byHash, eap, chap, chap1) != 1 {
		return tunnel.Malformed()
	}
	switch {
	case pap:
		// Padded with NULs so that its length does not show (11.2.5).
		return inner.Password(s, string(name), bytes.TrimRight(password, "\x00"))
	case byHash:
		challenge, _ := all.one(vendorMicrosoft, avpChapChallenge)
		return chap2(s, string(name), challenge, response)
	case eap:
		return m.eap(s, message)
	}
	return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}
}

func read(s *tunnel.Session) (avps, error) {
	b, err := s.Read()
	if err != nil {
		return nil, err
	}
	return parse(b)
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// chap2 is RFC 5281 section 11.2.4: challenge and identifier are an export of
// the handshake.
func chap2(s *tunnel.Session, name string, challenge, response []byte) identity.Verdict {
	want := s.Export("ttls challenge", 17)
	r, err := mschapv2.ParseAttribute(response)
	if err != nil || want == nil || subtle.ConstantTimeCompare(want, append(bytes.Clone(challenge), r.ID)) != 1 {
		return tunnel.Malformed()
	}
	v := s.Authenticate(name, identity.MSCHAPv2{
		Name: mschap.Name(name), Challenge: [16]byte(challenge), PeerChallenge: r.PeerChallenge, Response: r.NTResponse,
	})
	if v.Outcome != identity.Accepted {
		return v
	}
	if v.MSCHAPv2 == nil { // accepted without a proof for the peer: a fault of ours
		return identity.Verdict{Outcome: identity.Unavailable, Reason: v.Reason, Person: v.Person, Login: v.Login}
	}
	text := append([]byte{r.ID}, mschap.Success(v.MSCHAPv2.Authenticator, "")...)
	if err := s.Write(avp{code: avpChap2Success, vendor: vendorMicrosoft, data: text}.encode()); err != nil {
		return s.Broken(err)
	}
	if err := s.Ack(); err != nil {
		return s.Broken(err)
	}
	return v
}

// eap is RFC 5281 section 11.2.1: the peer begins with its identity, unasked.
func (m Method) eap(s *tunnel.Session, message []byte) identity.Verdict {
	p, err := packet.Parse(message)
	if err != nil || p.Code != packet.Response || p.Type != packet.Identity {
		return tunnel.Malformed()
	}
	name := string(p.Data)
	s.Claim(name)
	v, err := inner.Run(&link{Session: s, id: p.ID}, name, m.Inner, s.Random())
	if err != nil {
		return s.Broken(err)
	}
	return v
}

// link carries inner EAP packets in AVPs.
type link struct {
	*tunnel.Session
	id byte
}

// Ask sends one request and takes the response to it.
func (l *link) Ask(t packet.Type, data []byte) (packet.Packet, error) {
	l.id++
	request := packet.Packet{Code: packet.Request, ID: l.id, Type: t, Data: data}
	b, err := l.Exchange(avp{code: avpEAPMessage, data: request.Bytes()}.encode())
	if err != nil {
		return packet.Packet{}, err
	}
	all, err := parse(b)
	if err != nil {
		return packet.Packet{}, err
	}
	message, ok := all.one(0, avpEAPMessage)
	p, err := packet.Parse(message)
	if !ok || err != nil || p.Code != packet.Response || p.ID != l.id {
		return packet.Packet{}, tunnel.ErrOrder
	}
	return p, nil
}
