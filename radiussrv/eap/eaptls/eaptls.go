// Package eaptls is EAP-TLS (RFC 5216, and RFC 9190 for TLS 1.3): the handshake
// itself is the sign-in, by the peer's certificate.
//
//	handshake ─► chain to an authority of Trust ─┬─ revoked, unknown ─► refused
//	  (crypto/tls: dates, usage, signature)      ├─ list out of date ─► unavailable
//	                                             └─ Authenticate(certificate) ─► not accepted ─► verdict
//	accepted ─┬─ TLS 1.2, full ─► our Finished ─► empty message ──────────────► accepted
//	          ├─ TLS 1.2, resumed ────────────────────────────────────────────► accepted
//	          └─ TLS 1.3 ─► 0x00, protected success (RFC 9190 2.5) ─► empty ──► accepted
//
// A resumed session goes the same way: the certificate is in the ticket, and its
// dates, its revocation and the authenticator are asked again.
//
// Start reading at Method.Run.
package eaptls

import (
	"crypto/tls"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Method is EAP-TLS.
type Method struct {
	Trust func() *trust.Set // asked for every session, so that a reload counts at once
}

// Type is 13.
func (Method) Type() packet.Type { return packet.TLS }

// Label is that of RFC 5216 section 2.3.
func (Method) Label() string { return tunnel.LabelTLS }

// VersionMask is empty: EAP-TLS has no versions.
func (Method) VersionMask() byte { return 0 }

// Configure demands a certificate of one of the authorities.
func (m Method) Configure(c *tls.Config) {
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.Trust().Pool()
}

// Run goes from the handshake to the verdict.
func (m Method) Run(s *tunnel.Session) identity.Verdict {
	state := s.State()
	proof, outcome, reason := m.Trust().Judge(state.VerifiedChains, s.Now())
	if outcome != identity.Accepted {
		return identity.Verdict{Outcome: outcome, Reason: reason}
	}
	v := s.Authenticate(proof.CommonName, proof)
	if v.Outcome != identity.Accepted {
		return v
	}
	if state.Version < tls.VersionTLS13 && state.DidResume {
		return v
	}
	if state.Version >= tls.VersionTLS13 {
		if err := s.Write([]byte{0}); err != nil {
			return s.Broken(err)
		}
	}
	if err := s.Ack(); err != nil {
		return s.Broken(err)
	}
	return v
}
