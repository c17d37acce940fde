package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/radiussrv/eap/eaptest"
)

// TestEAPCertificates: its own, the cheap one first; else that of everything.
func TestEAPCertificates(t *testing.T) {
	dir, pki := t.TempDir(), eaptest.NewPKI(t)
	c := &config.Config{}
	set := func(name string, rsa bool, cert *config.File, key *config.SecretFile) {
		a, b := eaptest.Write(t, dir, name, pki.Server(t, rsa))
		*cert, *key = config.File(a), config.SecretFile(b)
	}
	algorithms := func() (all []x509.PublicKeyAlgorithm) {
		t.Helper()
		list, err := eapCertificates(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			all = append(all, one.Leaf.PublicKeyAlgorithm)
		}
		return all
	}
	e := &c.RADIUS.EAP
	set("tls", false, &c.TLS.CertificateFile, &c.TLS.KeyFile)
	if got := algorithms(); len(got) != 1 || got[0] != x509.ECDSA {
		t.Errorf("%v of tls", got)
	}
	set("rsa", true, &e.RSACertificateFile, &e.RSAKeyFile)
	if got := algorithms(); len(got) != 1 || got[0] != x509.RSA {
		t.Errorf("%v of its own", got)
	}
	set("ecdsa", false, &e.CertificateFile, &e.KeyFile)
	if got := algorithms(); len(got) != 2 || got[0] != x509.ECDSA || got[1] != x509.RSA {
		t.Errorf("%v of its own", got)
	}
	list, err := eapCertificates(c)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := eapEndings(c, list)
	if err != nil || len(ends) != 1 || ends[0].Use != useEAP || !ends[0].Ends.Equal(config.ChainEnd(list[0])) && !ends[0].Ends.Equal(config.ChainEnd(list[1])) {
		t.Errorf("%v, %v", ends, err)
	}
	e.KeyFile = e.RSAKeyFile
	if _, err := eapCertificates(c); err == nil {
		t.Error("a key of another certificate")
	}
}

func TestEAPTrust(t *testing.T) {
	dir, pki := t.TempDir(), eaptest.NewPKI(t)
	ca, _ := eaptest.Write(t, dir, "ca", tls.Certificate{Certificate: [][]byte{pki.Authority.Raw}})
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	der := filepath.Join(dir, "list.crl")
	if err := os.WriteFile(der, pki.Revoke(t, until).Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "list.pem")
	if err := writePEM(text, "X509 CRL", pki.Revoke(t, until).Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{der, text} {
		trust, err := authorities([]config.Authority{{Name: "devices", CAFile: config.File(ca), CRLFile: config.File(file)}})
		if err != nil || !trust.Expires().Equal(until) {
			t.Errorf("%s: %v", file, err)
		}
	}
	strange := filepath.Join(dir, "strange.crl")
	if err := os.WriteFile(strange, eaptest.NewPKI(t).Revoke(t, until).Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, words := range map[string]string{strange: "signed", ca: ca, filepath.Join(dir, "missing"): "no such file"} {
		if _, err := authorities([]config.Authority{{Name: "devices", CAFile: config.File(ca), CRLFile: config.File(file)}}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
