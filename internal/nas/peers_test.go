//go:build peers

package nas_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv/wire"
)

const (
	login    = "orlovami"
	password = "Snegir-2021"
)

var users = []radiustest.User{{Name: login, Password: password, VLAN: 20}}

// patience is for machines on which nothing moves for a while.
const patience = 20 * time.Second

// servers are the foreign ones.
var servers = map[string]func(testing.TB, radiustest.Options) *radiustest.Server{
	"freeradius": radiustest.Start, "hostapd": radiustest.StartHostapd,
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// device is one that succeeds.
func device(s *radiustest.Server, m eappeer.Method, client *tls.Certificate) eappeer.Options {
	o := eappeer.Options{
		Method: m, Identity: login, Anonymous: "anonymous@school.example", Password: password,
		Roots: s.Authority.Pool(), ServerName: radiustest.ServerName,
	}
	if m == eappeer.TLS {
		o.Certificate, o.Identity, o.Anonymous = client, "device", ""
	}
	return o
}

func signIn(t testing.TB, s *radiustest.Server, o eappeer.Options) (*nas.Result, *eappeer.Peer, error) {
	t.Helper()
	c := wire.NewClient(s.Auth, wire.ClientOptions{Secret: []byte(radiustest.Secret), Wait: patience})
	t.Cleanup(c.Close)
	p, err := eappeer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	outer := o.Anonymous
	if outer == "" {
		outer = o.Identity
	}
	r, err := (&nas.Point{Called: "02-10-A4-23-19-C0:School", Calling: "02-00-00-00-00-01"}).EAP(context.Background(), c.Line(), p, outer)
	return r, p, err
}

// TestForeignServers: every method × TLS version × server, as it should be and
// with each thing wrong.
func TestForeignServers(t *testing.T) {
	for server, start := range servers {
		for version := range versions {
			t.Run(server+" TLS "+version, func(t *testing.T) {
				t.Parallel()
				s := start(t, radiustest.Options{Users: users, MinTLS: version, MaxTLS: version, Resumption: true})
				client := s.Authority.Issue(t, "device", false, nil)
				for _, m := range eappeer.Methods() {
					t.Run(m.String(), func(t *testing.T) {
						right(t, s, device(s, m, &client), versions[version])
						again(t, s, device(s, m, &client), second(server, version, m))
						wrong(t, s, device(s, m, &client))
					})
				}
				if t.Failed() {
					log := s.Log()
					t.Logf("the server said:\n%s", log[max(0, len(log)-6000):])
				}
			})
		}
	}
}

// right signs in plainly and in small fragments.
func right(t *testing.T, s *radiustest.Server, o eappeer.Options, version uint16) {
	for _, fragment := range []int{0, 100, 500} {
		o.Fragment = fragment
		r, p, err := signIn(t, s, o)
		if err != nil {
			t.Errorf("fragments of %d: %v", fragment, err)
			continue
		}
		info := p.Info()
		if !r.Accepted || !r.Keys || info.Version != version || info.Resumed || len(info.Chain) == 0 {
			t.Errorf("fragments of %d: %+v %+v", fragment, r, info)
		}
	}
}

// comeback is how the second sign-in with a ticket ends.
type comeback struct {
	resumed bool
	fails   func(error) bool // nil: it does not
}

// second says what the servers do, their defects included. Neither sends
// tickets in TLS 1.2, and crypto/tls knows no session identifiers. FreeRADIUS
// does not deliver the ticket where PAP has nothing more to say. hostapd 2.10
// resumes in TLS 1.3, but then loses a record before PEAP's result, and leaves
// out EAP-TLS' protected success, without which no device may believe a Success
// (RFC 9190 section 2.1.2).
func second(server, version string, m eappeer.Method) comeback {
	switch {
	case version == "1.2":
		return comeback{}
	case server == "freeradius":
		return comeback{resumed: m != eappeer.TTLSPAP}
	case m == eappeer.TLS:
		return comeback{true, is(eappeer.ErrOrder)}
	case m == eappeer.PEAPMSCHAPv2 || m == eappeer.PEAPGTC:
		return comeback{true, func(err error) bool { return err != nil && strings.Contains(err.Error(), "bad record MAC") }}
	}
	return comeback{resumed: true}
}

// again signs in twice as one who keeps tickets.
func again(t *testing.T, s *radiustest.Server, o eappeer.Options, want comeback) {
	o.Sessions = tls.NewLRUClientSessionCache(1)
	first, _, err := signIn(t, s, o)
	if err != nil {
		t.Error(err)
		return
	}
	r, p, err := signIn(t, s, o)
	info := p.Info()
	switch {
	case info.Resumed != want.resumed:
		t.Errorf("resumed: %v, want %v", info.Resumed, want.resumed)
	case want.fails != nil:
		if !want.fails(err) || r.Accepted {
			t.Errorf("the comeback ends with %v", err)
		}
		return // hostapd would not survive the alert below
	case err != nil || !r.Accepted || !r.Keys || len(info.Chain) == 0:
		t.Errorf("the comeback: %v, %+v", err, r)
	case info.Resumed && len(r.Rounds) > len(first.Rounds):
		t.Errorf("%d rounds, full ones take %d", len(r.Rounds), len(first.Rounds))
	}
	// A ticket does not help past the checks.
	o.ServerName = "evil.example"
	if _, _, err := signIn(t, s, o); !isA[x509.HostnameError](err) {
		t.Errorf("another name, with a ticket: %v", err)
	}
}

func isA[E error](err error) bool {
	var want E
	return errors.As(err, &want)
}

// wrong signs in with one thing wrong each.
func wrong(t *testing.T, s *radiustest.Server, good eappeer.Options) {
	for name, c := range map[string]struct {
		change func(*eappeer.Options)
		want   func(error) bool
		skip   bool
	}{
		"password":  {func(o *eappeer.Options) { o.Password = identity.Password("nope") }, is(eappeer.ErrRejected), good.Method == eappeer.TLS},
		"user":      {func(o *eappeer.Options) { o.Identity = "nobody" }, is(eappeer.ErrRejected), good.Method == eappeer.TLS},
		"authority": {func(o *eappeer.Options) { o.Roots = radiustest.NewAuthority(t).Pool() }, isA[x509.UnknownAuthorityError], false},
		"name":      {func(o *eappeer.Options) { o.ServerName = "evil.example" }, isA[x509.HostnameError], false},
		// Both servers end it without the alert.
		"client certificate": {func(o *eappeer.Options) {
			other := radiustest.NewAuthority(t).Issue(t, "device", false, nil)
			o.Certificate = &other
		}, is(eappeer.ErrRejected), good.Method != eappeer.TLS},
	} {
		if c.skip {
			continue
		}
		o := good
		c.change(&o)
		r, _, err := signIn(t, s, o)
		if err == nil || r.Accepted || !c.want(err) {
			t.Errorf("wrong %s: %v, %+v", name, err, r)
		}
	}
}

func is(want error) func(error) bool {
	return func(err error) bool { return errors.Is(err, want) }
}

// TestForeignFreeRADIUS: what carries no EAP, and the errors of the transport.
func TestForeignFreeRADIUS(t *testing.T) {
	s := radiustest.Start(t, radiustest.Options{Users: users})
	ctx := context.Background()
	line := func(server, secret string, unsigned bool, wait time.Duration) *wire.Line {
		c := wire.NewClient(server, wire.ClientOptions{Secret: []byte(secret), Unsigned: unsigned, Wait: wait, Tries: 2})
		t.Cleanup(c.Close)
		return c.Line()
	}
	point := &nas.Point{}
	good := line(s.Auth, radiustest.Secret, true, patience)
	if r, err := point.PAP(ctx, good, login, password); err != nil || r.Reply.Text(wire.TunnelPrivateGroupID) != "20" {
		t.Errorf("PAP: %v", err)
	}
	if _, err := point.PAP(ctx, good, login, "nope"); !errors.Is(err, nas.ErrRejected) {
		t.Errorf("PAP, wrong password: %v", err)
	}
	if r, err := point.MSCHAPv2(ctx, good, login, password); err != nil || !r.Keys {
		t.Errorf("MS-CHAPv2: %v, %+v", err, r)
	}
	var refused *eappeer.PasswordError
	if _, err := point.MSCHAPv2(ctx, good, login, "nope"); !errors.As(err, &refused) || refused.Code != 691 {
		t.Errorf("MS-CHAPv2, wrong password: %v", err)
	}
	if _, err := point.PAP(ctx, line(s.Auth, radiustest.Secret, false, patience), login, password); !errors.Is(err, wire.ErrUnsigned) {
		t.Errorf("FreeRADIUS 3.2.1 signs nothing but EAP, yet: %v", err)
	}
	if _, err := point.MSCHAPv2(ctx, line(s.Auth, "another secret", true, time.Second), login, password); !errors.Is(err, wire.ErrNoAnswer) {
		t.Errorf("another secret: %v", err)
	}
	unsigned := &nas.Point{Unsigned: true}
	if _, err := unsigned.MSCHAPv2(ctx, line(s.Auth, "another secret", true, time.Second), login, password); !errors.Is(err, wire.ErrForged) {
		t.Errorf("another secret, unsigned: %v", err)
	}
	acct := line(s.Acct, radiustest.Secret, false, patience)
	for _, status := range []nas.Status{nas.Start, nas.Interim, nas.Stop} {
		if r, err := point.Account(ctx, acct, nas.Session{Name: login, ID: "1", Time: time.Minute}, status); err != nil || !r.Accepted {
			t.Errorf("accounting %d: %v", status, err)
		}
	}
	s.Stop()
	if _, err := point.PAP(ctx, line(s.Auth, radiustest.Secret, true, 50*time.Millisecond), login, password); !errors.Is(err, wire.ErrRefused) {
		t.Errorf("nobody there: %v", err)
	}
}

// proxy forwards sign-ins to a server and gives its keys away as change says.
type proxy struct {
	line   *wire.Line
	change func(reply *wire.Reply, send, recv []byte)
}

// Handle implements wire.Handler.
func (p *proxy) Handle(ctx context.Context, r *wire.Received) *wire.Reply {
	request := &wire.Request{Code: r.Packet.Code, Authenticator: r.Packet.Authenticator}
	for kind, value := range r.Packet.Attributes() {
		if kind != wire.MessageAuthenticator {
			request.Add(kind, value)
		}
	}
	a, err := p.line.Exchange(ctx, request)
	if err != nil {
		return nil
	}
	reply := &wire.Reply{Code: a.Code}
	for kind, value := range a.Attributes() {
		if kind != wire.MessageAuthenticator && kind != wire.VendorSpecific {
			reply.Add(kind, value)
		}
	}
	if send, recv, ok := a.MPPEKeys(request.Authenticator, []byte(radiustest.Secret)); ok {
		p.change(reply, send, recv)
	}
	return reply
}

// TestWrongKeys: an acceptance with other keys than the device has is none, in
// whichever of the two the fault is.
func TestWrongKeys(t *testing.T) {
	s := radiustest.Start(t, radiustest.Options{Users: users})
	other := bytes.Repeat([]byte{7}, 32)
	for name, c := range map[string]struct {
		change func(reply *wire.Reply, send, recv []byte)
		right  bool
	}{
		"as they are":  {func(r *wire.Reply, send, recv []byte) { r.AddMPPEKeys(send, recv) }, true},
		"another send": {func(r *wire.Reply, _, recv []byte) { r.AddMPPEKeys(other, recv) }, false},
		"another recv": {func(r *wire.Reply, send, _ []byte) { r.AddMPPEKeys(send, other) }, false},
		"swapped":      {func(r *wire.Reply, send, recv []byte) { r.AddMPPEKeys(recv, send) }, false},
		"half a send":  {func(r *wire.Reply, send, recv []byte) { r.AddMPPEKeys(send[:16], recv) }, false},
		"none":         {func(*wire.Reply, []byte, []byte) {}, false},
	} {
		upstream := wire.NewClient(s.Auth, wire.ClientOptions{Secret: []byte(radiustest.Secret), Wait: patience})
		t.Cleanup(upstream.Close)
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		peer := wire.NewPeer([]byte(radiustest.Secret), false, nil)
		between := wire.NewServer(&proxy{upstream.Line(), c.change}, wire.Options{Peer: func(netip.Addr) *wire.Peer { return peer }})
		go func() { _ = between.ServeUDP(conn, wire.Authentication) }()
		t.Cleanup(func() { _ = between.Shutdown(context.Background()) })
		r, _, err := signIn(t, &radiustest.Server{Authority: s.Authority, Auth: conn.LocalAddr().String()}, device(s, eappeer.PEAPMSCHAPv2, nil))
		if r.Accepted != c.right || r.Keys != c.right || !c.right && !errors.Is(err, nas.ErrKeys) {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}
