package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"time"
)

// certificate loads the pair as the daemon will; nil where there is none. It is asked
// for where something would show it: not where each listener has its own.
func (d *decoder) certificate(c *Config) *tls.Certificate {
	cert, key := c.TLS.CertificateFile, c.TLS.KeyFile
	written := d.nodes["tls.certificate_file"] != nil || d.nodes["tls.key_file"] != nil
	needed := ""
	if len(c.RADIUS.RadSec) > 0 {
		needed = "radius.radsec"
	}
	mute := "" // nobody can sign in there: no StartTLS, and plain_bind is never
	for i, l := range c.LDAP.Listeners {
		path := fmt.Sprintf("ldap.listeners[%d]", i)
		switch {
		case d.nodes[path+".certificate_file"] != nil || d.nodes[path+".key_file"] != nil:
		case l.TLS || l.OldTLS:
			needed = path
		case c.LDAP.PlainBind == "never":
			mute = path
		}
	}
	if len(c.LDAP.Listen) > 0 && c.LDAP.PlainBind == "never" {
		mute = "ldap.listen"
	}
	if len(c.LDAP.ListenTLS) > 0 {
		needed = "ldap.listen_tls"
	}
	switch {
	case !written && needed != "":
		d.faultAt(needed, wrong(say("для TLS нет сертификата", "there is no certificate for TLS"), say("укажите tls.certificate_file и tls.key_file", "set tls.certificate_file and tls.key_file")))
	case !written && mute != "":
		d.faultAt(mute, wrong(say("без сертификата здесь никто не войдёт: StartTLS невозможен, а plain_bind: never", "without a certificate nobody can sign in here: no StartTLS, and plain_bind is never"), say("укажите tls.certificate_file и tls.key_file", "set tls.certificate_file and tls.key_file")))
	case written && (d.nodes["tls.certificate_file"] == nil || d.nodes["tls.key_file"] == nil):
		d.faultAt("tls", wrong(say("сертификат и ключ указывают вместе", "certificate and key come together"), say("добавьте второй файл", "add the other file")))
	case written && !d.faulty("tls."):
		return d.pair("tls.certificate_file", cert, key)
	}
	return nil
}

// ldapListeners warns of what old boards need, and of what they would miss; main is
// the certificate of listeners without one of their own.
func (d *decoder) ldapListeners(c *Config, main *tls.Certificate) {
	for i, l := range c.LDAP.Listeners {
		path := fmt.Sprintf("ldap.listeners[%d].", i)
		shown := d.ownCertificate(path, l, main)
		if l.OldTLS {
			d.warn(path+"old_tls", wrong(say("TLS 1.0 и 1.1 и обмен ключами RSA взломаны: пароли тех, кто входит здесь, можно прочесть", "TLS 1.0, TLS 1.1 and RSA key exchange are broken: the passwords of whoever signs in here can be read"),
				say("только для старых досок, на отдельном адресе в их сети; замените доски", "for old boards only, on an address of their own in their network; replace them")))
		}
		if l.OldTLS && shown != nil && shown.Leaf.PublicKeyAlgorithm != x509.RSA {
			d.warn(path+"old_tls", wrong(say("у здешнего сертификата не ключ RSA: доски без ECDSA не подключатся", "the certificate here has no RSA key: boards without ECDSA cannot connect"),
				say("укажите certificate_file и key_file с ключом RSA", "set certificate_file and key_file with an RSA key")))
		}
		for _, from := range l.Balancers {
			if from.Bits() == 0 {
				d.faultAt(path+"balancers", wrong(say("балансировщику верят на слово, чьё это соединение; %s — это кто угодно", "a balancer is believed whose a connection is; %s is anybody", from), say("назовите его адреса", "name its addresses")))
			}
		}
	}
}

