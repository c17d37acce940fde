package eaptls

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"schoolbridge/internal/identity"
)

// Authority issues certificates to devices or people.
type Authority struct {
	Name         string              // as proofs and policy know it
	Certificates []*x509.Certificate // its own, and intermediate ones that peers do not send
	Revoked      []*x509.RevocationList
}

// Trust is a set of authorities, made once and never changed: a reload makes
// another one.
type Trust struct {
	pool  *x509.CertPool
	names map[string]string // raw certificate → authority
	lists []list
}

// list is one revocation list, checked.
type list struct {
	issuer  []byte // raw subject
	key     []byte // raw public key
	until   time.Time
	serials map[string]bool // big-endian bytes
	// by are what stands for its issuer in identity.Issued, without the key too.
	by [2]uint64
}

// NewTrust checks authorities and their lists, and names every fault at once. A
// list must be signed by a certificate of its authority and say when the next
// one is due.
func NewTrust(all []Authority) (*Trust, error) {
	t := &Trust{pool: x509.NewCertPool(), names: make(map[string]string)}
	var faults []error
	for _, a := range all {
		if a.Name == "" || len(a.Certificates) == 0 {
			faults = append(faults, fmt.Errorf("authority %q needs a name and a certificate", a.Name))
		}
		for _, c := range a.Certificates {
			if !c.IsCA {
				faults = append(faults, fmt.Errorf("authority %q: certificate %x is not one of an authority", a.Name, c.SerialNumber))
				continue
			}
			if other, again := t.names[string(c.Raw)]; again && other != a.Name {
				faults = append(faults, fmt.Errorf("authority %q: %q has the certificate %x too", a.Name, other, c.SerialNumber))
			}
			t.pool.AddCert(c)
			t.names[string(c.Raw)] = a.Name
		}
		for _, r := range a.Revoked {
			l, err := check(r, a.Certificates)
			if err != nil {
				faults = append(faults, fmt.Errorf("authority %q: revocation list %v: %w", a.Name, r.Number, err))
				continue
			}
			t.lists = append(t.lists, l)
		}
	}
	return t, errors.Join(faults...)
}

func check(r *x509.RevocationList, issuers []*x509.Certificate) (list, error) {
	if r.NextUpdate.IsZero() {
		return list{}, errors.New("it does not say when the next one is due")
	}
	for _, c := range issuers {
		if r.CheckSignatureFrom(c) != nil {
			continue
		}
		l := list{issuer: c.RawSubject, key: c.RawSubjectPublicKeyInfo, until: r.NextUpdate, serials: make(map[string]bool, len(r.RevokedCertificateEntries)),
			by: [2]uint64{issuer(c.RawSubject, c.RawSubjectPublicKeyInfo), issuer(c.RawSubject, nil)}}
		for _, e := range r.RevokedCertificateEntries {
			l.serials[serial(e.SerialNumber)] = true
		}
		return l, nil
	}
	return list{}, errors.New("no certificate of the authority has signed it")
}

func serial(n *big.Int) string { return string(n.Bytes()) }

// status is what the lists say of a chain.
type status uint8

const (
	good status = iota
	revoked
	outdated // a list is older than it may be: nobody can tell
)

// revocation looks up every certificate of a chain, a self-signed root's
// excepted, in all lists of its issuer. Authorities without a list revoke
// nothing.
func (t *Trust) revocation(chain []*x509.Certificate, now time.Time) status {
	answer := good
	for i, c := range chain {
		for _, l := range t.lists {
			if !l.about(chain, i) {
				continue
			}
			switch {
			case l.serials[serial(c.SerialNumber)]:
				return revoked
			case now.After(l.until):
				answer = outdated
			}
		}
	}
	return answer
}

// about says that a list is that of the issuer of a chain's certificate. Of the
// one that ends the chain, an intermediate one perhaps, the issuer is not there
// to compare keys with.
func (l *list) about(chain []*x509.Certificate, i int) bool {
	c := chain[i]
	if i == len(chain)-1 {
		return bytes.Equal(l.issuer, c.RawIssuer) && !bytes.Equal(c.RawIssuer, c.RawSubject)
	}
	issuer := chain[i+1]
	return bytes.Equal(l.issuer, issuer.RawSubject) && bytes.Equal(l.key, issuer.RawSubjectPublicKeyInfo)
}

// issued is what of a chain can be taken back, in few bytes: what revocation
// looks up.
func issued(chain []*x509.Certificate) []identity.Issued {
	var all []identity.Issued
	for i, c := range chain {
		switch {
		case i < len(chain)-1:
			all = append(all, identity.Issued{Issuer: issuer(chain[i+1].RawSubject, chain[i+1].RawSubjectPublicKeyInfo), Serial: hexadecimal(c)})
		case !bytes.Equal(c.RawIssuer, c.RawSubject):
			all = append(all, identity.Issued{Issuer: issuer(c.RawIssuer, nil), Serial: hexadecimal(c)})
		}
	}
	return all
}

// issuer stands for a name and a key: eight bytes of SHA-256, since whoever
// asks an authority for a certificate may choose names.
func issuer(name, key []byte) uint64 {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(name))) // never fails
	h.Write(name)
	h.Write(key)
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// Standing says why a certificate that was accepted would not be any more, ""
// where nothing says so. A list that is out of date says nothing.
func (t *Trust) Standing(authority string, chain []identity.Issued) identity.Reason {
	known := false
	for _, name := range t.names {
		known = known || name == authority
	}
	if !known {
		return identity.ReasonNotValid
	}
	for _, c := range chain {
		number, err := hex.DecodeString(c.Serial)
		if err != nil {
			continue
		}
		for _, l := range t.lists {
			if slices.Contains(l.by[:], c.Issuer) && l.serials[string(number)] {
				return identity.ReasonRevoked
			}
		}
	}
	return ""
}

// authority names the authority of a chain: that of the certificate nearest to
// the peer's that is configured.
func (t *Trust) authority(chain []*x509.Certificate) (string, bool) {
	for _, c := range chain[1:] {
		if name, ok := t.names[string(c.Raw)]; ok {
			return name, true
		}
	}
	return "", false
}

// Expires is when the first list is out of date; zero where there is none.
func (t *Trust) Expires() (first time.Time) {
	for _, l := range t.lists {
		if first.IsZero() || l.until.Before(first) {
			first = l.until
		}
	}
	return first
}
