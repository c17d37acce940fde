package soak

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/radiustest"
)

const (
	radiusSecret = "soak-secret"
	clientID     = "soak"
	serverName   = "bridge.school.example"
	ekis         = "000149"
	// confirmation is short, so that the run sees its end. Without a notice the
	// old password may open for so long.
	confirmation = 4 * time.Minute
	// locked is as short for the same reason: who guessed, and who showed old ones,
	// keeps strange devices out for so long, at mos.ru all of them.
	locked  = time.Minute
	openFor = 2 * time.Second // of the breaker
	spare   = 3               // for one person with an account, one of so many activates later
)

// school is everything around the daemon: its folder, mos.ru, the people.
type school struct {
	dir       string
	people    []*somebody
	mosru     *sim.Server
	authority *radiustest.Authority
	roots     *x509.CertPool
	fronts    []front  // of each daemon; mos.ru tells the first one
	url       string   // of mos.ru
	noticed   sync.Map // subject → func(time.Time), of the notice under way
	history   history
}

// front is where one daemon is met.
type front struct{ name, auth, acct, web, ldap string }

func (f front) config() string { return f.name + ".yaml" }

// inFile is the store of one daemon.
const inFile = "path: store.db"

// newSchool writes everything and starts mos.ru. Some people activate later. Several
// daemons share a store.
func newSchool(t *testing.T, people, later, daemons int, store string) *school {
	t.Helper()
	s := &school{dir: folder(t), authority: radiustest.NewAuthority(t)}
	s.roots = s.authority.Pool()
	for i := range people + later {
		s.people = append(s.people, newSomebody(i, i < people))
	}
	for i := range daemons {
		s.fronts = append(s.fronts, front{fmt.Sprintf("daemon%d", i), freeport.UDP(t), freeport.UDP(t), freeport.TCP(t), freeport.TCP(t)})
	}
	certificate, key := radiustest.PEM(t, s.authority.Issue(t, serverName, false, nil))
	s.put(t, certificate, "server.pem")
	s.put(t, key, "server-key.pem")
	s.put(t, radiusSecret, "radius-secret")
	s.put(t, "mosru-secret", "mosru-secret")
	s.startMosru(t)
	for i, f := range s.fronts {
		state := "." // where the file of a store lies
		if i > 0 {
			state = f.name
		}
		s.put(t, strings.NewReplacer("AUTH", f.auth, "ACCT", f.acct, "WEB", f.web, "LDAP", f.ldap, "MOSRU", s.url, "SCHOOL", ekis, "STORE", strings.ReplaceAll(store, "FRONT", f.name), "STATE", state, "DIR", s.dir,
			"CONFIRM", confirmation.String(), "LOCKED", locked.String(), "OPEN", openFor.String()).Replace(configuration), f.config())
	}
	must(t, s.registry())
	return s
}

const configuration = `state: STATE
store:
  STORE
  keyset_file: DIR/keyset.json
tls:
  certificate_file: server.pem
  key_file: server-key.pem
mosru:
  url: MOSRU
  client_id: soak
  client_secret_file: mosru-secret
  requests_per_second: 2000
  burst: 2000
  in_flight: 256
  breaker:
    open_for: OPEN
  events:
    issuer: MOSRU
    audience: soak
    keys_file: mosru-keys.json
    password_key_file: events.pem
    heartbeat: 5s
radius:
  authentication: ["AUTH"]
  accounting: ["ACCT"]
  clients:
    - name: access-points
      range: 127.0.0.0/8
      secret_file: radius-secret
      school: "SCHOOL"
      reject_delay: 200ms
ldap:
  base: dc=school,dc=example
  listen: ["LDAP"]
  plain_bind: loopback
auth:
  confirmation: CONFIRM
  confirmation_without_events: 1m
  failures_window: LOCKED
registry:
  ending_minimum: 100000
web:
  listen: WEB
log:
  format: text
`

func (s *school) put(t *testing.T, content string, name ...string) {
	t.Helper()
	must(t, s.write(content, name...))
}

func (s *school) write(content string, name ...string) error {
	file := filepath.Join(append([]string{s.dir}, name...)...)
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600))
}