// ownCertificate is what a listener shows; nil: nothing that could be loaded.
func (d *decoder) ownCertificate(path string, l Listener, main *tls.Certificate) *tls.Certificate {
	cert, key := path+"certificate_file", path+"key_file"
	switch written := d.nodes[cert] != nil; {
	case written != (d.nodes[key] != nil):
		d.faultAt(path[:len(path)-1], wrong(say("сертификат и ключ указывают вместе", "certificate and key come together"), say("добавьте второй файл", "add the other file")))
		return nil
	case !written:
		return main
	case d.faulty(cert) || d.faulty(key):
		return nil
	}
	return d.pair(cert, l.CertificateFile, l.KeyFile)
}

// pair loads a certificate and its key, and looks at how long its chain is
// valid.
func (d *decoder) pair(path string, cert File, key SecretFile) *tls.Certificate {
	pair, err := tls.LoadX509KeyPair(string(cert), string(key))
	if err != nil {
		d.faultAt(path, wrong(say("сертификат и ключ не подходят: %v", "certificate and key do not work: %v", err),
			say("нужны PEM-файлы: сертификат сервера с цепочкой и его ключ", "PEM files are needed: the server's certificate with its chain, and its key")))
		return nil
	}
	d.validity(path, pair.Leaf.NotBefore, ChainEnd(pair), say("выпустите новый; замена подхватывается без остановки (reload)", "issue a new one; a reload takes it without a stop"))
	return &pair
}

// authority looks into a file of certificates as the daemon will.
func (d *decoder) authority(path string, file File) {
	if file == "" || d.faulty(path) {
		return
	}
	list, err := ReadCertificates(file)
	if err != nil {
		d.faultAt(path, wrong(say("в %s нет сертификата в PEM", "%s holds no certificate in PEM", string(file)), say("нужны строки от -----BEGIN CERTIFICATE----- до -----END CERTIFICATE-----", "lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE----- are needed")))
		return
	}
	first := slices.MinFunc(list, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
	d.validity(path, first.NotBefore, AuthorityEnd(list), say("добавьте в файл новый сертификат центра рядом со старым", "add the authority's new certificate to the file, beside the old one"))
}

// ExpirySoon is how long before its end a certificate is worth a warning.
const ExpirySoon = 30 * 24 * time.Hour

func (d *decoder) validity(path string, from, to time.Time, remedy Text) {
	switch {
	case d.now.Before(from):
		d.warn(path, wrong(say("сертификат действует только с %s", "the certificate is valid from %s only", from.Format(time.DateOnly)), say("проверьте часы", "look at the clock")))
	case d.now.After(to):
		d.warn(path, wrong(say("сертификат истёк %s", "the certificate ended on %s", to.Format(time.DateOnly)), remedy))
	case to.Sub(d.now) < ExpirySoon:
		d.warn(path, wrong(say("сертификат истекает %s, осталось дней: %d", "the certificate ends on %s, days left: %d", to.Format(time.DateOnly), int(to.Sub(d.now)/(24*time.Hour))), remedy))
	}
}

// ReadCertificates reads the certificates of a PEM file, at least one; what
// else the file holds is passed over, as crypto/x509 does.
func ReadCertificates(path File) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(string(path)) // look has seen that it is a small regular file
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read certificates: %s holds none in PEM", path)
	}
	return list, nil
}

// ReadRevocationList reads a revocation list, PEM or DER.
func ReadRevocationList(path File) (*x509.RevocationList, error) {
	text, err := os.ReadFile(string(path))
	if err != nil {
		return nil, fmt.Errorf("read revocation list: %w", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		text = block.Bytes
	}
	list, err := x509.ParseRevocationList(text)
	if err != nil {
		return nil, fmt.Errorf("read revocation list: %s: %w", path, err)
	}
	return list, nil
}

// ChainEnd is when the first link of a server's chain is no longer valid.
func ChainEnd(pair tls.Certificate) time.Time {
	end := pair.Leaf.NotAfter
	for _, raw := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(raw); err == nil && c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// AuthorityEnd is when the last of trusted certificates is no longer valid: a
// file holds old and new ones together while an authority is replaced.
func AuthorityEnd(list []*x509.Certificate) time.Time {
	return slices.MaxFunc(list, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}
