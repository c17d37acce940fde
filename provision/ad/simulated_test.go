package ad_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/simad"
)

// TestSimulated: the same life in the simulated directory, which answers as
// Windows does, and as Samba does.
func TestSimulated(t *testing.T) {
	t.Run("Windows", func(t *testing.T) { life(t, newSimulated(t, false)) })
	t.Run("Samba", func(t *testing.T) { life(t, newSimulated(t, true)) })
}

func newSimulated(t *testing.T, samba bool) *site {
	t.Helper()
	d, err := simad.NewDirectory(simad.Options{
		Base: domain, AdminPassword: "Zhuravl-Admin-2021", Service: simad.User{Name: "bridge", Password: "Zhuravl-Bridge-2021"}, Samba: samba,
	})
	if err != nil {
		t.Fatal(err)
	}
	config, roots := certificate(t)
	server, err := simad.NewServer(d, config, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, options: func(name string, password identity.Password) ldapclient.Options {
		return ldapclient.Options{URL: "ldaps://" + l.Addr().String(), ServerName: "dc1." + realm, RootCAs: roots, BindDN: name, Password: password}
	}}
	s.admin = s.as("cn=admin,"+domain, "Zhuravl-Admin-2021")
	s.target = s.over(s.as("CN=bridge,CN=Users,"+domain, "Zhuravl-Bridge-2021"))
	s.furnish("staff-49", "staff-7")
	return s
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dc1." + realm}, DNSNames: []string{"dc1." + realm},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
