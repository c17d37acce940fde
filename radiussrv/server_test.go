package radiussrv

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/wire"
)

const testSecret = "a shared secret"

// judge is an Authenticator made of a function, which keeps what it was asked.
type judge struct {
	mu    sync.Mutex
	asked []identity.Credential
	say   func(ctx context.Context, c identity.Credential) identity.Verdict
}

func (j *judge) Authenticate(ctx context.Context, c identity.Credential) identity.Verdict {
	j.mu.Lock()
	j.asked = append(j.asked, c)
	j.mu.Unlock()
	return j.say(ctx, c)
}

func (j *judge) last() identity.Credential {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.asked) == 0 {
		return identity.Credential{}
	}
	return j.asked[len(j.asked)-1]
}

func (j *judge) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.asked)
}

var orlova = identity.PersonID{1, 2, 3}

// school admits orlovami and gives every other outcome by name.
func school() *judge {
	return &judge{say: func(_ context.Context, c identity.Credential) identity.Verdict {
		if c.Name == "away" {
			return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonUpstreamDown}
		}
		if c.Name == "odd" {
			return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
		}
		if c.Name != "orlovami" || c.Proof != identity.Password("Snegir-2021") {
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword}
		}
		return identity.Verdict{
			Outcome: identity.Accepted, Person: orlova, Login: "orlovami", Voucher: identity.Voucher{Person: orlova, Epoch: 7},
			Grant: identity.Grant{VLAN: 20, SessionTimeout: 90*time.Minute + time.Millisecond, Filter: "staff"},
		}
	}}
}

