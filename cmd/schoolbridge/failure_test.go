package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/person"
	radiuswire "schoolbridge/radiussrv/wire"
)

// What an administrator is told of the troubles in docs/administrator: each
// leaves others alone, and shows in the metrics and in explain. A store that is
// gone is tried in bench/soak, with a daemon of its own.

// troubled is a daemon for two access points, at 127.0.0.1 and 127.0.0.2, and
// three people.
type troubled struct {
	site
	d      *daemon
	stop   func()
	auth   string
	acct   string
	mosru  string // address of the simulator
	client *radiuswire.Client
	log    *logged
}

const (
	hers      = "Snegir-2021"
	herPhone  = "02-00-00-00-00-01"
	herLaptop = "02-00-00-00-00-02"
	stranger1 = "02-00-00-00-00-99"
)

// newcomers, by invented СНИЛС, have no account yet.
var newcomers = []string{"987-654-321 83", "987-654-328 90", "987-654-335 89", "987-654-342 88"}

// more is added to the configuration.
func newTroubled(t *testing.T, more ...string) *troubled {
	t.Helper()
	s := &troubled{site: newSite(t), log: &logged{}}
	s.auth, s.acct = freeport.UDP(t), freeport.UDP(t)
	s.write("config.yaml", fmt.Sprintf(`state: state
mosru:
  url: http://127.0.0.1:1
  client_id: test
  breaker: {failures: 3, open_for: 1s}
radius:
  authentication: [%q]
  accounting: [%q]
  eap: {conversations: 100}
  clients:
    - {name: school-49, range: 127.0.0.1/32, secret_file: secret, school: "49", reject_delay: 0s}
    - {name: school-50, range: 127.0.0.2/32, secret_file: secret, school: "49", reject_delay: 0s}
tls: {certificate_file: server.pem, key_file: server-key.pem}
log: {format: text}
`, s.auth, s.acct)+strings.Join(more, ""))
	logins := []string{"orlovami", "belovas", "evann"}
	var users []sim.User
	var kadry strings.Builder
	kadry.WriteString("id,fio,school,start,snils\n")
	for i, snils := range newcomers {
		users = append(users, sim.User{Profile: person.Profile{Subject: identity.Subject(fmt.Sprint("newcomer", i)), Login: fmt.Sprint("newcomer", i), Last: "Новикова", First: "Вера",
			SNILS: strings.NewReplacer("-", "", " ", "").Replace(snils), SNILSConfirmed: true, Trusted: true}, Password: hers})
		fmt.Fprintf(&kadry, "n%d,Новикова Вера,49,2015-09-01,%s\n", i, snils)
	}
	for i, login := range logins {
		users = append(users, sim.User{Profile: person.Profile{Subject: identity.Subject(login), Login: login, Last: "Смирнова", First: "Ольга"}, Password: hers})
		fmt.Fprintf(&kadry, "k%d,Смирнова Ольга Игоревна,49,2015-09-01,\n", i)
	}
	s.site.mosru(users...)
	s.mosru = string(loaded(t, s.path("config.yaml")).Mosru.URL)
	s.write("kadry.csv", kadry.String())
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	for i, login := range logins {
		s.activate(login, true, person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(fmt.Sprintf("k%d", i))})
	}
	s.d, s.stop = s.stoppable(s.log)
	s.client = radiuswire.NewClient(s.auth, radiuswire.ClientOptions{Secret: []byte(siteSecret), Lines: 4, Tries: 10})
	t.Cleanup(s.client.Close)
	return s
}

func (s *troubled) point(device string) *nas.Point {
	return &nas.Point{Calling: device, Called: "02-10-A4-23-19-C0:School"}
}

// pap signs in with a password and says whether it was accepted, and whether
// the refusal says that it may be tried later.
func (s *troubled) pap(login, password, device string) (accepted, later bool) {
	s.t.Helper()
	result, err := s.point(device).PAP(s.t.Context(), s.client.Line(), login, identity.Password(password))
	if result.Reply == nil {
		s.t.Fatalf("no answer: %v", err)
	}
	return err == nil, strings.Contains(result.Reply.Text(radiuswire.ReplyMessage), "повторите позже")
}

func (s *troubled) opens(login, password, device string) {
	s.t.Helper()
	if ok, _ := s.pap(login, password, device); !ok {
		s.t.Errorf("%s is not let in on %s", login, device)
	}
}

