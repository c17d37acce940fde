//go:build linux

package wifi

import (
	"net"
	"path/filepath"
	"testing"

	"schoolbridge/bench/stand"
)

// daemonConfig is ours. What is not the default: more EAP conversations, which
// the generator, one access point with the traffic of a city, would meet, and a
// policy that names a VLAN.
const daemonConfig = `radius:
  authentication: ["@host@:@auth@"]
  accounting: ["@host@:@acct@"]
  clients:
    - name: bench
      range: 127.0.0.0/8
      secret_file: radius-secret
      school: "1001"
  eap:
    certificate_file: cert.pem
    key_file: key.pem
    conversations: 40000
policy:
  rules:
    - name: staff-wifi
      roles: [staff]
      channels: [wifi]
      schools: any
      allow: true
      vlan: 20
`

// daemon runs ours until the test's end, or until stop.
func (w *world) daemon(t testing.TB, o setting) (s *server, stop func()) {
	t.Helper()
	host := stand.Loopback()
	auth, acct := stand.Port(t, "udp", host), stand.Port(t, "udp", host)
	process, web, stop := w.Daemon(t, daemonConfig, func(dir string) {
		w.certificate(t, dir, o.rsa)
		stand.Write(t, filepath.Join(dir, "radius-secret"), secret)
	}, "@host@", host, "@auth@", auth, "@acct@", acct)
	s = &server{Process: process, people: w.People, roots: w.authority.Pool()}
	s.pap, s.acct = net.JoinHostPort(host, auth), net.JoinHostPort(host, acct)
	s.mschap, s.eap, s.kept, s.table = s.pap, s.pap, s.acct, s.acct
	s.known = func(t testing.TB) int {
		n, err := stand.Metric(web, `schoolbridge_auth_verdicts_total{channel="wifi",outcome="accepted",reason="RECENTLY_CONFIRMED"}`)
		stand.Must(t, err)
		return n
	}
	s.warm(t)
	return s, stop
}
