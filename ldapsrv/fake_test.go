package ldapsrv

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

const (
	testBase   = "dc=school,dc=example"
	testPeople = "ou=people," + testBase
	testGroups = "ou=groups," + testBase
	adBase     = "DC=ad,DC=example"
	reader     = "cn=reader,ou=services," + testBase // sees everything
	board      = "cn=board,ou=services," + testBase  // sees school 49, few attributes
	secret     = "reader-secret"
	password   = "Snegir-2021"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

// source is a directory.Source that is filled once.
type source struct {
	schools []person.School
	entries []*directory.Entry
	changes []directory.Change
	at      directory.Position
}

func (s *source) Load(_ context.Context, school func(person.School) error, entry func(*directory.Entry) error) (directory.Position, error) {
	for _, one := range s.schools {
		_ = school(one)
	}
	for _, one := range s.entries {
		_ = entry(one)
	}
	return s.at, nil
}

func (s *source) Since(context.Context, directory.Position) ([]directory.Change, directory.Position, error) {
	changes := s.changes
	s.changes = nil
	return changes, s.at, nil
}

func (s *source) Rows(_ context.Context, upTo directory.Position, _ int) ([]directory.Position, error) {
	return []directory.Position{upTo}, nil
}

func (s *source) Wait(ctx context.Context) error { <-ctx.Done(); return nil }

func testPerson(number uint32, login, last, first string, as ...directory.Affiliation) *directory.Entry {
	e := &directory.Entry{
		Login: identity.Login(login), Last: last, First: first, Middle: "Ивановна", Mail: login + "@example.org",
		UIDNumber: number, GIDNumber: number, Seq: uint64(number), State: directory.StateActive, Affiliations: as,
		Created: directory.MomentOf(testNow.Add(-time.Hour)), Modified: directory.MomentOf(testNow.Add(-time.Minute)),
		Names: []person.Name{{Kind: person.NameMosru, Text: login + ".mosru"}},
	}
	e.Person[0], e.Person[15] = byte(number>>8), byte(number)
	e.UUID[0], e.UUID[15] = byte(number>>8), byte(number)
	return e
}

func at(role person.Role, school person.SchoolID, class string) directory.Affiliation {
	return directory.Affiliation{Role: role, School: school, Class: class}
}

func day(y, m, d int) person.Date {
	date, _ := person.NewDate(y, m, d)
	return date
}

func testDirectory(t testing.TB, more ...*directory.Entry) *directory.Directory {
	t.Helper()
	d, _ := testSource(t, more...)
	return d
}

func testSource(t testing.TB, more ...*directory.Entry) (*directory.Directory, *source) {
	t.Helper()
	ended := at(person.RoleStaff, "49", "")
	ended.To = day(2026, 6, 1)
	suspended := testPerson(10005, "petrovp", "Петров", "Пётр", at(person.RoleStaff, "49", ""))
	suspended.State = directory.StateSuspended
	src := &source{
		at:      directory.Position{Seq: 1},
		schools: []person.School{{ID: "49", Name: "Школа № 49"}, {ID: "1234", Name: "Школа № 1234"}},
		entries: append([]*directory.Entry{
			testPerson(10001, "orlovami", "Орлова", "Мария", at(person.RoleStaff, "49", ""), at(person.RoleStaff, "1234", "")),
			testPerson(10002, "belovas", "Белов", "Семён", at(person.RolePupil, "49", "5А")),
			testPerson(10003, "sidorov", "Сидоров", "Олег", at(person.RolePupil, "1234", "7Б")),
			testPerson(10004, "kimv", "Ким", "Вера", ended),
			suspended,
		}, more...),
	}
	d := directory.New(src, directory.Options{Now: func() time.Time { return testNow }})
	if err := d.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d, src
}

// changeTo lets the directory know of a changed entry.
func changeTo(w *world, e *directory.Entry) error {
	w.src.changes = append(w.src.changes, directory.Change{Entry: e})
	_, err := w.auth.d.Step(context.Background())
	return err
}

// fakeAuth accepts everybody in the directory with the password.
type fakeAuth struct {
	d     *directory.Directory
	mu    sync.Mutex
	asked []identity.Credential
	// answer, where set, decides instead.
	answer func(ctx context.Context, c identity.Credential) identity.Verdict
}

func (f *fakeAuth) Authenticate(ctx context.Context, c identity.Credential) identity.Verdict {
	f.mu.Lock()
	f.asked = append(f.asked, c)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(ctx, c)
	}
	e, ok := f.d.Lookup(c.Name)
	if !ok || c.Proof != identity.Password(password) {
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword}
	}
	return identity.Verdict{Outcome: identity.Accepted, Person: e.Person, Login: e.Login}
}

