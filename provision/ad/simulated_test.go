package ad_test

import (
	"crypto/tls"
	"net"
	"testing"

	"schoolbridge/internal/certtest"
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
	cert, roots := certtest.SelfSigned(t, "dc1."+realm)
	server, err := simad.NewServer(d, &tls.Config{Certificates: []tls.Certificate{cert}}, nil)
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
