package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/simad"
)

// domain is a simulated Active Directory with some people, and who trusts it.
func domain(t *testing.T, users ...simad.User) (address string, roots *x509.CertPool) {
	t.Helper()
	https := httptest.NewTLSServer(http.NotFoundHandler())
	defer https.Close()
	roots = x509.NewCertPool()
	roots.AddCert(https.Certificate())
	d, err := simad.NewDirectory(simad.Options{Base: "DC=obr,DC=example", AdminPassword: "Zhuravl-2021", Users: users})
	if err != nil {
		t.Fatal(err)
	}
	s, err := simad.NewServer(d, &tls.Config{Certificates: https.TLS.Certificates}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), roots
}

var adFields = Fields{Subject: "objectGUID", Login: "sAMAccountName", Last: "sn", First: "givenName", SNILS: "employeeID", Phone: "mobile", Email: "mail"}

func bind(t *testing.T, servers []string, roots *x509.CertPool, o LDAPOptions) *LDAP {
	t.Helper()
	var err error
	if o.Binder, err = ldapclient.NewBinder(ldapclient.BinderOptions{Servers: servers, RootCAs: roots, Timeout: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	o.Base, o.Realm, o.Domain = "DC=obr,DC=example", "obr.example", "OBR"
	if o.Filter == "" {
		o.Filter = "(sAMAccountName={login})"
	}
	o.Fields = adFields
	l, err := NewLDAP(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLDAP(t *testing.T) {
	address, roots := domain(t,
		simad.User{Name: "petrov", Password: password, Values: map[string]string{"sn": "Петров", "givenName": "Пётр", "employeeID": "112-233-445 95", "mobile": "+7 916 1234567", "mail": "p@mail.example"}},
		simad.User{Name: "closed", Password: password, Disabled: true},
		simad.User{Name: "over", Password: password, Values: map[string]string{"accountExpires": "116444736010000000"}},
		simad.User{Name: "masked", UPN: "victim@obr.example", Password: password},
		simad.User{Name: "victim", Password: "Another-2021"})
	for _, way := range []LDAPOptions{{Name: "{upn}"}, {Name: `{domain}\{login}`}, {Name: "{login}@obr.example"}} {
		for _, scheme := range []string{"ldaps://", "ldap://"} {
			l := bind(t, []string{scheme + address}, roots, way)
			p, err := l.Check(t.Context(), "petrov", password)
			if err != nil || len(p.Subject) != 32 || p.Login != "petrov" || p.Last != "Петров" || p.SNILS != "112-233-445 95" || p.Phone != "+7 916 1234567" || p.Email != "p@mail.example" {
				t.Errorf("%s%s: %v %+v", scheme, way.Name, err, p)
			}
			for login, want := range map[string]error{
				"closed": identity.ErrDisabled, "over": identity.ErrDisabled, "nobody": identity.ErrWrongPassword, "victim": identity.ErrWrongPassword,
				"petrov@obr.example": identity.ErrWrongPassword, `OBR\petrov`: identity.ErrWrongPassword, "p*": identity.ErrWrongPassword,
			} {
				_, err := l.Check(t.Context(), login, password)
				if way.Name != `{domain}\{login}` && login == "victim" {
					want = identity.ErrFault // the name of a bind is another account's UPN
				}
				if !errors.Is(err, want) {
					t.Errorf("%s%s, %s: %v", scheme, way.Name, login, err)
				}
			}
			if _, err := l.Check(t.Context(), "petrov", "Kedrovka-2020"); !errors.Is(err, identity.ErrWrongPassword) {
				t.Errorf("%s%s: %v", scheme, way.Name, err)
			}
		}
	}
	// A search that does not find the account: not one of ours.
	l := bind(t, []string{"ldaps://" + address}, roots, LDAPOptions{Name: "{upn}", Filter: "(&(sAMAccountName={login})(title=teacher))"})
	if _, err := l.Check(t.Context(), "petrov", password); !errors.Is(err, identity.ErrDisabled) {
		t.Error(err)
	}
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		e    ldapclient.Error
		want error
	}{
		{ldapclient.Error{Op: "bind", Code: 49}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x52E}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x525}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x999}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x530}, identity.ErrBarred},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x531}, identity.ErrBarred},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x532}, identity.ErrPasswordExpired},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x533}, identity.ErrDisabled},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x701}, identity.ErrDisabled},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x773}, identity.ErrPasswordExpired},
		{ldapclient.Error{Op: "bind", Code: 49, Data: 0x775}, identity.ErrLocked},
		{ldapclient.Error{Op: "bind", Code: 49, Policy: ldapclient.PolicyExpired}, identity.ErrPasswordExpired},
		{ldapclient.Error{Op: "bind", Code: 49, Policy: ldapclient.PolicyChange}, identity.ErrPasswordExpired},
		{ldapclient.Error{Op: "bind", Code: 49, Policy: ldapclient.PolicyLocked}, identity.ErrLocked},
		{ldapclient.Error{Op: "bind", Code: 32}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 48}, identity.ErrWrongPassword},
		{ldapclient.Error{Op: "bind", Code: 19}, identity.ErrLocked},
		{ldapclient.Error{Op: "bind", Code: 53}, identity.ErrLocked},
		{ldapclient.Error{Op: "bind", Code: 51}, identity.ErrThrottled},
		{ldapclient.Error{Op: "search", Code: 52}, identity.ErrUnreachable},
		{ldapclient.Error{Op: "bind", Code: 8}, identity.ErrFault},
		{ldapclient.Error{Op: "bind", Code: 13}, identity.ErrFault},
		{ldapclient.Error{Op: "search", Code: 49}, identity.ErrFault},
		{ldapclient.Error{Op: "connect", Cause: errors.New("x")}, identity.ErrUnreachable},
	} {
		if got := refusal(&c.e); !errors.Is(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.e, got, c.want)
		}
	}
	if got := refusal(ldapclient.ErrNotBound); !errors.Is(got, identity.ErrFault) {
		t.Error(got)
	}
}

