package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/person"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	radiuswire "schoolbridge/radiussrv/wire"
)

// faulty is a district in small, in which something is going to break: two
// schools with an access point each, mos.ru, Active Directory, a teacher, a pupil
// and a parent, and the daemon between them.
type faulty struct {
	site
	d          *daemon
	stop       func()
	auth, acct string
	mosru      *httptest.Server
	clock      time.Duration // by how much mos.ru's clock differs
	skew       atomic.Int64  // the same, while it runs
	adSkew     atomic.Int64  // and Active Directory's clock
	users      map[string]*sim.User
	registries map[string]string // file → text
	more       string            // of the configuration
	noAD       bool
	unsigned   bool         // the access points' requests
	oneDevice  bool         // radius.simultaneous
	deafen     func()       // the daemon hears of no change any more
	policy     simad.Policy // of Active Directory
	accounts   []simad.User // that it has
	adAddress  string
	stopAD     func()
	pages      *httptest.Server
}

const (
	hisPassword = "Sinica-2021-Dolgo"
	herSNILS    = "11223344595"
	otherSNILS  = "90000000182"
	kadryOf     = "id,fio,snils,school,start,end,position,phone,email,ezhd_login\n"
	pupilsOf    = "id,last,first,middle,birth_date,school,class,phone,email,status,merged_to\n"
	cardsOf     = "child,parent_fio,parent_snils,phone,email,school\n"
	herRow      = "k1,Орлова Мария Игоревна,112-233-445 95,49,2015-09-01,,учитель,89165550201,orlova@school.example,\n"
	hisRow      = "p1,Белов,Антон,Ильич,2010-05-06,49,5А,89165550204,,active,\n"
)

// newFaulty lays everything out as it should be; nothing runs yet.
func newFaulty(t *testing.T) *faulty {
	t.Helper()
	return &faulty{site: newSite(t), auth: freeport.UDP(t), acct: freeport.UDP(t), users: map[string]*sim.User{
		"orlovami": {Password: sitePassword, Profile: person.Profile{Subject: "s-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: herSNILS,
			SNILSConfirmed: true, Email: "orlova@mail.example", EmailVerified: true, Phone: "+79165550201", PhoneVerified: true, Trusted: true}},
		"belovas": {Password: hisPassword, Profile: person.Profile{Subject: "s-belov", Login: "belovas", Last: "Белов", First: "Антон", Middle: "Ильич",
			Phone: "+79165550204", PhoneVerified: true}},
		"smirnovao": {Password: hisPassword, Profile: person.Profile{Subject: "s-smirnova", Login: "smirnovao", Last: "Смирнова", First: "Ольга",
			Phone: "+79165550205", PhoneVerified: true}},
	}, registries: map[string]string{
		"schools.csv":    "ekis_id,nsi_id,name,founder,district\n49,1,ГБОУ Школа № 49,Департамент,ЮАО\n50,2,ГБОУ Школа № 50,Департамент,ЮАО\n",
		"kadry.csv":      kadryOf + herRow,
		"kontingent.csv": pupilsOf + hisRow,
		"zapis.csv":      cardsOf + "p1,Смирнова Ольга,,89165550205,,49\n",
	}}
}

// start makes the world of it and begins.
func (f *faulty) start() {
	f.t.Helper()
	f.startMosru()
	f.write("client-secret", "0123456789abcdef0123\n")
	text := fmt.Sprintf(`state: state
mosru:
  url: %s
  client_id: test
  client_secret_file: client-secret
  breaker: {failures: 3, open_for: 1s}
radius:
  authentication: [%q]
  accounting: [%q]
  clients:
    - {name: school-49, range: 127.0.0.1/32, secret_file: secret, school: "49", reject_delay: 0s}
    - {name: school-50, range: 127.0.0.2/32, secret_file: secret, school: "50", reject_delay: 0s}
tls: {certificate_file: server.pem, key_file: server-key.pem}
log: {format: text}
`, f.mosru.URL, f.auth, f.acct)
	if f.oneDevice {
		text = strings.Replace(text, "radius:\n", "radius:\n  simultaneous: {staff: 1}\n", 1)
	}
	if !f.noAD {
		text += f.startAD()
	}
	f.write("config.yaml", text+f.more)
	f.imports()
	f.begin()
}

