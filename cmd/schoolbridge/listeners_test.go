package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/config"
	"schoolbridge/internal/freeport"
)

// ldapSite is a daemon with an LDAP listener for everybody and one for old
// boards, and their addresses.
func ldapSite(t *testing.T, s site, log *logged) (d *daemon, address, old string) {
	t.Helper()
	s.write("config.yaml", siteConfig+`ldap:
  base: dc=school,dc=example
  services: [{dn: "cn=reader,ou=services,dc=school,dc=example", password_file: secret}]
  listeners:
    - {address: "127.0.0.1:63601", tls: true}
    - {address: "127.0.0.1:63602", tls: true, old_tls: true}
`)
	c, faults, err := config.Load(s.path("config.yaml"))
	if err != nil || c == nil {
		t.Fatalf("%v, %v", err, faults)
	}
	c.Web.Listen = "127.0.0.1:0"
	for i := range c.LDAP.Listeners {
		c.LDAP.Listeners[i].Address = "127.0.0.1:0"
	}
	if d, err = newDaemon(t.Context(), log, s.path("config.yaml"), c); err != nil {
		t.Fatal(err)
	}
	s.running(d)
	var found []string
	for _, one := range d.services {
		if at, ok := strings.CutPrefix(one.name, "LDAP "); ok {
			found = append(found, at)
		}
	}
	return d, found[0], found[1]
}

