//go:build peers

package ldapsrv

// HAProxy as the balancer in front, and OpenSSL as an old board.

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/child"
	"schoolbridge/internal/freeport"
	"schoolbridge/ldapsrv/wire"
)

// listen adds a listener to the world's.
func (w *world) listen(how wire.Listener) string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	go func() { _ = w.server.Serve(l, how) }() // until the world's end
	return l.Addr().String()
}

// balancer runs HAProxy between clients and one of our listeners; it looks
// whether we are there, too.
func balancer(t *testing.T, to, header string) string {
	t.Helper()
	address, dir := freeport.TCP(t), t.TempDir()
	conf := write(t, dir, "haproxy.cfg", fmt.Sprintf(`defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen ldap
  bind %s
  server ours %s %s check inter 100ms
`, address, to, header))
	server, err := child.Start(dir, "/usr/sbin/haproxy", "-db", "-f", conf)
	if err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(server.Stop)
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		if server.Ended(0) || time.Now().After(until) {
			t.Fatalf("haproxy does not answer: %s", child.Log(dir))
		}
	}
}

func TestPeerHAProxy(t *testing.T) {
	for _, header := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn", "send-proxy-v2 proxy-v2-options crc32c,unique-id"} {
		t.Run(header, func(t *testing.T) {
			w := start(t, nil)
			behind := wire.Listener{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
			plain := balancer(t, w.listen(behind), header)
			behind.Implicit = true
			secure := balancer(t, w.listen(behind), header)
			from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
			for address, scheme := range map[string]string{plain: "ldap", secure: "ldaps"} {
				c, err := ldap.DialURL(scheme+"://"+address, ldap.DialWithDialer(from), ldap.DialWithTLSConfig(w.client()))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if scheme == "ldap" {
					if err := c.StartTLS(w.client()); err != nil {
						t.Fatal(err)
					}
				}
				if err := c.Bind(personName("belovas"), password); err != nil {
					t.Error(err)
				}
				if got := w.auth.last().Source.Addr.String(); got != "127.0.0.9" {
					t.Errorf("%s: the sign-in came from %s", scheme, got)
				}
				if _, err := c.Search(search(personName("belovas"), ldap.ScopeBaseObject, "(objectClass=*)", "uid")); err != nil {
					t.Error(err)
				}
			}
			out, code := runClient(t, "ldapwhoami", "-x", "-H", "ldap://"+plain, "-D", reader, "-w", secret)
			if code != 0 || !strings.Contains(out, reader) {
				t.Errorf("ldapwhoami: exit %d: %s", code, out)
			}
		})
	}
}

// OpenSSL speaks TLS 1.0 and RSA key exchange to the listener that has them, and
// is refused by the others.
func TestPeerOldTLS(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", dir+"/key.pem", "-out", dir+"/cert.pem", "-days", "2", "-subj", "/CN=localhost").CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v: %s", err, out)
	}
	pair, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	old := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	usual := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	w := start(t, nil)
	addresses := map[string]string{
		"old":   w.listen(wire.Listener{Implicit: true, TLS: func() *tls.Config { return old }}),
		"usual": w.listen(wire.Listener{Implicit: true, TLS: func() *tls.Config { return usual }}),
	}
	for _, version := range []string{"-tls1", "-tls1_1"} {
		for name, address := range addresses {
			cmd := exec.CommandContext(t.Context(), "openssl", "s_client", version, "-cipher", "AES128-SHA:@SECLEVEL=0", "-connect", address)
			cmd.Stdin = strings.NewReader("Q\n")
			out, _ := cmd.CombinedOutput() // its exit code says little
			if spoken := strings.Contains(string(out), "Cipher is AES128-SHA"); spoken != (name == "old") {
				t.Errorf("%s on the %s listener: %s", version, name, out)
			}
		}
	}
}