func (f *faulty) begin() {
	f.t.Helper()
	var err error
	if f.d, err = f.daemon(io.Discard); err != nil {
		f.t.Fatal(err)
	}
	heard, end := context.WithCancel(f.t.Context())
	f.deafen = end
	i := slices.IndexFunc(f.d.services, func(s service) bool { return s.name == "directory" })
	reads := f.d.services[i].run
	f.d.services[i].run = func(ctx context.Context) error {
		hears, deaf := context.WithCancel(ctx)
		defer context.AfterFunc(heard, deaf)()
		err := reads(hears)
		<-ctx.Done()
		return err
	}
	f.stop = f.running(f.d)
	pages, err := f.d.pages(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.pages = httptest.NewServer(pages)
	f.t.Cleanup(f.pages.Close)
}

func (f *faulty) startMosru() {
	f.t.Helper()
	f.mosru = httptest.NewUnstartedServer(nil)
	var users []sim.User
	for _, login := range slices.Sorted(maps.Keys(f.users)) {
		users = append(users, *f.users[login])
	}
	m, err := sim.New(sim.Options{Issuer: "http://" + f.mosru.Listener.Addr().String(), Users: users,
		Clients: []sim.Client{{ID: "test", Secret: "0123456789abcdef0123", PasswordGrant: true}}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.mosru.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(f.clock+time.Duration(f.skew.Load())).UTC().Format(http.TimeFormat))
		m.ServeHTTP(w, r)
	})
	f.mosru.Start()
	f.t.Cleanup(f.mosru.Close)
}

// startAD starts a domain and gives its section of the configuration.
func (f *faulty) startAD() string {
	f.t.Helper()
	d, err := simad.NewDirectory(simad.Options{Base: siteDomain, AdminPassword: "Zhuravl-Admin-2021", Service: simad.User{Name: "bridge", Password: sitePass},
		Users: f.accounts, Policy: f.policy, Now: func() time.Time { return time.Now().Add(time.Duration(f.adSkew.Load())) }})
	if err != nil {
		f.t.Fatal(err)
	}
	pair, err := loadCertificate(f.path("server.pem"), f.path("server-key.pem"))
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := simad.NewServer(d, pair.config(), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stopped := false
	f.stopAD = func() {
		if !stopped {
			stopped = true
			if err := cmp.Or(server.Close(), <-done); err != nil {
				f.t.Error(err)
			}
		}
	}
	f.t.Cleanup(f.stopAD)
	f.adAddress = l.Addr().String()
	f.write("ad-secret", sitePass+"\n")
	return "ad:\n  server: ldaps://" + f.adAddress + "\n  ca_file: ca.pem\n  bind: bridge@obr.example\n  password_file: ad-secret\n  base: " + siteManaged +
		"\n  search_base: " + siteDomain + "\n  upn_suffix: obr.example\n"
}

// imports loads the registries as they are now.
func (f *faulty) imports() {
	f.t.Helper()
	args := []string{"registry", "import", "--config", f.path("config.yaml")}
	for _, name := range slices.Sorted(maps.Keys(f.registries)) {
		f.write(name, f.registries[name])
		args = append(args, f.path(name))
	}
	if out, errs, code := f.command(args...); code > exitFindings {
		f.t.Fatalf("import: %d %s %s", code, out, errs)
	}
}

// changes loads other registries, as the school repairs or spoils them.
func (f *faulty) changes(file, text string) {
	f.t.Helper()
	f.registries[file] = text
	f.imports()
}

// activates somebody on the page, and gives the problem that the answer names.
func (f *faulty) activates(login, password string) (problem string) {
	f.t.Helper()
	problem, _ = f.told(login, password)
	return problem
}

// told is what somebody who activates is told.
func (f *faulty) told(login, password string) (problem, message string) {
	f.t.Helper()
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		f.t.Fatal(err)
	}
	res, err := http.Post(f.pages.URL+"/api/activate", "application/json", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Problem, Message string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		f.t.Fatal(err)
	}
	return answer.Problem, answer.Message
}

// active activates somebody for whom all goes well, and waits until it has.
func (f *faulty) active(login, password string) {
	f.t.Helper()
	f.activates(login, password)
	if !eventually(func() bool {
		r := f.explained(login)
		return r.Person != "" && r.Account == "" && (f.noAD || len(r.Targets) == 1 && r.Targets[0].State == explain.TargetReady)
	}) {
		f.t.Fatalf("%s is not activated: %+v", login, f.explained(login).Targets)
	}
}

// known gives somebody an account without a password, as one that was made long
// ago.
func (f *faulty) known(login string, ref person.RecordRef) identity.PersonID {
	f.t.Helper()
	var id identity.PersonID
	f.inStore(func(db *store.DB) error {
		done, err := db.Accounts().Activate(f.t.Context(), person.Activation{Profile: f.users[login].Profile, Records: []person.RecordRef{ref},
			Login: identity.Login(login), Names: []person.Name{{Kind: person.NameMosru, Text: login}}}, time.Now())
		id = done.Person
		return err
	})
	if !eventually(func() bool { _, ok := f.d.people.Get(id); return ok }) {
		f.t.Fatal("the daemon does not see the account")
	}
	return id
}

