//go:build peers

package adtest_test

import (
	"errors"
	"testing"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

func TestStart(t *testing.T) {
	dc := adtest.Start(t, adtest.Options{})
	c := dc.Client(dc.Options())
	if entries, err := c.Search(t.Context(), ldapclient.Query{Base: adtest.Managed}); err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	dc.Restart()
	if _, err := c.Search(t.Context(), ldapclient.Query{Base: adtest.Managed}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	for _, name := range []string{adtest.ServiceDN, "bridge@" + adtest.Realm, adtest.Domain + `\bridge`} {
		if err := dc.Bind(name, adtest.ServicePassword); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := dc.Bind(adtest.ServiceDN, "wrong"); !errors.Is(err, ldapclient.ErrCredentials) {
		t.Error(err)
	}
}

func user(t *testing.T, name string, password identity.Password) []ldapclient.Attribute {
	t.Helper()
	value, err := ldapclient.EncodePassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return []ldapclient.Attribute{
		ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", name), ldapclient.Texts("userAccountControl", "512"),
		{Name: "unicodePwd", Values: [][]byte{value}},
	}
}

// TestServiceRights: the service account can do in the managed unit what
// schoolbridge does, and no more anywhere.
func TestServiceRights(t *testing.T) {
	dc := adtest.Start(t, adtest.Options{Relaxed: true})
	admin, bridge := dc.Client(dc.Options()), dc.Client(dc.Service())
	ctx := t.Context()
	value, err := ldapclient.EncodePassword("b")
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, values ...string) []ldapclient.Change {
		return []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(name, values...)}}
	}
	const (
		unit   = "OU=49," + adtest.Managed
		person = "CN=ivanov," + unit
		group  = "CN=staff," + adtest.Managed
		other  = "CN=petrov,CN=Users," + adtest.Base
	)
	for _, o := range []struct {
		what string
		err  func() error
		may  bool
	}{
		{"make a group, as administrator", func() error {
			return admin.Add(ctx, group, []ldapclient.Attribute{ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", "staff")})
		}, true},
		{"make a user elsewhere, as administrator", func() error { return admin.Add(ctx, other, user(t, "petrov", "a")) }, true},
		{"make a unit", func() error {
			return bridge.Add(ctx, unit, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")})
		}, true},
		{"make a user with a password", func() error { return bridge.Add(ctx, person, user(t, "ivanov", "a")) }, true},
		{"write the mark", func() error { return bridge.Modify(ctx, person, set("employeeNumber", "1")) }, true},
		{"disable", func() error { return bridge.Modify(ctx, person, set("userAccountControl", "514")) }, true},
		{"enable", func() error { return bridge.Modify(ctx, person, set("userAccountControl", "512")) }, true},
		{"set a password", func() error {
			return bridge.Modify(ctx, person, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Attribute{Name: "unicodePwd", Values: [][]byte{value}}}})
		}, true},
		{"add to a group", func() error { return bridge.Modify(ctx, group, set("member", person)) }, true},
		{"move", func() error { return bridge.Rename(ctx, person, "CN=ivanov", adtest.Managed) }, true},
		{"make a user elsewhere", func() error { return bridge.Add(ctx, "CN=sidorov,CN=Users,"+adtest.Base, user(t, "sidorov", "a")) }, false},
		{"write elsewhere", func() error { return bridge.Modify(ctx, other, set("employeeNumber", "1")) }, false},
		{"set a password elsewhere", func() error {
			return bridge.Modify(ctx, other, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Attribute{Name: "unicodePwd", Values: [][]byte{value}}}})
		}, false},
		{"become administrator", func() error {
			return bridge.Modify(ctx, "CN=Domain Admins,CN=Users,"+adtest.Base, set("member", adtest.ServiceDN))
		}, false},
		{"rename the group", func() error { return bridge.Modify(ctx, group, set("description", "x")) }, false},
	} {
		switch err := o.err(); {
		case o.may && err != nil:
			t.Errorf("%s: %v", o.what, err)
		case !o.may && !errors.Is(err, ldapclient.ErrDenied):
			t.Errorf("%s: %v, want a denial", o.what, err)
		}
	}
	if err := dc.Bind(`OBR\ivanov`, "b"); err != nil {
		t.Errorf("the user's own sign-in: %v", err)
	}
}

// TestPair: what one controller is told the other one learns by Replicate, and
// what both gave away at once is there twice then.
func TestPair(t *testing.T) {
	one, two := adtest.Pair(t, adtest.Options{Relaxed: true})
	const dn = "CN=ivanov," + adtest.Managed
	for _, dc := range []*adtest.DC{one, two} {
		if err := dc.Client(dc.Service()).Add(t.Context(), dn, user(t, "ivanov", "a")); err != nil {
			t.Fatal(err)
		}
	}
	one.Replicate(two)
	two.Replicate(one)
	for _, dc := range []*adtest.DC{one, two} {
		found, err := dc.Client(dc.Options()).Search(t.Context(), ldapclient.Query{Base: adtest.Managed, Scope: ldapclient.ScopeSub, Filter: "(sAMAccountName=ivanov)"})
		if err != nil || len(found) != 2 || ldapclient.Mangled(found[0].DN) == ldapclient.Mangled(found[1].DN) {
			t.Errorf("%q, %v", found, err)
		}
	}
}
