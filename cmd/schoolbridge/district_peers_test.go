//go:build peers

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// district is an installation to be judged: a real Active Directory, a wire to it
// that a test can cut, a simulated mos.ru, a registry and the built program as
// the daemon. Everybody in it is invented.
type district struct {
	program string
	folder  demoFolder
	web     string // the daemon's address
	names   string // what ad.names of the configuration says; "": nothing
	store   string // the section of the configuration; "": a file in its folder
	dc      *adtest.DC
	admin   *ldapclient.Client
	wire    *wire
	mosru   *sim.Server
	db      *store.DB // beside the daemon, as a command has it

	life   sync.Mutex // of daemon
	daemon *process   // the last one that was started
	lives  []*process // all of them

	people []*someone
	used   int
}

// someone is a person of the district.
type someone struct {
	login, last, first, middle, snils, phone string
	record                                   person.RecordRef
	role, school                             string
	end                                      string // of the employment
	ezhd                                     string // ЭЖД login
	namesake                                 bool   // of others in the district
	password                                 identity.Password
	id                                       identity.PersonID // once activated
}

func (p *someone) fio() string { return p.last + " " + p.first + " " + p.middle }
func (p *someone) upn() string { return p.login + "@zao.obr.mos.ru" }
func (p *someone) group() string {
	return "CN=" + p.role + "-" + p.school + ",OU=Groups," + adtest.Managed
}
func (p *someone) unit() string {
	return "OU=" + p.role + ",OU=" + p.school + "," + adtest.Managed
}

const (
	districtPeople    = 420
	districtSchools   = 40 // the first so many people are alone in theirs
	districtNamesakes = 50
	districtPupil     = districtPeople - districtNamesakes - 1
	districtSchool    = "49"
	districtTimeout   = "2s"
)

// newSomeone invents the person of a number.
func newSomeone(i int) *someone {
	syllables := []string{"ба", "ве", "ги", "до", "жу", "ла", "ме", "ни", "ро", "су"}
	nine := fmt.Sprintf("9%08d", 7*i+1)
	sum := 0
	for k, d := range nine {
		sum += (9 - k) * int(d-'0')
	}
	p := &someone{
		login: fmt.Sprintf("zhilec%03d", i), last: "Зу" + syllables[i/100] + syllables[i/10%10] + syllables[i%10] + "нов",
		first: "Тихон", middle: "Лукич", snils: fmt.Sprintf("%s%02d", nine, sum%101%100), phone: fmt.Sprintf("+7000100%04d", i),
		record: person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(fmt.Sprintf("k%03d", i))},
		role:   "staff", school: districtSchool, password: identity.Password(fmt.Sprintf("Snegir-%d-2021", i)),
	}
	switch {
	case i < districtSchools:
		p.school = fmt.Sprint(100 + i)
	case i == districtPupil:
		p.role, p.record.Kind = "pupil", person.RecordEnrolment
	case i > districtPupil:
		p.last, p.namesake = "Однофамильцев", true
	}
	return p
}

// newDistrict makes everything but starts no daemon.
func newDistrict(t *testing.T) *district {
	t.Helper()
	return newDistrictOn(t, "")
}

// newDistrictOn makes one with a store of the configuration's own section; "": a file.
func newDistrictOn(t *testing.T, storeSection string) *district {
	t.Helper()
	s := &district{dc: adtest.Start(t, adtest.Options{}), store: storeSection}
	for i := range districtPeople {
		s.people = append(s.people, newSomeone(i))
	}
	s.found(t)
	return s
}

