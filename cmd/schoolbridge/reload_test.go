package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/person"
)

// site is a folder with all that a daemon is configured with.
type site struct {
	t   *testing.T
	dir string
}

const siteConfig = `state: state
mosru:
  url: http://127.0.0.1:1
  client_id: test
  events: {issuer: "http://127.0.0.1:1", audience: test, keys_file: keys.json}
radius:
  clients:
    - {name: first, range: 10.1.0.0/16, secret_file: secret}
tls: {certificate_file: server.pem, key_file: server-key.pem}
log: {format: text}
`

// keySet is an invented public key (P-256); name tells sets apart.
func keySet(name string) string {
	return `{"keys":[{"kty":"EC","crv":"P-256","kid":"` + name + `","use":"sig","alg":"ES256",` +
		`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{t, t.TempDir()}
	s.write("config.yaml", siteConfig)
	s.write("secret", "0123456789abcdef0123\n")
	s.write("keys.json", keySet("one"))
	s.certificate()
	return s
}

func (s site) path(name string) string { return filepath.Join(s.dir, name) }

func (s site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// certificate issues a new one under a new authority.
func (s site) certificate() {
	s.t.Helper()
	ca, err := newAuthority(s.path("ca.pem"), time.Now())
	if err == nil {
		err = ca.issue(s.path("server.pem"), s.path("server-key.pem"), x509.ExtKeyUsageServerAuth, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, time.Now())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// daemon joins one that is not running; its web port is any free one, or the one that
// is written.
func (s site) daemon(logTo io.Writer) (*daemon, error) {
	s.t.Helper()
	c, faults, err := config.Load(s.path("config.yaml"))
	if err != nil || c == nil {
		s.t.Fatalf("%v, %v", err, faults)
	}
	written := c.Web.Listen
	if written == "127.0.0.1:8080" { // the default
		c.Web.Listen = "127.0.0.1:0"
	}
	d, err := newDaemon(s.t.Context(), logTo, s.path("config.yaml"), c)
	c.Web.Listen = written
	return d, err
}

// started is a daemon that runs as long as the test.
func (s site) started(logTo io.Writer) *daemon {
	s.t.Helper()
	d, _ := s.stoppable(logTo)
	return d
}

// stoppable is a daemon that runs until stop, or as long as the test.
func (s site) stoppable(logTo io.Writer) (_ *daemon, stop func()) {
	s.t.Helper()
	d, err := s.daemon(logTo)
	if err != nil {
		s.t.Fatal(err)
	}
	return d, s.running(d)
}

// running runs a daemon until stop, or as long as the test.
func (s site) running(d *daemon) (stop func()) {
	s.t.Helper()
	ctx, end := context.WithCancel(s.t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- d.run(ctx, nil, func(context.Context) { close(ready) }) }()
	stop = sync.OnceFunc(func() {
		end()
		if err := <-done; err != nil {
			s.t.Errorf("the daemon ended with %v", err)
		}
		d.close()
	})
	s.t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		done <- err
		s.t.Fatalf("the daemon ended at once: %v", err)
	}
	return stop
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take gives what was logged since the last call.
func (l *logged) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

func TestReload(t *testing.T) {
	s, log := newSite(t), &logged{}
	d := s.started(log)
	log.take()
	before, client := d.cert.config(), d.clients.Load()

	s.write("config.yaml", strings.Replace(siteConfig, "10.1.0.0/16", "10.2.0.0/33", 1))
	d.reload()
	if said := log.take(); !strings.Contains(said, "refused") || d.clients.Load() != client || d.cert.config() != before {
		t.Errorf("a faulty file was taken, or in silence: %s", said)
	}

	s.certificate()
	s.write("keys.json", keySet("two"))
	s.write("config.yaml", strings.Replace(siteConfig, "10.1.0.0/16", "10.2.0.0/16", 1))
	d.reload()
	if said := log.take(); strings.Contains(said, "restart") || strings.Contains(said, "refused") {
		t.Errorf("after a reload of what can be reloaded: %s", said)
	}
	if d.clients.Load() == client || d.cert.config() == before || d.eventKeys.Load().For("two").Len() != 1 {
		t.Error("NAS clients, certificate or event keys are the old ones")
	}

	// What waits for a restart is told at every reload, not only at the first.
	s.write("config.yaml", siteConfig+"auth: {offline_grace: 2h}\n")
	for range 2 {
		d.reload()
		if said := log.take(); !strings.Contains(said, "auth.offline_grace") {
			t.Errorf("a waiting option is passed over: %s", said)
		}
	}
	// TLS is not switched off under the feet of those who use it.
	s.write("config.yaml", strings.Replace(siteConfig, "tls:", "# tls:", 1))
	d.reload()
	if said := log.take(); !strings.Contains(said, "restart only") || !strings.Contains(said, "tls") || d.cert.config() == nil {
		t.Errorf("without its tls section: %s", said)
	}
}

// metricByUse reads when the certificates in force end, in Unix seconds.
func metricByUse(t *testing.T, d *daemon) map[string]float64 {
	t.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "schoolbridge_certificate_expires_timestamp_seconds" {
			continue
		}
		for _, m := range f.Metric {
			out[m.Label[0].GetValue()] = m.Gauge.GetValue()
		}
	}
	return out
}

// TestExpiryOfCertificates: those in force are told of at the start and at a
// reload, in log, metric and health.
func TestExpiryOfCertificates(t *testing.T) {
	s, log := newSite(t), &logged{}
	issue := func(days int) {
		made := time.Now().AddDate(0, 0, days-820) // the demo's authority gives 820 days
		ca, err := newAuthority(s.path("ca.pem"), made)
		if err == nil {
			err = ca.issue(s.path("server.pem"), s.path("server-key.pem"), x509.ExtKeyUsageServerAuth, []string{"bridge.example"}, nil, made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	issue(20)
	s.write("config.yaml", siteConfig+"wifi: {ssids: [a], server_names: [bridge.example], ca_file: ca.pem}\n")
	d := s.started(log)
	expiry := func() map[string]float64 { return metricByUse(t, d) }
	well := func() (ok, needed bool) {
		_, results := d.health.Ask(t.Context())
		for _, r := range results {
			if r.Name == "certificates" {
				return r.OK, r.Needed
			}
		}
		t.Fatal("no check of certificates")
		return false, false
	}
	if said := log.take(); strings.Count(said, "a certificate ends soon") != 1 || !strings.Contains(said, "use=tls") {
		t.Error(said)
	}
	if ok, needed := well(); ok || needed {
		t.Errorf("health: ok %v, needed %v", ok, needed)
	}
	old := expiry()
	if len(old) != 2 || old["wifi_ca"] < old["tls"] {
		t.Error(old)
	}
	issue(400)
	d.reload()
	if said := log.take(); strings.Contains(said, "ends soon") {
		t.Error(said)
	}
	if fresh := expiry(); fresh["tls"]-old["tls"] < 379*86400 {
		t.Errorf("%v, then %v", old, fresh)
	}
	// A faulty file changes nothing, and what is in force is what counts.
	issue(5)
	s.write("server-key.pem", "no key\n")
	d.reload()
	if fresh := expiry(); fresh["tls"]-old["tls"] < 379*86400 {
		t.Errorf("%v, then %v", old, fresh)
	}
}

// TestReloadOfAuthorities: a RadSec client is judged by the authority in force.
func TestReloadOfAuthorities(t *testing.T) {
	s := newSite(t)
	s.write("config.yaml", strings.Replace(siteConfig, "radius:", "radius:\n  client_ca_file: ca.pem", 1))
	d := s.started(io.Discard)
	// The demo's authority signs server certificates; they serve as a client's
	// once the usage is not asked about.
	shakes := func() error {
		client, server := net.Pipe()
		defer func() { _, _ = client.Close(), server.Close() }()
		config := d.tunnel()
		done := make(chan error, 1)
		go func() {
			fresh, err := config.GetConfigForClient(nil)
			if err == nil {
				err = tls.Server(server, verifying(fresh)).Handshake()
			}
			_ = server.Close()
			done <- err
		}()
		pair, err := tls.LoadX509KeyPair(s.path("server.pem"), s.path("server-key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		_ = tls.Client(client, &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true}).Handshake()
		_ = client.Close()
		return <-done
	}
	if err := shakes(); err != nil {
		t.Fatalf("a certificate of the authority: %v", err)
	}
	s.certificate() // another authority and its certificate
	if err := shakes(); err == nil {
		t.Error("a certificate of another authority is taken")
	}
	d.reload()
	if err := shakes(); err != nil {
		t.Errorf("a certificate of the new authority: %v", err)
	}
}

// verifying does what c says by hand, without asking for the usage.
func verifying(c *tls.Config) *tls.Config {
	own := c.Clone()
	own.ClientAuth = tls.RequireAnyClientCert
	own.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		leaf, err := x509.ParseCertificate(raw[0])
		if err != nil {
			return err
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: c.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err
	}
	return own
}

// TestEvents: what each notice of mos.ru comes to in the store.
func TestEvents(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		t.Fatal(errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	d := s.started(io.Discard)
	for i, c := range []struct {
		kind events.Kind
		want directory.State
	}{
		{events.PasswordChanged, directory.StateActive}, {events.Disabled, directory.StateSuspended},
		{events.Enabled, directory.StateActive}, {events.Removed, directory.StateSuspended},
	} {
		applied, err := changes{d}.ApplyChange(t.Context(), events.Change{ID: events.NewID(), At: time.Now(), Subject: "orlovami", Kind: c.kind})
		if err != nil || !applied {
			t.Fatalf("%s: %v, %v", c.kind, applied, err)
		}
		holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
		if err != nil || holder.State != c.want || holder.Epoch != uint64(i+2) {
			t.Errorf("after %s: state %d, epoch %d, %v", c.kind, holder.State, holder.Epoch, err)
		}
	}
}

// TestReloadBesideReaders is for the race detector.
func TestReloadBesideReaders(t *testing.T) {
	s := newSite(t)
	d := s.started(io.Discard)
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				d.health.Ready(httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz", nil))
				d.health.Need("again", func(context.Context) error { return nil }) // the last answer is not kept
				_, _, _ = d.cert.config(), d.clients.Load(), d.policy.Load()
			}
		})
	}
	for range 5 {
		d.reload()
	}
	close(stop)
	group.Wait()
}

// TestFailedStart: whatever fails is said, and given back.
func TestFailedStart(t *testing.T) {
	s := newSite(t)
	s.write("keys.json", `{"keys":[{}]}`)
	if d, err := s.daemon(io.Discard); err == nil || !strings.Contains(err.Error(), "keys.json") {
		t.Fatalf("a start without event keys gave %v, %v", d, err)
	}
	s.write("keys.json", keySet("one"))
	d, err := s.daemon(io.Discard) // the lock is free again
	if err != nil {
		t.Fatal(err)
	}
	d.close()
}
