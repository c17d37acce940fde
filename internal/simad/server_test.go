package simad_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/simad"
)

// TestOnePort: the same port takes plain LDAP, StartTLS and LDAPS, and takes
// passwords over the protected ones only.
func TestOnePort(t *testing.T) {
	_, address, config := start(t, options())
	open := map[string]func() (*ldap.Conn, error){
		"plain": func() (*ldap.Conn, error) { return ldap.DialURL("ldap://" + address) },
		"StartTLS": func() (*ldap.Conn, error) {
			c, err := ldap.DialURL("ldap://" + address)
			if err != nil {
				return nil, err
			}
			return c, c.StartTLS(config)
		},
		"LDAPS": func() (*ldap.Conn, error) { return ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(config)) },
	}
	for name, dial := range open {
		c, err := dial()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer c.Close()
		if err := c.Bind(admin, "ad-demo"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = modify(c, admin, set("unicodePwd", quoted("ad-demo")), set("description", name))
		want := map[bool]string{true: "53 0000001F", false: "53 0000052D"}[name == "plain"] // the other is too weak
		if got := outcome(err); got != want {
			t.Errorf("a password over %s answers %q, want %q", name, got, want)
		}
	}
}

// TestStartTLSForgets: who signed in before TLS is not signed in after it, and
// bytes that came before TLS do not count as protected.
func TestStartTLSForgets(t *testing.T) {
	_, address, config := start(t, options())
	c, err := ldap.DialURL("ldap://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Bind(admin, "ad-demo"), c.StartTLS(config)); err != nil {
		t.Fatal(err)
	}
	if got := outcome(modify(c, admin, set("description", "x"))); !strings.HasPrefix(got, "1 ") {
		t.Errorf("answers %q, want to be nobody", got)
	}
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	startTLS := "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
	_, _ = raw.Write([]byte(startTLS + startTLS))
	if rest, _ := io.ReadAll(raw); len(rest) != 0 {
		t.Errorf("bytes behind StartTLS are taken: %q", rest)
	}
}

