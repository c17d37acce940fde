//go:build peers

package simad_test

import (
	"crypto/tls"
	"testing"

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
