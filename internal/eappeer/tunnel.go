package eappeer

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"net"
	"time"
)

// tunnel is a TLS client over two buffers. Handshake errors of crypto/tls are
// final, so that the handshake cannot be told to come back later: it runs as a
// coroutine that stops where it needs bytes. Afterwards reads return errLater.
type tunnel struct {
	conn   *tls.Conn
	stands bool // the handshake is done

	in, out bytes.Buffer
	yield   func(struct{}) bool // inside the coroutine
	next    func() (struct{}, bool)
	stop    func()
	err     error // of the handshake
}

// newTunnel prepares a handshake; the first receive starts it.
func newTunnel(side func(net.Conn) *tls.Conn) *tunnel {
	t := &tunnel{}
	t.conn = side((*transport)(t))
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		t.err = t.conn.Handshake()
		t.yield = nil
		t.stands = t.err == nil
	})
	return t
}

// client is the TLS client of the options.
func (p *Peer) client(c net.Conn) *tls.Conn {
	config := &tls.Config{
		Rand: p.opts.Random, Time: p.opts.Now,
		MinVersion: p.opts.MinVersion, MaxVersion: p.opts.MaxVersion,
		ClientSessionCache: p.opts.Sessions,
		// As phones do; what is large would cost one more round.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		// verify does it instead, also on resumption: it works without a name,
		// which EAP does not send (RFC 9190 section 2.2), and keeps the chain.
		InsecureSkipVerify: true, //nolint:gosec
		VerifyConnection:   p.verify,
	}
	if p.opts.Certificate != nil {
		config.Certificates = []tls.Certificate{*p.opts.Certificate}
	}
	p.identify(config)
	return tls.Client(c, config)
}

// verify holds the server's chain against the options.
func (p *Peer) verify(state tls.ConnectionState) error {
	p.info.Chain = state.PeerCertificates
	if len(state.PeerCertificates) == 0 {
		return &CertificateError{errors.New("there is none")}
	}
	leaf := state.PeerCertificates[0]
	if p.opts.Roots == nil {
		if p.opts.ServerName == "" {
			return nil
		}
		if err := leaf.VerifyHostname(p.opts.ServerName); err != nil {
			return &CertificateError{err}
		}
		return nil
	}
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: p.opts.Roots, Intermediates: others, DNSName: p.opts.ServerName, CurrentTime: p.opts.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return &CertificateError{err}
	}
	return nil
}

// receive gives bytes to TLS and runs the handshake as far as they go.
func (t *tunnel) receive(b []byte) error {
	t.in.Write(b)
	if t.stands {
		return nil
	}
	t.next()
	return t.err
}

// read gives all plain text that has come.
func (t *tunnel) read() ([]byte, error) {
	var text []byte
	var part [4096]byte
	for {
		n, err := t.conn.Read(part[:])
		text = append(text, part[:n]...)
		switch {
		case errors.Is(err, errLater), errors.Is(err, io.EOF): // EOF: a closing alert
			return text, nil
		case err != nil:
			return nil, err
		case len(text) > maxMessage:
			return nil, ErrMalformed
		}
	}
}

func (t *tunnel) write(text []byte) error {
	_, err := t.conn.Write(text)
	return err
}

// sent takes what TLS has written since.
func (t *tunnel) sent() []byte {
	b := bytes.Clone(t.out.Bytes())
	t.out.Reset()
	return b
}

// modern says that it is TLS 1.3.
func (t *tunnel) modern() bool { return t.conn.ConnectionState().Version >= tls.VersionTLS13 }

// export derives bytes that both sides have.
func (t *tunnel) export(label string, context []byte, n int) ([]byte, error) {
	state := t.conn.ConnectionState()
	return state.ExportKeyingMaterial(label, context, n)
}

// key is the MSK: the first half of 128 bytes, whose length TLS 1.3 mixes in
// (RFC 5216 section 2.3, RFC 5281 section 8, RFC 9427 section 2.1).
func (t *tunnel) key(method byte) ([]byte, error) {
	label, context := "client EAP encryption", []byte(nil)
	switch {
	case t.modern():
		label, context = "EXPORTER_EAP_TLS_Key_Material", []byte{method}
	case method == typeTTLS:
		label = "ttls keying material"
	}
	b, err := t.export(label, context, 128)
	if err != nil {
		return nil, err
	}
	return b[:64:64], nil
}

// transport is the tunnel's outside, as crypto/tls sees it.
type transport tunnel

func (t *transport) Read(b []byte) (int, error) {
	for t.in.Len() == 0 {
		if t.yield == nil {
			return 0, errLater
		}
		if !t.yield(struct{}{}) {
			return 0, io.ErrUnexpectedEOF // the peer was closed
		}
	}
	return t.in.Read(b)
}

func (t *transport) Write(b []byte) (int, error) { return t.out.Write(b) }

func (t *transport) Close() error                     { return nil }
func (t *transport) LocalAddr() net.Addr              { return address{} }
func (t *transport) RemoteAddr() net.Addr             { return address{} }
func (t *transport) SetDeadline(time.Time) error      { return nil }
func (t *transport) SetReadDeadline(time.Time) error  { return nil }
func (t *transport) SetWriteDeadline(time.Time) error { return nil }

// address stands for the server; it is the key of sessions.
type address struct{}

func (address) Network() string { return "eap" }
func (address) String() string  { return "eap" }

// later is what crypto/tls takes as passing.
type later struct{}

var errLater net.Error = later{}

func (later) Error() string   { return "no bytes yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

// remoteAlert finds the text of an alert that the server sent.
func remoteAlert(err error) (string, bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err.Error(), true
	}
	return "", false
}