func TestLDAPOptions(t *testing.T) {
	b, err := ldapclient.NewBinder(ldapclient.BinderOptions{Servers: []string{"ldaps://a"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]LDAPOptions{
		"no server":     {Name: "uid={login},o=x", Fields: adFields},
		"no login":      {Binder: b, Name: "uid=x,o=x", Fields: adFields},
		"no filter":     {Binder: b, Name: "{login}@x", Fields: adFields},
		"a fixed entry": {Binder: b, Name: "{login}@x", Filter: "(cn=x)", Fields: adFields},
		"no identifier": {Binder: b, Name: "uid={login},o=x", Fields: Fields{Login: "uid"}},
		"no realm":      {Binder: b, Name: "{upn}", Filter: "(uid={login})", Fields: adFields},
		"no domain":     {Binder: b, Name: `{domain}\{login}`, Filter: "(uid={login})", Fields: adFields},
	} {
		if _, err := NewLDAP(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := NewLDAP(LDAPOptions{Binder: b, Name: "uid={login},o=x", Fields: adFields}); err != nil {
		t.Error(err)
	}
}

// TestFill: a login is filled in once, and is no part of a name's or a filter's
// grammar.
func TestFill(t *testing.T) {
	l := &LDAP{LDAPOptions{Name: "uid={login},ou={login}", Realm: "x.example", Domain: "X"}}
	if got := l.fill("uid={login},o=x", "a,b+{upn}", ldapclient.EscapeDN); got != `uid=a\,b\+{upn},o=x` {
		t.Error(got)
	}
	if got := l.fill("(|(uid={login})(mail={upn}))", "*)(uid=", ldapclient.EscapeFilter); got != `(|(uid=\2a\29\28uid=)(mail=\2a\29\28uid=@x.example))` {
		t.Error(got)
	}
}
