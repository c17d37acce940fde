//go:build peers

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"schoolbridge/internal/freeport"
	"strings"
	"syscall"
	"testing"
)

// proxyConfig has a foreign proxy take RADIUS over UDP and carry it on over TLS
// with the demo's client certificate. Both versions of TLS are tried.
const proxyConfig = `ListenUDP 127.0.0.1:%[1]s
LogLevel 3
LogDestination x-syslog:///
tls default {
	CACertificateFile %[2]s/ca.pem
	CertificateFile %[2]s/tls/radsec.pem
	CertificateKeyFile %[2]s/tls/radsec-key.pem
	TlsVersion TLS1_%[3]s:TLS1_%[3]s
}
client 127.0.0.1 {
	type udp
	secret %[4]s
}
server 127.0.0.1 {
	type tls
	port 2083
	secret radsec
}
realm * {
	server 127.0.0.1
	accountingserver 127.0.0.1
}
`

// signInsOverRadSec goes through radsecproxy, known by its certificate alone.
func signInsOverRadSec(t *testing.T, d *demoProcess) {
	for _, version := range []string{"2", "3"} {
		port := freeport.Port(freeport.UDP(t))
		file := filepath.Join(t.TempDir(), "radsecproxy.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, proxyConfig, port, d.state, version, demoSecret), 0o600); err != nil {
			t.Fatal(err)
		}
		proxy := exec.CommandContext(t.Context(), "radsecproxy", "-f", "-c", file)
		var log strings.Builder
		proxy.Stdout, proxy.Stderr = &log, &log
		if err := proxy.Start(); err != nil {
			t.Fatalf("%v (make test installs it)", err)
		}
		ask := func(kind, attributes string) (string, int) {
			return d.run(attributes+"\n", "radclient", "-x", "-t", "2", "-r", "5", "127.0.0.1:"+port, kind, demoSecret)
		}
		const teacher = "User-Name=orlovami,User-Password=%s,Message-Authenticator=0x00,Calling-Station-Id=02-00-00-00-00-01"
		if out, code := ask("auth", fmt.Sprintf(teacher, "Snegir-2021")); code != 0 || !strings.Contains(out, "Access-Accept") || !strings.Contains(out, "Tunnel-Private-Group-Id") {
			t.Errorf("TLS 1.%s: exit %d: %s", version, code, out)
		}
		if out, code := ask("auth", fmt.Sprintf(teacher, "Wrong-2021")); code == 0 || !strings.Contains(out, "Access-Reject") {
			t.Errorf("TLS 1.%s, wrong password: exit %d: %s", version, code, out)
		}
		if out, code := ask("acct", "User-Name=orlovami,Acct-Status-Type=Start,Acct-Session-Id=s1"); code != 0 || !strings.Contains(out, "Accounting-Response") {
			t.Errorf("TLS 1.%s, accounting: exit %d: %s", version, code, out)
		}
		_ = proxy.Process.Signal(syscall.SIGTERM)
		_ = proxy.Wait() // it ends by the signal
		if t.Failed() {
			t.Fatal(log.String())
		}
	}
}
