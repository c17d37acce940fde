//go:build peers

package radiussrv

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
	"schoolbridge/radiussrv/wire"
)

// radsecproxy (1.9, and 1.11 by its tracker) passes no request from a server on
// to a NAS: it is silent, or closes the connection. Either is no answer and no
// harm: sign-ins through it go on.
func TestReverseThroughRadsecproxy(t *testing.T) {
	ca := newAuthority(t)
	client := Client{Name: "proxy", Certificate: "proxy.school.example", DynamicTunnel: true}
	s := newServer(t, Options{Clients: table(t, client)})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- s.ServeRadSec(ln, &tls.Config{Certificates: []tls.Certificate{ca.issue("bridge.school.example")}, ClientCAs: ca.pool})
	}()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()); <-served })
	udp := freeport.Port(freeport.UDP(t))
	dir := t.TempDir()
	write := func(name string, blocks ...*pem.Block) string {
		var b []byte
		for _, block := range blocks {
			b = append(b, pem.EncodeToMemory(block)...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	own := ca.issue("proxy.school.example")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
	write("cert.pem", &pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	write("key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	file := filepath.Join(dir, "radsecproxy.conf")
	config := fmt.Sprintf(`ListenUDP 127.0.0.1:%s
LogLevel 2
LogDestination x-syslog:///
tls default {
	CACertificateFile %[2]s/ca.pem
	CertificateFile %[2]s/cert.pem
	CertificateKeyFile %[2]s/key.pem
}
client 127.0.0.1 {
	type udp
	secret "%[4]s"
}
server 127.0.0.1 {
	type tls
	port %[3]s
	secret radsec
	CertificateNameCheck off
}
realm * {
	server 127.0.0.1
}
`, udp, dir, port, testSecret)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	proxy := exec.Command("radsecproxy", "-f", "-c", file)
	proxy.Stdout, proxy.Stderr = &log, &log
	if err := proxy.Start(); err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(func() {
		_ = proxy.Process.Signal(syscall.SIGTERM)
		_ = proxy.Wait() // it ends by the signal
		if t.Failed() {
			t.Log(log.String())
		}
	})
	signIn := func(when string) {
		t.Helper()
		out, code := peer(t, "User-Name=orlovami,User-Password=Snegir-2021,Message-Authenticator=0x00\n", "radclient", "-x", "-t", "2", "-r", "10", "127.0.0.1:"+udp, "auth", testSecret)
		if code != 0 || !strings.Contains(out, "Access-Accept") {
			t.Fatalf("%s: exit %d: %s", when, code, out)
		}
	}
	signIn("before")
	answer, err := s.ask(t.Context(), &client, ending(), &wire.Request{Code: wire.DisconnectRequest}, 500*time.Millisecond)
	t.Logf("radsecproxy: %+v, %v", answer, err)
	if err == nil {
		t.Errorf("it answers: %+v: now the documentation is to be changed", answer)
	}
	signIn("after")
}