func counted(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func table(t testing.TB, list ...Client) func() *Clients {
	t.Helper()
	c, err := NewClients(list)
	if err != nil {
		t.Fatal(err)
	}
	return func() *Clients { return c }
}

func loopback() Client {
	return Client{Name: "loopback", Prefix: netip.MustParsePrefix("127.0.0.0/8"), Secret: testSecret, School: "1001"}
}

func newServer(t testing.TB, opts Options) *Server {
	t.Helper()
	if opts.Auth == nil {
		opts.Auth = school()
	}
	if opts.Clients == nil {
		opts.Clients = table(t, loopback())
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// live serves on loopback and gives a connection for each port. One worker
// answers in order of arrival.
func live(t *testing.T, opts Options) (s *Server, auth, acct net.Conn) {
	t.Helper()
	opts.Wire.Workers = 1
	s = newServer(t, opts)
	dial := func(serve func(*net.UDPConn) error) net.Conn {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- serve(conn) }()
		client, err := net.Dial("udp", conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = client.Close()
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if err := <-served; !errors.Is(err, wire.ErrStopped) {
				t.Error(err)
			}
		})
		return client
	}
	return s, dial(s.ServeAuthentication), dial(s.ServeAccounting)
}

var lastID byte

func access(t testing.TB, name, password string, change func(*wire.Request)) []byte {
	t.Helper()
	lastID++
	r := &wire.Request{Code: wire.AccessRequest, ID: lastID, Authenticator: [16]byte{15: lastID, 1: 77}}
	if name != "" {
		r.AddText(wire.UserName, name)
	}
	if password != "-" {
		if err := r.AddPassword([]byte(password), []byte(testSecret)); err != nil {
			t.Fatal(err)
		}
	}
	return encode(t, r, change)
}

func encode(t testing.TB, r *wire.Request, change func(*wire.Request)) []byte {
	t.Helper()
	if change != nil {
		change(r)
	}
	b, err := r.Encode([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exchange sends and waits for the checked reply.
func exchange(t testing.TB, conn net.Conn, request []byte) *wire.Packet {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var b [4096]byte
	n, err := conn.Read(b[:])
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.ParseReply(b[:n], request, []byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// silent sends what must get no answer, then something that gets one: since a
// reply to the first would be read before, the silence is certain.
func silent(t testing.TB, conn net.Conn, request []byte) {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	exchange(t, conn, encode(t, &wire.Request{Code: wire.StatusServer, ID: 250}, nil))
}

func TestAccept(t *testing.T) {
	auth := school()
	_, conn, _ := live(t, Options{Auth: auth})
	p := exchange(t, conn, access(t, "orlovami", "Snegir-2021", func(r *wire.Request) {
		r.AddText(wire.CallingStationID, "02-00-00-AA-00-01")
		r.AddText(wire.CalledStationID, "00-10-A4-23-19-C0:School:5A")
		r.AddText(wire.ProxyState, "first")
		r.AddText(wire.ProxyState, "second")
	}))
	if p.Code != wire.AccessAccept || p.Text(wire.UserName) != "orlovami" || p.Text(wire.FilterID) != "staff" || p.Text(wire.ReplyMessage) != "Вход выполнен" {
		t.Errorf("%+v", p)
	}
	tunnel, _ := p.First(wire.TunnelType)
	medium, _ := p.First(wire.TunnelMediumType)
	if !bytes.Equal(tunnel, []byte{0, 0, 0, 13}) || !bytes.Equal(medium, []byte{0, 0, 0, 6}) || p.Text(wire.TunnelPrivateGroupID) != "20" {
		t.Errorf("VLAN: %x %x %q", tunnel, medium, p.Text(wire.TunnelPrivateGroupID))
	}
	if seconds, _ := p.Uint32(wire.SessionTimeout); seconds != 5401 {
		t.Errorf("Session-Timeout %d, want 5401: a started second counts", seconds)
	}
	class, _ := p.First(wire.Class)
	if len(class) != classMin+len("School:5A") || bytes.Contains(class, orlova[:3]) || bytes.Contains(class, []byte("orlovami")) {
		t.Errorf("Class %x", class)
	}
	var states []string
	for s := range p.All(wire.ProxyState) {
		states = append(states, string(s))
	}
	if strings.Join(states, " ") != "first second" {
		t.Errorf("Proxy-State %q", states)
	}
	got := auth.last()
	if got.Channel != identity.ChannelWiFi || got.Name != "orlovami" || got.Source.Request == "" {
		t.Errorf("%+v", got)
	}
	want := identity.Source{Addr: netip.MustParseAddr("127.0.0.1"), Device: "02:00:00:aa:00:01", AP: "00-10-A4-23-19-C0", Unit: "127.0.0.1", NAS: "loopback", SSID: "School:5A", School: "1001", Request: got.Source.Request}
	if got.Source != want {
		t.Errorf("source %+v, want %+v", got.Source, want)
	}
}

// An access point whose Called-Station-Id has no address is known by its
// NAS-Identifier; one that sends neither, or what no name looks like, by nothing.
func TestAccessPointOfARequest(t *testing.T) {
	auth := school()
	_, conn, _ := live(t, Options{Auth: auth})
	for i, c := range []struct{ called, identifier, address, want, unit string }{
		{"02-00-00-00-00-09", "ap-1", "10.0.0.1", "02-00-00-00-00-09", "ap-1"},
		{"room 12:School", "ap-1", "", "ap-1", "ap-1"},
		{"", "ap-2", "", "ap-2", "ap-2"},
		{"", "ap\x002", "10.0.0.1", "", "10.0.0.1"},
		{"", "", "2001:db8::1", "", "2001:db8::1"},
		{"", "", "", "", "127.0.0.1"},
	} {
		exchange(t, conn, access(t, "orlovami", "Snegir-2021", func(r *wire.Request) {
			r.ID = byte(100 + i)
			if c.called != "" {
				r.AddText(wire.CalledStationID, c.called)
			}
			if c.identifier != "" {
				r.AddText(wire.NASIdentifier, c.identifier)
			}
			if a, err := netip.ParseAddr(c.address); err == nil {
				r.Add(map[bool]wire.Type{true: wire.NASIPAddress, false: wire.NASIPv6Address}[a.Is4()], a.AsSlice())
			}
		}))
		if got := auth.last().Source; got.AP != c.want || got.Unit != c.unit {
			t.Errorf("%q %q: %q, %q, want %q, %q", c.called, c.identifier, got.AP, got.Unit, c.want, c.unit)
		}
	}
}

func TestGrantThatSaysNothing(t *testing.T) {
	_, conn, _ := live(t, Options{Auth: &judge{say: func(context.Context, identity.Credential) identity.Verdict {
		return identity.Verdict{Outcome: identity.Accepted, Login: "x"}
	}}})
	p := exchange(t, conn, access(t, "x", "y", nil))
	for _, at := range []wire.Type{wire.TunnelType, wire.TunnelMediumType, wire.TunnelPrivateGroupID, wire.SessionTimeout, wire.FilterID} {
		if p.Has(at) {
			t.Errorf("attribute %d is there", at)
		}
	}
}

func TestRejects(t *testing.T) {
	auth := school()
	registry := prometheus.NewRegistry()
	s, conn, _ := live(t, Options{Auth: auth, Metrics: registry})
	const wrong = "Неверный логин или пароль"
	microsoft := func(kind byte) func(*wire.Request) {
		return func(r *wire.Request) {
			r.Add(wire.VendorSpecific, append([]byte{0, 0, 1, 55, kind, 52}, make([]byte, 50)...))
		}
	}
	for _, c := range []struct {
		what, name, password string
		change               func(*wire.Request)
		message              string
		counted              result
		asks                 bool
	}{
		{"wrong password", "orlovami", "Wrong", nil, wrong, resultRejected, true},
		{"unknown", "nobody", "Snegir-2021", nil, wrong, resultRejected, true},
		{"empty password", "orlovami", "", nil, wrong, resultRejected, true},
		{"malformed by the authenticator", "odd", "x", nil, wrong, resultMalformed, true},
		{"unavailable", "away", "x", nil, "Вход сейчас невозможен, повторите позже", resultUnavailable, true},
		{"no name", "", "x", nil, wrong, resultMalformed, false},
		{"two names", "a", "x", func(r *wire.Request) { r.AddText(wire.UserName, "b") }, wrong, resultMalformed, false},
		{"a name with a NUL", "a\x00b", "x", nil, wrong, resultMalformed, false},
		{"a name that is no UTF-8", "a\xff", "x", nil, wrong, resultMalformed, false},
		{"no password", "orlovami", "-", nil, wrong, resultMalformed, false},
		{"two passwords", "orlovami", "x", func(r *wire.Request) { _ = r.AddPassword([]byte("y"), []byte(testSecret)) }, wrong, resultMalformed, false},
		{"a short hidden password", "orlovami", "-", func(r *wire.Request) { r.AddText(wire.UserPassword, "short") }, wrong, resultMalformed, false},
		{"a password that is no UTF-8", "orlovami", "\xff\xfe", nil, wrong, resultMalformed, false},
		{"CHAP", "orlovami", "-", func(r *wire.Request) { r.Add(wire.CHAPPassword, make([]byte, 17)) }, wrong, resultCHAP, false},
		{"CHAP and PAP", "orlovami", "x", func(r *wire.Request) { r.Add(wire.CHAPPassword, make([]byte, 17)) }, wrong, resultMalformed, false},
		{"MS-CHAPv1", "orlovami", "-", microsoft(1), wrong, resultMSCHAP, false},
		{"MS-CHAPv2 without its challenge", "orlovami", "-", microsoft(25), wrong, resultMalformed, false},
		{"a computer", "host/PC-12.school.example", "x", nil, wrong, resultMachine, false},
		{"a computer, shouted", "HOST/PC-12", "x", nil, wrong, resultMachine, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			asked, before := auth.count(), counted(t, s.metrics.results[c.counted])
			p := exchange(t, conn, access(t, c.name, c.password, c.change))
			if p.Code != wire.AccessReject || p.Text(wire.ReplyMessage) != c.message || p.Count(wire.ReplyMessage) != 1 {
				t.Errorf("%v %q", p.Code, p.Text(wire.ReplyMessage))
			}
			for _, at := range []wire.Type{wire.Class, wire.UserName, wire.TunnelType} {
				if p.Has(at) {
					t.Errorf("a reject carries attribute %d", at)
				}
			}
			if got := auth.count() > asked; got != c.asks {
				t.Errorf("the authenticator was asked: %v", got)
			}
			if counted(t, s.metrics.results[c.counted]) != before+1 {
				t.Errorf("not counted as %v", c.counted)
			}
		})
	}
}

func TestForgottenVerdictIsNoPermission(t *testing.T) {
	_, conn, _ := live(t, Options{Auth: &judge{say: func(context.Context, identity.Credential) identity.Verdict { return identity.Verdict{} }}})
	if p := exchange(t, conn, access(t, "a", "b", nil)); p.Code != wire.AccessReject {
		t.Errorf("%v", p.Code)
	}
}

func TestEAPIsRefusedCleanly(t *testing.T) {
	_, conn, _ := live(t, Options{})
	for what, c := range map[string]struct {
		message string
		id      byte
	}{
		"identity":  {"\x02\x09\x00\x0d\x01orlovami", 9},
		"start":     {"", 0},
		"cut short": {"\x02\x07\x00\xff", 7},
	} {
		p := exchange(t, conn, access(t, "orlovami", "-", func(r *wire.Request) { r.AddText(wire.EAPMessage, c.message) }))
		message, _ := p.EAP()
		if p.Code != wire.AccessReject || !bytes.Equal(message, []byte{4, c.id, 0, 4}) || p.Has(wire.ReplyMessage) {
			t.Errorf("%s: %v %x", what, p.Code, message)
		}
	}
}

// talk is an EAP handler made of a function.
type talk func(in eap.Request) eap.Result

func (f talk) Exchange(_ context.Context, in eap.Request) eap.Result { return f(in) }

func TestEAPHandler(t *testing.T) {
	long := bytes.Repeat([]byte("e"), 600)
	_, conn, _ := live(t, Options{EAP: talk(func(in eap.Request) eap.Result {
		switch string(in.State) {
		case "":
			return eap.Result{Message: long, State: []byte("1")}
		case "1":
			return eap.Result{Message: []byte{3, in.Message[1], 0, 4}, Verdict: identity.Verdict{Outcome: identity.Accepted, Person: orlova, Login: "orlovami"}}
		}
		return eap.Result{Verdict: identity.Verdict{Outcome: identity.Rejected}}
	})})
	say := func(state string) *wire.Packet {
		return exchange(t, conn, access(t, "anonymous", "-", func(r *wire.Request) {
			r.AddText(wire.EAPMessage, "\x02\x05\x00\x06")
			r.AddText(wire.EAPMessage, "\x01a")
			if state != "" {
				r.AddText(wire.State, state)
			}
		}))
	}
	if p := say(""); p.Code != wire.AccessChallenge || p.Text(wire.State) != "1" {
		t.Errorf("%+v", p)
	} else if message, _ := p.EAP(); !bytes.Equal(message, long) {
		t.Errorf("the message came out in %d bytes", len(message))
	}
	if p := say("1"); p.Code != wire.AccessAccept || p.Text(wire.UserName) != "orlovami" || !p.Has(wire.Class) || p.Has(wire.ReplyMessage) {
		t.Errorf("%+v", p)
	}
	if p := say("2"); p.Code != wire.AccessReject || p.Has(wire.ReplyMessage) {
		t.Errorf("%+v", p)
	} else if message, _ := p.EAP(); !bytes.Equal(message, []byte{4, 5, 0, 4}) {
		t.Errorf("%x", message)
	}
}

func TestRejectAt(t *testing.T) {
	arrived := time.Unix(1000, 0)
	for _, c := range []struct {
		what      string
		delay     time.Duration
		notBefore time.Duration
		low, high time.Duration
	}{
		{"none", 0, 0, 0, 0},
		{"the client's, and up to a tenth", time.Second, 0, time.Second, 1100 * time.Millisecond},
		{"the verdict's, when later", time.Second, 1500 * time.Millisecond, 1500 * time.Millisecond, 1500 * time.Millisecond},
		{"never after access points gave up", time.Second, time.Minute, answerWithin, answerWithin},
	} {
		for range 100 {
			var notBefore time.Time
			if c.notBefore != 0 {
				notBefore = arrived.Add(c.notBefore)
			}
			if d := rejectAt(&Client{RejectDelay: c.delay}, arrived, notBefore).Sub(arrived); d < c.low || d > c.high {
				t.Fatalf("%s: after %v, want %v to %v", c.what, d, c.low, c.high)
			}
		}
	}
}

// received makes a request as the engine hands it over.
func received(t *testing.T, client Client, at time.Time, b []byte) *wire.Received {
	t.Helper()
	p, err := wire.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if client.busy == nil {
		client.busy = new(wire.Share)
	}
	return &wire.Received{
		Packet: p, Peer: wire.NewPeer([]byte(testSecret), false, &client), From: netip.MustParseAddrPort("127.0.0.1:5"),
		At: at, Signed: true, Role: wire.Authentication,
	}
}

func TestDecisionHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, Options{Auth: &judge{say: func(ctx context.Context, _ identity.Credential) identity.Verdict {
			<-ctx.Done()
			return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonUpstreamDown}
		}}})
		arrived := time.Now()
		time.Sleep(time.Second) // in the queue
		client := loopback()
		client.RejectDelay = 2 * time.Second
		reply := s.Handle(t.Context(), received(t, client, arrived, access(t, "a", "b", nil)))
		if took := time.Since(arrived); took >= 3*time.Second || took < 2*time.Second {
			t.Errorf("answered after %v", took)
		}
		if reply.Code != wire.AccessReject || !reply.NotBefore.IsZero() {
			t.Errorf("%v, not before %v: unavailable is not delayed", reply.Code, reply.NotBefore)
		}
	})
}