// switches turns one of the simulator's, or reads what it counts.
func (s *troubled) switches(method, path, body string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.mosru+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s", path, res.Status, text)
	}
	return string(text)
}

// metric adds up what a metric says where its labels have these values.
func (s *troubled) metric(name string, labels ...string) (sum float64) {
	s.t.Helper()
	families, err := s.d.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			has := func(value string) bool {
				return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetValue() == value })
			}
			if !slices.ContainsFunc(labels, func(l string) bool { return !has(l) }) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// shows waits until explain lists so many attempts of a device that ended for a
// reason, and says what to do about it.
func (s *troubled) shows(login, device string, reason identity.Reason, times int) {
	s.t.Helper()
	device = strings.ToLower(strings.ReplaceAll(device, "-", ":"))
	found := 0
	if !eventually(func() bool {
		found = 0
		for _, a := range s.explained(login).SignIns {
			if a.Device == device && a.Reason == reason {
				found++
			}
		}
		return found >= times
	}) {
		s.t.Errorf("explain %s shows %d attempts of %s with %s, want %d", login, found, device, reason, times)
	}
	if advice, ok := explain.AdviceFor(explain.Russian, reason); !ok || advice.Remedy == "" {
		s.t.Errorf("%s has no advice", reason)
	}
}

func eventually(done func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}

// mos.ru answers too late, and then not at all: who signed in lately goes on,
// others hear "not now", and all is well again by itself.
func TestMosRuSlowAndGone(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"slow": "/sim/latency?ms=20000", "gone": "/sim/outage?mode=drop"} {
		t.Run(name, func(t *testing.T) {
			s := newTroubled(t)
			s.opens("orlovami", hers, herPhone)
			s.switches(http.MethodPost, path, "")
			for range 4 {
				if ok, later := s.pap("belovas", hers, stranger1); ok || !later {
					t.Errorf("somebody not seen before: accepted %v, told to come later %v", ok, later)
				}
				s.opens("orlovami", hers, herPhone)
			}
			if s.metric("schoolbridge_auth_verdicts_total", "wifi", "unavailable", string(identity.ReasonUpstreamDown)) != 4 ||
				s.metric("schoolbridge_mosru_requests_total", "unreachable") == 0 || !eventually(func() bool {
				s.pap("belovas", hers, stranger1)
				return s.metric("schoolbridge_mosru_breaker_state") == 2
			}) {
				t.Error("the metrics do not show that mos.ru is away")
			}
			s.shows("belovas", stranger1, identity.ReasonUpstreamDown, 4)
			s.switches(http.MethodPost, "/sim/latency?ms=0", "")
			s.switches(http.MethodPost, "/sim/outage?mode=off", "")
			if !eventually(func() bool { return s.metric("schoolbridge_mosru_breaker_state") == 0 }) {
				t.Error("mos.ru is back, and while nobody signs in the metric says that it is not")
			}
			if !eventually(func() bool { ok, _ := s.pap("belovas", hers, herLaptop); return ok }) {
				t.Error("mos.ru is back, and nobody notices")
			}
		})
	}
}

// Somebody behind one access point tries passwords of one teacher, and names:
// she goes on with her own devices, her city account is not locked.
func TestOneSourceGuesses(t *testing.T) {
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	for n := range 60 {
		if ok, _ := s.pap("orlovami", fmt.Sprintf("guess-%d", n), stranger1); ok {
			t.Fatal("a guess is right")
		}
		if ok, _ := s.pap(fmt.Sprintf("nobody%d", n), "guess", stranger1); ok {
			t.Fatal("nobody is let in")
		}
	}
	s.opens("orlovami", hers, herPhone)
	s.switches(http.MethodPost, "/sim/latency?ms=0", "")
	if asked := s.switches(http.MethodGet, "/sim/requests", ""); !strings.Contains(asked, `"orlovami":{"sign_ins":4,`) {
		t.Errorf("mos.ru was asked otherwise than once and for three guesses: %s", asked)
	}
	if wrong, throttled := s.metric("schoolbridge_auth_verdicts_total", string(identity.ReasonWrongPassword)),
		s.metric("schoolbridge_auth_verdicts_total", string(identity.ReasonThrottled)); wrong != 3 || throttled != 57 {
		t.Errorf("the metrics show %v wrong passwords and %v throttled", wrong, throttled)
	}
	s.shows("orlovami", stranger1, identity.ReasonThrottled, 57)
	s.shows("orlovami", stranger1, identity.ReasonWrongPassword, 3)
	s.opens("belovas", hers, herLaptop)
}