// found makes the rest of a district that has people and a domain controller.
func (s *district) found(t *testing.T) {
	t.Helper()
	s.program, s.folder = buildProgram(t), demoFolder(t.TempDir())
	s.admin = s.dc.Client(s.dc.Options())
	s.wire = newWire(t, s.dc.Address, "636")
	free, err := net.Listen("tcp", net.JoinHostPort(s.dc.Address, "0"))
	s.must(t, err)
	s.web = free.Addr().String()
	s.must(t, free.Close())
	s.startMosru(t)
	s.write(t, districtTimeout)
	s.furnish(t)
	if out, err := s.command("registry", "import", s.folder.path("registry")); err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
	s.db, err = openStore(t.Context(), loaded(t, s.folder.config()), store.Options{})
	s.must(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	t.Cleanup(func() { s.stop() })
}

func (*district) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *district) startMosru(t *testing.T) {
	key, err := newEventKey()
	s.must(t, err)
	s.put(t, key, "secrets", "events")
	events, err := readEventKey(s.folder.path("secrets", "events"))
	s.must(t, err)
	server := httptest.NewUnstartedServer(nil)
	o := sim.Options{
		Issuer:  "http://" + server.Listener.Addr().String(),
		Clients: []sim.Client{{ID: demoClientID, Secret: "mosru-secret", PasswordGrant: true}},
		Events: sim.Events{Endpoint: "http://" + s.web + "/events/mosru", Audience: demoClientID, Interval: 5 * time.Second,
			First: 100 * time.Millisecond, PasswordKey: events.Public()},
	}
	for _, p := range s.people {
		for _, account := range []*someone{p, p.anew()} {
			o.Users = append(o.Users, sim.User{Password: account.password, Profile: person.Profile{
				Subject: identity.Subject("sub-" + account.login), Login: account.login, Last: p.last, First: p.first, Middle: p.middle, SNILS: p.snils,
				SNILSConfirmed: true, Phone: p.phone, PhoneVerified: true, Trusted: true}})
		}
	}
	s.mosru, err = sim.New(o)
	s.must(t, err)
	s.put(t, s.mosru.EventKeys(), "mosru-keys.json")
	server.Config.Handler = s.mosru
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	var pushing sync.WaitGroup
	pushing.Go(func() { s.mosru.Run(ctx) })
	t.Cleanup(func() { cancel(); pushing.Wait(); server.Close() })
	s.put(t, []byte(server.URL), "mosru-url")
}

func (s *district) put(t *testing.T, content []byte, path ...string) {
	t.Helper()
	file := s.folder.path(path...)
	s.must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	s.must(t, os.WriteFile(file, content, 0o600))
}

// write writes configuration and registry; timeout is that of one request to
// Active Directory.
func (s *district) write(t *testing.T, timeout string) {
	t.Helper()
	s.put(t, []byte("mosru-secret"), "secrets", "mosru")
	s.put(t, []byte(adtest.ServicePassword), "secrets", "ad")
	mosru, err := os.ReadFile(s.folder.path("mosru-url"))
	s.must(t, err)
	s.put(t, []byte(strings.NewReplacer("WEB", s.web, "MOSRU", string(mosru), "CLIENT", demoClientID, "AD", s.wire.Addr().String(),
		"STORE", s.store, "AUTHORITY", s.dc.CAFile, "BIND", adtest.ServiceDN, "MANAGED", adtest.Managed, "DOMAIN", adtest.Base, "TIMEOUT", timeout, "NAMES", s.names).Replace(`state: .
STORE
mosru:
  url: MOSRU
  client_id: CLIENT
  client_secret_file: secrets/mosru
  events:
    issuer: MOSRU
    audience: CLIENT
    keys_file: mosru-keys.json
    password_key_file: secrets/events
ad:
  server: ldaps://AD
  ca_file: AUTHORITY
  bind: BIND
  password_file: secrets/ad
  base: MANAGED
  search_base: DOMAIN
  groups: ["CN={role}-{school},OU=Groups"]
  timeout: TIMEOUT
  disable_minimum: 1000
  names: {NAMES}
policy:
  rules:
    - name: everybody
      roles: [staff, pupil]
      channels: [ldap, web]
      schools: any
      allow: true
web:
  listen: WEB
`)), "config.yaml")
	var schools, kadry, kontingent strings.Builder
	schools.WriteString("ekis_id,name,founder,district\n")
	kadry.WriteString("id,fio,snils,school,start,end,position,ezhd_login\n")
	kontingent.WriteString("id,last,first,middle,birth_date,school,class,phone,status\n")
	var known []string
	for _, p := range s.people {
		if !slices.Contains(known, p.school) {
			known = append(known, p.school)
			fmt.Fprintf(&schools, "%s,ГБОУ Школа № %s,ДОНМ,ЗАО\n", p.school, p.school)
		}
		if p.role == "pupil" {
			fmt.Fprintf(&kontingent, "%s,%s,%s,%s,2010-03-04,%s,9А,%s,active\n", p.record.ID, p.last, p.first, p.middle, p.school, p.phone)
			continue
		}
		fmt.Fprintf(&kadry, "%s,%s,%s,%s,2020-09-01,%s,учитель,%s\n", p.record.ID, p.fio(), p.snils, p.school, p.end, p.ezhd)
	}
	s.put(t, []byte(schools.String()), "registry", "schools.csv")
	s.put(t, []byte(kadry.String()), "registry", "kadry.csv")
	s.put(t, []byte(kontingent.String()), "registry", "kontingent.csv")
}

