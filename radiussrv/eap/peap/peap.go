// Package peap is the inside of PEAP version 0 (MS-PEAP): EAP without its
// header, and a Result TLV (extensions, type 33, with its header) at the end.
//
//	full, TLS 1.2 ─► empty message ─┐
//	full, TLS 1.3 ──────────────────┴► identity ─► package inner ─► verdict ─┐
//	resumed ───────────────────────────────────────────────────────► verdict ┤
//	     ┌───────────────────────────────────────────────────────────────────┘
//	     ├─ malformed, or the link broke ─► verdict
//	     └─ Result TLV (success 1, failure 2) ─► the peer's ─► accepted if both say success
//
// Limits: no crypto-binding is sent, as FreeRADIUS sends none; a peer that
// demands one is refused by itself.
//
// Start reading at Method.Run.
package peap

import (
	"crypto/tls"
	"encoding/binary"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/inner"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Method is PEAPv0.
type Method struct {
	Inner []packet.Type // in the order in which they are offered
}

// Type is 25.
func (Method) Type() packet.Type { return packet.PEAP }

// Label is that of EAP-TLS (MS-PEAP section 3.1.5.5.2.2).
func (Method) Label() string { return tunnel.LabelTLS }

// VersionMask is the low two bits (MS-PEAP section 2.2.2). A peer that knows
// version 1 too answers the 0 of our Start with 0.
func (Method) VersionMask() byte { return 0x03 }

// Configure changes nothing.
func (Method) Configure(*tls.Config) {}

// Run goes from the handshake to the verdict.
func (m Method) Run(s *tunnel.Session) identity.Verdict {
	v, resumed := s.Resumed()
	if !resumed {
		if s.Version() < tls.VersionTLS13 {
			if err := s.Ack(); err != nil {
				return s.Broken(err)
			}
		}
		var err error
		if v, err = m.inside(s); err != nil {
			return s.Broken(err)
		}
		if v.Outcome == identity.Malformed {
			return v
		}
	}
	agreed, err := agree(s, v.Outcome == identity.Accepted)
	switch {
	case err != nil:
		return s.Broken(err)
	case v.Outcome == identity.Accepted && !agreed:
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonGaveUp, Person: v.Person, Login: v.Login}
	}
	return v
}

func (m Method) inside(s *tunnel.Session) (identity.Verdict, error) {
	l := link{s}
	answer, err := l.Ask(packet.Identity, nil)
	if err != nil {
		return identity.Verdict{}, err
	}
	if answer.Type != packet.Identity {
		return tunnel.Malformed(), nil
	}
	name := string(answer.Data)
	s.Claim(name)
	return inner.Run(l, name, m.Inner, s.Random())
}

// link carries inner EAP packets without their header: code and length are
// known, the identifier is the outer one's (MS-PEAP section 3.1.5.6).
type link struct{ *tunnel.Session }

// Ask sends one request and takes the response to it.
func (l link) Ask(t packet.Type, data []byte) (packet.Packet, error) {
	b, err := l.Exchange(append([]byte{byte(t)}, data...))
	if err != nil {
		return packet.Packet{}, err
	}
	return packet.Packet{Code: packet.Response, Type: packet.Type(b[0]), Data: b[1:]}, nil
}

// The Result TLV (MS-PEAP section 2.2.8.1.2).
const (
	tlvResult     = 3
	tlvMandatory  = 0x8000
	resultSuccess = 1
	resultFailure = 2
	maxTLVs       = 16
)

// agree tells the peer the result under the tunnel's protection, which a bare
// EAP-Success has not, and says whether the peer's is success too.
func agree(s *tunnel.Session, success bool) (bool, error) {
	status := uint16(resultFailure)
	if success {
		status = resultSuccess
	}
	data := binary.BigEndian.AppendUint16(nil, tlvMandatory|tlvResult)
	data = binary.BigEndian.AppendUint16(data, 2)
	data = binary.BigEndian.AppendUint16(data, status)
	request := packet.Packet{Code: packet.Request, ID: s.NextID(), Type: packet.Extensions, Data: data}
	b, err := s.Exchange(request.Bytes())
	if err != nil {
		return false, err
	}
	answer, err := packet.Parse(b)
	if err != nil || answer.Code != packet.Response || answer.Type != packet.Extensions {
		return false, tunnel.ErrOrder
	}
	said, ok := result(answer.Data)
	if !ok {
		return false, tunnel.ErrOrder
	}
	return said == resultSuccess, nil
}

// result finds the one Result TLV among others that may be passed over.
func result(b []byte) (status uint16, ok bool) {
	for n := 0; len(b) > 0; n++ {
		if len(b) < 4 || n == maxTLVs {
			return 0, false
		}
		kind, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:4]))
		if size > len(b)-4 {
			return 0, false
		}
		switch {
		case kind&^(tlvMandatory|0x4000) == tlvResult:
			if size != 2 || ok {
				return 0, false
			}
			status, ok = binary.BigEndian.Uint16(b[4:6]), true
		case kind&tlvMandatory != 0:
			return 0, false
		}
		b = b[4+size:]
	}
	return status, ok && (status == resultSuccess || status == resultFailure)
}
