package simad_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

// subject is an Active Directory under the suite, simulated or real.
type subject struct {
	url, server, base, managed string
	realm, netbios             string
	tls                        *tls.Config
	admin, adminPassword       string
	service                    string
	servicePassword            string
	samba                      bool // answers as Samba does
}

// row is one thing that a directory answers, in words: "ok", or a result code
// with the Windows code or the sign-in's reason where that matters. samba is
// what Samba says where it differs.
type row struct {
	what    string
	do      func(w *world) error
	windows string
	samba   string
}

// world is what a row works in: a unit of its own.
type world struct {
	t     *testing.T
	s     *subject
	admin *ldap.Conn
	ou    string
	n     int
}

func (s *subject) dial(t *testing.T, name, password string) (*ldap.Conn, error) {
	t.Helper()
	c, err := ldap.DialURL(s.url, ldap.DialWithTLSConfig(s.tls))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.Bind(name, password)
}

func (w *world) bind(name, password string) error {
	_, err := w.s.dial(w.t, name, password)
	return err
}

// as signs somebody in who can.
func (w *world) as(name, password string) *ldap.Conn {
	w.t.Helper()
	c, err := w.s.dial(w.t, name, password)
	if err != nil {
		w.t.Fatalf("sign in: %v", err)
	}
	return c
}

const password = "Gorihvostka-2021"

// name is an account name that nobody has.
func (w *world) name(stem string) string { return fmt.Sprintf("%s.%d", stem, w.n) }

func (w *world) dn(cn string) string { return "CN=" + ldap.EscapeDN(cn) + "," + w.ou }

// quoted encodes a password; the encoder is under test elsewhere.
func quoted(p string) string {
	b, err := ldapclient.EncodePassword(identity.Password(p))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// add makes an object with values "name=value"; of a user, an enabled one with
// a password unless the values say otherwise.
func (w *world) add(class, cn string, values ...string) error {
	rdn := map[string]string{"organizationalUnit": "OU"}[class]
	if rdn == "" {
		rdn = "CN"
	}
	return w.addDN(w.admin, class, rdn+"="+ldap.EscapeDN(cn)+","+w.ou, values...)
}

func (w *world) addDN(c *ldap.Conn, class, dn string, values ...string) error {
	request := ldap.NewAddRequest(dn, nil)
	request.Attribute("objectClass", []string{class})
	all := map[string][]string{}
	if class == "user" {
		all["userAccountControl"], all["unicodePwd"] = []string{"512"}, []string{quoted(password)}
	}
	for _, v := range values {
		name, value, _ := strings.Cut(v, "=")
		if all[name] = append(all[name], value); value == "" {
			delete(all, name)
		}
		if name == "userAccountControl" || name == "unicodePwd" && value != "" {
			all[name] = []string{value}
		}
	}
	for name, values := range all {
		request.Attribute(name, values)
	}
	return c.Add(request)
}

// must makes what a row needs before what it is about.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// user makes a user with the name as cn and account name, and gives its DN.
func (w *world) user(stem string, values ...string) string {
	w.t.Helper()
	name := w.name(stem)
	w.must(w.add("user", name, append([]string{"sAMAccountName=" + name}, values...)...))
	return w.dn(name)
}

// step is one change of a modify.
type step struct {
	op     uint
	name   string
	values []string
}

func put(name string, values ...string) step  { return step{ldap.AddAttribute, name, values} }
func take(name string, values ...string) step { return step{ldap.DeleteAttribute, name, values} }
func set(name string, values ...string) step  { return step{ldap.ReplaceAttribute, name, values} }

func modify(c *ldap.Conn, dn string, steps ...step) error {
	request := ldap.NewModifyRequest(dn, nil)
	for _, s := range steps {
		request.Changes = append(request.Changes, ldap.Change{Operation: s.op, Modification: ldap.PartialAttribute{Type: s.name, Vals: s.values}})
	}
	return c.Modify(request)
}

func (w *world) modify(dn string, steps ...step) error { return modify(w.admin, dn, steps...) }

// find searches the domain and gives the entries.
func (w *world) find(c *ldap.Conn, base string, scope int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	result, err := c.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// text reads one attribute of one object.
func (w *world) text(dn, attribute string) string {
	w.t.Helper()
	entries, err := w.find(w.admin, dn, ldap.ScopeBaseObject, "(objectClass=*)", attribute)
	if err != nil || len(entries) != 1 {
		w.t.Fatalf("read %s: %d entries, %v", attribute, len(entries), err)
	}
	return entries[0].GetAttributeValue(attribute)
}

// expect fails unless got is what was expected; for rows about more than an
// answer.
func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}

// outcome puts an answer in the words of the rows.
func outcome(err error) string {
	var e *ldap.Error
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &e) || e.ResultCode >= 200:
		return err.Error()
	}
	text := e.Err.Error()
	if _, data, ok := strings.Cut(text, ", data "); ok && e.ResultCode == ldap.LDAPResultInvalidCredentials {
		data, _, _ = strings.Cut(data, ",")
		return fmt.Sprintf("%d data %s", e.ResultCode, data)
	}
	if info, _, ok := strings.Cut(text, ":"); ok && len(info) == 8 {
		if _, err := strconv.ParseUint(info, 16, 32); err == nil {
			return fmt.Sprintf("%d %s", e.ResultCode, info)
		}
	}
	return strconv.Itoa(int(e.ResultCode))
}

// run goes over all rows.
func run(t *testing.T, s *subject) {
	admin, err := s.dial(t, s.admin, s.adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		t.Run(r.what, func(t *testing.T) {
			w := &world{t: t, s: s, admin: admin, n: i, ou: fmt.Sprintf("OU=row %d,%s", i, s.managed)}
			w.must(w.addDN(admin, "organizationalUnit", w.ou))
			want := r.windows
			if s.samba && r.samba != "" {
				want = r.samba
			}
			got := outcome(r.do(w))
			if got != want && !(strings.HasPrefix(got, want+" ") && !strings.HasPrefix(got, "49")) {
				t.Errorf("answers %q, want %q", got, want)
			}
		})
	}
}
