package main

import (
	"bytes"
	"crypto/md5"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/radiussrv"
	radiuswire "schoolbridge/radiussrv/wire"
)

const siteSecret = "0123456789abcdef0123"

// accessPoint speaks RADIUS to a daemon, and takes Disconnect-Requests and
// CoA-Requests.
type accessPoint struct {
	t          *testing.T
	auth, acct string
	port       int // of Disconnect-Requests
	id         byte

	mu     sync.Mutex
	answer byte // the code of the answer to a Disconnect-Request, 0 for silence
	coa    byte // to a CoA-Request
	asked  []*radiuswire.Packet
}

// wifi makes a site with RADIUS, one teacher, and an access point; more is
// added to the section radius.
func (s site) wifi(more string) *accessPoint {
	s.t.Helper()
	p := &accessPoint{t: s.t, auth: freeport.UDP(s.t), acct: freeport.UDP(s.t)}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.t.Fatal(err)
	}
	p.port = conn.LocalAddr().(*net.UDPAddr).Port
	done := make(chan struct{})
	go func() { defer close(done); p.serve(conn) }()
	s.t.Cleanup(func() { _ = conn.Close(); <-done })
	s.write("config.yaml", fmt.Sprintf(`state: state
mosru:
  url: http://127.0.0.1:1
  client_id: test
radius:
  authentication: [%q]
  accounting: [%q]
  clients:
    - {name: school-49, range: 127.0.0.0/8, secret_file: secret, school: "49", reject_delay: 0s, dynamic_authorization: {port: %d}}
%slog: {format: text}
`, p.auth, p.acct, p.port, more))
	s.mosru(sim.User{Profile: person.Profile{Subject: "orlovami", Login: "orlovami", Last: "Орлова", First: "Мария"}, Password: "Snegir-2021"})
	s.write("kadry.csv", "id,fio,school,start,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,orlovamari\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv")); code != exitDone {
		s.t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	return p
}

// serve answers them by the RFC's words alone.
func (p *accessPoint) serve(conn *net.UDPConn) {
	var b [4096]byte
	for {
		n, from, err := conn.ReadFromUDP(b[:])
		if err != nil {
			return
		}
		request, err := radiuswire.Parse(b[:n])
		if err != nil {
			continue
		}
		p.mu.Lock()
		p.asked = append(p.asked, request)
		answer := p.answer
		if request.Code == radiuswire.CoARequest {
			answer = p.coa
		}
		p.mu.Unlock()
		if answer == 0 {
			continue
		}
		reply := append([]byte{answer, b[1], 0, 20}, b[4:20]...)
		sum := md5.Sum(append(append([]byte(nil), reply...), siteSecret...))
		_, _ = conn.WriteToUDP(append(reply[:4:4], sum[:]...), from)
	}
}

func (p *accessPoint) says(code byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = code
}

func (p *accessPoint) disconnects() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// exchange sends a request and gives the answer.
func (p *accessPoint) exchange(address string, code radiuswire.Code, change func(*radiuswire.Request)) *radiuswire.Packet {
	p.t.Helper()
	p.id++
	r := &radiuswire.Request{Code: code, ID: p.id, Authenticator: [16]byte{p.id, 7}}
	change(r)
	b, err := r.Encode([]byte(siteSecret))
	if err != nil {
		p.t.Fatal(err)
	}
	conn, err := net.Dial("udp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var reply [4096]byte
	for range 10 { // as a NAS does
		if _, err := conn.Write(b); err != nil {
			p.t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		n, err := conn.Read(reply[:])
		if err != nil {
			continue
		}
		answer, err := radiuswire.ParseReply(reply[:n], b, []byte(siteSecret))
		if err != nil {
			p.t.Fatal(err)
		}
		return answer
	}
	p.t.Fatal("no answer")
	return nil
}

// signIn gives the Class of the Accept, nil for a Reject.
func (p *accessPoint) signIn(device string) []byte {
	p.t.Helper()
	answer := p.exchange(p.auth, radiuswire.AccessRequest, func(r *radiuswire.Request) {
		r.AddText(radiuswire.UserName, "orlovami")
		if err := r.AddPassword([]byte("Snegir-2021"), []byte(siteSecret)); err != nil {
			p.t.Fatal(err)
		}
		r.AddText(radiuswire.CallingStationID, device)
		r.AddText(radiuswire.CalledStationID, "02-10-A4-23-19-C0:School")
	})
	class, _ := answer.First(radiuswire.Class)
	return class
}

func (p *accessPoint) account(status uint32, key, device string, class []byte, more func(*radiuswire.Request)) {
	p.t.Helper()
	answer := p.exchange(p.acct, radiuswire.AccountingRequest, func(r *radiuswire.Request) {
		r.AddUint32(radiuswire.AcctStatusType, status)
		r.AddText(radiuswire.NASIdentifier, "ap-1")
		if key != "" {
			r.AddText(radiuswire.AcctSessionID, key)
			r.AddText(radiuswire.CallingStationID, device)
			r.AddText(radiuswire.CalledStationID, "02-10-A4-23-19-C0:School")
			r.AddText(radiuswire.UserName, "orlovami")
		}
		if class != nil {
			r.Add(radiuswire.Class, class)
		}
		if more != nil {
			more(r)
		}
	})
	if answer.Code != radiuswire.AccountingResponse {
		p.t.Fatalf("answered %v", answer.Code)
	}
}

// sessions runs the command and reads its JSON.
func (s site) sessions(code int, args ...string) []explain.Session {
	s.t.Helper()
	out, errs, got := s.command(append([]string{"sessions"}, append(args, "--config", s.path("config.yaml"), "--format", "json", "--lang", "en")...)...)
	var list []explain.Session
	if got != code || json.Unmarshal([]byte(out), &list) != nil {
		s.t.Fatalf("sessions %v: exit %d, %s%s", args, got, out, errs)
	}
	return list
}

// answered is a log that tells when a request to end a session is done with.
type answered chan struct{}

func (a answered) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("asked to end or change a session")) {
		a <- struct{}{}
	}
	return len(b), nil
}