func TestRejectIsDelayedOnTheWire(t *testing.T) {
	client := loopback()
	client.RejectDelay = 60 * time.Millisecond
	_, conn, _ := live(t, Options{Clients: table(t, client)})
	began := time.Now()
	exchange(t, conn, access(t, "nobody", "x", nil))
	if took := time.Since(began); took < client.RejectDelay {
		t.Errorf("answered after %v", took)
	}
}

func TestStatusServer(t *testing.T) {
	var ready atomic.Bool
	ready.Store(true)
	registry := prometheus.NewRegistry()
	s, conn, acct := live(t, Options{Metrics: registry, Ready: ready.Load})
	ask := func() []byte {
		lastID++
		return encode(t, &wire.Request{Code: wire.StatusServer, ID: lastID}, nil)
	}
	if p := exchange(t, conn, ask()); p.Code != wire.AccessAccept || p.Has(wire.Class) {
		t.Errorf("authentication port: %v", p.Code)
	}
	if p := exchange(t, acct, ask()); p.Code != wire.AccountingResponse {
		t.Errorf("accounting port: %v", p.Code)
	}
	ready.Store(false)
	if reply := s.Handle(t.Context(), received(t, loopback(), time.Now(), ask())); reply != nil {
		t.Errorf("a replica that cannot serve answers %v", reply.Code)
	}
}

