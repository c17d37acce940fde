//go:build peers

package upstream

import (
	"errors"
	"strings"
	"testing"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

// people makes accounts, each with further attributes after its making.
func people(t *testing.T, dc *adtest.DC, all map[string]map[string]string) {
	t.Helper()
	c := dc.Client(dc.Options())
	for name, later := range all {
		secret, err := ldapclient.EncodePassword(password)
		if err != nil {
			t.Fatal(err)
		}
		dn := "CN=" + name + ",CN=Users," + adtest.Base
		err = c.Add(t.Context(), dn, []ldapclient.Attribute{ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", name),
			ldapclient.Texts("userPrincipalName", name+"@"+adtest.Realm), ldapclient.Texts("userAccountControl", "512"), {Name: "unicodePwd", Values: [][]byte{secret}}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for attribute, value := range later {
			if err := c.Modify(t.Context(), dn, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(attribute, value)}}); err != nil {
				t.Fatalf("%s, %s: %v", name, attribute, err)
			}
		}
	}
}

// TestSamba: a real Active Directory, by every way of naming an account.
func TestSamba(t *testing.T) {
	dc := adtest.Start(t, adtest.Options{Relaxed: true})
	people(t, dc, map[string]map[string]string{
		"petrov": {"sn": "Петров", "givenName": "Пётр", "employeeID": "112-233-445 95", "mobile": "+7 916 1234567"},
		"closed": {"userAccountControl": "514"},
		"over":   {"accountExpires": "116444736010000000"},
		"fresh":  {"pwdLastSet": "0"},
		"night":  {"logonHours": strings.Repeat("\x00", 21)},
		"locked": {},
	})
	admin := dc.Client(dc.Options())
	if err := admin.Modify(t.Context(), adtest.Base, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("lockoutThreshold", "3")}}); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"ldaps://", "ldap://"} {
		for _, way := range []string{"{upn}", `{domain}\{login}`} {
			l := bind(t, []string{scheme + dc.Address}, dc.Roots, LDAPOptions{Name: way})
			p, err := l.Check(t.Context(), "PETROV", password)
			if err != nil || len(p.Subject) != 32 || p.Login != "petrov" || p.Last != "Петров" || p.SNILS != "112-233-445 95" {
				t.Errorf("%s %s: %v %+v", scheme, way, err, p)
			}
			for login, want := range map[string]error{"closed": identity.ErrDisabled, "over": identity.ErrDisabled, "fresh": identity.ErrPasswordExpired,
				"night": identity.ErrBarred, "nobody": identity.ErrWrongPassword} {
				if _, err := l.Check(t.Context(), login, password); !errors.Is(err, want) {
					t.Errorf("%s %s, %s: %v, want %v", scheme, way, login, err, want)
				}
			}
			if _, err := l.Check(t.Context(), "petrov", "Kedrovka-2020"); !errors.Is(err, identity.ErrWrongPassword) {
				t.Errorf("%s %s: %v", scheme, way, err)
			}
		}
	}
	l := bind(t, []string{dc.URL}, dc.Roots, LDAPOptions{Name: "{upn}"})
	for range 3 {
		if _, err := l.Check(t.Context(), "locked", "Kedrovka-2020"); !errors.Is(err, identity.ErrWrongPassword) {
			t.Errorf("%v", err)
		}
	}
	for _, p := range []identity.Password{password, "Kedrovka-2020"} {
		if _, err := l.Check(t.Context(), "locked", p); !errors.Is(err, identity.ErrLocked) {
			t.Errorf("locked: %v", err)
		}
	}
}

// TestSambaOldPassword: for an hour Samba takes the password before the last, which
// the administrator's pages say how to end.
func TestSambaOldPassword(t *testing.T) {
	for config, want := range map[string]error{"": identity.ErrWrongPassword, "old password allowed period = 60": nil} { // adtest's own is 0
		dc := adtest.Start(t, adtest.Options{Config: config}) // the history of passwords is what it looks in
		people(t, dc, map[string]map[string]string{"petrov": nil})
		next, err := ldapclient.EncodePassword("Kedrovka-2022")
		if err != nil {
			t.Fatal(err)
		}
		if err := dc.Client(dc.Options()).Modify(t.Context(), "CN=petrov,CN=Users,"+adtest.Base,
			[]ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Attribute{Name: "unicodePwd", Values: [][]byte{next}}}}); err != nil {
			t.Fatal(err)
		}
		l := bind(t, []string{dc.URL}, dc.Roots, LDAPOptions{Name: "{upn}"})
		if _, err := l.Check(t.Context(), "petrov", "Kedrovka-2022"); err != nil {
			t.Errorf("%q: %v", config, err)
		}
		if _, err := l.Check(t.Context(), "petrov", password); !errors.Is(err, want) {
			t.Errorf("%q, the old one: %v, want %v", config, err, want)
		}
	}
}