func (f *fakeAuth) last() identity.Credential {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		return identity.Credential{}
	}
	return f.asked[len(f.asked)-1]
}

func (f *fakeAuth) set(answer func(ctx context.Context, c identity.Credential) identity.Verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// world is a server that listens in the clear and with TLS.
type world struct {
	t      testing.TB
	server *Server
	auth   *fakeAuth
	src    *source
	plain  string
	tls    string
	roots  *x509.CertPool
	opt    Options
	served sync.WaitGroup
}

func start(t testing.TB, change func(*Options), more ...*directory.Entry) *world {
	t.Helper()
	d, src := testSource(t, more...)
	w := startOver(t, d, change)
	w.src = src
	return w
}

// startOver serves a directory.
func startOver(t testing.TB, d *directory.Directory, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t, auth: &fakeAuth{d: d}}
	certificate, roots := issued(t)
	w.roots = roots
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	o := Options{
		Auth: w.auth, Directory: d, Base: testBase, PlainBind: PlainLoopback, Version: "test",
		Services: []Service{
			{DN: reader, Password: secret, Sync: true},
			{DN: board, Password: secret, Schools: []person.SchoolID{"49"}, Attributes: []string{"uid", "cn", "memberOf"}},
		},
		TLS: func() *tls.Config { return config }, Now: func() time.Time { return testNow },
	}
	if change != nil {
		change(&o)
	}
	w.opt = o
	if err := w.up("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.down)
	return w
}

// up starts the server at addresses, in the clear and with TLS.
func (w *world) up(plain, secure string) (err error) {
	if w.server, err = New(w.opt); err != nil {
		return err
	}
	server := w.server
	for _, one := range []struct {
		at       *string
		address  string
		implicit bool
	}{{&w.plain, plain, false}, {&w.tls, secure, true}} {
		l, err := net.Listen("tcp", one.address)
		if err != nil {
			w.down()
			return err
		}
		*one.at = l.Addr().String()
		w.served.Go(func() {
			if err := server.Serve(l, wire.Listener{Implicit: one.implicit}); err != nil {
				w.t.Errorf("Serve: %v", err)
			}
		})
	}
	return nil
}

// down stops it.
func (w *world) down() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = w.server.Shutdown(ctx) // connections that a test left open are cut
	w.served.Wait()
}

// issued gives a certificate for localhost behind its authority's, and the
// authority alone.
func issued(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "school test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	var keys [2]*ecdsa.PrivateKey
	var chain [2][]byte
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for i, template := range []*x509.Certificate{leaf, root} {
		der, err := x509.CreateCertificate(rand.Reader, template, root, &keys[i].PublicKey, keys[1])
		if err != nil {
			t.Fatal(err)
		}
		chain[i] = der
	}
	parsed, err := x509.ParseCertificate(chain[1])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: chain[:], PrivateKey: keys[0]}, roots
}

func (w *world) client() *tls.Config { return &tls.Config{RootCAs: w.roots, ServerName: "localhost"} }

func (w *world) dial() *ldap.Conn {
	w.t.Helper()
	c, err := ldap.DialURL("ldap://" + w.plain)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// as dials and binds.
func (w *world) as(name, password string) *ldap.Conn {
	w.t.Helper()
	c := w.dial()
	if err := c.Bind(name, password); err != nil {
		w.t.Fatalf("bind %s: %v", name, err)
	}
	return c
}

func personName(login string) string { return fmt.Sprintf("uid=%s,%s", login, testPeople) }
