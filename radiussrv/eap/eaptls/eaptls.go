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
// Limits: revocation by lists from files, as fresh as the files are; no OCSP.
//
// Start reading at Method.Run and NewTrust.
package eaptls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Method is EAP-TLS.
type Method struct {
	Trust func() *Trust // asked for every session, so that a reload counts at once
}

// Type is 13.
func (Method) Type() packet.Type { return packet.TLS }

// Label is that of RFC 5216 section 2.3.
func (Method) Label() string { return tunnel.LabelTLS }

// VersionMask is empty: EAP-TLS has no versions.
func (Method) VersionMask() byte { return 0 }

// Configure demands a certificate of one of the authorities.
func (m Method) Configure(c *tls.Config) {
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.Trust().pool
}

// Run goes from the handshake to the verdict.
func (m Method) Run(s *tunnel.Session) identity.Verdict {
	state := s.State()
	proof, v := m.proof(&state, s.Now())
	if v.Outcome != 0 {
		return v
	}
	if v = s.Authenticate(proof.CommonName, proof); v.Outcome != identity.Accepted {
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

// proof checks what crypto/tls does not: who the authority is, and whether it
// has taken a certificate back. One good chain is enough.
func (m Method) proof(state *tls.ConnectionState, now time.Time) (identity.Certificate, identity.Verdict) {
	trust := m.Trust()
	v := identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonNotValid}
	for _, chain := range state.VerifiedChains {
		authority, ok := trust.authority(chain)
		if !ok {
			continue
		}
		switch trust.revocation(chain, now) {
		case revoked:
			return identity.Certificate{}, identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonRevoked}
		case outdated:
			v = identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonListOutdated}
		default:
			return certificate(authority, chain), identity.Verdict{}
		}
	}
	return identity.Certificate{}, v
}

func certificate(authority string, chain []*x509.Certificate) identity.Certificate {
	c := chain[0]
	return identity.Certificate{
		Authority: authority, CommonName: c.Subject.CommonName, DNSNames: c.DNSNames,
		UPNs: upns(c), Serial: hexadecimal(c), Chain: issued(chain),
	}
}

func hexadecimal(c *x509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidUPN            = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// maxUPNs is one more than the authenticator looks at: it refuses so many, where
// leaving some out would hide that they are several people's.
const maxUPNs = 101

func upns(c *x509.Certificate) []string {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidSubjectAltName) {
			return parseUPNs(e.Value)
		}
	}
	return nil
}

// parseUPNs reads Microsoft's user principal names out of a subjectAltName:
// otherName [0] { type-id, [0] EXPLICIT UTF8String } (RFC 5280 section 4.2.1.6).
// What it cannot read, it leaves out.
func parseUPNs(der []byte) []string {
	var all []string
	in := cryptobyte.String(der)
	var names cryptobyte.String
	if !in.ReadASN1(&names, cbasn1.SEQUENCE) {
		return nil
	}
	for !names.Empty() && len(all) < maxUPNs {
		var one cryptobyte.String
		var tag cbasn1.Tag
		if !names.ReadAnyASN1(&one, &tag) {
			return all
		}
		var id asn1.ObjectIdentifier
		var value, text cryptobyte.String
		if tag != cbasn1.Tag(0).ContextSpecific().Constructed() || !one.ReadASN1ObjectIdentifier(&id) || !id.Equal(oidUPN) ||
			!one.ReadASN1(&value, cbasn1.Tag(0).ContextSpecific().Constructed()) || !value.ReadASN1(&text, cbasn1.UTF8String) {
			continue
		}
		if s := strings.ToValidUTF8(string(text), ""); s == string(text) && s != "" {
			all = append(all, s)
		}
	}
	return all
}