// registry writes the staff as it is employed now.
func (s *school) registry() error {
	var kadry strings.Builder
	kadry.WriteString("id,fio,snils,school,start,end,position\n")
	for _, p := range s.people {
		end := ""
		if p.leaves() {
			end = person.DateOf(time.Now()).AddDays(-2).String()
		}
		fmt.Fprintf(&kadry, "k%05d,%s %s %s,%s,%s,2020-09-01,%s,учитель\n", p.n, p.profile.Last, p.profile.First, p.profile.Middle, p.profile.SNILS, ekis, end)
	}
	return errors.Join(s.write(kadry.String(), "registry", "kadry.csv"),
		s.write("ekis_id,name,founder,district\n"+ekis+",ГБОУ Школа № 149,ДОНМ,ЗАО\n", "registry", "schools.csv"))
}

// startMosru starts the simulator.
func (s *school) startMosru(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	s.put(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "events.pem")
	server := httptest.NewUnstartedServer(nil)
	s.url = "http://" + server.Listener.Addr().String()
	o := sim.Options{
		Issuer:  s.url,
		LockFor: locked,
		Clients: []sim.Client{{ID: clientID, Secret: "mosru-secret", PasswordGrant: true}},
		Events: sim.Events{Endpoint: "http://" + s.fronts[0].web + "/events/mosru", Audience: clientID, Interval: 2 * time.Second, First: 200 * time.Millisecond,
			PasswordKey: crypto.PublicKey(key.Public()), Client: &http.Client{Timeout: 20 * time.Second, Transport: witness{s}}},
	}
	for _, p := range s.people {
		o.Users = append(o.Users, sim.User{Profile: p.profile, Password: p.secrets[0].password})
	}
	s.mosru, err = sim.New(o)
	must(t, err)
	s.put(t, string(s.mosru.EventKeys()), "mosru-keys.json")
	server.Config.Handler = s.mosru
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	var pushing sync.WaitGroup
	pushing.Go(func() { s.mosru.Run(ctx) })
	t.Cleanup(func() { cancel(); pushing.Wait(); server.Close() })
}

// witness carries mos.ru's notices and sees which were taken: from then on the
// daemon's promise runs.
type witness struct{ s *school }

// RoundTrip implements http.RoundTripper.
func (w witness) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	token, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusAccepted {
		if done, ok := w.s.noticed.LoadAndDelete(subjectOf(string(token))); ok {
			done.(func(time.Time))(time.Now())
		}
	}
	return response, err
}

// subjectOf reads whom a token is about (RFC 9493), "" for a heartbeat.
func subjectOf(token string) identity.Subject {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		SubID struct {
			Sub identity.Subject `json:"sub"`
		} `json:"sub_id"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.SubID.Sub
}

// activateAll brings everybody in who has an account at the beginning.
func (s *school) activateAll(t *testing.T, d *daemon) {
	t.Helper()
	if out, err := d.command("registry", "import", filepath.Join(s.dir, "registry")); err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
	queue := make(chan *somebody)
	var eight sync.WaitGroup
	for range 8 {
		eight.Go(func() {
			for p := range queue {
				if err := s.activate(p); err != nil {
					t.Errorf("activation: %v", err)
				}
			}
		})
	}
	for _, p := range s.people {
		if p.early {
			queue <- p
		}
	}
	close(queue)
	eight.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// activate does what somebody does on the page.
func (s *school) activate(p *somebody) error {
	p.mu.Lock()
	password := p.current().password
	p.mu.Unlock()
	asked := event{deed: activate, who: p.n, begun: time.Now()}
	defer func() { s.history.add(asked) }()
	body, err := json.Marshal(map[string]string{"login": p.profile.Login, "password": string(password)})
	if err != nil {
		return err
	}
	response, err := http.Post("http://"+s.fronts[p.n%len(s.fronts)].web+"/api/activate", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ State, Problem, Login string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.State != "active" {
		return fmt.Errorf("%s %s", answer.State, answer.Problem)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = time.Now()
	asked.ended, asked.done, asked.account = p.active, true, answer.Login
	return nil
}

// tlsVersion alternates, as devices differ.
func tlsVersion(n int) uint16 {
	if n%2 == 0 {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}
