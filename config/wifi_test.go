package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signer makes certificates for one test.
type signer struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// sign makes a certificate that ends at a time, by itself where by is nil.
func sign(t *testing.T, name string, authority bool, ends time.Time, by *signer, change ...func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: ends.AddDate(-2, 0, 0), NotAfter: ends, IsCA: authority, BasicConstraintsValid: true}
	if !authority {
		template.DNSNames, template.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, c := range change {
		c(template)
	}
	if by == nil {
		by = &signer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{c, key}
}

func save(t *testing.T, file string, list ...*signer) {
	t.Helper()
	var text []byte
	for _, s := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Raw})...)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func saveKey(t *testing.T, file string, s *signer) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

const wifiBase = `mosru: {url: "https://login.example", client_id: bridge, client_secret_file: secret}
radius: {authentication: ["127.0.0.1:1812"], clients: [{name: a, range: 10.1.0.0/16, secret_file: secret}]}
tls: {certificate_file: server.pem, key_file: server-key.pem}
`

// What devices are told must fit what the server shows them, and each thing
// that does not is said where it is written.
func TestWiFi(t *testing.T) {
	dir, ends := folder(t), time.Now().AddDate(1, 0, 0)
	root := sign(t, "root", true, ends, nil)
	between := sign(t, "between", true, ends, root)
	server := sign(t, "bridge.school49.example", false, ends, between)
	save(t, filepath.Join(dir, "server.pem"), server, between)
	saveKey(t, filepath.Join(dir, "server-key.pem"), server)
	save(t, filepath.Join(dir, "ca.pem"), root)
	save(t, filepath.Join(dir, "between.pem"), between)
	save(t, filepath.Join(dir, "stranger.pem"), sign(t, "root", true, ends, nil))
	const good = "ssids: [school-49], server_names: [bridge.school49.example], ca_file: ca.pem"
	for _, c := range []struct {
		section, path string
		words         string
		usable        bool
	}{
		{section: good, usable: true},
		{section: "ssids: school-49, server_names: bridge.school49.example, ca_file: ca.pem, method: peap-mschapv2", usable: true},
		{"hidden: true", "wifi", "names no network", true},
		{"ssids: [a], ca_file: ca.pem", "wifi.server_names", "strange access point", false},
		{"ssids: [a], server_names: [bridge.school49.example]", "wifi.ca_file", "strange access point", false},
		{good + `, outer_identity: ""`, "wifi.outer_identity", "seen in the air", false},
		{"ssids: [a], server_names: [10.0.0.1], ca_file: ca.pem", "wifi.server_names[0]", "no name of a server", false},
		{"ssids: [a], server_names: [a..example], ca_file: ca.pem", "wifi.server_names[0]", "no name of a server", false},
		{"ssids: [a], server_names: [\"a;b\"], ca_file: ca.pem", "wifi.server_names[0]", "no name of a server", false},
		{"ssids: [a], server_names: [bridge.school49.example], ca_file: secret", "wifi.ca_file", "no certificate in PEM", false},
		{"ssids: [a], server_names: [bridge.school49.example], ca_file: between.pem", "wifi.ca_file", "no root certificate", false},
		{"ssids: [a], server_names: [school49.example], ca_file: ca.pem", "wifi.server_names", "bridge.school49.example", true},
		{"ssids: [a], server_names: [Bridge.school49.example], ca_file: ca.pem", "wifi.server_names", "none of these names", true},
		{"ssids: [a], server_names: [bridge.school49.example], ca_file: stranger.pem", "wifi.ca_file", "does not vouch", true},
	} {
		config, faults := Check([]byte(wifiBase+"wifi: {"+c.section+"}\n"), dir)
		if (config != nil) != c.usable {
			t.Errorf("%s: %s", c.section, lines(faults))
		}
		if c.path == "" && len(faults) > 0 {
			t.Errorf("%s: %s", c.section, lines(faults))
		}
		if c.path != "" {
			expect(t, faults, 4, c.path, c.words)
		}
	}
	for words, spoil := range map[string]func(*x509.Certificate){
		"holds no names":        func(c *x509.Certificate) { c.DNSNames = nil },
		"server authentication": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} },
	} {
		server := sign(t, "bridge.school49.example", false, ends, between, spoil)
		save(t, filepath.Join(dir, "server.pem"), server, between)
		saveKey(t, filepath.Join(dir, "server-key.pem"), server)
		if _, faults := Check([]byte(wifiBase+"wifi: {"+good+"}\n"), dir); len(faults) != 1 || !Usable(faults) || !strings.Contains(lines(faults), words) {
			t.Errorf("no %q in %s", words, lines(faults))
		}
	}
	if _, faults := Check([]byte(wifiBase+"wifi: {"+good+", method: peap-mschapv2}\nauth: {nt_hash: false}\n"), dir); Usable(faults) {
		t.Error("PEAP without hashes is taken")
	}
}

// A certificate is told of from 30 days before its end: the first link of a
// chain to end, the last of an authority's to end.
func TestExpiry(t *testing.T) {
	dir, now := folder(t), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, n) }
	text := wifiBase + "wifi: {ssids: [a], server_names: [bridge.school49.example], ca_file: ca.pem}\n"
	for _, c := range []struct {
		server, between, oldRoot, root int // days left
		path, words                    string
	}{
		{server: 31, between: 300, oldRoot: 400, root: 400},
		{server: 31, between: 300, oldRoot: -5, root: 400},
		{29, 300, 400, 400, "tls.certificate_file", "days left: 29"},
		{300, 7, 400, 400, "tls.certificate_file", "days left: 7"},
		{-1, 300, 400, 400, "tls.certificate_file", "ended on 2026-02-28"},
		{800, 800, 400, 400, "tls.certificate_file", "valid from"},
		{300, 300, 20, 10, "wifi.ca_file", "days left: 20"},
		{300, 300, -9, -3, "wifi.ca_file", "истёк 2026-02-26"},
	} {
		root := sign(t, "root", true, days(c.root), nil)
		between := sign(t, "between", true, days(c.between), root)
		server := sign(t, "bridge.school49.example", false, days(c.server), between)
		save(t, filepath.Join(dir, "server.pem"), server, between)
		saveKey(t, filepath.Join(dir, "server-key.pem"), server)
		save(t, filepath.Join(dir, "ca.pem"), sign(t, "old", true, days(c.oldRoot), nil), root)
		config, faults := checkAt([]byte(text), dir, now)
		if config == nil {
			t.Fatal(lines(faults))
		}
		if c.path == "" {
			if len(faults) > 0 {
				t.Errorf("%+v: %s", c, lines(faults))
			}
			continue
		}
		line := map[string]int{"tls.certificate_file": 3, "wifi.ca_file": 4}[c.path]
		expect(t, faults, line, c.path, c.words)
		for _, f := range faults {
			if !f.Warning || f.Remedy.RU == "" || f.Remedy.EN == "" {
				t.Errorf("%+v: %s", c, f.Format("en"))
			}
		}
	}
	// A key of another certificate is a fault.
	saveKey(t, filepath.Join(dir, "server-key.pem"), sign(t, "other", false, days(300), nil))
	if config, faults := checkAt([]byte(text), dir, now); config != nil || !strings.Contains(lines(faults), "certificate and key do not work") {
		t.Error(lines(faults))
	}
}
