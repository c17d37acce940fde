package auth

import (
	"time"
	"unicode/utf8"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// withoutPassword decides proofs that mos.ru is not asked about:
//
//	hardware address ─► listed? ─────────────────► policy, role device
//	certificate ─┬─ a DNS name ─► machines listed? ─► policy, role machine
//	             └─ UPN, else CN ─► the authority names people? ─► one person ─► all gates
//
// None of it needs the guard. A certificate is not guessed, and an address is
// no secret that somebody could guess: an access point asks for every phone
// that comes near, and counting those as guesses would shut out the people
// behind it.
func (a *Authenticator) withoutPassword(c *identity.Credential, now time.Time) (v identity.Verdict, ok bool) {
	switch proof := c.Proof.(type) {
	case identity.HardwareAddress:
		return a.device(proof, c, now), true
	case identity.Certificate:
		return a.certificate(proof, c, now), true
	}
	return identity.Verdict{}, false
}

func (a *Authenticator) inventory() *Inventory {
	if a.opt.Inventory == nil {
		return nil
	}
	return a.opt.Inventory()
}

// device admits a listed hardware address, with the rights of a device.
func (a *Authenticator) device(address identity.HardwareAddress, c *identity.Credential, now time.Time) identity.Verdict {
	if same, ok := identity.ParseHardwareAddress(string(address)); !ok || same != address || len(c.Name) > MaxName {
		return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	d, ok := a.inventory().Device(address)
	switch {
	case c.Source.Device != string(address):
		// A client says of itself who asks (Calling-Station-Id): another one
		// than it names is misconfigured, or lies.
		return rejected(identity.ReasonStation)
	case !ok:
		return rejected(identity.ReasonUnknownDevice)
	}
	grant, reason := d.decide(a.opt.Policy(), c.Channel, &c.Source, now)
	if reason != "" {
		return rejected(reason)
	}
	return identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonListed, Grant: grant, Basis: &identity.Basis{Device: address}}
}

// certificate admits a machine or a person whose certificate the front-end has
// checked. A certificate with a DNS name is a machine's and never a person's:
// else a computer that is called like a teacher would be her.
func (a *Authenticator) certificate(cert identity.Certificate, c *identity.Credential, now time.Time) identity.Verdict {
	if !bounded(cert) || len(c.Name) > MaxName {
		return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	n := a.inventory()
	if len(cert.DNSNames) > 0 {
		m, host, ok := n.Machines(cert.Authority, cert.DNSNames)
		if !ok {
			return rejected(identity.ReasonUnknownMachine)
		}
		v := identity.Verdict{Login: identity.Login(host)}
		grant, reason := m.decide(a.opt.Policy(), c.Channel, &c.Source, now)
		if reason != "" {
			v.Outcome, v.Reason = identity.Rejected, reason
			return v
		}
		v.Outcome, v.Reason, v.Grant = identity.Accepted, identity.ReasonCertificate, grant
		v.Basis = &identity.Basis{Authority: cert.Authority, Machine: host, Chain: cert.Chain}
		return v
	}
	if !n.names(cert.Authority) {
		return rejected(identity.ReasonWrongAuthority)
	}
	if !a.inTouch(now) {
		return unavailable(identity.ReasonCutOff)
	}
	e, reason := a.named(cert)
	if reason != "" {
		return rejected(reason)
	}
	v := identity.Verdict{Person: e.Person, Login: e.Login}
	grant, reason := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	if reason != "" {
		v.Outcome, v.Reason = identity.Rejected, reason
		return v
	}
	v.Outcome, v.Reason, v.Grant = identity.Accepted, identity.ReasonCertificate, grant
	v.Basis = &identity.Basis{Authority: cert.Authority, Chain: cert.Chain}
	return v
}

// named finds the one person that a certificate names: by its user principal
// names, and only where it has none by its common name. Names of two people
// are nobody's.
func (a *Authenticator) named(cert identity.Certificate) (*directory.Entry, identity.Reason) {
	names := cert.UPNs
	if len(names) == 0 {
		names = []string{cert.CommonName}
	}
	var found *directory.Entry
	for _, name := range names {
		if bare, _ := a.bareName(name); person.Classify(bare) != person.ShapeLogin {
			return nil, identity.ReasonLoginOnly
		}
		e, ok := a.whose(name)
		if !ok || found != nil && found.Person != e.Person {
			return nil, identity.ReasonUnknown
		}
		found = e
	}
	return found, ""
}

// maxCertificateNames bounds what of a certificate is looked at.
const maxCertificateNames = 100

func bounded(cert identity.Certificate) bool {
	if len(cert.DNSNames) > maxCertificateNames || len(cert.UPNs) > maxCertificateNames {
		return false
	}
	for _, list := range [][]string{cert.DNSNames, cert.UPNs, {cert.CommonName}} {
		for _, s := range list {
			if len(s) > MaxName || !utf8.ValidString(s) {
				return false
			}
		}
	}
	return cert.CommonName != "" || len(cert.DNSNames)+len(cert.UPNs) > 0
}

// proofFields tells the audit trail which certificate it was:
//
//	"authority":"school-ca","serial":"01ab","machine":"pc1.school49.obr.example","role":"machine"
func proofFields(b []byte, c *identity.Credential, v *identity.Verdict) []byte {
	switch proof := c.Proof.(type) {
	case identity.HardwareAddress:
		return field(b, "role", v.Grant.Role)
	case identity.Certificate:
		b = field(b, "authority", proof.Authority)
		b = field(b, "serial", proof.Serial)
		switch {
		case len(proof.DNSNames) > 0 && v.Login != "":
			b = field(b, "machine", string(v.Login))
		case len(proof.DNSNames) > 0:
			b = field(b, "machine", identity.FoldMachineName(proof.DNSNames[0]))
		}
		return field(b, "role", v.Grant.Role)
	}
	return b
}
