//go:build linux

package ldap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/load"
)

const (
	base   = "dc=school,dc=example"
	folks  = "ou=people," + base
	reader = "cn=reader,ou=services," + base
	secret = "reader-secret-of-the-bench"
)

// server is a running directory server.
type server struct {
	*stand.Process
	people        int
	plain, secure string // addresses, LDAP and LDAPS
	roots         *x509.CertPool
	bare          float64 // MiB that it has in memory with few people
}

// world is what both have.
type world struct {
	*stand.School
	certificate, key string // PEM
	roots            *x509.CertPool
}

func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{School: stand.NewSchool(t, n), roots: x509.NewCertPool()}
	files := [2]string{filepath.Join(w.Dir, "cert.pem"), filepath.Join(w.Dir, "key.pem")}
	if _, err := os.Stat(files[1]); err != nil {
		certify(t, files)
	}
	for i, text := range []*string{&w.certificate, &w.key} {
		b, err := os.ReadFile(files[i])
		stand.Must(t, err)
		*text = string(b)
	}
	w.roots.AppendCertsFromPEM([]byte(w.certificate))
	return w
}

// certify writes a certificate for both sides, and its key.
func certify(t testing.TB, files [2]string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	stand.Must(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 60), DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	stand.Must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	stand.Must(t, err)
	stand.Write(t, files[0], string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	stand.Write(t, files[1], string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// daemonConfig is ours. What is not the default: all of the load comes from one
// address.
const daemonConfig = `tls: {certificate_file: cert.pem, key_file: key.pem}
ldap:
  base: dc=school,dc=example
  listen: ["@host@:@plain@"]
  listen_tls: ["@host@:@secure@"]
  plain_bind: loopback
  services:
    - {dn: "cn=reader,ou=services,dc=school,dc=example", password_file: reader}
  limits: {connections: 50000, per_source: 50000}
policy:
  rules:
    - {name: staff, roles: [staff], channels: [ldap], schools: any, allow: true}
`

// daemon runs ours until the test's end, or until stop; everybody has signed in.
func (w *world) daemon(t testing.TB) (s *server, stop func()) {
	s, web, stop := w.silent(t)
	for passes := 0; ; passes++ { // a busy machine's mos.ru may not answer all of them in time
		known := s.known(t, web)
		_, err := turns{work: load.LDAPBind, n: w.People, atOnce: 8}.once(t, s)
		if err == nil && s.known(t, web)-known == w.People {
			return s, stop
		}
		if passes == 10 {
			t.Fatalf("the first sign-ins: %v", err)
		}
	}
}

// silent is daemon before anybody has signed in.
func (w *world) silent(t testing.TB) (s *server, web string, stop func()) {
	t.Helper()
	host := stand.Loopback()
	plain, secure := stand.Port(t, "tcp", host), stand.Port(t, "tcp", host)
	process, web, stop := w.Daemon(t, daemonConfig, func(dir string) {
		stand.Write(t, filepath.Join(dir, "cert.pem"), w.certificate)
		stand.Write(t, filepath.Join(dir, "key.pem"), w.key)
		stand.Write(t, filepath.Join(dir, "reader"), secret)
	}, "@host@", host, "@plain@", plain, "@secure@", secure)
	return &server{Process: process, people: w.People, plain: net.JoinHostPort(host, plain), secure: net.JoinHostPort(host, secure), roots: w.roots}, web, stop
}

// known is how many binds were answered from memory.
func (s *server) known(t testing.TB, web string) int {
	n, err := stand.Metric(web, `schoolbridge_auth_verdicts_total{channel="ldap",outcome="accepted",reason="RECENTLY_CONFIRMED"}`)
	stand.Must(t, err)
	return n
}

// turns are n turns of a load, from so many at once.
type turns struct {
	work   load.LDAPWork
	secure bool
	n      int
	atOnce int // 16 where it is 0
}

// patience is how long a whole measurement may take.
const patience = 30 * time.Minute

func (u turns) options(s *server) load.LDAPOptions {
	o := load.LDAPOptions{Server: s.plain, Work: u.work, Service: reader, Password: secret, Base: folks, Timeout: time.Minute,
		UserDN: "uid={login}," + folks, Filter: "uid", Wanted: []string{"uid", "cn", "uidNumber", "mail"}}
	if u.secure {
		o.Server, o.TLS = s.secure, &tls.Config{RootCAs: s.roots, ServerName: "localhost"}
	}
	for i := range s.people {
		o.Users = append(o.Users, load.User{Login: stand.Login(i), Password: identity.Password(stand.Password)})
	}
	return o
}

// once makes them, without measuring.
func (u turns) once(t testing.TB, s *server) (load.Report, error) {
	target, err := load.NewLDAP(u.options(s))
	if err != nil {
		return load.Report{}, err
	}
	defer target.Close()
	return u.drive(t, s, target)
}

func (u turns) drive(t testing.TB, s *server, target *load.LDAP) (load.Report, error) {
	if u.atOnce == 0 {
		u.atOnce = 16
	}
	r, err := load.Run(t.Context(), load.Options{Concurrency: u.atOnce, Duration: patience, Count: uint64(u.n)}, target.Do)
	if err == nil && r.Outcomes["accepted"] != uint64(u.n) {
		err = fmt.Errorf("of %d turns: %v %v", u.n, r.Outcomes, r.Problems)
	}
	entries := uint64(u.n)
	switch u.work {
	case load.LDAPBind, load.LDAPConnect:
		entries = 0
	case load.LDAPDump:
		entries *= uint64(s.people)
	}
	if err == nil && r.Entries != entries {
		err = fmt.Errorf("%d entries came, not %d", r.Entries, entries)
	}
	return r, err
}

// run measures them, an entry of a dump each. The connections that stay are made
// before.
func (u turns) run(t testing.TB, s *server) (stand.Figure, error) {
	t.Helper()
	target, err := load.NewLDAP(u.options(s))
	if err != nil {
		return stand.Figure{}, err
	}
	defer target.Close()
	first := u
	first.n = min(u.n, 64)
	if u.work == load.LDAPDump {
		first.n = 1
	}
	if _, err := first.drive(t, s, target); err != nil {
		return stand.Figure{}, err
	}
	things := u.n
	if u.work == load.LDAPDump {
		things *= s.people
	}
	var r load.Report
	f, err := s.Measure(t, things, func() error {
		r, err = u.drive(t, s, target)
		return err
	})
	f.Rounds = r.Rounds
	return f, err
}

// steady is searches at a rate, whatever becomes of those before; its figure is
// the 99th percentile of their latency in milliseconds.
type steady struct {
	rate float64
	d    time.Duration
}

func (y steady) run(t testing.TB, s *server) (stand.Figure, error) {
	target, err := load.NewLDAP(turns{work: load.LDAPSearch}.options(s))
	if err != nil {
		return stand.Figure{}, err
	}
	defer target.Close()
	r, err := load.Run(t.Context(), load.Options{Rate: y.rate, Concurrency: 64, Duration: y.d}, target.Do)
	if err == nil && (r.Outcomes["accepted"] != r.Ended || *stand.Real && r.NotStarted > r.Ended/100) {
		err = fmt.Errorf("%v %v, %d not started", r.Outcomes, r.Problems, r.NotStarted)
	}
	return stand.Figure{Value: r.Latency.P99, Rate: r.Rate, Median: r.Latency.P50}, err
}

// idle is what a connection costs that has signed in and is silent since, in KiB.
type idle struct {
	n      int
	secure bool
}

func (i idle) run(t testing.TB, s *server) (stand.Figure, error) {
	u := turns{work: load.LDAPSearch, secure: i.secure, n: i.n, atOnce: 16}
	one, err := load.NewLDAP(u.options(s))
	if err != nil {
		return stand.Figure{}, err
	}
	defer one.Close()
	if _, err := u.drive(t, s, one); err != nil { // the server has done such work before
		return stand.Figure{}, err
	}
	s.Settle(t)
	before := s.Resident(t)
	boards := make([]*load.LDAP, i.n)
	defer func() {
		for _, b := range boards {
			if b != nil {
				b.Close()
			}
		}
	}()
	options := u.options(s)
	options.Users = options.Users[:1]
	r, err := load.Run(t.Context(), load.Options{Concurrency: 16, Duration: patience, Count: uint64(i.n)}, func(ctx context.Context, n uint64) load.Sample {
		board, err := load.NewLDAP(options)
		if err != nil {
			return load.Sample{Problem: err.Error()}
		}
		boards[n] = board
		return board.Do(ctx, 0)
	})
	if err != nil || r.Outcomes["accepted"] != uint64(i.n) {
		return stand.Figure{}, fmt.Errorf("of %d connections: %v %v %w", i.n, r.Outcomes, r.Problems, err)
	}
	s.Settle(t)
	f := stand.Figure{Value: (s.Resident(t) - before) * 1024 / float64(i.n)}
	for n := 0; n < i.n; n += max(i.n/100, 1) { // they are all still there
		if one := boards[n].Do(t.Context(), 0); one.Outcome != "accepted" {
			return f, fmt.Errorf("connection %d was forgotten: %s", n, one.Problem)
		}
	}
	return f, nil
}

// few is how many people a server has that is compared with, to see what more of
// them cost.
const few = 50

// person is what one more of many people costs in memory, in bytes, after a search
// for each.
func person(t testing.TB, s *server) (stand.Figure, error) {
	f, err := resident(t, s)
	f.Value = (f.Value - s.bare) * (1 << 20) / float64(max(s.people-few, 1))
	return f, err
}

// resident is what a server has in memory after a search for everybody, in MiB.
func resident(t testing.TB, s *server) (stand.Figure, error) {
	_, err := turns{work: load.LDAPSearch, n: s.people}.once(t, s)
	return stand.Figure{Value: s.Resident(t)}, err
}
