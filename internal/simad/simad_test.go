package simad_test

import (
	"crypto/tls"
	"net"
	"testing"

	"schoolbridge/internal/certtest"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/simad"
)

const (
	base  = "DC=obr,DC=example"
	admin = "cn=admin,dc=obr,dc=example"
)

func guid(b string) string { return ldapclient.GUID([]byte(b)) }

// options of a directory with everybody whom the suite needs.
func options() simad.Options {
	return simad.Options{Base: base, AdminPassword: "ad-demo", Service: simad.User{Name: "bridge", Password: "bridge-demo"}}
}

// certificate makes a certificate for the controller and who trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	cert, roots := certtest.SelfSigned(t, "dc1.obr.example")
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{RootCAs: roots, ServerName: "dc1.obr.example"}
}

// start serves a directory and gives its address.
func start(t *testing.T, o simad.Options) (*simad.Directory, string, *tls.Config) {
	t.Helper()
	d, err := simad.NewDirectory(o)
	if err != nil {
		t.Fatal(err)
	}
	server, client := certificate(t)
	s, err := simad.NewServer(d, server, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d, l.Addr().String(), client
}

func simulated(t *testing.T, samba bool) *subject {
	o := options()
	o.Samba = samba
	_, address, config := start(t, o)
	return &subject{url: "ldaps://" + address, server: "dc1.obr.example", base: base, managed: "OU=Schools," + base, realm: "obr.example", netbios: "OBR",
		tls: config, admin: admin, adminPassword: "ad-demo", service: "CN=bridge,CN=Users," + base, servicePassword: "bridge-demo", samba: samba}
}

func TestAsWindows(t *testing.T) { run(t, simulated(t, false)) }
func TestAsSamba(t *testing.T)   { run(t, simulated(t, true)) }
