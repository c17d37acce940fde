package main

import (
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/freeport"
	"schoolbridge/radiussrv/eap/eaptest"
)

// TestCertificatesOverLDAP: clients are asked for a certificate where the
// configuration says so; authorities, lists, listeners and rules are taken anew by
// a reload, also by connections that stand.
func TestCertificatesOverLDAP(t *testing.T) {
	s, log := newSite(t), &logged{}
	asks, other, start := freeport.TCP(t), freeport.TCP(t), freeport.TCP(t)
	pki := eaptest.NewPKI(t)
	eaptest.Write(t, s.dir, "devices", tls.Certificate{Certificate: [][]byte{pki.Authority.Raw}})
	board := pki.Computer(t, "board-12.boards.example")
	list := func(revoked ...tls.Certificate) {
		t.Helper()
		if err := os.WriteFile(s.path("devices.crl"), pki.Revoke(t, time.Now().Add(time.Hour), revoked...).Raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list()
	written := siteConfig + `ldap:
  base: dc=school,dc=example
  listen: ["` + start + `"]
  listen_tls: ["` + asks + `", "` + other + `"]
  services: [{dn: "cn=boards,ou=services,dc=school,dc=example", certificates: [{authority: devices, name: "*.boards.example"}]}]
  certificates:
    listen: ["` + asks + `"]
    authorities: [{name: devices, ca_file: devices.pem, crl_file: devices.crl}]
`
	s.write("config.yaml", written)
	d := s.started(log)
	dial := func(address string) (c *ldap.Conn, asked bool) {
		t.Helper()
		secured := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { asked = true; return &board, nil }}
		var err error
		if address == start {
			if c, err = ldap.DialURL("ldap://" + address); err == nil {
				err = c.StartTLS(secured)
			}
		} else {
			c, err = ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(secured))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c, asked
	}
	signsIn := func(address string, asked bool, want uint16) *ldap.Conn {
		t.Helper()
		c, was := dial(address)
		err := c.ExternalBind()
		got := uint16(0)
		var failed *ldap.Error
		if errors.As(err, &failed) {
			got = failed.ResultCode
		} else if err != nil {
			t.Fatal(err)
		}
		if was != asked || got != want {
			t.Errorf("%s: asked %v, %v", address, was, err)
		}
		return c
	}
	const none = ldap.LDAPResultInappropriateAuthentication
	stands := signsIn(asks, true, 0)
	signsIn(other, false, none)
	signsIn(start, false, none)
	if r, err := stands.WhoAmI(nil); err != nil || r.AuthzID != "dn:cn=boards,ou=services,dc=school,dc=example" {
		t.Errorf("%v, %v", r, err)
	}

	list(board)
	s.write("config.yaml", strings.Replace(written, `    listen: ["`+asks+`"]`+"\n", "", 1)+"  access: [{name: a, who: staff, sees: staff}]\n")
	log.take()
	d.reload()
	if said := log.take(); strings.Contains(said, "restart") || strings.Contains(said, "refused") {
		t.Errorf("after a reload: %s", said)
	}
	signsIn(asks, true, ldap.LDAPResultInvalidCredentials)
	signsIn(other, true, ldap.LDAPResultInvalidCredentials)
	signsIn(start, true, ldap.LDAPResultInvalidCredentials)
	if r, err := stands.WhoAmI(nil); err != nil || r.AuthzID != "" {
		t.Errorf("a revoked one that stands: %v, %v", r, err)
	}
	if metricByUse(t, d)[useLDAPClients] == 0 {
		t.Error("nobody tells when the authority ends")
	}

	list()
	s.write("config.yaml", written[:strings.Index(written, "  certificates:\n    listen")]+"  certificates: {authorities: [{name: devices, ca_file: devices.pem}], listen: ['"+start+"']}\n")
	d.reload()
	signsIn(start, true, 0)
	signsIn(asks, false, none)

	// A list that nobody signed is refused, and all stays as it was.
	if err := os.WriteFile(s.path("devices.crl"), eaptest.NewPKI(t).Revoke(t, time.Now().Add(time.Hour)).Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("config.yaml", written)
	log.take()
	d.reload()
	if said := log.take(); !strings.Contains(said, "refused") || !strings.Contains(said, "ldap.certificates") {
		t.Errorf("a forged list: %s", said)
	}
	signsIn(start, true, 0)
}

// TestReloadOfServices: accounts come, go and get other passwords by a reload.
func TestReloadOfServices(t *testing.T) {
	s, log := newSite(t), &logged{}
	address := freeport.TCP(t)
	written := siteConfig + "ldap:\n  base: dc=school,dc=example\n  listen_tls: ['" + address + "']\n  services:\n"
	account := func(name string) string {
		s.write(name, name+"-secret-of-some-length\n")
		return "    - {dn: 'cn=" + name + ",ou=services,dc=school,dc=example', password_file: " + name + "}\n"
	}
	s.write("config.yaml", written+account("a")+account("b"))
	d := s.started(log)
	dial := func() *ldap.Conn {
		t.Helper()
		c, err := ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	bind := func(name, password string) (*ldap.Conn, error) {
		t.Helper()
		c := dial()
		return c, c.Bind("cn="+name+",ou=services,dc=school,dc=example", password)
	}
	is := func(c *ldap.Conn, want string) {
		t.Helper()
		if r, err := c.WhoAmI(nil); err != nil || strings.HasPrefix(r.AuthzID, "dn:cn="+want) != (want != "") {
			t.Errorf("%v, %v, want %q", r, err, want)
		}
	}
	reload := func(text, says string) {
		t.Helper()
		s.write("config.yaml", text)
		log.take()
		d.reload()
		if said := log.take(); strings.Contains(said, "restart") != strings.Contains(says, "restart") || strings.Contains(said, "refused") || !strings.Contains(said, says) {
			t.Errorf("after a reload: %s", said)
		}
	}
	a, errA := bind("a", "a-secret-of-some-length")
	b, errB := bind("b", "b-secret-of-some-length")
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	reload(written+account("b")+account("c"), "reloaded")
	is(a, "")
	is(b, "b")
	if _, err := bind("a", "a-secret-of-some-length"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("one that is gone: %v", err)
	}
	if _, err := bind("c", "c-secret-of-some-length"); err != nil {
		t.Errorf("a new one: %v", err)
	}
	text := written + account("b")
	s.write("b", "another-secret-of-b\n") // the file alone
	reload(text, "reloaded")
	is(b, "")
	if _, err := bind("b", "another-secret-of-b"); err != nil {
		t.Errorf("the new password: %v", err)
	}
	// Below a base that waits for a restart, accounts wait too.
	reload(strings.ReplaceAll(text, "dc=school", "dc=other"), "restart")
	if _, err := bind("b", "another-secret-of-b"); err != nil {
		t.Errorf("until then: %v", err)
	}
}
