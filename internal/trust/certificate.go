package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"schoolbridge/internal/identity"
)

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