// TestHostileBytes: nothing that is sent stops the server.
func TestHostileBytes(t *testing.T) {
	_, address, config := start(t, options())
	bind := "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
	for name, sent := range map[string]string{
		"HTTP":              "GET / HTTP/1.1\r\n\r\n",
		"nothing":           "",
		"a large length":    "\x30\x84\x7f\xff\xff\xff",
		"a longer length":   "\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01",
		"indefinite":        "\x30\x80\x02\x01\x01\x60\x00\x00\x00",
		"nested":            "\x30\x83\x01\x86\xa0" + strings.Repeat("\x30\x83\x01\x86\x9b", 20000),
		"no operation":      "\x30\x03\x02\x01\x01",
		"an unknown one":    "\x30\x05\x02\x01\x01\x7e\x00",
		"a rename of none":  "\x30\x05\x02\x01\x01\x6c\x00",
		"a bind, version 2": "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x02\x04\x00\x80\x00",
		"an empty modify":   bind + "\x30\x05\x02\x01\x02\x66\x00",
		"an empty search":   bind + "\x30\x05\x02\x01\x02\x63\x00",
		"half TLS":          "\x16\x03\x01\x00\x05hello",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, _ = conn.Write([]byte(sent))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	c, err := ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(admin, "ad-demo"); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	_, address, config := start(t, options())
	c, err := ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Compare(admin, "cn", "admin"); !ldap.IsErrorWithCode(err, 53) {
		t.Errorf("compare: %v", err)
	}
	if err := c.ExternalBind(); !ldap.IsErrorWithCode(err, 7) {
		t.Errorf("SASL: %v", err)
	}
	if who, err := c.WhoAmI(nil); err != nil || who.AuthzID != "" {
		t.Errorf("who am I: %v", err)
	}
	if err := c.Bind(admin, "ad-demo"); err != nil {
		t.Errorf("the connection is gone: %v", err)
	}
}

// TestOneWinner: of many who create one account at once, one does.
func TestOneWinner(t *testing.T) {
	s := simulated(t, false)
	var all sync.WaitGroup
	won := make(chan string, 20)
	for i := range 20 {
		all.Go(func() {
			c, err := s.dial(t, s.admin, s.adminPassword)
			if err != nil {
				t.Error(err)
				return
			}
			w := &world{t: t, s: s, admin: c, n: i}
			dn := "CN=" + w.name("a") + "," + s.managed
			err = w.addDN(c, "user", dn, "sAMAccountName=ivanov")
			if err == nil {
				won <- dn
			} else if !ldap.IsErrorWithCode(err, 68) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		t.Errorf("%d accounts of one name", len(won))
	}
}

// TestState: a second start has what the first had, and the file gives no
// password away.
func TestState(t *testing.T) {
	o := options()
	o.StateFile = filepath.Join(t.TempDir(), "ad.json")
	o.Users = []simad.User{{Name: "evann", Display: "Эванн Анна", Password: "Zimorodok-2021", UPN: "evann@uao.example"}, {Name: "evann-1", Disabled: true}}
	_, address, config := start(t, o)
	s := &subject{url: "ldaps://" + address, base: base, managed: "OU=Schools," + base, tls: config}
	c, err := s.dial(t, admin, "ad-demo")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, s: s, admin: c, ou: "OU=u," + s.managed}
	w.must(w.addDN(c, "organizationalUnit", w.ou))
	dn := w.user("a", "mS-DS-ConsistencyGuid=\x00\xff\x80")
	w.must(w.add("group", "g", "sAMAccountName=g"))
	w.must(w.modify(w.dn("g"), put("member", dn)))
	w.must(w.add("organizationalUnit", "younger"))
	w.must(c.ModifyDN(ldap.NewModifyDNRequest(dn, "CN=new", true, "OU=younger,"+w.ou)))
	id := w.text("CN=new,OU=younger,"+w.ou, "objectGUID")

	b, err := os.ReadFile(o.StateFile)
	info, statErr := os.Stat(o.StateFile)
	if err := errors.Join(err, statErr); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the state file: %v, %v", info.Mode(), err)
	}
	for _, secret := range []string{password, quoted(password), "Zimorodok-2021", "ad-demo", "bridge-demo"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("the state file holds %q", secret)
		}
	}
	o.Users = nil
	_, address, config = start(t, o)
	s.url, s.tls = "ldaps://"+address, config
	c, err = s.dial(t, admin, "ad-demo")
	if err != nil {
		t.Fatal(err)
	}
	w.admin = c
	again := "CN=new,OU=younger," + w.ou
	if err := errors.Join(w.bind(again, password), w.bind("evann@uao.example", "Zimorodok-2021"), expect("GUID", w.text(again, "objectGUID"), id),
		expect("group", w.text(again, "memberOf"), w.dn("g")), expect("octets", w.text(again, "mS-DS-ConsistencyGuid"), "\x00\xff\x80")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(o.StateFile, []byte(`{"base":"DC=other","objects":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := simad.NewDirectory(o); err == nil {
		t.Error("another domain's state is taken")
	}
}

// TestPanic: a handler that fails answers, and the process lives. A clock that
// panics stands for a fault of ours.
func TestPanic(t *testing.T) {
	d, address, config := start(t, options())
	simad.SetClock(d, nil)
	c, err := ldap.DialURL("ldaps://"+address, ldap.DialWithTLSConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Search(ldap.NewSearchRequest("", 0, 0, 0, 0, false, "(objectClass=*)", nil, nil)); !ldap.IsErrorWithCode(err, 52) {
		t.Errorf("answers %v, want unavailable", err)
	}
	if err := c.Bind(admin, "ad-demo"); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestOurClient drives it with the client that schoolbridge has.
func TestOurClient(t *testing.T) {
	_, address, config := start(t, options())
	c, err := ldapclient.New(ldapclient.Options{URL: "ldaps://" + address, ServerName: config.ServerName, RootCAs: config.RootCAs, BindDN: "CN=bridge,CN=Users," + base, Password: "bridge-demo"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	unit := "OU=Школа 49,OU=Schools," + base
	if err := c.Add(t.Context(), unit, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")}); err != nil {
		t.Fatal(err)
	}
	dn := "CN=ivanov," + unit
	if err := c.Add(t.Context(), dn, []ldapclient.Attribute{ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", "ivanov"), ldapclient.Texts("unicodePwd", quoted(password))}); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(t.Context(), dn, "CN=ivanov", "OU=Schools,"+base); err != nil {
		t.Fatal(err)
	}
	found, err := c.Search(t.Context(), ldapclient.Query{Base: base, Scope: ldapclient.ScopeSub, Filter: "(sAMAccountName=IVANOV)"})
	if err != nil || len(found) != 1 || !ldapclient.SameDN(found[0].DN, "CN=ivanov,OU=Schools,"+base) {
		t.Fatalf("%v, %v", found, err)
	}
	if err := c.Modify(t.Context(), ldapclient.GUID(found[0].Bytes("objectGUID")), []ldapclient.Change{{Op: ldapclient.Add, Attribute: ldapclient.Texts("title", "x")}}); err != nil {
		t.Error(err)
	}
	if err := c.Add(t.Context(), "CN=other,"+unit, []ldapclient.Attribute{ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", "ivanov")}); !errors.Is(err, ldapclient.ErrExists) {
		t.Error(err)
	}
}

// TestWithoutTLS: a server without a certificate refuses TLS and says so.
func TestWithoutTLS(t *testing.T) {
	d, err := simad.NewDirectory(options())
	if err != nil {
		t.Fatal(err)
	}
	s, err := simad.NewServer(d, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	c, err := ldap.DialURL("ldap://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); !ldap.IsErrorWithCode(err, 1) {
		t.Errorf("StartTLS: %v", err)
	}
	if _, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("TLS without a certificate")
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]simad.Options{
		"no base":     {AdminPassword: "x"},
		"no password": {Base: base},
		"a bad unit":  {Base: base, AdminPassword: "x", Units: []string{"OU=a,OU=nowhere," + base}},
		"a twin":      {Base: base, AdminPassword: "x", Users: []simad.User{{Name: "a"}, {Name: "A", Unit: "OU=Schools," + base}}},
	} {
		if _, err := simad.NewDirectory(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
