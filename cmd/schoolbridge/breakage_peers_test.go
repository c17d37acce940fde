//go:build peers

package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/doctor"
	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// TestKeysetAtStart: a daemon whose keyset is gone, is another store's or is read by
// others does not start, says which file it is and what to do, and writes nothing: no new
// keys, by which the store would become two.
func TestKeysetAtStart(t *testing.T) {
	server := pgtest.Own(t)
	url := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(url, []byte(server.URL(server.Database(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for engine, more := range map[string]string{"SQLite": "", "PostgreSQL": fmt.Sprintf("store: {url_file: %q}\n", url)} {
		t.Run(engine, func(t *testing.T) {
			s := newTroubled(t, more)
			s.opens("orlovami", hers, herPhone)
			s.stop()
			keys := s.path("state/keyset.json")
			good, err := os.ReadFile(keys)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.CreateKeyset(s.path("other.json")); err != nil {
				t.Fatal(err)
			}
			for _, x := range []struct {
				name   string
				breaks func() error
				says   []string
			}{
				{"gone", func() error { return os.Remove(keys) }, []string{"keyset.json", "backup"}},
				{"another store's", func() error { return os.Rename(s.path("other.json"), keys) }, []string{"put back the keyset file"}},
				{"damaged", func() error { return os.WriteFile(keys, []byte("{}"), 0o600) }, []string{"keyset.json"}},
				{"read by others", func() error { return errors.Join(os.WriteFile(keys, good, 0o644), os.Chmod(keys, 0o644)) }, []string{"keyset.json", "600"}},
			} {
				if err := x.breaks(); err != nil {
					t.Fatal(err)
				}
				before, database := s.files(), s.path("state/schoolbridge.db")
				bytes, _ := os.ReadFile(database)
				out, errs, code := s.command("serve", "--config", s.path("config.yaml"))
				if code == exitDone {
					t.Errorf("%s: it starts", x.name)
				}
				for _, want := range x.says {
					if !strings.Contains(out+errs, want) {
						t.Errorf("%s: %d, no %q in %s%s", x.name, code, want, out, errs)
					}
				}
				if now := s.files(); !slices.Equal(before, now) {
					t.Errorf("%s: there were %v, and are %v", x.name, before, now)
				}
				if now, _ := os.ReadFile(database); string(now) != string(bytes) {
					t.Errorf("%s: it wrote into the store", x.name)
				}
			}
			if err := errors.Join(os.WriteFile(keys, good, 0o600), os.Chmod(keys, 0o600)); err != nil {
				t.Fatal(err)
			}
			s.d, s.stop = s.stoppable(s.log)
			s.opens("orlovami", hers, herPhone)
		})
	}
}

// files are those of the state folder; a lock that nobody holds and what SQLite makes
// anew at each opening are none.
func (s site) files() (list []string) {
	s.t.Helper()
	if err := filepath.WalkDir(s.path("state"), func(path string, _ fs.DirEntry, err error) error {
		if !slices.Contains([]string{".lock", ".db-wal", ".db-shm"}, path[max(0, len(path)-len(filepath.Ext(path))):]) {
			list = append(list, path)
		}
		return err
	}); err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestCertificateEnds: the certificate of a running daemon ends. Devices and boards turn
// away from it, whoever needs none goes on, and the log, the metric of the alarm, the page
// of the daemon's health, explain and doctor say which one it is. A new one is taken
// without a new start.
func TestCertificateEnds(t *testing.T) {
	ldaps := freeport.TCP(t)
	s := newTroubled(t, "ldap: {base: 'dc=school,dc=test', listen_tls: ['"+ldaps+"']}\n")
	ca, err := newAuthority(s.path("ca.pem"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const validity, life = 820 * 24 * time.Hour, 45 * time.Second
	issue := func(at time.Time) {
		t.Helper()
		if err := ca.issue(s.path("server.pem"), s.path("server-key.pem"), x509.ExtKeyUsageServerAuth, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, at); err != nil {
			t.Fatal(err)
		}
		s.d.reload()
	}
	roots, err := certPool(s.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	eap := func() error {
		peer, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: "belovas", Password: hers, Roots: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		_, err = s.point(herLaptop).EAP(t.Context(), s.client.Line(), peer, "belovas")
		return err
	}
	board := func() error {
		conn, err := tls.Dial("tcp", ldaps, &tls.Config{RootCAs: roots})
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	ended := time.Now().Add(life).Truncate(time.Second)
	issue(ended.Add(-validity))
	if err := errors.Join(eap(), board()); err != nil {
		t.Fatalf("before its end: %v", err)
	}
	time.Sleep(time.Until(ended) + time.Second)
	for what, err := range map[string]error{"a device": eap(), "a board": board()} {
		if err == nil || !strings.Contains(err.Error(), "expired") {
			t.Errorf("%s takes a certificate that has ended: %v", what, err)
		}
	}
	s.opens("orlovami", hers, herPhone) // PAP without a tunnel
	if at := s.metric("schoolbridge_certificate_expires_timestamp_seconds", useTLS); at != float64(ended.Unix()) {
		t.Errorf("the metric of the alarm SchoolbridgeCertificateEnds says %v, want %d", at, ended.Unix())
	}
	if !eventually(func() bool { return strings.Contains(s.log.take(), "certificate") }) {
		t.Error("the log says nothing of it")
	}
	if r := s.explained("belovas"); !slices.ContainsFunc(r.Server, func(f explain.Finding) bool { return f.Code == explain.FaultCertificate }) {
		t.Errorf("explain says nothing of it: %+v", r.Server)
	}
	if r, text, _ := s.examined("en"); !slices.Contains(codesOf(r, doctor.Bad), string(explain.FaultCertificate)) || !strings.Contains(text, "server.pem") {
		t.Errorf("doctor:\n%s", text)
	}
	issue(time.Now())
	if err := errors.Join(eap(), board()); err != nil {
		t.Errorf("with a new one: %v", err)
	}
}

// liar is a mos.ru that answers with something else than the truth.
type liar struct {
	honest http.Handler
	lie    atomic.Pointer[http.HandlerFunc]
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if lie := l.lie.Load(); lie != nil {
		(*lie)(w, r)
		return
	}
	l.honest.ServeHTTP(w, r)
}

// tells sets what it answers; nil: the truth.
func (l *liar) tells(lie http.HandlerFunc) {
	if lie == nil {
		l.lie.Store(nil)
		return
	}
	l.lie.Store(&lie)
}

// lying puts a liar between the daemon and a mos.ru with the three people.
func (s *troubled) lying() *liar {
	s.t.Helper()
	l := &liar{}
	server := httptest.NewUnstartedServer(l)
	issuer := "http://" + server.Listener.Addr().String()
	var users []sim.User
	for _, login := range []string{"orlovami", "belovas", "evann"} {
		users = append(users, sim.User{Profile: person.Profile{Subject: identity.Subject(login), Login: login, Last: "Смирнова", First: "Ольга"}, Password: hers})
	}
	var err error
	if l.honest, err = sim.New(sim.Options{Issuer: issuer, Clients: []sim.Client{{ID: "test", Secret: siteSecret, PasswordGrant: true}}, Users: users}); err != nil {
		s.t.Fatal(err)
	}
	server.Start()
	s.t.Cleanup(server.Close)
	s.stop()
	s.edit("url: "+s.mosru+"\n", "url: "+issuer+"\n")
	s.d, s.stop = s.stoppable(s.log)
	return l
}

// TestMosRuLies: whatever a mos.ru says that is not itself any more, nobody comes in by it,
// nobody's password goes further, who was known goes on, and it ends in time and memory.
func TestMosRuLies(t *testing.T) {
	s := newTroubled(t)
	l := s.lying()
	s.opens("orlovami", hers, herPhone)
	var stolen, sent atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { stolen.Add(1); fmt.Fprint(w, `{"access_token":"a"}`) }))
	defer thief.Close()
	endless := func(text string, pause time.Duration) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"`)
			for r.Context().Err() == nil {
				n, err := fmt.Fprint(w, text)
				if sent.Add(int64(n)); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(pause)
			}
		}
	}
	for _, x := range []struct {
		name   string
		lie    http.HandlerFunc
		silent bool // it answers too late, and so the kept hash does
	}{
		{"another person", func(w http.ResponseWriter, r *http.Request) {
			if r.ParseForm() == nil && r.Form.Get("username") != "" {
				r.Form.Set("username", "evann")
				r.Form.Set("password", hers)
			}
			l.honest.ServeHTTP(w, r)
		}, false},
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "<!doctype html><title>Профилактические работы</title>")
		}, false},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, false},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		}, false},
		{"no end", endless(strings.Repeat("a", 4<<10), 0), false},
		{"no end, by drops", endless("a", 100*time.Millisecond), true},
	} {
		t.Run(x.name, func(t *testing.T) {
			s.t = t
			sent.Store(0)
			l.tells(x.lie)
			began := time.Now()
			for _, password := range []string{hers, "Staraya-1"} {
				if ok, _ := s.pap("belovas", password, stranger1); ok && (password != hers || !x.silent) {
					t.Error("somebody is let in")
				}
			}
			if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
				t.Error("a wrong password is accepted")
			}
			s.opens("orlovami", hers, herPhone)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it takes %v", took)
			}
			l.tells(nil)
			if !eventually(func() bool { ok, _ := s.pap("belovas", hers, herLaptop); return ok }) {
				t.Error("mos.ru is honest again, and nobody notices")
			}
		})
		// So that the next lie is about somebody who is not remembered.
		s.t = t
		s.stop()
		s.d, s.stop = s.stoppable(s.log)
		s.opens("orlovami", hers, herPhone)
	}
	if stolen.Load() > 0 {
		t.Error("a password went where a redirect points")
	}
	if n := sent.Load(); n > 1<<20 {
		t.Errorf("%d bytes of an answer without an end were read", n)
	}
	s.shows("belovas", stranger1, identity.ReasonUpstreamFault, 4)
	if s.shows("belovas", stranger1, identity.ReasonReassigned, 1); strings.Contains(s.log.take(), hers) {
		t.Error("the log holds a password")
	}
}
