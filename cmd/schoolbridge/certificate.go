package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"

	"schoolbridge/config"
	"schoolbridge/internal/telemetry"
)

// certificate is the server's certificate as loaded from its two files. Load
// replaces it for new handshakes; connections that stand keep theirs.
type certificate struct {
	certFile, keyFile string
	current, old      atomic.Pointer[tls.Config]
}

func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	return c, c.load()
}

// load reads the files anew; on a fault the old certificate stays in force.
func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	fresh := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		// No post-quantum hybrid: it costs a fifth of a connect, and what is
		// protected here is changed more often than it could be broken.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
	c.take(fresh)
	return nil
}

// take puts a configuration in force, and beside it the one for old boards. Each
// has session tickets of its own: nothing crosses over.
func (c *certificate) take(fresh *tls.Config) {
	old := fresh.Clone()
	old.MinVersion = tls.VersionTLS10
	old.CipherSuites = oldSuites
	c.current.Store(fresh)
	c.old.Store(old)
}

// oldSuites are those of TLS 1.0 to 1.2 that boards have, the broken kinds
// (RC4, 3DES) left out: first what keeps secrets for later too, and at the end
// RSA key exchange, which Go gives only to who names it.
var oldSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// config is the TLS configuration in force.
func (c *certificate) config() *tls.Config { return c.current.Load() }

// listenerCertificates are those of LDAP listeners that have one of their own.
type listenerCertificates map[config.Address]*certificate

func loadListenerCertificates(c *config.Config) (listenerCertificates, error) {
	all := listenerCertificates{}
	for _, l := range c.LDAP.Listeners {
		if l.CertificateFile == "" {
			continue
		}
		var err error
		if all[l.Address], err = loadCertificate(string(l.CertificateFile), string(l.KeyFile)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ends tells until when the first of them is valid; none where there are none.
func (all listenerCertificates) ends() (list []telemetry.Certificate) {
	for _, one := range all {
		if end := config.ChainEnd(one.config().Certificates[0]); len(list) == 0 || end.Before(list[0].Ends) {
			list = []telemetry.Certificate{{Use: useLDAPListener, Ends: end}}
		}
	}
	return list
}

// ldapTLS is the TLS in force of an LDAP listener: with its own certificate or that
// of all, and as old as its boards need.
func (d *daemon) ldapTLS(l config.Listener) func() *tls.Config {
	return func() *tls.Config {
		shown := d.cert
		if own := (*d.ldapCerts.Load())[l.Address]; own != nil {
			shown = own
		}
		if l.OldTLS {
			return shown.old.Load()
		}
		return shown.config()
	}
}
