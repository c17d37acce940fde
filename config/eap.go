package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// EAPOn says that WPA-Enterprise is served: RADIUS is, and there is a
// certificate to show.
func (c *Config) EAPOn() bool {
	r := c.RADIUS
	return len(r.Authentication)+len(r.RadSec) > 0 && (r.EAP.CertificateFile != "" || r.EAP.RSACertificateFile != "" || c.TLS.CertificateFile != "")
}

// InnerMethods are those of radius.eap.inner that can work: MSCHAPv2 needs the
// kept NT hash.
func (c *Config) InnerMethods() []string {
	return slices.DeleteFunc(slices.Clone(c.RADIUS.EAP.Inner), func(m string) bool { return m == "mschapv2" && !c.Auth.NTHash })
}

// eap checks WPA-Enterprise, and gives the certificates of its own that it
// shows.
func (d *decoder) eap(c *Config) (shown []*tls.Certificate) {
	e := c.RADIUS.EAP
	for _, p := range []struct {
		key  string
		cert File
		of   SecretFile
	}{{"", e.CertificateFile, e.KeyFile}, {"rsa_", e.RSACertificateFile, e.RSAKeyFile}} {
		path := "radius.eap." + p.key + "certificate_file"
		keyPath := "radius.eap." + p.key + "key_file"
		switch cert, key := d.nodes[path] != nil, d.nodes[keyPath] != nil; {
		case cert != key:
			d.faultAt("radius.eap", wrong(say("сертификат и ключ указывают вместе", "certificate and key come together"), say("добавьте второй файл", "add the other file")))
		case cert && !d.faulty(path) && !d.faulty(keyPath):
			shown = append(shown, d.pair(path, p.cert, p.of))
		}
	}
	if len(e.Methods) == 0 || len(c.InnerMethods()) == 0 {
		d.faultAt("radius.eap", wrong(say("не осталось ни одного метода", "no method is left"),
			say("назовите methods и inner; mschapv2 работает только с auth.nt_hash: true", "name methods and inner; mschapv2 works with auth.nt_hash: true only")))
	}
	names := map[string]int{}
	d.authorities("radius.eap.authorities", e.Authorities, names)
	known := func(path, name string) {
		if _, ok := names[name]; !ok && name != "" {
			d.warn(path, wrong(say("в radius.eap.authorities нет %s: по его сертификатам никто не войдёт", "radius.eap.authorities has no %s: nobody comes in by its certificates", show(name)),
				say("добавьте его туда или исправьте имя", "add it there or mend the name")))
		}
	}
	for i, m := range c.RADIUS.Machines {
		known(fmt.Sprintf("radius.machines[%d].authority", i), m.Authority)
	}
	for i, name := range c.RADIUS.PeopleAuthorities {
		known(fmt.Sprintf("radius.people_authorities[%d]", i), name)
	}
	if d.nodes["radius.eap.methods"] != nil && slices.Contains(e.Methods, "tls") && len(e.Authorities) == 0 && !d.faulty("radius.eap.authorities") {
		d.warn("radius.eap.methods", wrong(say("tls без authorities не предлагается", "tls is not offered without authorities"), say("добавьте radius.eap.authorities или уберите tls", "add radius.eap.authorities or remove tls")))
	}
	return shown
}

// authorities checks a list of them and gathers their names.
func (d *decoder) authorities(list string, all []Authority, names map[string]int) {
	for i, a := range all {
		path := fmt.Sprintf("%s[%d]", list, i)
		d.once(names, a.Name, path+".name")
		d.authority(path+".ca_file", a.CAFile)
		d.issuer(path, a)
	}
	d.shared(list, all)
}

// issuer faults what the daemon would not start with: certificates of nobody who
// issues others, and revocation lists that are none or another's.
func (d *decoder) issuer(path string, a Authority) {
	file, listed := path+".ca_file", path+".crl_file"
	if a.CAFile == "" || d.faulty(file) {
		return
	}
	issuers, err := ReadCertificates(a.CAFile)
	if err != nil {
		return // authority has said it
	}
	if i := slices.IndexFunc(issuers, func(c *x509.Certificate) bool { return !c.IsCA }); i >= 0 {
		d.faultAt(file, wrong(say("%s — сертификат не удостоверяющего центра", "%s is not the certificate of an authority", show(issuers[i].Subject.CommonName)),
			say("укажите сертификат того, кто выдаёт сертификаты устройствам", "name the certificate of who issues those of the devices")))
	}
	if a.CRLFile == "" || d.faulty(listed) {
		return
	}
	revoked, err := ReadRevocationList(a.CRLFile)
	switch {
	case err != nil:
		d.faultAt(listed, wrong(say("в %s нет списка отозванных (CRL)", "%s holds no revocation list (CRL)", string(a.CRLFile)),
			say("нужен список в PEM или DER, который выпустил центр из ca_file", "a list in PEM or DER is needed, made by the authority of ca_file")))
	case !slices.ContainsFunc(issuers, func(c *x509.Certificate) bool { return revoked.CheckSignatureFrom(c) == nil }):
		d.faultAt(listed, wrong(say("список отозванных подписал не центр из ca_file", "the authority of ca_file has not signed this revocation list"),
			say("положите список этого центра или исправьте ca_file", "put the list of this authority there, or mend ca_file")))
	case revoked.NextUpdate.IsZero():
		d.faultAt(listed, wrong(say("в списке отозванных не сказано, до какого времени он действует (nextUpdate)", "the revocation list does not say until when it counts (nextUpdate)"),
			say("выпустите список со сроком", "issue one that does")))
	case d.now.After(revoked.NextUpdate):
		d.warn(listed, wrong(say("список отозванных действовал до %s: с сертификатами этого центра никто не войдёт", "the revocation list counted until %s: nobody comes in by this authority's certificates", revoked.NextUpdate.Format(time.DateOnly)),
			say("положите свежий и выполните reload", "put a fresh one there and reload")))
	}
}

// shared faults a certificate that two authorities have: which of them issued a
// device's could not be told.
func (d *decoder) shared(list string, authorities []Authority) {
	first := map[string]int{}
	for i, a := range authorities {
		path := fmt.Sprintf("%s[%d].ca_file", list, i)
		if a.CAFile == "" || d.faulty(path) {
			continue
		}
		certificates, err := ReadCertificates(a.CAFile)
		if err != nil {
			continue // authority has said it
		}
		for _, c := range certificates {
			before, again := first[string(c.Raw)]
			if !again {
				first[string(c.Raw)] = i
				continue
			}
			if before == i {
				continue
			}
			line := 0
			if n := d.near(fmt.Sprintf("%s[%d]", list, before)); n != nil {
				line = n.Line
			}
			d.faultAt(path, wrong(say("сертификат %s есть и у центра %s (строка %d): чей сертификат у устройства, не различить", "the certificate %s is in the file of %s too (line %d): whose a device's certificate is could not be told",
				show(c.Subject.CommonName), show(authorities[before].Name), line),
				say("оставьте его в одном; промежуточным центрам общий корневой нужен только один раз", "leave it in one; intermediate authorities need their common root once only")))
			break
		}
	}
}
