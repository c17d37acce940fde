package ldapsrv

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// apply puts other accounts in force, as a reload does.
func (w *world) apply(list ...Service) {
	w.t.Helper()
	a, err := w.server.CompileServices(list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.server.ApplyServices(a)
}

func (w *world) whoAmI(c *ldap.Conn) string {
	w.t.Helper()
	r, err := c.WhoAmI(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.AuthzID
}

// Accounts are replaced while they are signed in: who is gone, has another password
// or stands elsewhere is signed out, the others go on and see what they see now.
func TestApplyServices(t *testing.T) {
	const fresh = "cn=fresh,ou=services," + testBase
	all := Service{DN: reader, Password: secret}
	some := Service{DN: board, Password: secret, Schools: []person.SchoolID{"49"}}
	w := start(t, func(o *Options) { o.Services = []Service{all, some} })
	first, second, somebody := w.as(reader, secret), w.as(board, secret), w.as("orlovami", password)
	if err := w.dial().Bind(fresh, secret); code(err) != ldap.LDAPResultInvalidCredentials {
		t.Errorf("one that is not there yet: %v", err)
	}

	some.Schools = []person.SchoolID{"1234"}
	w.apply(some, Service{DN: fresh, Password: "fresh-secret"}, Service{DN: strings.ToUpper(reader), Password: secret})
	if who := w.whoAmI(w.as(fresh, "fresh-secret")); who != "dn:"+fresh {
		t.Errorf("a new one is %q", who)
	}
	if got := logins(t, second); got != "orlovami sidorov" {
		t.Errorf("another school's account sees %q", got)
	}
	if who := w.whoAmI(first); !strings.EqualFold(who, "dn:"+reader) {
		t.Errorf("one that is as it was is %q", who)
	}
	if who := w.whoAmI(somebody); who != "dn:"+personName("orlovami") {
		t.Errorf("a person is %q", who)
	}

	all.Password = "another"
	w.apply(all)
	for what, c := range map[string]*ldap.Conn{"with another password": first, "that is gone": second} {
		if _, err := c.Search(search(testBase, ldap.ScopeWholeSubtree, "(uid=*)")); code(err) != ldap.LDAPResultInsufficientAccessRights {
			t.Errorf("one %s: %v", what, err)
		}
		if who := w.whoAmI(c); who != "" {
			t.Errorf("one %s is %q", what, who)
		}
	}
	if err := first.Bind(reader, secret); code(err) != ldap.LDAPResultInvalidCredentials {
		t.Errorf("the old password: %v", err)
	}
	if err := first.Bind(reader, "another"); err != nil {
		t.Error(err)
	}
	all.From = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if w.apply(all); w.whoAmI(first) != "" {
		t.Error("one that may not come from here is signed in")
	}

	for what, list := range map[string][]Service{
		"two of a name": {all, {DN: strings.ToUpper(reader), Password: "x"}}, "a person's": {{DN: personName("x"), Password: "x"}}, "a container's": {{DN: testPeople, Password: "x"}},
		"an attribute that is not there": {{DN: reader, Password: "x", Attributes: []string{"nonsense"}}}, "nothing to sign in with": {{DN: reader}},
	} {
		if _, err := w.server.CompileServices(list); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

// Whose users bind on a connection is the account that is there now.
func TestAppliedAccountAsks(t *testing.T) {
	one := Service{DN: board, Password: secret, Schools: []person.SchoolID{"49"}}
	w := start(t, func(o *Options) { o.Services = []Service{one} })
	for _, c := range []struct {
		apply       []Service
		nas, school string
	}{
		{[]Service{one}, board, "49"},
		{[]Service{{DN: board, Password: secret, Schools: []person.SchoolID{"1234"}}}, board, "1234"},
		{[]Service{{DN: reader, Password: secret}}, "", ""},
		{[]Service{{DN: board, Password: "another", Schools: []person.SchoolID{"49"}}}, "", ""},
		{[]Service{{DN: board, Password: secret, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}, "", ""},
	} {
		w.apply(one)
		conn := w.as(board, secret)
		if err := conn.Bind("orlovami", password); err != nil {
			t.Fatal(err)
		}
		w.apply(c.apply...)
		if err := conn.Bind("orlovami", password); err != nil {
			t.Fatal(err)
		}
		if from := w.auth.last().Source; from.NAS != c.nas || from.School != c.school {
			t.Errorf("%+v: asked by %q of school %q", c.apply, from.NAS, from.School)
		}
	}
}

// With a certificate: other names of an account count at once.
func TestApplyCertificates(t *testing.T) {
	w := startCertified(t, nil)
	c := w.over(w.pki.Computer(t, "a.boards.example"))
	if err := c.ExternalBind(); err != nil {
		t.Fatal(err)
	}
	w.apply(Service{DN: devices, Certificates: []CertificateName{{"devices", "*.boards.example"}}})
	if who := w.whoAmI(c); who != "dn:"+devices {
		t.Errorf("whose name is still there is %q", who)
	}
	w.apply(Service{DN: devices, Certificates: []CertificateName{{"devices", "b.boards.example"}}}, Service{DN: device, Certificates: []CertificateName{{"devices", "*.boards.example"}}})
	if who := w.whoAmI(c); who != "" {
		t.Errorf("whose name is another's is %q", who)
	}
	if err := c.ExternalBind(); err != nil || w.whoAmI(c) != "dn:"+device {
		t.Errorf("the other: %v", err)
	}
	w.apply(Service{DN: device, Password: secret})
	if who := w.whoAmI(c); who != "" {
		t.Errorf("where certificates sign nobody in he is %q", who)
	}
}

// What runs for long ends with the account that it runs for.
func TestApplyInTheMiddle(t *testing.T) {
	again := func() {}
	w := start(t, func(o *Options) {
		o.Directory = endless{o.Directory.(*directory.Directory), func() { again() }}
	})
	again = func() { w.apply(Service{DN: board, Password: secret}) }
	query := search(testPeople, ldap.ScopeWholeSubtree, "(givenName=nobody)")
	query.Controls = []ldap.Control{ldap.NewControlString(oidSyncRequest, true, "\x30\x03\x0a\x01\x01")}
	if _, err := w.as(reader, secret).Search(query); code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Error(err)
	}
}

// A change of one account leaves alone what others have begun, and nothing that the
// account itself has begun counts under other rules.
func TestApplyLeavesCookies(t *testing.T) {
	job := Service{DN: reader, Password: secret, Sync: true}
	w := start(t, func(o *Options) { o.Services = []Service{job} })
	c := w.as(reader, secret)
	copy := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	q := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	_, cookie, err := paged(c, q, 1, nil)
	if err = errors.Join(err, copy.poll(c, false)); err != nil {
		t.Fatal(err)
	}
	w.apply(Service{DN: board, Password: secret}, job)
	if _, _, err := paged(c, q, 1, cookie); err != nil {
		t.Errorf("the next page: %v", err)
	}
	if err := copy.poll(c, false); err != nil {
		t.Errorf("the next synchronization: %v", err)
	}
	job.Schools = []person.SchoolID{"49"}
	w.apply(job)
	if _, _, err := paged(c, q, 1, cookie); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("a page of before: %v", err)
	}
	if err := copy.poll(c, false); code(err) != 4096 {
		t.Errorf("a synchronization of before: %v", err)
	}
}

// Whose account is replaced while he waits for this replica is not served as who he was.
func TestApplyWhileWaiting(t *testing.T) {
	var w *world
	w = start(t, func(o *Options) {
		o.Directory = arriving{o.Directory.(*directory.Directory), func() { w.apply(Service{DN: board, Password: secret}) }}
	})
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagEnumerated, 1)
	ahead := wire.End(wire.AppendTLV(b, wire.TagOctets, syncCookie(1000, 5)), value)
	query := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")
	query.Controls = []ldap.Control{ldap.NewControlString(oidSyncRequest, true, string(ahead))}
	if r, err := w.as(reader, secret).Search(query); code(err) != ldap.LDAPResultBusy || r != nil && len(r.Entries) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// arriving is a replica that comes to a position, and something happens meanwhile.
type arriving struct {
	*directory.Directory
	meanwhile func()
}

func (d arriving) Await(context.Context, uint64) error { d.meanwhile(); return nil }

// A person is called as the directory calls her now, and as at the bind where it
// knows her no more.
func TestWhoAmIOfSomebodyRenamed(t *testing.T) {
	w := start(t, nil)
	c := w.as(personName("orlovami"), password)
	orlova, _ := w.auth.d.Lookup("orlovami")
	renamed := *orlova
	renamed.Login = "zimina"
	if err := changeTo(w, &renamed); err != nil {
		t.Fatal(err)
	}
	if who := w.whoAmI(c); who != "dn:"+personName("zimina") {
		t.Errorf("renamed she is %q", who)
	}
	w.src.changes = []directory.Change{{Removed: orlova.Person}}
	if _, err := w.auth.d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if who := w.whoAmI(c); who != "dn:"+personName("orlovami") {
		t.Errorf("without an account she is %q", who)
	}
}

// lines are a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take gives what was written since it was taken last.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

// A DN that was to be an account's leaves a line, once a minute, and one that may
// be a person's none.
func TestMisnamedAccountsAreTold(t *testing.T) {
	log := &lines{}
	var minutes atomic.Int64
	w := start(t, func(o *Options) {
		o.Logger, o.Now = slog.New(slog.NewTextHandler(log, nil)), func() time.Time { return testNow.Add(time.Duration(minutes.Load()) * time.Minute) }
	})
	for _, one := range []struct{ name, says string }{
		{"cn=raeder,ou=services," + testBase, `dn="cn=raeder,ou=services,` + testBase + `"`},
		{"cn=" + strings.Repeat("r", 1000) + ",ou=services," + testBase, `…"`},
		{"CN=Reader,ou=services,dc=shool,dc=example", `service="` + reader + `"`},
		{"cn=reader,ou=people," + testBase, `service="` + reader + `"`},
		{"uid=ivanov,ou=people," + testBase, ""}, {"cn=ivanov,ou=people," + testBase, ""}, {"cn=Иванов Иван,dc=elsewhere", ""}, {"cn=reader", ""},
		{"ivanov", ""}, {"reader", ""}, {"a=b+c=d", ""}, {"ou=services," + testBase, ""}, {reader, ""},
	} {
		for range 2 {
			if err := w.dial().Bind(one.name, "wrong"); code(err) != 49 {
				t.Errorf("%s: %v", one.name, err)
			}
		}
		text := log.take()
		lines := strings.Count(text, "none of ldap.services")
		if (lines == 1) != (one.says != "") || lines > 1 || !strings.Contains(text, one.says) || len(text) > 1000 || strings.Contains(text, "ivanov") || strings.Contains(text, "Иванов") {
			t.Errorf("%.60s: %s", one.name, text)
		}
		minutes.Add(1)
	}
}

// What policy rules name is the account as the configuration writes it.
func TestRulesKnowAccountsAsConfigured(t *testing.T) {
	const hall = "CN=Hall, OU=services, " + testBase
	w := start(t, func(o *Options) { o.Services = append(o.Services, Service{DN: hall, Password: secret}) })
	c := w.as("cn=hall,ou=services,"+testBase, secret)
	if err := c.Bind(personName("orlovami"), password); err != nil {
		t.Fatal(err)
	}
	if got := w.auth.last().Source.NAS; got != hall {
		t.Errorf("came through %q", got)
	}
}