// furnish makes what the directory's administrator makes: the groups, and a
// unit with the accounts that people had before.
func (s *district) furnish(t *testing.T) {
	t.Helper()
	for _, name := range []string{"Groups", "Old"} {
		s.must(t, s.admin.Add(t.Context(), "OU="+name+","+adtest.Managed, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")}))
	}
	made := map[string]bool{}
	for _, p := range s.people {
		if made[p.group()] {
			continue
		}
		made[p.group()] = true
		s.must(t, s.admin.Add(t.Context(), p.group(), []ldapclient.Attribute{
			ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", p.role+"-"+p.school)}))
	}
}

// next gives somebody who did not activate yet.
func (s *district) next(t *testing.T) *someone {
	t.Helper()
	if s.used >= districtPupil {
		t.Fatal("the district has no people left")
	}
	s.used++
	return s.people[s.used-1]
}

// nextOf is next among those of the large school.
func (s *district) nextOf(t *testing.T, n int) []*someone {
	t.Helper()
	s.used = max(s.used, districtSchools)
	var list []*someone
	for range n {
		list = append(list, s.next(t))
	}
	return list
}

// command runs one of the program's commands; findings are no error.
func (s *district) command(words ...string) (string, error) {
	out, err := exec.Command(s.program, append(words, "--config", s.folder.config())...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitFindings {
		err = nil
	}
	return string(out), err
}

// process is one life of the daemon.
type process struct {
	*exec.Cmd
	log  diary
	done chan struct{} // closed when it ended
}

// diary is what a process says.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *diary) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *diary) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.done
}

// launch starts the daemon.
func (s *district) launch(t *testing.T) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(s.program, "serve", "--config", s.folder.config()), done: make(chan struct{})}
	p.Stderr = &p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.life.Lock()
	defer s.life.Unlock()
	s.must(t, p.Start())
	go func() {
		_ = p.Wait()
		close(p.done)
	}()
	s.daemon, s.lives = p, append(s.lives, p)
	return p
}

// kill ends the daemon as a power cut would.
func (s *district) kill() {
	s.life.Lock()
	defer s.life.Unlock()
	s.daemon.kill()
}

// ready says whether a daemon answers; false too where it ended.
func (s *district) ready(p *process) bool {
	return until(waitLimit, func() bool {
		return p.ended() || strings.Contains(p.log.String(), `"msg":"ready"`)
	}) && !p.ended()
}

// run makes sure that a daemon runs.
func (s *district) run(t *testing.T) {
	t.Helper()
	if s.daemon != nil && !s.daemon.ended() {
		return
	}
	if p := s.launch(t); !s.ready(p) {
		p.kill()
		t.Fatalf("the daemon does not start:\n%s", p.log.String())
	}
}

// stop ends the daemon in peace.
func (s *district) stop() {
	if s.daemon == nil {
		return
	}
	_ = s.daemon.Process.Signal(syscall.SIGTERM)
	if !until(20*time.Second, s.daemon.ended) {
		s.daemon.kill()
	}
}

// until polls a condition: what is watched are other processes.
func until(limit time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// answer is what the interface of activation says.
type answer struct {
	State    string            `json:"state"`
	Login    string            `json:"login"`
	Logins   map[string]string `json:"logins"`
	Targets  map[string]string `json:"targets"`
	Problems []string          `json:"problems"`
	Problem  string            `json:"problem"`
}

// A connection of its own for each request: nobody repeats one that was lost.
var districtHTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}

// activate is POST /api/activate.
func (s *district) activate(p *someone) (answer, error) {
	typed, err := json.Marshal(map[string]string{"login": p.login, "password": string(p.password)})
	if err != nil {
		return answer{}, err
	}
	return ask(http.NewRequest(http.MethodPost, "http://"+s.web+"/api/activate", bytes.NewReader(typed)))
}

// progress is GET /api/activate/LOGIN.
func (s *district) progress(p *someone) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.web+"/api/activate/"+p.login, nil)
	if err == nil {
		r.SetBasicAuth(p.login, string(p.password))
	}
	return ask(r, err)
}

func ask(r *http.Request, err error) (a answer, _ error) {
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := districtHTTP.Do(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	return a, json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&a)
}

// known says whether the store knows the person's account, and notes the id.
func (s *district) known(t *testing.T, p *someone) bool {
	t.Helper()
	h, err := s.db.Accounts().Find(t.Context(), p.login)
	if errors.Is(err, identity.ErrNotFound) {
		return false
	}
	s.must(t, err)
	p.id = h.Person
	return true
}

// status is the person's row in the store; false: there is none yet.
func (s *district) status(t *testing.T, p *someone) (provision.Status, bool) {
	t.Helper()
	if !s.known(t, p) {
		return provision.Status{}, false
	}
	list, err := s.db.Targets().Status(t.Context(), p.id)
	s.must(t, err)
	if len(list) != 1 {
		return provision.Status{}, false
	}
	return list[0], true
}

// settled says that the row is as it should be and nothing is left to do.
func (s *district) settled(t *testing.T, p *someone) bool {
	t.Helper()
	status, ok := s.status(t, p)
	return ok && status.Ready && !status.Pending && !status.Waiting && status.Enabled == (p.end == "")
}

// await waits until everybody is settled and says how long that took.
func (s *district) await(t *testing.T, limit time.Duration, people ...*someone) time.Duration {
	t.Helper()
	began := time.Now()
	for _, p := range people {
		if !until(limit-time.Since(began), func() bool { return s.settled(t, p) }) {
			status, ok := s.status(t, p)
			t.Fatalf("%s is not settled after %v: %v %+v\n%s", p.login, limit, ok, status, s.daemon.log.String())
		}
	}
	return time.Since(began)
}

// objects finds all that could be the person's, anywhere in the domain.
func (s *district) objects(t *testing.T, p *someone) []ldapclient.Entry {
	t.Helper()
	filter := fmt.Sprintf("(|(sAMAccountName=%s)(employeeNumber=%s)(userPrincipalName=%s)(cn=%s)", p.login, p.id, p.upn(), p.login)
	if !p.namesake {
		filter += "(displayName=" + p.fio() + ")"
	}
	found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub, Filter: filter + ")"})
	s.must(t, err)
	return found
}