// mos turns one of mos.ru's switches.
func (f *faulty) mos(path, body string) {
	f.t.Helper()
	res, err := http.Post(f.mosru.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %s", path, text)
	}
}

// inAD works as the domain's administrator.
func (f *faulty) inAD(do func(*ldap.Conn) error) {
	f.t.Helper()
	roots, err := certPool(f.path("ca.pem"))
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := ldap.DialURL("ldaps://"+f.adAddress, ldap.DialWithTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	if err := cmp.Or(c.Bind("cn=admin,"+siteDomain, "Zhuravl-Admin-2021"), do(c)); err != nil {
		f.t.Fatal(err)
	}
}

// setAD replaces an attribute of an account.
func (f *faulty) setAD(account, attribute, value string) {
	f.t.Helper()
	f.inAD(func(c *ldap.Conn) error {
		found, err := c.Search(ldap.NewSearchRequest(siteDomain, ldap.ScopeWholeSubtree, 0, 1, 0, false, "(sAMAccountName="+account+")", []string{"cn"}, nil))
		if err != nil || len(found.Entries) != 1 {
			return fmt.Errorf("no account %s: %w", account, err)
		}
		r := ldap.NewModifyRequest(found.Entries[0].DN, nil)
		r.Replace(attribute, []string{value})
		return c.Modify(r)
	})
}

// radius sends one Access-Request with a password from an address; without
// answered nobody waits for the answer.
func (f *faulty) radius(from, secret, login, password, device string, answered bool) {
	f.t.Helper()
	server, err := net.ResolveUDPAddr("udp", f.auth)
	if err != nil {
		f.t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, server)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	r := &radiuswire.Request{Code: radiuswire.AccessRequest, ID: 1, Authenticator: [16]byte{9, byte(time.Now().UnixNano())}}
	r.AddText(radiuswire.UserName, login)
	r.AddText(radiuswire.CallingStationID, device)
	r.AddText(radiuswire.CalledStationID, "02-10-A4-23-19-C0:School")
	if err := r.AddPassword([]byte(password), []byte(secret)); err != nil {
		f.t.Fatal(err)
	}
	r.Unsigned = f.unsigned
	b, err := r.Encode([]byte(secret))
	if err != nil {
		f.t.Fatal(err)
	}
	var answer [4096]byte
	for range 20 { // as a NAS does
		if _, err := conn.Write(b); err != nil {
			f.t.Fatal(err)
		}
		if !answered {
			return
		}
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		if _, err := conn.Read(answer[:]); err == nil {
			return
		}
	}
	f.t.Fatal("no answer")
}

// signsIn shows a password over the access point of school 49.
func (f *faulty) signsIn(login, password, device string) {
	f.t.Helper()
	f.radius("127.0.0.1", siteSecret, login, password, device, true)
}

// answers signs in without showing the password.
func (f *faulty) answers(login, password, device string) error {
	f.t.Helper()
	client := radiuswire.NewClient(f.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Tries: 10})
	defer client.Close()
	_, err := (&nas.Point{Calling: device}).MSCHAPv2(f.t.Context(), client.Line(), login, identity.Password(password))
	return err
}

// joins lets a device sign in by EAP.
func (f *faulty) joins(o eappeer.Options, device string) {
	f.t.Helper()
	client := radiuswire.NewClient(f.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Wait: 30 * time.Second})
	defer client.Close()
	peer, err := eappeer.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	defer peer.Close()
	_, _ = (&nas.Point{Calling: device}).EAP(f.t.Context(), client.Line(), peer, cmp.Or(o.Anonymous, o.Identity))
}

// asks explain over the standard input.
func (f *faulty) asks(lang, query string) (r explain.Report, text string, code int) {
	f.t.Helper()
	var out, errs, spoken bytes.Buffer
	code = dispatch(f.t.Context(), streams{strings.NewReader(query + "\n"), &out, &errs}, []string{"explain", "--config", f.path("config.yaml"), "--lang", lang, "--json", "-"})
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		f.t.Fatalf("explain: %d %s %s", code, out.String(), errs.String())
	}
	dispatch(f.t.Context(), streams{strings.NewReader(query + "\n"), &spoken, &errs}, []string{"explain", "--config", f.path("config.yaml"), "--lang", lang, "-"})
	return r, spoken.String(), code
}

// read gives a file's text.
func read(s site, name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// saw says that a sign-in of the teacher ended for a reason.
func (f *faulty) saw(reason identity.Reason) bool {
	r, _, _ := f.asks("en", "orlovami")
	return slices.ContainsFunc(r.SignIns, func(s explain.SignIn) bool { return s.Reason == reason })
}
