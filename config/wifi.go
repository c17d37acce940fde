package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"schoolbridge/internal/onboard"
)

// WiFi is what people's devices are told about the school's network, by
// "schoolbridge wifi profile"; without ssids nothing is handed out.
type WiFi struct {
	SSIDs         []string   `yaml:"ssids" default:"" unique:"yes" word:"yes" maxlen:"32"`
	Hidden        bool       `yaml:"hidden" default:"false"`
	ServerNames   []Hostname `yaml:"server_names" default:"" unique:"fold" word:"yes"`
	CAFile        File       `yaml:"ca_file" default:""`
	Method        string     `yaml:"method" default:"ttls-pap" one:"ttls-pap|peap-mschapv2"`
	OuterIdentity string     `yaml:"outer_identity" default:"anonymous" maxlen:"64"`
	Organization  string     `yaml:"organization" default:"" maxlen:"64"`
}

// On says whether devices can be set up.
func (w WiFi) On() bool { return len(w.SSIDs) > 0 }

// Hostname is a name that a certificate bears (RFC 1123): no address, no
// wildcard.
type Hostname string

func (h Hostname) check() *problem {
	remedy := say("напишите имя из сертификата сервера, например bridge.school49.example", "write a name of the server's certificate, for example bridge.school49.example")
	if _, err := netip.ParseAddr(string(h)); err == nil || len(h) > 253 {
		return wrong(say("%s — не имя сервера", "%s is no name of a server", show(string(h))), remedy)
	}
	for label := range strings.SplitSeq(string(h), ".") {
		odd := strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		})
		if odd || label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return wrong(say("%s — не имя сервера", "%s is no name of a server", show(string(h))), remedy)
		}
	}
	return nil
}

// wifi checks what devices will hold the server to. shown are the certificates
// that it shows them; nil is none.
func (d *decoder) wifi(c *Config, shown ...*tls.Certificate) {
	w := c.WiFi
	if !w.On() {
		if d.nodes["wifi"] != nil && !d.faulty("wifi") {
			d.warn("wifi", wrong(say("раздел есть, а сети в нём нет: настраивать устройства не на что", "the section names no network: there is nothing to set devices up for"), d.example("wifi.ssids")))
		}
		return
	}
	for _, part := range []struct {
		key     string
		given   bool
		without Text
	}{
		{"server_names", len(w.ServerNames) > 0, say("без имени сервера устройство отдаст пароль любой чужой точке доступа", "without the server's name a device gives the password to any strange access point")},
		{"ca_file", w.CAFile != "", say("без удостоверяющего центра устройство отдаст пароль любой чужой точке доступа", "without the authority a device gives the password to any strange access point")},
		{"outer_identity", w.OuterIdentity != "", say("без внешнего имени логин виден в эфире", "without an outer name the login is seen in the air")},
	} {
		if !part.given && !d.faulty("wifi."+part.key) {
			d.faultAt("wifi."+part.key, wrong(part.without, d.example("wifi."+part.key)))
		}
	}
	if w.Method == string(onboard.PEAPMSCHAPv2) && !c.Auth.NTHash {
		d.faultAt("wifi.method", wrong(say("peap-mschapv2 без auth.nt_hash не работает", "peap-mschapv2 does not work without auth.nt_hash"), say("напишите ttls-pap или включите auth.nt_hash", "write ttls-pap or switch auth.nt_hash on")))
	}
	if d.faulty("wifi") || d.faulty("tls") {
		return
	}
	authorities, err := ReadCertificates(w.CAFile)
	if err != nil {
		return // authority has said it
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	known := false
	for _, a := range authorities {
		if onboard.Root(a) {
			roots.AddCert(a)
			known = true
		} else {
			between.AddCert(a)
		}
	}
	if !known {
		d.faultAt("wifi.ca_file", wrong(say("в файле нет корневого сертификата удостоверяющего центра: Windows и Apple другого не примут", "the file holds no root certificate of an authority: Windows and Apple take no other"),
			say("добавьте в него корневой сертификат того, кто выдал сертификат сервера", "add the root certificate of who issued the server's")))
		return
	}
	for _, pair := range shown {
		if pair != nil {
			d.fits(w, pair, roots, between.Clone())
		}
	}
}

// fits warns where devices set up by these options would refuse the server.
func (d *decoder) fits(w WiFi, pair *tls.Certificate, roots, between *x509.CertPool) {
	leaf := pair.Leaf
	// Letter by letter: devices take neither a wildcard nor the common name for
	// a name that they were given.
	switch {
	case len(leaf.DNSNames) == 0:
		d.warn("wifi.server_names", wrong(say("в сертификате сервера нет имён (subjectAltName, DNS); устройства откажутся подключаться", "the server's certificate holds no names (subjectAltName, DNS); devices will refuse to connect"),
			say("выпустите новый с этим именем; в CN его не ищут", "issue a new one with this name; nobody looks for it in the CN")))
	case !slices.ContainsFunc(w.ServerNames, func(name Hostname) bool { return slices.Contains(leaf.DNSNames, string(name)) }):
		d.warn("wifi.server_names", wrong(say("в сертификате сервера таких имён нет, в нём: %s; устройства откажутся подключаться", "the server's certificate bears none of these names but %s; devices will refuse to connect", strings.Join(leaf.DNSNames, ", ")),
			say("впишите имя из сертификата или выпустите новый", "write a name of the certificate, or issue a new one")))
	}
	for _, raw := range pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(raw); err == nil {
			between.AddCert(c)
		}
	}
	at := d.now // an ended certificate is told of elsewhere
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	} else if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		d.warn("wifi.ca_file", wrong(say("сертификат сервера выпущен не для серверов; устройства откажутся подключаться", "the server's certificate is not for servers; devices will refuse to connect"),
			say("выпустите новый с назначением «проверка подлинности сервера» (extendedKeyUsage = serverAuth)", "issue a new one for server authentication (extendedKeyUsage = serverAuth)")))
	case err != nil:
		d.warn("wifi.ca_file", wrong(say("сертификат сервера этим центром не подтверждается (%v); устройства откажутся подключаться", "this authority does not vouch for the server's certificate (%v); devices will refuse to connect", err),
			say("укажите корневой сертификат того, кто его выдал", "name the root certificate of who issued it")))
	}
}
