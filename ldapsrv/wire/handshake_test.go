package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
)

// clearAlert sends in place of all but the first flight what OpenSSL sends that
// refuses a certificate in TLS 1.3 (48), or who goes away: an alert without a key.
type clearAlert struct {
	net.Conn
	alert byte
	begun bool
}

func (c *clearAlert) Write(p []byte) (int, error) {
	if c.begun {
		_, err := c.Conn.Write([]byte{20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, c.alert})
		return len(p), err
	}
	c.begun = true
	return c.Conn.Write(p)
}

// The log says why a handshake failed: an administrator looks there when a board
// does not connect.
func TestFailedHandshakesAreExplained(t *testing.T) {
	config := serverTLS(t)
	began := func(c *tls.Config) func(net.Conn) { return func(n net.Conn) { _ = tls.Client(n, c).Handshake() } }
	for name, c := range map[string]struct {
		client func(net.Conn)
		want   string
	}{
		"LDAP in clear":          {func(n net.Conn) { _, _ = n.Write(request1(1, "x")) }, `why=not_tls source=127.0.0.1 unsaid=0 error="tls: first record does not look`},
		"an unknown authority":   {began(&tls.Config{ServerName: "a.example"}), `why=distrust source=127.0.0.1 unsaid=0 error="remote error: tls: bad certificate"`},
		"the same, in TLS 1.2":   {began(&tls.Config{ServerName: "a.example", MaxVersion: tls.VersionTLS12}), "why=distrust"},
		"the same, by OpenSSL":   {func(n net.Conn) { began(&tls.Config{ServerName: "a.example"})(&clearAlert{Conn: n, alert: 48}) }, `why=distrust source=127.0.0.1 unsaid=0 error="remote error: tls: unknown certificate authority"`},
		"old TLS":                {began(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}), `why=handshake source=127.0.0.1 unsaid=0 error="tls: client offered only unsupported versions: [301]"`},
		"who says farewell":      {func(n net.Conn) { began(&tls.Config{ServerName: "a.example"})(&clearAlert{Conn: n}) }, "why=left"},
		"somebody who goes away": {func(n net.Conn) { _, _ = n.Write([]byte{22, 3, 1, 0, 200, 1}) }, "why=left"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w := startAs(t, Options{TLS: func() *tls.Config { return config }, Logger: slog.New(slog.NewTextHandler(&log, nil))}, Listener{Implicit: true})
			p := w.dial()
			c.client(p.Conn)
			_ = p.Conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, p.Conn)
			w.eventually("it does not fail", func() bool { return w.metric("failed_handshakes_total") == 1 && w.metric("handshakes") == 0 })
			if !strings.Contains(log.String(), c.want) {
				t.Error(log.String())
			}
		})
	}
}

// What a client offers does not fill the log.
func TestCausesAreBounded(t *testing.T) {
	if kind, text := (&heard{}).cause(errors.New(strings.Repeat("x", 1000))); kind != troubleHandshake || len(text) != maxCause {
		t.Errorf("%s, %d bytes", kind, len(text))
	}
}

// The metric tells what takes a listener for old boards.
func TestVersionsOfTheMetric(t *testing.T) {
	for want, s := range map[string]tls.ConnectionState{
		"1.0": {Version: tls.VersionTLS10, CipherSuite: tls.TLS_RSA_WITH_AES_128_CBC_SHA}, "1.2_rsa": {Version: tls.VersionTLS12, CipherSuite: tls.TLS_RSA_WITH_AES_256_GCM_SHA384},
		"1.2": {Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, "1.3": {Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256},
	} {
		if got := versionName(s); got != want {
			t.Errorf("%s for %s", got, want)
		}
	}
}
