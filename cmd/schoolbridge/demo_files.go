package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The demo's fixed names and ports; users script against them.
const (
	demoBase       = "dc=school,dc=example"
	demoReader     = "cn=reader,ou=services," + demoBase
	demoReaderPass = "reader-demo"
	demoSecret     = "demo-secret"
	demoServer     = "bridge.school.example"
	demoWeb        = "127.0.0.1:8080"
	demoMosru      = "127.0.0.1:8090"
	demoClientID   = "schoolbridge-demo"
)

// demoPorts are all that the demo opens, for one clear line each when taken.
var demoPorts = []struct{ network, addr, what string }{
	{"tcp", "127.0.0.1:3389", "LDAP"},
	{"tcp", "127.0.0.1:3636", "LDAPS"},
	{"udp", "127.0.0.1:1812", "RADIUS authentication"},
	{"udp", "127.0.0.1:1813", "RADIUS accounting"},
	{"tcp", "127.0.0.1:2083", "RadSec"},
	{"tcp", demoWeb, "web"},
	{"tcp", demoMosru, "simulated mos.ru"},
}

// takenPorts tries every port and says which cannot be had, and why.
func takenPorts() []error {
	var faults []error
	for _, p := range demoPorts {
		var err error
		if p.network == "udp" {
			var conn net.PacketConn
			if conn, err = net.ListenPacket(p.network, p.addr); err == nil {
				err = conn.Close()
			}
		} else {
			var listener net.Listener
			if listener, err = net.Listen(p.network, p.addr); err == nil {
				err = listener.Close()
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("port %s/%s for %s is taken: stop the program that holds it (ss -lpn 'sport = :%s'), then start the demo again",
				p.addr, p.network, p.what, portOf(p.addr)))
		}
	}
	return faults
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// demoFolder is the demo's state folder and the files in it.
type demoFolder string

func (d demoFolder) path(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

func (d demoFolder) config() string { return d.path("config.yaml") }

// prepared says whether a first start has finished here.
func (d demoFolder) prepared() bool {
	_, err := os.Stat(d.path(demoMark))
	return err == nil
}

// demoMark is written last, so that a first start that was interrupted is made
// anew. demoBegun is written first, before anything else of a demo: a folder
// is emptied only where one of the two says that a demo made it.
const (
	demoMark  = "demo.complete"
	demoBegun = "demo.begun"
)

// clear empties the folder for --fresh or after an interrupted first start. A
// folder with files that no demo made is left alone, above all that of a real
// daemon, which has a config.yaml too.
func (d demoFolder) clear() error {
	names, err := os.ReadDir(string(d))
	if os.IsNotExist(err) || len(names) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(d.path(demoBegun)); err != nil && !d.prepared() {
		return fmt.Errorf("folder %s holds files that no demo made: name another one with --state", d)
	}
	return os.RemoveAll(string(d))
}

// write makes certificates, secrets, configuration and registry files.
func (d demoFolder) write(registry map[string][]byte, now time.Time) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(d.path(demoBegun), nil, 0o600); err != nil {
		return err
	}
	ca, err := newAuthority(d.path("ca.pem"), now)
	if err != nil {
		return err
	}
	err = ca.issue(d.path("tls", "server.pem"), d.path("tls", "server-key.pem"),
		[]string{demoServer, "localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, now)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		d.path("secrets", "radius"): []byte(demoSecret + "\n"),
		d.path("secrets", "reader"): []byte(demoReaderPass + "\n"),
		d.path("secrets", "mosru"):  []byte(rand.Text() + "\n"),
		d.config():                  []byte(demoConfig),
	}
	for name, content := range registry {
		files[d.path("registry", name)] = content
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
