package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"schoolbridge/internal/said"
)

// The demo's fixed names and ports; users script against them.
const (
	demoBase       = "dc=school,dc=example"
	demoReader     = "cn=reader,ou=services," + demoBase
	demoReaderPass = "reader-demo"
	demoSecret     = "demo-secret"
	demoServer     = "bridge.school.example"
	demoNAS        = "nas.school.example"             // in the RadSec client's certificate
	demoBoard      = "board-12.boards.school.example" // in the whiteboard's
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
	{"tcp", demoAD, "simulated Active Directory"},
}

// takenPorts tries every port and says which cannot be had, and why.
func takenPorts(ctx context.Context) []error {
	var faults []error
	for _, p := range demoPorts {
		var opened io.Closer
		var err error
		if p.network == "udp" {
			opened, err = listenUDP(ctx, p.what, p.addr)
		} else {
			opened, err = listen(ctx, p.what, p.addr)
		}
		if err == nil {
			err = opened.Close()
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

// demoFolder is the demo's state folder and the files in it.
type demoFolder string

func (d demoFolder) path(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

func (d demoFolder) config() string { return d.path("config.yaml") }

// cases is the table for "policy test".
func (d demoFolder) cases() string { return d.path("policy-cases.yaml") }

// The marks of a demo's folder. demoBegun is written before anything else, so
// that nothing is ever removed which no demo made; demoMark last, so that a
// first start that was interrupted is made anew.
const (
	demoBegun = "demo.begun"
	demoMark  = "demo.complete"
)

// prepared says whether a first start has finished here.
func (d demoFolder) prepared() bool { return d.has(demoMark) }

func (d demoFolder) has(name string) bool {
	_, err := os.Stat(d.path(name))
	return err == nil
}

// begin empties the folder for --fresh or after an interrupted first start, and
// marks it as a demo's. A folder with files that no demo made is left alone.
func (d demoFolder) begin() error {
	names, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(names) > 0 && !d.has(demoBegun) && !d.prepared() {
		return said.Errorf("в папке %[1]s чужие файлы, ничего не тронуто: назовите другую (--state) / folder %[1]s holds files that no demo made; nothing was touched: name another folder with --state", d)
	}
	// The mark comes before anything is removed: who is interrupted here can
	// begin again.
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(d.path(demoBegun), []byte("A folder of \"schoolbridge demo\"; --fresh removes all that is in it.\n"), 0o600); err != nil {
		return err
	}
	for _, name := range names {
		if name.Name() == demoBegun {
			continue
		}
		if err := os.RemoveAll(d.path(name.Name())); err != nil {
			return err
		}
	}
	return nil
}

// write makes certificates, secrets, configuration and registry files.
func (d demoFolder) write(registry map[string][]byte, now time.Time) error {
	ca, err := newAuthority(d.path("ca.pem"), now)
	if err != nil {
		return err
	}
	err = ca.issue(d.path("tls", "server.pem"), d.path("tls", "server-key.pem"), x509.ExtKeyUsageServerAuth,
		[]string{demoServer, "localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, now)
	if err != nil {
		return err
	}
	err = ca.issue(d.path("tls", "radsec.pem"), d.path("tls", "radsec-key.pem"), x509.ExtKeyUsageClientAuth, []string{demoNAS}, nil, now)
	if err != nil {
		return err
	}
	err = ca.issue(d.path("tls", "board.pem"), d.path("tls", "board-key.pem"), x509.ExtKeyUsageClientAuth, []string{demoBoard}, nil, now)
	if err != nil {
		return err
	}
	eventKey, err := newEventKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		d.path("secrets", "events.pem"): eventKey,
		d.path("secrets", "ad"):         []byte(rand.Text() + "-Ad1\n"),
		d.path("secrets", "radius"):     []byte(demoSecret + "\n"),
		d.path("secrets", "reader"):     []byte(demoReaderPass + "\n"),
		d.path("secrets", "mosru"):      []byte(rand.Text() + "\n"),
		d.config():                      []byte(demoConfig),
		d.cases():                       []byte(demoCases),
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
