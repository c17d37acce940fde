//go:build peers && linux

package replicas

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/load"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv/wire"
)

// comeBack is how many devices of each kind come back again and again with tickets.
const comeBack = 500

const (
	secret = "bench-secret"
	folks  = "ou=people,dc=school,dc=example"
)

// configuration is each daemon's. What is not the default: bounds, since all comes from
// one address and mos.ru may be slow on a busy machine.
const configuration = `state: .
store:
  url_file: store-url
  keyset_file: %[1]s
  replica: %[2]s
mosru:
  url: %[3]s
  client_id: bench
  client_secret_file: mosru-secret
  timeout: 30s
  requests_per_second: 100000
  burst: 100000
  in_flight: 10000
  events: {issuer: "%[3]s", audience: bench, keys_file: mosru-keys.json, heartbeat: 5s}
web: {listen: "%[4]s"}
tls: {certificate_file: cert.pem, key_file: key.pem}
radius:
  authentication: ["%[5]s"]
  accounting: ["%[6]s"]
  clients:
    - {name: bench, range: 127.0.0.0/8, secret_file: radius-secret, school: "1001"}
  eap: {certificate_file: cert.pem, key_file: key.pem, conversations: 40000}
ldap:
  base: dc=school,dc=example
  listen: ["%[7]s"]
  plain_bind: loopback
  limits: {connections: 50000, per_source: 50000}
policy:
  rules:
    - {name: staff, roles: [staff], channels: [ldap, wifi], schools: any, allow: true}
`

// world is what all daemons share. Strangers are people who have not signed in yet, a
// different one each time.
type world struct {
	program, keyset string
	authority       *radiustest.Authority
	mosru           string
	mosruFiles      string
	events          *fan
	users           []load.User
	strangers       []load.User
}

// newWorld has active people, and as many strangers where there are so many people.
func newWorld(t *testing.T, dir string, active, people int) *world {
	keyset, err := filepath.Abs(filepath.Join(dir, "keyset.json"))
	stand.Must(t, err)
	w := &world{program: stand.Build(t), keyset: keyset, authority: radiustest.NewAuthority(t), mosruFiles: t.TempDir()}
	var known []sim.User
	for i := range min(2*active, people) {
		known = append(known, stand.User(i))
		u := load.User{Login: stand.Login(i), Password: stand.Password}
		if i < active {
			w.users = append(w.users, u)
		} else {
			w.strangers = append(w.strangers, u)
		}
	}
	w.events = newFan(t)
	w.mosru, _ = stand.Mosru(t, w.mosruFiles, w.events.address, known)
	return w
}

// fan stands where a city's balancer does and hands mos.ru's events to all daemons: each
// keeps confirmations only while it hears of changes itself.
type fan struct {
	address string
	mu      sync.Mutex
	to      []string
}

func newFan(t *testing.T) *fan {
	f := new(fan)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.address = server.Listener.Addr().String()
	return f
}

func (f *fan) add(web string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = append(f.to, web)
}

