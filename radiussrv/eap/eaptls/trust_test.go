package eaptls

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

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
	_, err = NewTrust([]Authority{
		{Name: "", Certificates: []*x509.Certificate{pki.Authority}},
		{Name: "leaf", Certificates: []*x509.Certificate{client.Leaf}},
		{Name: "forged", Certificates: []*x509.Certificate{pki.Authority}, Revoked: []*x509.RevocationList{other.Revoke(t, until)}},
		{Name: "endless", Certificates: []*x509.Certificate{pki.Authority}, Revoked: []*x509.RevocationList{{}}},
	})
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("faults: %v", err)
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
