package radiussrv

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// authority is a certificate authority of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// radsec serves on loopback and gives a way to connect with a certificate.
func radsec(t *testing.T, ca *authority, opts Options) func(certs ...tls.Certificate) *tls.Conn {
	t.Helper()
	_, dial := radsecServer(t, ca, opts)
	return dial
}

func radsecServer(t *testing.T, ca *authority, opts Options) (*Server, func(certs ...tls.Certificate) *tls.Conn) {
	t.Helper()
	s := newServer(t, opts)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- s.ServeRadSec(ln, &tls.Config{Certificates: []tls.Certificate{ca.issue("bridge.school.example")}, ClientCAs: ca.pool})
	}()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, wire.ErrStopped) {
			t.Error(err)
		}
	})
	return s, func(certs ...tls.Certificate) *tls.Conn {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: ca.pool, ServerName: "bridge.school.example", Certificates: certs})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn
	}
}

// over sends a request over a connection and gives the checked reply, or nil
// where the connection was closed.
func over(t *testing.T, conn *tls.Conn, r *wire.Request) *wire.Packet {
	t.Helper()
	if r.Code == wire.AccessRequest {
		r.AddText(wire.UserName, "orlovami")
		if err := r.AddPassword([]byte("Snegir-2021"), []byte("radsec")); err != nil {
			t.Fatal(err)
		}
	}
	b, err := r.Encode([]byte("radsec"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(b); err != nil {
		return nil
	}
	reply := make([]byte, 4096)
	if _, err := io.ReadFull(conn, reply[:4]); err != nil {
		return nil
	}
	n := binary.BigEndian.Uint16(reply[2:4])
	if _, err := io.ReadFull(conn, reply[4:n]); err != nil {
		t.Fatal(err)
	}
	p, err := wire.ParseReply(reply[:n], b, []byte("radsec"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRadSecCarriesEverything(t *testing.T) {
	ca, auth := newAuthority(t), school()
	named := Client{Name: "controller", School: "2002", Certificate: "WLC.school.example"}
	dial := radsec(t, ca, Options{Auth: auth, Clients: table(t, named)})
	conn := dial(ca.issue("wlc.school.example"))
	for id := range byte(3) {
		if p := over(t, conn, &wire.Request{Code: wire.AccessRequest, ID: id, Unsigned: id == 1}); p == nil || p.Code != wire.AccessAccept {
			t.Fatalf("%d: %+v", id, p)
		}
	}
	if got := auth.last().Source; got.NAS != "controller" || got.School != "2002" {
		t.Errorf("%+v", got)
	}
	if p := over(t, conn, &wire.Request{Code: wire.AccountingRequest, ID: 9}); p == nil || p.Code != wire.AccountingResponse {
		t.Errorf("%+v", p)
	}
	if p := over(t, conn, &wire.Request{Code: wire.StatusServer, ID: 10}); p == nil {
		t.Error("no answer to Status-Server")
	}
}

// Many requests are under way on one connection; a slow one holds up none of
// the others, and replies come in whatever order they are ready.
func TestRadSecCarriesManyAtOnce(t *testing.T) {
	ca, auth := newAuthority(t), school()
	slow, say := make(chan struct{}), auth.say
	auth.say = func(ctx context.Context, c identity.Credential) identity.Verdict {
		if strings.HasPrefix(c.Source.Device, "02:00:00:00:00:0") {
			<-slow
		}
		return say(ctx, c)
	}
	conn := radsec(t, ca, Options{Auth: auth})(ca.issue("any.example"))
	const all, held = 256, 16
	requests := map[byte][]byte{}
	for id := range all {
		r := &wire.Request{Code: wire.AccessRequest, ID: byte(id)}
		r.AddText(wire.UserName, "orlovami")
		r.AddText(wire.CallingStationID, fmt.Sprintf("02-00-00-00-00-%02x", id))
		if err := r.AddPassword([]byte("Snegir-2021"), []byte("radsec")); err != nil {
			t.Fatal(err)
		}
		b, err := r.Encode([]byte("radsec"))
		if err != nil {
			t.Fatal(err)
		}
		requests[byte(id)] = b
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	for answered := range all {
		if answered == all-held {
			close(slow)
		}
		reply := make([]byte, 4096)
		if _, err := io.ReadFull(conn, reply[:4]); err != nil {
			t.Fatalf("after %d replies: %v", answered, err)
		}
		n := binary.BigEndian.Uint16(reply[2:4])
		if _, err := io.ReadFull(conn, reply[4:n]); err != nil {
			t.Fatal(err)
		}
		p, err := wire.ParseReply(reply[:n], requests[reply[1]], []byte("radsec"))
		if err != nil || p.Code != wire.AccessAccept {
			t.Fatalf("reply %d: %v, %v", reply[1], p, err)
		}
		delete(requests, reply[1])
	}
}

// What was asked over a connection is answered there while the server stops; then the
// server ends the connection, as TLS wants it, and takes no further one.
func TestRadSecAnswersAtTheEnd(t *testing.T) {
	ca, auth := newAuthority(t), school()
	asked, slow, say := make(chan struct{}), make(chan struct{}), auth.say
	auth.say = func(ctx context.Context, c identity.Credential) identity.Verdict {
		close(asked)
		<-slow
		return say(ctx, c)
	}
	s, dial := radsecServer(t, ca, Options{Auth: auth})
	busy, idle := dial(ca.issue("any.example")), dial(ca.issue("any.example"))
	if p := over(t, idle, &wire.Request{Code: wire.StatusServer, ID: 1}); p == nil {
		t.Fatal("no answer to Status-Server")
	}
	answer := make(chan *wire.Packet, 1)
	go func() { answer <- over(t, busy, &wire.Request{Code: wire.AccessRequest, ID: 2}) }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	refused := func() bool {
		conn, err := net.DialTimeout("tcp", busy.RemoteAddr().String(), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}
	for deadline := time.Now().Add(10 * time.Second); !refused(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a server that stops takes connections")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("the stop did not wait for what is in work: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(slow)
	if p := <-answer; p == nil || p.Code != wire.AccessAccept {
		t.Errorf("what was in work got %v", p)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	for name, conn := range map[string]*tls.Conn{"busy": busy, "idle": idle} {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // close_notify; a torn connection gives another error
			t.Errorf("the %s connection ended with %v", name, err)
		}
	}
}

func TestRadSecTakesKnownCertificatesOnly(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	client := loopback()
	dial := radsec(t, ca, Options{Clients: table(t, client)})
	if over(t, dial(ca.issue("any.example")), &wire.Request{Code: wire.AccessRequest}) == nil {
		t.Error("a client known by its address was refused")
	}
	if over(t, dial(stranger.issue("any.example")), &wire.Request{Code: wire.AccessRequest}) != nil {
		t.Error("a stranger's certificate was taken")
	}
	if over(t, dial(), &wire.Request{Code: wire.AccessRequest}) != nil {
		t.Error("no certificate was taken")
	}
	client.Certificate = "wlc.school.example"
	dial = radsec(t, ca, Options{Clients: table(t, client)})
	if over(t, dial(ca.issue("any.example")), &wire.Request{Code: wire.AccessRequest}) != nil {
		t.Error("another name than the client's was taken from its address")
	}
}

func TestRadSecEndsAfterNonsense(t *testing.T) {
	ca := newAuthority(t)
	dial := radsec(t, ca, Options{})
	for what, b := range map[string][]byte{
		"a length that cannot be":   {1, 1, 0, 3},
		"a length beyond all":       {1, 1, 0xff, 0xff},
		"a broken attribute":        append([]byte{1, 1, 0, 22, 22: 0}[:20], 1, 1),
		"an unsigned Status-Server": append([]byte{12, 1, 0, 20}, make([]byte, 16)...),
		"a forged accounting":       append([]byte{4, 1, 0, 20}, make([]byte, 16)...),
	} {
		conn := dial(ca.issue("any.example"))
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes, %v", what, n, err)
		}
	}
	if over(t, dial(ca.issue("any.example")), &wire.Request{Code: wire.AccessRequest}) == nil {
		t.Error("no answer after nonsense")
	}
}

func TestRadSecConnectionsAreBounded(t *testing.T) {
	ca := newAuthority(t)
	var log logged
	dial := radsec(t, ca, Options{Wire: wire.Options{Tunnels: 100, TunnelsAt: 2}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	cert := ca.issue("any.example")
	first, second := dial(cert), dial(cert)
	if over(t, first, &wire.Request{Code: wire.AccessRequest}) == nil || over(t, second, &wire.Request{Code: wire.AccessRequest}) == nil {
		t.Fatal("no answer within the limit")
	}
	raw, err := net.Dial("tcp", first.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := raw.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a third connection from one address stays: %v", err)
	}
	if !strings.Contains(log.String(), "radius.radsec_limits.per_source") {
		t.Errorf("the log does not say which limit: %s", log.String())
	}
}