func (f *fan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token, err := io.ReadAll(r.Body)
	f.mu.Lock()
	to := slices.Clone(f.to)
	f.mu.Unlock()
	for _, web := range to {
		var answer *http.Response
		if answer, err = http.Post("http://"+web+r.URL.Path, r.Header.Get("Content-Type"), bytes.NewReader(token)); err != nil {
			continue // it has not started yet
		}
		_ = answer.Body.Close()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// replica is one daemon.
type replica struct {
	*world
	dir                string
	radius, acct, ldap string
	web                string
	process            *stand.Process
	launched           time.Time
}

func (b *bench) replica(t *testing.T, n int) *replica {
	host := stand.Loopback()
	at := func(network string) string { return net.JoinHostPort(host, stand.Port(t, network, host)) }
	r := &replica{world: b.world, dir: t.TempDir(), radius: at("udp"), acct: at("udp"), ldap: at("tcp"), web: at("tcp")}
	r.process = &stand.Process{Name: fmt.Sprintf("daemon %d", n+1)}
	certificate, key := radiustest.PEM(t, b.authority.Issue(t, radiustest.ServerName, false, nil))
	for name, text := range map[string]string{"cert.pem": certificate, "key.pem": key, "radius-secret": secret, "store-url": b.address, "mosru-secret": "bench",
		"config.yaml": fmt.Sprintf(configuration, b.keyset, fmt.Sprint("replica", n), b.mosru, r.web, r.radius, r.acct, r.ldap)} {
		stand.Write(t, filepath.Join(r.dir, name), text)
	}
	stand.Copy(t, filepath.Join(b.mosruFiles, "mosru-keys.json"), filepath.Join(r.dir, "mosru-keys.json"))
	return r
}

func (r *replica) start(t *testing.T) (stop func()) {
	r.events.add(r.web)
	r.launched = time.Now()
	r.process.Pid, stop = stand.Launch(t, r.dir, r.program)
	r.process.Whole = func() error { return stand.Audited(r.web) }
	return stop
}

// firstSignIn asks again and again until somebody is let in, and says how long that took
// since the start.
func (r *replica) firstSignIn(t *testing.T) string {
	t.Helper()
	client := wire.NewClient(r.radius, wire.ClientOptions{Secret: []byte(secret), Wait: 100 * time.Millisecond, Tries: 1})
	defer client.Close()
	point := nas.Point{Identifier: "bench"}
	for {
		_, err := point.PAP(t.Context(), client.Line(), r.users[0].Login, r.users[0].Password)
		took := time.Since(r.launched)
		if err == nil {
			return fmt.Sprintf("%.1f s to the first sign-in, %.1f s of CPU, %d MiB resident at most", took.Seconds(), r.process.Used(t).Seconds(), r.process.Peak(t))
		}
		if took > 30*time.Minute || r.process.Gone() {
			said, _ := os.ReadFile(filepath.Join(r.dir, "log"))
			t.Fatalf("nobody comes in: %v; the daemon said:\n%s", err, said)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// kind is a way to sign in, with its share of all.
type kind struct {
	name    string
	share   float64
	method  string // of probe; "": LDAP
	eap     eappeer.Method
	resumed bool
	fresh   bool // somebody who has not signed in here before: mos.ru is asked
}

// kinds are a city's morning. Most devices come back with a ticket; a board or a room's
// computer binds; what comes by PAP is a controller's own page.
var kinds = []kind{
	{name: "TTLS resumed", share: 0.30, method: probe.EAPMethod, eap: eappeer.TTLSPAP, resumed: true},
	{name: "PEAP resumed", share: 0.20, method: probe.EAPMethod, eap: eappeer.PEAPMSCHAPv2, resumed: true},
	{name: "TTLS full", share: 0.02, method: probe.EAPMethod, eap: eappeer.TTLSPAP},
	{name: "MS-CHAPv2", share: 0.08, method: probe.MSCHAPv2},
	{name: "PAP", share: 0.10, method: probe.PAP},
	{name: "PAP, mos.ru is asked", share: 0.01, method: probe.PAP, fresh: true},
	{name: "LDAP bind", share: 0.20},
	{name: "session (3 records)", share: 0.09, method: probe.Accounting},
}

// target makes what asks a daemon for a kind.
func (w *world) target(t *testing.T, k kind, r *replica, n int) (do func(context.Context, uint64) load.Sample, done func()) {
	t.Helper()
	users, first := w.users, uint64(0)
	if k.fresh && len(w.strangers) > 1 {
		users = w.strangers
	}
	if k.fresh || k.method == probe.Accounting { // a device is at one place at a time
		half := len(users) / 2
		users, first = users[n*half:(n+1)*half], uint64(n*half)
	}
	if k.method == "" {
		l, err := load.NewLDAP(load.LDAPOptions{Server: r.ldap, Work: load.LDAPBind, Users: users, Base: folks, UserDN: "uid={login}," + folks})
		stand.Must(t, err)
		return l.Do, l.Close
	}
	o := load.RADIUSOptions{Server: r.radius, Client: wire.ClientOptions{Secret: []byte(secret), Lines: 4, Wait: 5 * time.Second, Tries: 3},
		Point: nas.Point{Identifier: "bench", Called: "02-10-A4-23-19-C0:School"}, Method: k.method, Users: users, Device: first,
		EAP: eappeer.Options{Method: k.eap, Roots: w.authority.Pool(), ServerName: radiustest.ServerName, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}}
	if k.method == probe.Accounting {
		if o.Server = r.acct; *moves {
			o.Device = 0
		}
	}
	if k.resumed {
		o.Resume, o.EAP.Apart = 1, true
		o.Users = users[:min(len(users), comeBack)]
	}
	l, err := load.NewRADIUS(o)
	stand.Must(t, err)
	if k.resumed { // everybody gets a ticket
		_, err := load.Run(t.Context(), load.Options{Concurrency: 16, Duration: time.Hour, Count: uint64(len(o.Users))}, l.Do)
		stand.Must(t, err)
	}
	return l.Do, l.Close
}

// warm has everybody active sign in once, so that mos.ru need not be asked.
func (b *bench) warm(t *testing.T, r *replica) {
	t.Helper()
	do, done := b.target(t, kind{method: probe.PAP}, r, 0)
	defer done()
	before, began := b.used(t), time.Now()
	report, err := load.Run(t.Context(), load.Options{Concurrency: 32, Duration: time.Hour, Count: uint64(len(b.users))}, do)
	stand.Must(t, err)
	words, _ := b.used(t).since(before, report.Ended)
	t.Logf("%s: %d first sign-ins in %v; %s; %v", r.process.Name, report.Ended, time.Since(began).Round(time.Millisecond), words, report.Outcomes)
}
