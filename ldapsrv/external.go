package ldapsrv

import (
	"context"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv/wire"
)

// SASL EXTERNAL: boards and jobs sign in with the certificate that they showed in
// the TLS handshake. Which account that is, the configuration says: by the
// authority and a DNS name of the certificate, or its common name where it has no
// DNS name. The handshake asks for a certificate and takes any; whether it is good
// is judged when somebody signs in with it, by the authorities and lists of then,
// and judged anew when a reload has brought others. A person with a certificate
// of another use is so not kept out, and a revoked one not kept in.

// CertificateName names certificates: those of an authority with a name.
type CertificateName struct {
	Authority string
	// Name is a DNS name, "*." and a domain for the names one label below it, or
	// the common name of certificates without any DNS name.
	Name string
}

// certified is on what a sign-in with a certificate rests.
type certified struct {
	account *service
	names   identity.Certificate
	by      *trust.Set
	until   time.Time // when the certificate ends
}

// certifies says that somebody can sign in with a certificate.
func (s *Server) certifies() bool {
	return len(s.accounts.Load().certificates) > 0 && s.opt.Trust != nil && s.opt.Trust() != nil
}

// certified finds the account of the connection's certificate.
func (s *Server) certified(c *wire.Conn) (certified, identity.Outcome) {
	shown, now := c.Certificates(), s.opt.Now()
	by := s.opt.Trust()
	if by == nil || len(shown) == 0 {
		return certified{}, identity.Rejected
	}
	proof, outcome, _ := by.Verify(shown, now)
	if outcome != identity.Accepted {
		return certified{}, outcome
	}
	account := s.accountOf(proof)
	if account == nil || !account.from(c.Peer()) {
		return certified{}, identity.Rejected
	}
	return certified{account, proof, by, shown[0].NotAfter}, identity.Accepted
}

// accountOf finds the one account that a certificate names; nil where that is
// none, or several.
func (s *Server) accountOf(proof identity.Certificate) (found *service) {
	names, certificates := proof.DNSNames, s.accounts.Load().certificates
	if len(names) == 0 {
		names = []string{proof.CommonName}
	}
	for _, name := range names {
		name = identity.FoldMachineName(name)
		one := certificates[CertificateName{proof.Authority, name}]
		if _, domain, ok := strings.Cut(name, "."); one == nil && ok && len(proof.DNSNames) > 0 {
			one = certificates[CertificateName{proof.Authority, "*." + domain}]
		}
		// A certificate for many (*.domain) is no one device's.
		if one == nil || strings.HasPrefix(name, "*") {
			continue
		}
		if found != nil && found != one {
			return nil
		}
		found = one
	}
	return found
}

func (x *session) bindExternal(ctx context.Context, c *wire.Conn, as string) wire.Result {
	if len(c.Certificates()) == 0 { // RFC 4513 section 5.2.3
		return wire.Result{Code: wire.InappropriateAuthentication, Text: textCertificate}
	}
	proof, outcome := x.s.certified(c)
	if outcome == identity.Accepted {
		x.service, x.asker, x.proof = proof.account, proof.account, &proof
		if len(as) <= maxPlain && x.mayBe(as, "") {
			return wire.Result{}
		}
		x.signOut(c)
		x.asker = nil
	}
	x.s.opt.Logger.Warn("a client certificate signs nobody in", "serial", c.Certificates()[0].SerialNumber.Text(16), "from", c.Peer(), "outcome", outcome.String())
	wait(ctx, serviceDelay)
	if outcome == identity.Unavailable {
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	}
	return wire.Result{Code: wire.InvalidCredentials, Text: textNotCertified}
}

// stillCertified says whether a certificate counts that did when it signed in.
// Where a revocation list is out of date, what is signed in stays so.
func (x *session) stillCertified(c *wire.Conn) bool {
	if !x.s.certifies() || x.s.opt.Now().After(x.proof.until) {
		return false
	}
	if x.proof.by == x.s.opt.Trust() && x.proof.account.of == x.s.accounts.Load() {
		return true
	}
	proof, outcome := x.s.certified(c)
	switch {
	case outcome == identity.Unavailable:
		proof = *x.proof
		proof.account = x.s.accountOf(proof.names)
	case outcome != identity.Accepted:
		return false
	}
	if proof.account == nil || proof.account.key != x.service.key {
		return false
	}
	x.proof = &proof
	return true
}