// TestNobodyIsRefusedBeforePeopleAreLoaded: a server that has just started leaves
// sign-ins to the next one, and keeps accounting.
func TestNobodyIsRefusedBeforePeopleAreLoaded(t *testing.T) {
	var loaded atomic.Bool
	_, conn, _ := live(t, Options{Loaded: loaded.Load})
	silent(t, conn, access(t, "orlovami", "Snegir-2021", nil))
	loaded.Store(true)
	if p := exchange(t, conn, access(t, "orlovami", "Snegir-2021", nil)); p.Code != wire.AccessAccept {
		t.Errorf("%v", p.Code)
	}
}

func TestPortsTakeTheirOwnOnly(t *testing.T) {
	_, conn, acct := live(t, Options{})
	silent(t, acct, access(t, "orlovami", "Snegir-2021", nil))
	silent(t, conn, encode(t, &wire.Request{Code: wire.AccountingRequest, ID: 3}, nil))
	silent(t, conn, encode(t, &wire.Request{Code: 43, ID: 3}, nil))
}

func TestLongMessagesAreCutBetweenLetters(t *testing.T) {
	_, conn, _ := live(t, Options{Messages: Messages{Rejected: strings.Repeat("я", 300)}})
	p := exchange(t, conn, access(t, "nobody", "x", nil))
	n := 0
	for part := range p.All(wire.ReplyMessage) {
		if strings.Trim(string(part), "я") != "" || len(part) > 253 {
			t.Errorf("%q", part)
		}
		n++
	}
	if n != maxMessages {
		t.Errorf("%d messages", n)
	}
}