// rsaCertificate makes one with an RSA key, in NAME.pem and NAME-key.pem.
func (s site) rsaCertificate(name string, serial int64) {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().AddDate(0, 0, 10), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: raw}, name + "-key.pem": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}} {
		if err := os.WriteFile(s.path(name), pem.EncodeToMemory(block), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Old TLS is spoken where it is configured and nowhere else, and everybody is told.
func TestOldTLSOfOneListener(t *testing.T) {
	s, log := newSite(t), &logged{}
	s.rsaCertificate("server", 1)
	d, address, old := ldapSite(t, s, log)
	for what, c := range map[string]*tls.Config{
		"TLS 1.0":          {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"TLS 1.1":          {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"RSA key exchange": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}},
	} {
		c.InsecureSkipVerify = true
		if conn, err := tls.Dial("tcp", old, c); err != nil {
			t.Errorf("%s on the listener for it: %v", what, err)
		} else {
			_ = conn.Close()
		}
		if conn, err := tls.Dial("tcp", address, c); err == nil {
			_ = conn.Close()
			t.Errorf("%s is spoken on another listener", what)
		}
	}
	if said := log.take(); !strings.Contains(said, "old TLS is taken here") || !strings.Contains(said, old[:10]) {
		t.Errorf("the log says %s", said)
	}
	ready, results := d.health.Ask(t.Context())
	for _, r := range results {
		if r.Name == "ldap_old_tls" && !r.OK && !r.Needed {
			return
		}
	}
	t.Errorf("health says nothing: %v, %+v", ready, results)
}

// A listener shows a certificate of its own, which a reload takes anew, or takes away,
// and whose end is watched.
func TestCertificateOfListener(t *testing.T) {
	s, log := newSite(t), &logged{}
	s.rsaCertificate("boards", 77)
	usual, boards := freeport.TCP(t), freeport.TCP(t)
	written := siteConfig + `ldap:
  base: dc=school,dc=example
  listen: ["` + usual + `"]
  listeners:
    - {address: "` + boards + `", tls: true, old_tls: true, certificate_file: boards.pem, key_file: boards-key.pem}
`
	s.write("config.yaml", written)
	d := s.started(log)
	if said := log.take(); !strings.Contains(said, "use=ldap_listener") {
		t.Errorf("nobody says that it ends soon: %s", said)
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	serial := func(c *ldap.Conn, err error) int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		state, _ := c.TLSConnectionState()
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	shown := func() int64 {
		t.Helper()
		return serial(ldap.DialURL("ldaps://"+boards, ldap.DialWithTLSConfig(old)))
	}
	starts := func() int64 {
		t.Helper()
		c, err := ldap.DialURL("ldap://" + usual)
		if err == nil {
			err = c.StartTLS(&tls.Config{InsecureSkipVerify: true})
		}
		return serial(c, err)
	}
	if shown() != 77 || starts() == 77 {
		t.Error("one shows the other's")
	}
	if ends := metricByUse(t, d); ends["ldap_listener"] == 0 || ends["ldap_listener"] == ends["tls"] {
		t.Errorf("%v", ends)
	}
	s.rsaCertificate("boards", 78)
	log.take()
	if d.reload(); shown() != 78 {
		t.Errorf("after a reload it is the old one: %s", log.take())
	}
	s.rsaCertificate("others", 79)
	s.write("config.yaml", strings.NewReplacer("boards.pem", "others.pem", "boards-key", "others-key").Replace(written))
	if d.reload(); shown() != 79 || strings.Contains(log.take(), "restart") {
		t.Error("another file is not taken")
	}
	s.write("others-key.pem", "nothing\n")
	if d.reload(); shown() != 79 || !strings.Contains(log.take(), "refused") {
		t.Error("a broken pair is taken, or in silence")
	}
	s.rsaCertificate("server", 80)
	s.write("config.yaml", strings.Replace(written, ", certificate_file: boards.pem, key_file: boards-key.pem", "", 1))
	if d.reload(); shown() != 80 {
		t.Errorf("without one of its own it does not show that of all: %s", log.take())
	}
	if _, there := metricByUse(t, d)["ldap_listener"]; there {
		t.Error("one that is not in use is watched")
	}
}

// Where listeners have certificates of their own, no other is needed; TLS is offered
// where there is one, and goes on where a reload would take it away.
func TestCertificatesOfListenersAlone(t *testing.T) {
	s, log := newSite(t), &logged{}
	s.rsaCertificate("boards", 77)
	boards, starts, plain := freeport.TCP(t), freeport.TCP(t), freeport.TCP(t)
	const own = ", certificate_file: boards.pem, key_file: boards-key.pem"
	written := strings.Replace(siteConfig, "tls: {", "# {", 1) + `ldap:
  base: dc=school,dc=example
  plain_bind: loopback
  listeners:
    - {address: "` + boards + `", tls: true` + own + `}
    - {address: "` + starts + `"` + own + `}
    - {address: "` + plain + `"}
`
	s.write("config.yaml", written)
	d := s.started(log)
	starting := func() int64 {
		t.Helper()
		c, err := ldap.DialURL("ldap://" + starts)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			t.Fatal(err)
		}
		state, _ := c.TLSConnectionState()
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	for url, want := range map[string]bool{"ldaps://" + boards: true, "ldap://" + starts: true, "ldap://" + plain: false} {
		c, err := ldap.DialURL(url, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"supportedExtension"}, nil))
		if err != nil || len(r.Entries) != 1 {
			t.Fatal(r, err)
		}
		if got := slices.Contains(r.Entries[0].GetAttributeValues("supportedExtension"), "1.3.6.1.4.1.1466.20037"); got != want {
			t.Errorf("%s offers StartTLS: %v", url, got)
		}
		_ = c.Close()
	}
	s.rsaCertificate("boards", 78)
	if d.reload(); starting() != 78 || strings.Contains(log.take(), "restart") {
		t.Error("after a reload it is the old one")
	}
	s.write("config.yaml", strings.Replace(written, starts+`"`+own, starts+`"`, 1))
	if d.reload(); starting() != 78 || !strings.Contains(log.take(), "ldap.listeners") {
		t.Error("TLS is taken away, or in silence")
	}
}

// A reload brings new connections the new certificate, also those for old
// boards, and leaves the old ones alone.
func TestReloadLeavesConnections(t *testing.T) {
	s, log := newSite(t), &logged{}
	d, address, old := ldapSite(t, s, log)
	dial := func(address string) *ldap.Conn {
		c, err := ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(&tls.Config{InsecureSkipVerify: true}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	serial := func(c *ldap.Conn) string {
		state, _ := c.TLSConnectionState()
		return state.PeerCertificates[0].SerialNumber.String()
	}
	root := ldap.NewSearchRequest("", ldap.ScopeBaseObject, 0, 0, 5, false, "(objectClass=*)", []string{"supportedLDAPVersion"}, nil)
	for _, address := range []string{address, old} {
		standing := dial(address)
		before := serial(standing)
		s.certificate()
		d.reload()
		if now := serial(dial(address)); now == before {
			t.Errorf("a new connection has the old certificate; the log says %s", log.take())
		}
		if _, err := standing.Search(root); err != nil {
			t.Errorf("a connection of before the reload: %v", err)
		}
	}
}

// The key of paged searches is the same on replicas and after a restart, and
// another one each day.
func TestPageKeyIsShared(t *testing.T) {
	s := newSite(t)
	var keys [][32]byte
	for range 2 {
		d, err := s.daemon(&logged{})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, d.pageKey("2026-11-24"), d.pageKey("2026-11-25"))
		d.close()
	}
	if keys[0] != keys[2] || keys[1] != keys[3] || keys[0] == keys[1] || keys[0] == [32]byte{} {
		t.Errorf("%x", keys)
	}
}

// `load ldap` drives a server, and says what is in its way.
func TestLoadLDAP(t *testing.T) {
	s := newSite(t)
	_, address, _ := ldapSite(t, s, &logged{})
	s.write("users.csv", "nobody,x\n")
	base := []string{"load", "ldap", "--lang", "en", "--server", address, "--tls", "--ca", s.path("ca.pem"), "--bind-dn", "cn=reader,ou=services,dc=school,dc=example",
		"--password-file", s.path("secret"), "--concurrency", "2", "--count", "20", "--duration", "10m"}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--work connect --json", 0, `"accepted": 20`},
		{"--work dump --base dc=school,dc=example", 0, "entries received: 0"},
		{"--work search --base dc=school,dc=example --users " + s.path("users.csv"), 1, "the search found nobody"},
		{"--work bind --base dc=school,dc=example --users " + s.path("users.csv"), 1, "wrong name or password (49)"},
		{"--work connect --name elsewhere.example", 1, "has another name"},
		{"--work sing-in --users " + s.path("users.csv"), 2, "there is only"},
		{"--work search --base o=x", 2, "--users"},
		{"--work connect --starttls", 2, "either --tls (ldaps://) or --starttls"},
	} {
		code, out, errs := runLine("", append(slices.Clone(base), strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, %s%s", c.args, code, out, errs)
		}
	}
}

// `probe ldap` signs in at our own server: as an account of a board, which looks
// for people too, and as nobody that it knows.
func TestProbeLDAP(t *testing.T) {
	s := newSite(t)
	_, address, _ := ldapSite(t, s, &logged{})
	const reader = "cn=reader,ou=services,dc=school,dc=example"
	s.write("wrong", "not-the-secret\n")
	base := []string{"--lang", "en", "--server", "ldaps://" + address, "--ca", s.path("ca.pem")}
	secret, wrong := " --password-file "+s.path("secret"), " --password-file "+s.path("wrong")
	search := "--base dc=school,dc=example --bind-dn " + reader + " --bind-password-file "
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"--login " + reader + secret, 0, "the server takes us for: dn:" + reader},
		{"--login CN=Reader,OU=services,DC=school,DC=example" + secret + " --json", 0, `"days_left": `},
		{"--method plain --login " + reader + secret, 0, "accepted: plain"},
		{"--login " + reader + wrong, 1, "a wrong name or password (49)"},
		{search + s.path("secret") + " --login nobody" + wrong, 1, "the search found nobody"},
		{search + s.path("wrong") + " --login nobody" + wrong, 1, "the service account was refused"},
		{"--base dc=school,dc=example --login nobody" + wrong, 1, "no access, or such a sign-in is not allowed"},
		{"--user-dn uid={login},ou=people,dc=school,dc=example --login nobody" + wrong, 1, "(49)"},
		{"--name elsewhere.example --login " + reader + secret, 1, "has another name"},
		{"--server ldap://" + address + " --allow-cleartext --login " + reader + secret, 2, "the port wants TLS: try --tls"},
		{"--server ldap://" + address + " --login " + reader + secret, 2, "in the clear"},
		{"--starttls --login " + reader + secret, 2, "either --tls (ldaps://) or --starttls"},
		{"--server ldaps://h/dc=x --login " + reader + secret, 2, "more than host and port"},
		{"--login " + reader, 2, "--password-file is missing"},
		{"--method external", 2, "--cert"},
		{"--method digest-md5 --login a" + secret, 2, "none of simple"},
		{"--method plain --base o=x --login a" + secret, 2, "goes with simple"},
		{"--bind-dn " + reader + " --login a" + secret, 2, "--bind-dn with --base"},
		{"--user-dn uid=a --login a" + secret, 2, "without {login}"},
	} {
		args := append([]string{"probe", "ldap"}, base...)
		code, out, errs := runLine("", append(args, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) || strings.Contains(out+errs, "not-the-secret") {
			t.Errorf("%s: exit %d, %s%s", c.args, code, out, errs)
		}
	}
}
