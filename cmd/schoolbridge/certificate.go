package main

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// certificate is the server's certificate as loaded from its two files. Load
// replaces it for new handshakes; connections that stand keep theirs.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Config]
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
	c.current.Store(&tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		// No post-quantum hybrid: it costs a fifth of a connect, and what is
		// protected here is changed more often than it could be broken.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	})
	return nil
}

// config is the TLS configuration in force.
func (c *certificate) config() *tls.Config { return c.current.Load() }