func FuzzHandle(f *testing.F) {
	f.Add(access(f, "orlovami", "Snegir-2021", nil))
	f.Add(access(f, "host/pc", "-", func(r *wire.Request) { r.AddText(wire.EAPMessage, "\x02\x01\x00\x06\x01a") }))
	f.Add(access(f, "02005e100001", "02005e100001", func(r *wire.Request) { r.AddText(wire.CallingStationID, "02-00-5E-10-00-01") }))
	f.Add(access(f, "02-00-5E-10-00-01", "-", func(r *wire.Request) { chap(r, "02-00-5E-10-00-01", []byte("challenge")) }))
	f.Add(access(f, "DOMAIN\\x", "-", func(r *wire.Request) { r.Add(wire.VendorSpecific, []byte{0, 0, 1, 55, 25, 3, 0}) }))
	f.Add(speak(f, "orlovami", ours[:], answer("orlovami", "Snegir-2021"), nil))
	f.Add(accounting(f, func(r *wire.Request) {
		r.AddUint32(wire.AcctStatusType, 2)
		r.AddText(wire.AcctSessionID, "1")
		r.Add(wire.Class, make([]byte, classMin))
		r.AddText(wire.CalledStationID, "02-00-00-00-00-01:School")
	}))
	s := newServer(f, Options{Accounting: &ledger{}})
	client := loopback()
	client.busy = new(wire.Share)
	peer := wire.NewPeer([]byte(testSecret), true, &client)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := wire.Parse(b)
		if err != nil {
			return
		}
		reply := s.Handle(t.Context(), &wire.Received{Packet: p, Peer: peer, At: time.Now(), Signed: true, Role: wire.Authentication})
		if reply == nil {
			if p.Code == wire.AccessRequest || p.Code == wire.AccountingRequest || p.Code == wire.StatusServer {
				t.Errorf("%v got no answer", p.Code)
			}
			return
		}
		if reply.Code == wire.AccessAccept && p.Code == wire.AccessRequest && p.Text(wire.UserName) != "orlovami" {
			t.Error("somebody else was let in")
		}
	})
}
