// Package radiustest gives tests real RADIUS servers: FreeRADIUS (Start) and
// the one inside hostapd (StartHostapd), each with a configuration of its own
// in a folder of its own, on a free port of the loopback, gone when the test is.
// Certificates are made by Authority, ECDSA P-256 unless asked otherwise.
//
// Limits: Linux and the packages that scripts/peers.sh installs. hostapd cannot
// be told an address: it runs in a network namespace of its own behind a relay,
// which takes root, or "unshare -Urn" with the loopback up. A server watches a
// pipe that this process holds, and ends with it, whatever way the process ends.
// Only tests with the build tag peers use it.
//
// Start reading at Start.
package radiustest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/child"
)

// What every server made here takes.
const (
	Secret     = "a shared secret for tests"
	ServerName = "radius.school.example"
)

// User may sign in by every method.
type User struct {
	Name, Password string
	VLAN           int // 0: none
}

// Options of a server.
type Options struct {
	Users      []User
	MinTLS     string // "1.2"
	MaxTLS     string // "1.3"
	Resumption bool   // remember sessions
	Fragment   int    // longest EAP packet that it sends; 1024
	RSA        bool   // an RSA-2048 certificate instead of P-256
	// Default is the EAP method that FreeRADIUS asks for first: "md5", which
	// every device refuses, or "peap", "ttls", "tls".
	Default string
	// Sites holds more of FreeRADIUS' configuration: clients, servers, listeners
	// for its server "default".
	Sites string
}

func (o *Options) defaults() {
	if o.MinTLS == "" {
		o.MinTLS = "1.2"
	}
	if o.MaxTLS == "" {
		o.MaxTLS = "1.3"
	}
	if o.Fragment == 0 {
		o.Fragment = 1024
	}
	if o.Default == "" {
		o.Default = "md5"
	}
}

// Server is a running RADIUS server.
type Server struct {
	Authority *Authority // signed its certificate; it takes client certificates of the same
	Auth      string     // host:port for sign-ins
	Acct      string     // host:port for accounting, FreeRADIUS only
	Dynamic   string     // host:port for Disconnect-Requests, StartAccessPoint only
	Pid       int
	dir       string
	process   *child.Process
}

// Log gives what the server has said.
func (s *Server) Log() string {
	return child.Log(s.dir)
}

// Stop ends the server before its test does.
func (s *Server) Stop() { s.process.Stop() }

// port picks a UDP port that nobody uses on a loopback address.
func port(t testing.TB, address string) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// expand puts values for @NAME@ into a template.
func expand(template string, values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "@"+name+"@", value)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// quote writes a string for FreeRADIUS and hostapd. Tests need no odd ones.
func quote(t testing.TB, s string) string {
	t.Helper()
	if strings.ContainsAny(s, "\"\\\n%") {
		t.Fatalf("radiustest cannot write %q into a configuration", s)
	}
	return fmt.Sprintf("%q", s)
}
