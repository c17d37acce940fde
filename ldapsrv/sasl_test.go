package ldapsrv

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv/wire"
	"schoolbridge/radiussrv/eap/eaptest"
)

const (
	device  = "cn=board-12,ou=services," + testBase // with a certificate alone
	devices = "cn=boards,ou=services," + testBase   // all below boards.example, and a password
)

// certifiedWorld is a server that asks for certificates of one authority.
type certifiedWorld struct {
	*world
	pki   *eaptest.PKI
	trust atomic.Pointer[trust.Set]
	mu    sync.Mutex
	now   time.Time
}

func startCertified(t testing.TB, change func(*Options)) *certifiedWorld {
	t.Helper()
	w := &certifiedWorld{pki: eaptest.NewPKI(t), now: time.Now()}
	w.trusts(t)
	w.world = start(t, func(o *Options) {
		o.Services = append(o.Services,
			Service{DN: device, Certificates: []CertificateName{{"devices", "board-12.example"}, {"devices", "Board 12"}}, Schools: []person.SchoolID{"49"}, Attributes: []string{"cn"}},
			Service{DN: devices, Password: secret, Certificates: []CertificateName{{"devices", "*.boards.example"}}})
		base := o.TLS()
		asking := base.Clone()
		asking.ClientAuth = tls.RequestClientCert
		o.TLS, o.Trust = func() *tls.Config { return asking }, w.trust.Load
		o.Now = func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now
		}
		if change != nil {
			change(o)
		}
	})
	return w
}

// trusts puts the authority with revocation lists in force, as a reload does.
func (w *certifiedWorld) trusts(t testing.TB, lists ...*x509.RevocationList) {
	t.Helper()
	set, err := trust.New([]trust.Authority{{Name: "devices", Certificates: []*x509.Certificate{w.pki.Authority}, Revoked: lists}})
	if err != nil {
		t.Fatal(err)
	}
	w.trust.Store(set)
}

func (w *certifiedWorld) client(shows ...tls.Certificate) *tls.Config {
	c := w.world.client()
	if len(shows) > 0 { // even where the server's list of authorities does not fit
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shows[0], nil }
	}
	return c
}