const phone, laptop = "02-00-00-00-00-01", "02-00-00-00-00-02"

func TestSessions(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	log := &logged{}
	s.started(log)
	class := p.signIn(phone)
	if class == nil {
		t.Fatal("nobody is admitted")
	}
	before := time.Now().Add(-time.Second)
	p.account(1, "a1", phone, class, nil)
	p.account(3, "a1", phone, class, func(r *radiuswire.Request) {
		r.AddUint32(radiuswire.AcctSessionTime, 1)
		r.Add(radiuswire.FramedIPAddress, []byte{10, 0, 0, 7})
	})
	p.account(1, "a2", laptop, nil, nil) // whose it is nothing proves
	list := s.sessions(exitDone)
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, args := range [][]string{{"--address", "10.0.0.7"}, {"--address", "10.0.0.7", "--at", time.Now().Add(time.Second).Format(time.RFC3339)}, {"--device", "0200.0000.0001"}} {
		list := s.sessions(exitDone, args...)
		if len(list) != 1 || list[0].Login != "orlovami" || list[0].Name != "Смирнова Ольга" || list[0].Device != "02:00:00:00:00:01" || list[0].SSID != "School" ||
			list[0].Unit != "ap-1" || list[0].NAS != "school-49" || list[0].School != "49" || list[0].Ended != nil || strings.Join(list[0].Addresses, "") != "10.0.0.7" {
			t.Errorf("%v: %+v", args, list)
		}
	}
	if r := s.explained("10.0.0.7"); r.Thing != explain.ThingAddress || r.Broken != nil || r.Silent || len(r.Sessions) != 1 || r.Sessions[0].Login != "orlovami" || r.Sessions[0].Device != "02:00:00:00:00:01" {
		t.Errorf("of a device's address explain says %+v: %+v", r.Broken, r)
	}
	if out, _, code := s.command("explain", "--config", s.path("config.yaml"), "10.0.0.7"); code != exitDone || !strings.Contains(out, "адрес устройства в Wi-Fi") || !strings.Contains(out, "Смирнова Ольга") || strings.Contains(out, "radius.clients") {
		t.Errorf("%d\n%s", code, out)
	}
	if list := s.sessions(exitDone, "--login", "OrlovaMI"); len(list) != 2 || list[0].Person != "" || list[1].Person == "" {
		t.Errorf("of a login: %+v", list)
	}
	if list := s.sessions(exitDone, "--address", "10.0.0.7", "--at", before.Add(-time.Hour).Format(time.RFC3339)); len(list) != 0 {
		t.Errorf("an hour ago: %+v", list)
	}
	p.account(7, "", "", nil, nil) // the access point begins anew
	list = s.sessions(exitDone, "--login", "orlovami")
	for _, x := range list {
		if x.Ended == nil || !x.Inferred || x.Ending != "nas_restarted" {
			t.Errorf("%+v", x)
		}
	}
	for _, format := range []string{"table", "csv"} {
		out, _, code := s.command("sessions", "--config", s.path("config.yaml"), "--format", format, "--login", "orlovami")
		if code != exitDone || strings.Count(out, "\n") != 3 || !strings.Contains(out, "02:00:00:00:00:01") || !strings.Contains(out, "10.0.0.7") {
			t.Errorf("%s: %d\n%s", format, code, out)
		}
	}
	for _, args := range [][]string{{"--address", "10.0.0"}, {"--device", "x"}, {"--at", "noon", "--login", "a"}, {"--at", "2026-09-01 10:00"}, {"much"}, {"--format", "xml"},
		{"disconnect"}, {"disconnect", "x"}, {"disconnect", "--login", "orlovamii"}, {"reauthorize", "--login", "orlovamii"}, {"disconnect", "0000000000000000"}, {"disconnect", "0000000000000000", "--login", "a"}} {
		if _, errs, code := s.command(append(append([]string{"sessions"}, args...), "--config", s.path("config.yaml"))...); code != exitUsage || errs == "" {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	// Reading it is a line of the trail, found by whom it was about.
	c, _, err := config.Load(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := openMadeStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	holder, err := db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := db.Audit().Recent(t.Context(), holder.Person, 20, "sessions")
	if err != nil || len(lines) < 6 || !strings.Contains(string(lines[0].Payload), "orlovami") {
		t.Errorf("%d lines in the trail, %v", len(lines), err)
	}
	text := log.take()
	for _, personal := range []string{"orlovami", "Смирнова", "02:00:00", "10.0.0.7"} {
		if strings.Contains(text, personal) {
			t.Errorf("the log holds %q", personal)
		}
	}
}

func TestDisconnects(t *testing.T) {
	s := newSite(t)
	p := s.wifi("")
	log := make(answered, 100)
	d := s.started(log)
	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	on := func(key string) explain.Session {
		t.Helper()
		class := p.signIn(phone)
		if class == nil {
			t.Fatal("not admitted")
		}
		p.account(1, key, phone, class, nil)
		list := s.sessions(exitDone, "--login", "orlovami", "--live")
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	ended := func(key, why string) {
		t.Helper()
		<-log
		x := s.sessions(exitDone, "--device", phone)[0]
		if x.Ending != "disconnected" || x.Disconnect == nil || x.Disconnect.Why != why || x.Disconnect.State != "disconnected" {
			t.Fatalf("%s: %+v %+v", key, x, x.Disconnect)
		}
	}
	// An administrator asks; the NAS refuses, and then does.
	session := on("b1")
	p.says(42)
	list := s.sessions(exitFindings, "disconnect", session.ID)
	if len(list) != 1 || list[0].Ended != nil || list[0].Disconnect == nil || list[0].Disconnect.State != "refused" || p.disconnects() != 1 {
		t.Fatalf("%+v", list)
	}
	p.mu.Lock()
	asked := p.asked[0]
	p.mu.Unlock()
	if asked.Text(radiuswire.AcctSessionID) != "b1" || asked.Text(radiuswire.CallingStationID) != phone || asked.Text(radiuswire.NASIdentifier) != "ap-1" {
		t.Errorf("%+v", asked)
	}
	r := s.explained("orlovami")
	if len(r.Sessions) != 1 || r.Sessions[0].Disconnect == nil || r.Sessions[0].Disconnect.State != "refused" {
		t.Errorf("explain: %+v", r.Sessions)
	}
	p.says(41)
	if list := s.sessions(exitDone, "disconnect", "--login", "orlovami"); len(list) != 1 || list[0].Ending != "disconnected" {
		t.Errorf("%+v", list)
	}
	if list := s.sessions(exitDone, "disconnect", "--login", "orlovami"); len(list) != 0 {
		t.Errorf("nobody is on the network: %+v", list)
	}
	<-log
	<-log
	// The directory says so: a changed password, a suspension.
	on("b2")
	if _, err := d.db.Credentials().ApplyEvent(t.Context(), passwordSet(holder.Subject)); err != nil {
		t.Fatal(err)
	}
	ended("b2", "CREDENTIAL_CHANGED")
	on("b3")
	if err := d.db.Accounts().Suspend(t.Context(), holder.Person, time.Now(), "test"); err != nil {
		t.Fatal(err)
	}
	ended("b3", "SUSPENDED")
	if p.disconnects() != 4 {
		t.Errorf("%d requests", p.disconnects())
	}
}

// A NAS that answers with another secret is the reason of what waits.
func TestAnotherSecretIsTheReason(t *testing.T) {
	err := nasError(fmt.Errorf("x: %w", radiussrv.ErrForged))
	if !errors.Is(err, journal.ErrForged) {
		t.Error(err)
	}
	x := shownSession(&journal.Session{Cut: &journal.Cut{Why: journal.WhyAdministrator, Tries: 1, Cause: journal.CauseForged}}, explain.English)
	if x.Disconnect.Cause != 0 || !x.Disconnect.Forged || !strings.Contains(x.Disconnect.Answer, "answers with another secret") {
		t.Errorf("%+v", x.Disconnect)
	}
}

func TestSimultaneousUse(t *testing.T) {
	s := newSite(t)
	p := s.wifi("  simultaneous: {staff: 1}\n")
	s.started(&logged{})
	class := p.signIn(phone)
	p.account(1, "c1", phone, class, nil)
	if p.signIn(laptop) != nil {
		t.Error("a second device is admitted")
	}
	if p.signIn(phone) == nil {
		t.Error("the first device does not replace itself")
	}
	p.account(2, "c1", phone, class, nil)
	if p.signIn(laptop) != nil {
		t.Error("the first device was admitted again just now")
	}
}

func TestRecordsOfTheJournal(t *testing.T) {
	addr := netip.MustParseAddr
	for unit, r := range map[string]struct{ identifier, nas string }{"ap-1": {"ap-1", "10.0.0.1"}, "10.0.0.1": {"", "10.0.0.1"}, "10.9.9.9": {"", ""}} {
		record := accountingRecord(r.identifier, r.nas)
		record.Source.Unit = unit
		if got := journalRecord(record); got.Unit != unit || got.Detail.Peer != addr("10.9.9.9") {
			t.Errorf("%+v: %+v", r, got)
		}
	}
}

func passwordSet(subject identity.Subject) store.Event {
	return store.Event{ID: "changed", At: time.Now(), Subject: subject, Kind: store.EventPasswordSet}
}

func accountingRecord(identifier, nas string) radiussrv.Record {
	r := radiussrv.Record{Status: radiussrv.Start, NASIdentifier: identifier, Source: identity.Source{Addr: netip.MustParseAddr("10.9.9.9"), NAS: "a"}}
	if nas != "" {
		r.NASAddr = netip.MustParseAddr(nas)
	}
	return r
}

// edit changes the configuration.
func (s site) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path("config.yaml"))
	if err != nil || !strings.Contains(string(text), old) {
		s.t.Fatalf("the configuration has no %q, %v", old, err)
	}
	s.write("config.yaml", strings.Replace(string(text), old, new, 1))
}

// No cell of CSV begins a formula, whatever a device calls itself.
func TestSessionsHoldNoFormula(t *testing.T) {
	var out bytes.Buffer
	x := explain.Session{Login: "=1+1", Device: "\u00a0@SUM(A1)", NAS: "＝1", SSID: "x;=cmd|'/C calc'!A0", Port: "\rx"}
	if err := writeSessions(streams{out: &out, err: io.Discard}, []explain.Session{x}, "csv", explain.Russian, time.UTC); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%q, %v", rows, err)
	}
	for _, want := range []string{"'=1+1", "'\u00a0@SUM(A1)", "'＝1", "x;'=cmd|'/C calc'!A0", "'\rx"} {
		if !slices.Contains(rows[1], want) {
			t.Errorf("no %q in %q", want, rows[1])
		}
	}
}

// Who sees a part of the sessions is told so, in every format.
func TestAPartIsCalledAPart(t *testing.T) {
	list := make([]explain.Session, journal.MaxFound)
	for _, format := range []string{"table", "csv", "json"} {
		for lang, word := range map[explain.Lang]string{explain.Russian: "показаны не все сеансы, а 1000", explain.English: "only 1000"} {
			for _, c := range []struct {
				list []explain.Session
				told bool
			}{{list, true}, {list[1:], false}} {
				var out, errs bytes.Buffer
				if err := writeSessions(streams{out: &out, err: &errs}, c.list, format, lang, time.UTC); err != nil || strings.Contains(errs.String(), word) != c.told {
					t.Errorf("%s, %s, %d: %v %q", format, lang, len(c.list), err, errs.String())
				}
			}
		}
	}
}

// A board's or computer's session is not that of a name which nothing proved.
func TestSessionsOfThings(t *testing.T) {
	for want, basis := range map[string]*identity.Basis{"": nil, "device": {Device: "02005e100001"}, "machine": {Authority: "pcs", Machine: "pc1.example"}} {
		if x := shownSession(&journal.Session{Basis: basis}, explain.English); x.Thing != want {
			t.Errorf("%+v: %q", basis, x.Thing)
		}
	}
	if x := shownSession(&journal.Session{Person: identity.PersonID{1}, Basis: &identity.Basis{Authority: "people"}}, explain.English); x.Thing != "" {
		t.Errorf("a person is a %q", x.Thing)
	}
}