// A phone goes on with the old password after a change: mos.ru hears of it once,
// the new password works beside it, and explain names the phone.
func TestAPhoneWithTheOldPassword(t *testing.T) {
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	s.opens("orlovami", hers, herLaptop)
	if !eventually(func() bool {
		_, err := s.point(herPhone).MSCHAPv2(t.Context(), s.client.Line(), "orlovami", hers)
		return err == nil
	}) {
		t.Fatal("the hash is not kept")
	}
	s.switches(http.MethodPost, "/sim/password", `{"login":"orlovami","password":"Kukushka-2026","event":"lost"}`)
	s.opens("orlovami", "Kukushka-2026", herLaptop)
	if !eventually(func() bool {
		_, err := s.point(herLaptop).MSCHAPv2(t.Context(), s.client.Line(), "orlovami", "Kukushka-2026")
		return err == nil
	}) {
		t.Fatal("the new hash is not kept")
	}
	const tries = 50
	for range tries {
		if _, err := s.point(herPhone).MSCHAPv2(t.Context(), s.client.Line(), "orlovami", hers); err == nil {
			t.Fatal("the old password opens by its hash")
		}
	}
	s.opens("orlovami", "Kukushka-2026", herLaptop)
	if n := s.metric("schoolbridge_auth_verdicts_total", string(identity.ReasonOldPassword)); n < tries {
		t.Errorf("the metrics show %v old passwords", n)
	}
	s.shows("orlovami", herPhone, identity.ReasonOldPassword, tries)

	for range tries { // a phone that shows the password itself
		if ok, _ := s.pap("belovas", "Staraya-2020", herPhone); ok {
			t.Fatal("a wrong password opens")
		}
	}
	s.opens("belovas", hers, herLaptop)
	s.shows("belovas", herPhone, identity.ReasonKnownBad, tries-1)
	if asked := s.switches(http.MethodGet, "/sim/requests", ""); !strings.Contains(asked, `"belovas":{"sign_ins":2,`) {
		t.Errorf("mos.ru was asked otherwise than once a password: %s", asked)
	}
}

// One access point begins thousands of EAP conversations that nobody goes on
// with, many more than there are places: devices behind the other one sign in,
// and the metrics tell.
func TestHalfOpenConversations(t *testing.T) {
	s := newTroubled(t)
	server, err := net.ResolveUDPAddr("udp", s.auth)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	roots, err := certPool(s.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	flood := halfOpen(t, 20_000)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		const atOnce = 64
		for n := 0; ; n += atOnce {
			select {
			case <-stop:
				return
			default:
				begin(conn, flood[n%len(flood):][:min(atOnce, len(flood)-n%len(flood))])
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	if !eventually(func() bool { return s.metric("schoolbridge_eap_abandoned_total", "pushed_out") > 1000 }) {
		t.Error("the metrics do not show that conversations are pushed out")
	}
	for range 10 {
		s.opens("orlovami", hers, herPhone)
		peer, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: "belovas", Password: hers, Roots: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.point(herLaptop).EAP(t.Context(), s.client.Line(), peer, "belovas"); err != nil {
			t.Errorf("a device behind the other access point: %v", err)
		}
		peer.Close()
		if n := s.metric("schoolbridge_eap_conversations"); n > 100 {
			t.Fatalf("%v conversations in 100 places", n)
		}
	}
}

// begin sends requests and waits for their answers, for a second at most.
func begin(conn *net.UDPConn, requests [][]byte) {
	for _, b := range requests {
		_, _ = conn.Write(b)
	}
	var answer [4096]byte
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	for range requests {
		if _, err := conn.Read(answer[:]); err != nil {
			return
		}
	}
}

// halfOpen makes requests that begin conversations which nobody goes on with.
func halfOpen(t *testing.T, n int) [][]byte {
	t.Helper()
	var list [][]byte
	for i := range n {
		r := &radiuswire.Request{Code: radiuswire.AccessRequest, ID: byte(i), Authenticator: [16]byte{byte(i >> 16), byte(i >> 8), byte(i), 9}}
		r.AddText(radiuswire.UserName, "anonymous")
		r.AddEAP([]byte{2, 0, 0, 14, 1, 'a', 'n', 'o', 'n', 'y', 'm', 'o', 'u', 's'})
		b, err := r.Encode([]byte(siteSecret))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}
