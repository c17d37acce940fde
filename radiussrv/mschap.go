package radiussrv

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

// microsoft is what an Access-Request brings of MS-CHAP (RFC 2548 section 2).
type microsoft struct {
	v1, v2, change int    // MS-CHAPv1 answers, MS-CHAPv2 answers, changes of the password
	challenges     int    // MS-CHAP-Challenge
	challenge      []byte // the last one
	response       []byte // the last MS-CHAP2-Response or MS-CHAP2-CPW
}

// Lengths of the values (RFC 2548 sections 2.1.2, 2.3.2 and 2.3.4).
const (
	challengeLen = 16
	responseLen  = 50 // ident, flags, peer's challenge (16), reserved (8), response (24)
	changeLen    = 68 // code, ident and more
)

func readMicrosoft(p *wire.Packet) (m microsoft) {
	for kind, value := range p.Vendor(wire.Microsoft) {
		switch kind {
		case wire.MSCHAPResponse, wire.MSCHAPChangePassword1, wire.MSCHAPChangePassword2:
			m.v1++
		case wire.MSCHAP2Response:
			m.v2, m.response = m.v2+1, value
		case wire.MSCHAP2ChangePassword:
			m.change, m.response = m.change+1, value
		case wire.MSCHAPChallenge:
			m.challenges, m.challenge = m.challenges+1, value
		}
	}
	return m
}

// ways is how many ways to prove oneself there are.
func (m *microsoft) ways() int { return m.v1 + m.v2 + m.change }

// ident is what the answer is numbered with; it goes back with ours. Lengths
// have been checked.
func (m *microsoft) ident() byte {
	if m.change > 0 {
		return m.response[1]
	}
	return m.response[0]
}

// whole says that the challenge is there once and every value has its length.
func (m *microsoft) whole() bool {
	if m.challenges != 1 || len(m.challenge) != challengeLen {
		return false
	}
	if m.change > 0 {
		return len(m.response) == changeLen
	}
	return len(m.response) == responseLen
}

// mschap2 answers MS-CHAPv2.
func (s *Server) mschap2(client *Client, r *wire.Received, from identity.Source, name string, m *microsoft, ask decide) (*wire.Reply, bool) {
	v, ok := ask(identity.Credential{
		Name: name,
		Proof: identity.MSCHAPv2{
			Name:          mschap.Name(name),
			Challenge:     [16]byte(m.challenge),
			PeerChallenge: [16]byte(m.response[2:18]),
			Response:      [24]byte(m.response[26:50]),
		},
		Channel: identity.ChannelWiFi,
		Source:  from,
	})
	if !ok {
		return nil, false
	}
	if v.Outcome == identity.Accepted && v.MSCHAPv2 == nil {
		s.opts.Logger.Error("an MS-CHAPv2 answer was accepted without the keys that belong to it", "request", from.Request)
		v.Outcome = identity.Unavailable
	}
	reply := s.decided(client, r, from, v)
	if reply.Code == wire.AccessAccept {
		addSuccess(reply, m.ident(), v.MSCHAPv2)
	} else {
		addError(reply, m.ident(), mschap.Failure{Code: mschap.CodeWrong, Retry: v.Outcome == identity.Rejected})
	}
	return reply, true
}

// addSuccess proves to the peer that we know the password, and hands the NAS the
// keys. MPPE is allowed, with 128-bit keys alone (RFC 2548 sections 2.3.3, 2.4.4
// and 2.4.5).
func addSuccess(reply *wire.Reply, ident byte, s *identity.MSCHAPv2Success) {
	reply.AddVendor(wire.Microsoft, wire.MSCHAP2Success, append([]byte{ident}, mschap.Success(s.Authenticator, "")...))
	reply.AddMPPEKeys(s.SendKey[:], s.RecvKey[:])
	reply.AddVendor(wire.Microsoft, wire.MSMPPEEncryptionPolicy, binary.BigEndian.AppendUint32(nil, mppeAllowed))
	reply.AddVendor(wire.Microsoft, wire.MSMPPEEncryptionTypes, binary.BigEndian.AppendUint32(nil, mppe128))
}

const (
	mppeAllowed = 1
	mppe128     = 4
)

// addError says no as peers understand it (RFC 2548 section 2.1.5). After a
// rejection whoever typed the password may type it again, in answer to a fresh
// challenge; where nobody did anything wrong there is nothing to retype.
func addError(reply *wire.Reply, ident byte, f mschap.Failure) {
	_, _ = rand.Read(f.Challenge[:]) // never fails
	reply.AddVendor(wire.Microsoft, wire.MSCHAPError, append([]byte{ident}, f.String()...))
}

// refuseChange says that no password is changed here: it belongs to mos.ru.
func (s *Server) refuseChange(client *Client, r *wire.Received, from identity.Source, m *microsoft) *wire.Reply {
	v := identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}
	s.said(r, from, resultMSCHAP, v)
	s.refused(r, from, resultMSCHAP, v)
	reply := s.reject(client, r, time.Time{})
	addError(reply, m.ident(), mschap.Failure{Code: mschap.CodeChange})
	return reply
}
