package eaptls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
)

func TestTrust(t *testing.T) {
	pki, other := eaptest.NewPKI(t), eaptest.NewPKI(t)
	client := pki.Client(t, "pc-1", "", time.Time{})
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	trust, err := NewTrust([]Authority{
		{Name: "school", Certificates: []*x509.Certificate{pki.Authority}, Revoked: []*x509.RevocationList{pki.Revoke(t, until, client)}},
		{Name: "other", Certificates: []*x509.Certificate{other.Authority}},
	})
	if err != nil || !trust.Expires().Equal(until) {
		t.Fatal(err, trust.Expires())
	}
	chain := func(c tls.Certificate, p *eaptest.PKI) []*x509.Certificate {
		return []*x509.Certificate{c.Leaf, p.Authority}
	}
	if name, ok := trust.authority(chain(client, pki)); !ok || name != "school" {
		t.Error(name)
	}
	if trust.revocation(chain(client, pki), time.Now()) != revoked {
		t.Error("a revoked one is good")
	}
	fresh := chain(pki.Client(t, "pc-2", "", time.Time{}), pki)
	if trust.revocation(fresh, time.Now()) != good || trust.revocation(fresh, until.Add(time.Second)) != outdated {
		t.Error("a good one is not, or an old list counts")
	}
	if trust.revocation(chain(other.Client(t, "pc-1", "", time.Time{}), other), until.Add(time.Hour)) != good {
		t.Error("an authority without a list revokes")
	}
	for what, c := range map[string]struct {
		authority string
		chain     []*x509.Certificate
		want      identity.Reason
	}{
		"revoked":                       {"school", chain(client, pki), identity.ReasonRevoked},
		"good":                          {"school", fresh, ""},
		"of the other, with its serial": {"other", chain(other.Client(t, "pc-1", "", time.Time{}), other), ""},
		"of an authority that is gone":  {"gone", fresh, identity.ReasonNotValid},
	} {
		if got := trust.Standing(c.authority, issued(c.chain)); got != c.want {
			t.Errorf("%s: %q", what, got)
		}
	}
	_, err = NewTrust([]Authority{
		{Name: "", Certificates: []*x509.Certificate{pki.Authority}},
		{Name: "leaf", Certificates: []*x509.Certificate{client.Leaf}},
		{Name: "forged", Certificates: []*x509.Certificate{pki.Authority}, Revoked: []*x509.RevocationList{other.Revoke(t, until)}},
		{Name: "endless", Certificates: []*x509.Certificate{pki.Authority}, Revoked: []*x509.RevocationList{{}}},
	})
	if err == nil || strings.Count(err.Error(), "\n") != 5 || strings.Count(err.Error(), "has the certificate 1 too") != 2 {
		t.Errorf("faults: %v", err)
	}
}

// TestRevokedIntermediate: one that the authority names among its certificates,
// because peers do not send it, ends a chain; its revocation counts all the same.
func TestRevokedIntermediate(t *testing.T) {
	now := time.Now()
	make := func(serial int64, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: name != "pc-1", BasicConstraintsValid: true,
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if parent == nil {
			parent, signer = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		c, err = x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	root, rootKey := make(1, "root", nil, nil)
	between, betweenKey := make(2, "intermediate", root, rootKey)
	leaf, _ := make(3, "pc-1", between, betweenKey)
	list := func(serial int64) *x509.RevocationList {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: now}},
		}, root, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for serial, want := range map[int64]status{2: revoked, 9: good} {
		trust, err := NewTrust([]Authority{{Name: "school", Certificates: []*x509.Certificate{root, between}, Revoked: []*x509.RevocationList{list(serial)}}})
		if err != nil {
			t.Fatal(err)
		}
		// As crypto/tls builds them: each configured certificate may end a chain.
		for _, chain := range [][]*x509.Certificate{{leaf, between}, {leaf, between, root}} {
			if got := trust.revocation(chain, now); got != want {
				t.Errorf("list of %d, chain of %d: %v", serial, len(chain), got)
			}
			if got := trust.Standing("school", issued(chain)); (got == identity.ReasonRevoked) != (want == revoked) {
				t.Errorf("list of %d, chain of %d: standing %q", serial, len(chain), got)
			}
		}
		later := now.Add(2 * time.Hour)
		if got := trust.revocation([]*x509.Certificate{leaf, between}, later); want == good && got != outdated {
			t.Errorf("an old list counts: %v", got)
		}
	}
}

func TestUPNs(t *testing.T) {
	if got := parseUPNs(eaptest.UPN("pc-1@school.example")); !slices.Equal(got, []string{"pc-1@school.example"}) {
		t.Error(got)
	}
	if got := parseUPNs(eaptest.UPN("\xff")); got != nil {
		t.Error(got)
	}
}

func FuzzUPNs(f *testing.F) {
	f.Add(eaptest.UPN("pc-1@school.example"))
	f.Add([]byte{0x30, 0x03, 0x82, 0x01, 'a'})
	f.Fuzz(func(t *testing.T, der []byte) {
		if got := parseUPNs(der); len(got) > maxUPNs {
			t.Error(got)
		}
	})
}