// judge holds the end state of one person: exactly one object, whole, in the
// right place, whose password is that of mos.ru, and no other.
func (s *district) judge(t *testing.T, p *someone, others ...identity.Password) ldapclient.Entry {
	t.Helper()
	o := s.account(t, p, others...)
	s.whole(t)
	return o
}

func (s *district) account(t *testing.T, p *someone, others ...identity.Password) ldapclient.Entry {
	t.Helper()
	found := s.objects(t, p)
	if len(found) != 1 {
		t.Fatalf("%s has %d objects", p.login, len(found))
	}
	o := found[0]
	control, groups := "66048", []string{p.group()} // normal, its password does not expire
	if p.end != "" {
		control, groups = "66050", nil
	}
	for name, want := range map[string]string{
		"sAMAccountName": p.login, "employeeNumber": p.id.String(), "displayName": p.fio(), "sn": p.last, "userPrincipalName": p.upn(), "userAccountControl": control,
	} {
		if got := o.Text(name); got != want {
			t.Errorf("%s: %s is %q, want %q", p.login, name, got, want)
		}
	}
	if _, parent, _ := strings.Cut(o.DN, ","); !ldapclient.SameDN(parent, p.unit()) {
		t.Errorf("%s lies in %s", p.login, parent)
	}
	if got := o.Texts("memberOf"); !slices.Equal(got, groups) {
		t.Errorf("%s is in %q, want %q", p.login, got, groups)
	}
	err := s.dc.Bind(p.upn(), p.password)
	if p.end == "" && err != nil || p.end != "" && !errors.Is(err, ldapclient.ErrCredentials) {
		t.Errorf("%s signs in: %v", p.login, err)
	}
	for _, other := range others {
		if err := s.dc.Bind(p.upn(), other); !errors.Is(err, ldapclient.ErrCredentials) {
			t.Errorf("%s signs in with a password that is not that of mos.ru: %v", p.login, err)
		}
	}
	return o
}

// whole holds the audit trail.
func (s *district) whole(t *testing.T) {
	t.Helper()
	if err := s.db.Audit().Verify(t.Context(), nil); err != nil {
		t.Errorf("the audit trail: %v", err)
	}
}

// discreet holds what the daemons said in all their lives: they did not break,
// and told nothing of anybody.
func (s *district) discreet(t *testing.T) {
	t.Helper()
	for _, life := range s.lives {
		said := life.log.String()
		secrets := []string{"panic", "DATA RACE", "Snegir-", "Sinica-", "Zimorodok-", "Staraya-", string(adtest.ServicePassword), s.people[0].first}
		for _, secret := range secrets {
			if strings.Contains(said, secret) {
				t.Errorf("a daemon's log holds %q", secret)
			}
		}
	}
	t.Logf("%d daemons", len(s.lives))
}

// renew changes the person's password at mos.ru, whose event brings it.
func (s *district) renew(t *testing.T, p *someone) (old identity.Password) {
	t.Helper()
	old, p.password = p.password, identity.Password("Sinica-"+rand.Text()[:8]+"-2022")
	s.must(t, s.mosru.SetPassword(p.login, p.password, sim.DeliverNow, 0))
	return old
}