func (w *certifiedWorld) over(shows ...tls.Certificate) *ldap.Conn {
	w.t.Helper()
	c, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(w.client(shows...)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

func who(t testing.TB, c *ldap.Conn) string {
	t.Helper()
	r, err := c.WhoAmI(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.AuthzID
}

func TestExternal(t *testing.T) {
	w := startCertified(t, nil)
	other := eaptest.NewPKI(t)
	revoked := w.pki.Computer(t, "a.boards.example")
	for what, one := range map[string]struct {
		shows tls.Certificate
		code  uint16
		who   string
	}{
		"a DNS name":           {w.pki.Computer(t, "Board-12.example"), 0, "dn:" + device},
		"one below a domain":   {w.pki.Computer(t, "b.boards.example"), 0, "dn:" + devices},
		"a common name":        {w.pki.Client(t, "BOARD 12", "", time.Time{}), 0, "dn:" + device},
		"two below a domain":   {w.pki.Computer(t, "a.b.boards.example"), 49, ""},
		"a CN is no wildcard":  {w.pki.Client(t, "c.boards.example", "", time.Time{}), 49, ""},
		"nobody's":             {w.pki.Computer(t, "pc.example"), 49, ""},
		"for many":             {w.pki.Computer(t, "*.boards.example"), 49, ""},
		"another authority's":  {other.Computer(t, "board-12.example"), 49, ""},
		"ended":                {w.pki.Client(t, "Board 12", "", time.Now().Add(-time.Minute)), 49, ""},
		"a server's":           {w.pki.Server(t, false), 49, ""},
		"taken back afterward": {revoked, 0, "dn:" + devices},
	} {
		c := w.over(one.shows)
		if err := c.ExternalBind(); code(err) != one.code {
			t.Errorf("%s: %v", what, err)
		}
		if got := who(t, c); got != one.who {
			t.Errorf("%s: is %q", what, got)
		}
		mechanisms := w.mechanisms(t, c)
		if slices.Contains(mechanisms, saslExternal) != (one.code == 0) || !slices.Contains(mechanisms, saslPlain) {
			t.Errorf("%s: is offered %q", what, mechanisms)
		}
	}
	until := time.Now().Add(time.Hour)
	w.trusts(t, w.pki.Revoke(t, until, revoked))
	if err := w.over(revoked).ExternalBind(); code(err) != 49 {
		t.Errorf("a revoked one: %v", err)
	}
	good := w.pki.Computer(t, "board-12.example")
	w.trusts(t, w.pki.Revoke(t, time.Now().Add(-time.Minute), revoked))
	if err := w.over(good).ExternalBind(); code(err) != ldap.LDAPResultUnavailable {
		t.Errorf("with an old list: %v", err)
	}
	// Nobody without a certificate, and no password opens an account without one.
	c := w.over()
	if err := c.ExternalBind(); code(err) != ldap.LDAPResultInappropriateAuthentication {
		t.Errorf("without a certificate: %v", err)
	}
	if err := w.dial().ExternalBind(); code(err) != ldap.LDAPResultInappropriateAuthentication {
		t.Errorf("without TLS: %v", err)
	}
	if err := c.Bind(device, secret); code(err) != 49 {
		t.Errorf("a password for an account that has none: %v", err)
	}
	if got := w.mechanisms(t, w.dial()); len(got) > 0 {
		t.Errorf("without TLS %q are offered", got)
	}
	// StartTLS serves as well as LDAPS.
	w.trusts(t)
	c = w.dial()
	if err := c.StartTLS(w.client(good)); err != nil {
		t.Fatal(err)
	}
	if err := c.ExternalBind(); err != nil || who(t, c) != "dn:"+device {
		t.Errorf("after StartTLS: %v", err)
	}
	if got := found(t, c, testBase, "(cn=Белов*)"); got != "belovas" {
		t.Errorf("sees %q", got)
	}
}

func (w *certifiedWorld) mechanisms(t testing.TB, c *ldap.Conn) []string {
	t.Helper()
	r, err := c.Search(search("", ldap.ScopeBaseObject, "(objectClass=*)", "supportedSASLMechanisms"))
	if err != nil {
		t.Fatal(err)
	}
	return r.Entries[0].GetAttributeValues("supportedSASLMechanisms")
}

// A certificate that two accounts have is nobody's, and one account comes from its
// networks only, with a password as with a certificate.
func TestCertificatesOfTwoAndFromElsewhere(t *testing.T) {
	w := startCertified(t, func(o *Options) {
		o.Services = append(o.Services, Service{DN: "cn=far,ou=services," + testBase, Password: secret, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Certificates: []CertificateName{{"devices", "far.example"}}})
	})
	both := &identity.Certificate{Authority: "devices", DNSNames: []string{"board-12.example", "x.boards.example"}}
	if s := w.server.accountOf(*both); s != nil {
		t.Errorf("is %s", s.name)
	}
	if s := w.server.accountOf(identity.Certificate{Authority: "devices", DNSNames: []string{"x.boards.example", "y.boards.example"}}); s == nil || s.name != devices {
		t.Errorf("is %v", s)
	}
	c := w.over(w.pki.Computer(t, "far.example"))
	if err := c.ExternalBind(); code(err) != 49 {
		t.Errorf("from elsewhere: %v", err)
	}
	if err := c.Bind("cn=far,ou=services,"+testBase, secret); code(err) != 49 || text(err) != textCredentials {
		t.Errorf("from elsewhere with the password: %v", err)
	}
}

// A reload that takes an authority or a certificate away, and the certificate's
// end, sign out whoever is signed in with it; a reload that takes nothing away
// does not, nor does a list that is out of date.
func TestCertificatesEndWhileSignedIn(t *testing.T) {
	w := startCertified(t, nil)
	good := w.pki.Computer(t, "board-12.example")
	signIn := func() *ldap.Conn {
		c := w.over(good)
		if err := c.ExternalBind(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := signIn()
	until := time.Now().Add(time.Hour)
	w.trusts(t, w.pki.Revoke(t, until, w.pki.Computer(t, "other.example")))
	if got := who(t, c); got != "dn:"+device {
		t.Errorf("after a harmless reload: %q", got)
	}
	w.trusts(t, w.pki.Revoke(t, time.Now().Add(-time.Minute)))
	if got := who(t, c); got != "dn:"+device {
		t.Errorf("with an old list: %q", got)
	}
	w.trusts(t, w.pki.Revoke(t, until, good))
	if _, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")); code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Errorf("after it was revoked: %v", err)
	}
	w.trusts(t)
	c = signIn()
	w.trust.Store(nil)
	if got := who(t, c); got != "" {
		t.Errorf("without authorities: %q", got)
	}
	w.trusts(t)
	c = signIn()
	w.mu.Lock()
	w.now = good.Leaf.NotAfter.Add(time.Second)
	w.mu.Unlock()
	if got := who(t, c); got != "" {
		t.Errorf("after its end: %q", got)
	}
}

// saslBody is a bind by SASL; nil credentials are none.
func saslBody(mechanism string, credentials []byte) []byte {
	b := wire.AppendInt(nil, wire.TagInteger, 3)
	b = wire.AppendTLV(b, wire.TagOctets, "")
	s := wire.AppendTLV(nil, wire.TagOctets, mechanism)
	if credentials != nil {
		s = wire.AppendTLV(s, wire.TagOctets, credentials)
	}
	return wire.AppendTLV(b, methodSASL, s)
}

func plainMessage(as, name, password string) []byte {
	return []byte(as + "\x00" + name + "\x00" + password)
}

// raw asks in bytes, over TLS or not.
type raw struct {
	t  *testing.T
	c  net.Conn
	id int32
}

func (w *certifiedWorld) raw(t *testing.T, secured bool, shows ...tls.Certificate) *raw {
	t.Helper()
	var c net.Conn
	var err error
	if secured {
		c, err = tls.Dial("tcp", w.tls, w.client(shows...))
	} else {
		c, err = net.Dial("tcp", w.plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &raw{t: t, c: c}
}

// ask gives code, text, and what follows in the operation and behind it.
func (r *raw) ask(op byte, body []byte, controls ...string) (code wire.Code, text string, extra, behind []byte) {
	r.t.Helper()
	r.id++
	b, at := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, r.id)
	b = wire.AppendTLV(b, op, body)
	if len(controls) > 0 {
		var list []byte
		for _, oid := range controls {
			list = wire.AppendTLV(list, wire.TagSequence, wire.AppendTLV(nil, wire.TagOctets, oid))
		}
		b = wire.AppendTLV(b, 0xa0, list)
	}
	if _, err := r.c.Write(wire.End(b, at)); err != nil {
		r.t.Fatal(err)
	}
	return r.answer()
}

func (r *raw) answer() (code wire.Code, text string, extra, behind []byte) {
	r.t.Helper()
	head := make([]byte, 2, 8)
	if _, err := io.ReadFull(r.c, head); err != nil {
		r.t.Fatal(err)
	}
	size := int(head[1])
	if size >= 0x80 {
		more := make([]byte, size&0x7f)
		if _, err := io.ReadFull(r.c, more); err != nil {
			r.t.Fatal(err)
		}
		size = 0
		for _, x := range more {
			size = size<<8 | int(x)
		}
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r.c, b); err != nil {
		r.t.Fatal(err)
	}
	_, b, _ = wire.Expect(b, wire.TagInteger)
	op, behind, err := wire.Next(b)
	if err != nil {
		r.t.Fatal(err)
	}
	value, rest, _ := wire.Expect(op.Value, wire.TagEnumerated)
	n, _ := wire.Int(value)
	_, rest, _ = wire.Expect(rest, wire.TagOctets)
	said, extra, _ := wire.Expect(rest, wire.TagOctets)
	return wire.Code(n), string(said), extra, behind
}

// whoAmI asks for the identity of the connection.
func (r *raw) whoAmI() string {
	r.t.Helper()
	_, _, extra, _ := r.ask(wire.OpExtendedRequest, wire.AppendTLV(nil, 0x80, oidWhoAmI))
	value, _, err := wire.Expect(extra, 0x8b)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(value)
}

func TestPlain(t *testing.T) {
	w := startCertified(t, twoViews)
	orlova := "dn:" + personName("orlovami")
	for what, one := range map[string]struct {
		message []byte
		code    wire.Code
		who     string
	}{
		"a login":                      {plainMessage("", "orlovami", password), 0, orlova},
		"a user principal name":        {plainMessage("", "orlovami@school.example", password), 0, orlova},
		"a DN":                         {plainMessage("", personName("orlovami"), password), 0, orlova},
		"a DN of the other tree":       {plainMessage("", "CN=orlovami,"+adPeople, password), 0, "dn:CN=orlovami," + adPeople},
		"a service":                    {plainMessage("", reader, secret), 0, "dn:" + reader},
		"as himself":                   {plainMessage("u:orlovami", "orlovami", password), 0, orlova},
		"as himself by another name":   {plainMessage("U:orlovami@school.example", "orlovami.mosru", password), 0, orlova},
		"as himself by DN":             {plainMessage("dn:CN=Orlovami, OU=People,DC=ad,dc=example", "orlovami", password), 0, orlova},
		"as himself, in the same word": {plainMessage("orlovami", "orlovami", password), 0, orlova},
		"a service as itself":          {plainMessage("u:READER", reader, secret), 0, "dn:" + reader},
		"a service by DN":              {plainMessage("dn:"+reader, reader, secret), 0, "dn:" + reader},
		"as somebody else":             {plainMessage("u:belovas", "orlovami", password), 49, ""},
		"as somebody else by DN":       {plainMessage("dn:"+personName("belovas"), "orlovami", password), 49, ""},
		"as nobody":                    {plainMessage("u:nobody", "orlovami", password), 49, ""},
		"as anybody":                   {plainMessage("belovas", "orlovami", password), 49, ""},
		"as the root":                  {plainMessage("dn:", "orlovami", password), 49, ""},
		"a service as another":         {plainMessage("dn:"+board, reader, secret), 49, ""},
		"a service as a person":        {plainMessage("dn:"+personName("belovas"), reader, secret), 49, ""},
		"a person as a service":        {plainMessage("dn:"+reader, "orlovami", password), 49, ""},
		"a wrong password":             {plainMessage("", "orlovami", "wrong"), 49, ""},
		"an unknown name":              {plainMessage("", "nobody", password), 49, ""},
		"no password":                  {plainMessage("", "orlovami", ""), wire.ProtocolError, ""},
		"no name":                      {plainMessage("orlovami", "", password), wire.ProtocolError, ""},
		"a part too few":               {[]byte("orlovami\x00" + password), wire.ProtocolError, ""},
		"a part too many":              {plainMessage("", "orlovami", password+"\x00"), wire.ProtocolError, ""},
		"no UTF-8":                     {plainMessage("", "orlovami", password+"\xff"), wire.ProtocolError, ""},
		"nothing":                      {[]byte{}, wire.ProtocolError, ""},
		"too much":                     {plainMessage("", "orlovami", strings.Repeat("x", maxPlain)), wire.ProtocolError, ""},
	} {
		r := w.raw(t, true)
		if _, _, _, behind := r.ask(wire.OpBindRequest, bindBody(reader, secret)); len(behind) > 0 {
			t.Fatal("an unasked control")
		}
		code, said, _, _ := r.ask(wire.OpBindRequest, saslBody("PLAIN", one.message))
		if code != one.code || code == 49 && said != textCredentials {
			t.Errorf("%s: %d %s", what, code, said)
		}
		if got := r.whoAmI(); got != one.who {
			t.Errorf("%s: is %q", what, got)
		}
	}
	for mechanism, want := range map[string]wire.Code{"PLAIN": wire.ConfidentialityRequired, "": wire.AuthMethodNotSupported, "DIGEST-MD5": wire.AuthMethodNotSupported,
		"plain": wire.AuthMethodNotSupported, "GSS-SPNEGO": wire.AuthMethodNotSupported, "EXTERNAL": wire.InappropriateAuthentication} {
		if code, _, _, _ := w.raw(t, false).ask(wire.OpBindRequest, saslBody(mechanism, plainMessage("", "orlovami", password))); code != want {
			t.Errorf("%q in the clear: %d", mechanism, code)
		}
	}
	if got := w.auth.last().Source.Addr; got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("asked from %v", got)
	}
}

// PLAIN in two steps, and all that can come in the place of the second.
func TestSASLInSteps(t *testing.T) {
	w := startCertified(t, nil)
	r := w.raw(t, true)
	message := plainMessage("", "orlovami", password)
	begin := func() {
		t.Helper()
		code, _, extra, _ := r.ask(wire.OpBindRequest, saslBody("PLAIN", nil))
		if creds, _, err := wire.Expect(extra, 0x87); code != wire.SASLBindInProgress || err != nil || len(creds) != 0 {
			t.Fatalf("%d %x", code, extra)
		}
	}
	begin()
	if code, _, _, _ := r.ask(wire.OpBindRequest, saslBody("PLAIN", message)); code != wire.Success || r.whoAmI() != "dn:"+personName("orlovami") {
		t.Errorf("the second step: %d", code)
	}
	for what, one := range map[string]struct {
		op   byte
		body []byte
		code wire.Code
	}{
		"a search":             {wire.OpSearchRequest, searchBody("", 0, []byte("\x87\x0bobjectClass")), wire.OperationsError},
		"a comparison":         {wire.OpCompareRequest, nil, wire.OperationsError},
		"StartTLS":             {wire.OpExtendedRequest, startTLSBody, wire.OperationsError},
		"who am I":             {wire.OpExtendedRequest, wire.AppendTLV(nil, 0x80, oidWhoAmI), wire.OperationsError},
		"another mechanism":    {wire.OpBindRequest, saslBody("EXTERNAL", nil), wire.InappropriateAuthentication},
		"no mechanism":         {wire.OpBindRequest, saslBody("", nil), wire.AuthMethodNotSupported},
		"a simple bind":        {wire.OpBindRequest, bindBody(reader, secret), wire.Success},
		"an anonymous bind":    {wire.OpBindRequest, bindBody("", ""), wire.Success},
		"the message":          {wire.OpBindRequest, saslBody("PLAIN", message), wire.Success},
		"the beginning, again": {wire.OpBindRequest, saslBody("PLAIN", nil), wire.SASLBindInProgress},
	} {
		begin()
		if code, _, _, _ := r.ask(one.op, one.body); code != one.code {
			t.Errorf("%s: %d", what, code)
		}
		if one.code == wire.SASLBindInProgress {
			r.ask(wire.OpBindRequest, bindBody("", ""))
		}
		want := map[string]string{"a simple bind": "dn:" + reader, "the message": "dn:" + personName("orlovami")}[what]
		if got := r.whoAmI(); got != want {
			t.Errorf("%s: then is %q", what, got)
		}
	}
	// Nothing of it is left for a bind that comes later without credentials.
	begin()
	r.ask(wire.OpBindRequest, bindBody(reader, secret))
	begin()
	if code, _, _, _ := r.ask(wire.OpBindRequest, saslBody("PLAIN", []byte{})); code != wire.ProtocolError || r.whoAmI() != "" {
		t.Errorf("an empty message: %d", code)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add(plainMessage("", "orlovami", "x"))
	f.Add(plainMessage("dn:"+reader, reader, "x"))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, message []byte) {
		m, ok := parsePlain(message)
		if ok && (string(m.as)+"\x00"+string(m.name)+"\x00"+string(m.password) != string(message) || len(m.name) == 0 || len(m.password) == 0) {
			t.Errorf("%q", m)
		}
	})
}

// Nobody becomes somebody else by what he writes into the authorization identity.
func FuzzAuthorizationIdentity(f *testing.F) {
	for _, as := range []string{"", "u:orlovami", "dn:" + personName("orlovami"), "dn:" + reader, "u:reader", "dn:", "u:", "orlovami", "dn:uid=orlova\\6di," + testPeople} {
		f.Add(as)
	}
	d := testDirectory(f)
	s, err := New(Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Services: []Service{{DN: reader, Password: secret}, {DN: board, Password: secret}}})
	if err != nil {
		f.Fatal(err)
	}
	orlova, _ := d.Lookup("orlovami")
	belov, _ := d.Lookup("belovas")
	f.Fuzz(func(t *testing.T, as string) {
		one, other := &session{s: s, person: orlova.Person}, &session{s: s, person: belov.Person}
		if as != "" && one.mayBe(as, "1") && other.mayBe(as, "2") && as != "1" && as != "2" {
			t.Errorf("%q is two people", as)
		}
		first, second := &session{s: s, service: s.accounts.Load().list[0]}, &session{s: s, service: s.accounts.Load().list[1]}
		if as != "" && first.mayBe(as, "") && (second.mayBe(as, "") || one.mayBe(as, "x") && !strings.EqualFold(as[:2], "u:")) {
			t.Errorf("%q is two accounts", as)
		}
	})
}
