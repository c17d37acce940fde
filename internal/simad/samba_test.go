//go:build peers

package simad_test

import (
	"crypto/tls"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/ldapclient"
)

// TestRealSamba runs the suite over a real Active Directory, so that the
// simulation cannot drift from what it simulates.
func TestRealSamba(t *testing.T) {
	dc := adtest.Start(t, adtest.Options{})
	// Passwords may be changed on the day they were set.
	age := []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("minPwdAge", "0")}}
	if err := dc.Client(dc.Options()).Modify(t.Context(), adtest.Base, age); err != nil {
		t.Fatal(err)
	}
	run(t, &subject{url: dc.URL, server: adtest.ServerName, base: adtest.Base, managed: adtest.Managed, realm: adtest.Realm, netbios: adtest.Domain,
		tls: &tls.Config{RootCAs: dc.Roots, ServerName: adtest.ServerName}, admin: adtest.AdminDN, adminPassword: string(adtest.AdminPassword),
		service: adtest.ServiceDN, servicePassword: string(adtest.ServicePassword), samba: true})
}

// TestSchema: every attribute that the simulation knows is in the real schema,
// in the same set of properties: that is what decides who may write it.
func TestSchema(t *testing.T) {
	dc := adtest.Start(t, adtest.Options{})
	c := dc.Client(dc.Options())
	_, address, config := start(t, options())
	s := &subject{url: "ldaps://" + address, tls: config}
	conn, err := s.dial(t, admin, "ad-demo")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, s: s, admin: conn}
	ours, err := w.find(conn, "CN=Schema,CN=Configuration,"+base, ldap.ScopeSingleLevel, "(lDAPDisplayName=*)")
	if err != nil || len(ours) < 50 {
		t.Fatalf("%d attributes, %v", len(ours), err)
	}
	for _, a := range ours {
		name := a.GetAttributeValue("lDAPDisplayName")
		real, err := c.Search(t.Context(), ldapclient.Query{Base: "CN=Schema,CN=Configuration," + adtest.Base, Scope: ldapclient.ScopeOne,
			Filter: "(lDAPDisplayName=" + name + ")", Attributes: []string{"attributeSecurityGUID"}})
		if err != nil || len(real) != 1 {
			t.Errorf("%s: %d in the real schema, %v", name, len(real), err)
		} else if got, want := a.GetAttributeValue("attributeSecurityGUID"), real[0].Text("attributeSecurityGUID"); got != want {
			t.Errorf("%s is in the set %q, in the real schema in %q", name, guid(got), guid(want))
		}
	}
}
