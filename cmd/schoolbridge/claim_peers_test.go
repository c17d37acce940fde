//go:build peers

package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// TestClaimSamba: a directory that was there before is claimed, more accounts
// than a page has, and the names of deleted ones are taken for ever.
func TestClaimSamba(t *testing.T) {
	t.Parallel()
	const people = 620
	s := newSite(t)
	dc := adtest.Start(t, adtest.Options{Relaxed: true})
	ca, err := os.ReadFile(dc.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	s.write("dc.pem", string(ca))
	s.write("ad-secret", string(adtest.ServicePassword)+"\n")
	s.write("config.yaml", siteConfig+"ad:\n  server: "+dc.URL+"\n  ca_file: dc.pem\n  bind: "+adtest.ServiceDN+"\n  password_file: ad-secret\n  base: "+adtest.Managed+
		"\n  search_base: "+adtest.Base+"\n  birth_attribute: description\n")
	admin := dc.Client(dc.Options())
	text := ldapclient.Texts
	syllables := strings.Fields("бо во го до зо ко ло мо но по") // that sound apart
	letters := func(n int) string { return syllables[n/100] + syllables[n/10%10] + syllables[n%10] + "в" }
	rows := "id,fio,school,start,ezhd_login,birth_date\n"
	add := func(name, display string, more ...ldapclient.Attribute) string {
		t.Helper()
		dn := "CN=" + name + "," + adtest.Managed
		err := admin.Add(t.Context(), dn, append([]ldapclient.Attribute{text("objectClass", "user"), text("sAMAccountName", name), text("userPrincipalName", name+"@obr.example"),
			text("userAccountControl", "514"), text("displayName", display)}, more...))
		if err != nil {
			t.Fatal(name, err)
		}
		return dn
	}
	for i := range people {
		fio := fmt.Sprintf("Фамилия%s Имя Отчествович", letters(i))
		rows += fmt.Sprintf("k%d,%s,49,2015-09-01,login%d,1980-05-04\n", i, fio, i)
		add(fmt.Sprintf("login%d", i), fio, text("description", "04.05.1980"))
	}
	add("chief", "Фамилия"+letters(0)+" Имя Отчествович", text("adminCount", "1"), text("description", "04.05.1980"))
	remover, err := ldap.DialURL(dc.URL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: dc.Roots, ServerName: adtest.ServerName}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = remover.Close() }()
	if err := remover.Bind(adtest.AdminDN, string(adtest.AdminPassword)); err != nil {
		t.Fatal(err)
	}
	if err := remover.Del(ldap.NewDelRequest(add("leaver", "Ушедший Был Раньше"), nil)); err != nil {
		t.Fatal(err)
	}
	s.write("kadry.csv", rows)
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	plan := s.path("plan.json")
	if _, errs := s.run(exitFindings, "provision", "claim", "plan", "--out", plan); !strings.Contains(errs, fmt.Sprintf("предлагается достоверно %d, решает человек 0", people)) {
		t.Fatal(errs)
	}
	// Whom the directory does not let read what was deleted is told so.
	if _, errs := s.run(exitFindings, "provision", "claim", "apply", "--plan", plan); !strings.Contains(errs, "из удалённых 0") || !strings.Contains(errs, "дайте служебной записи право") {
		t.Error(errs)
	}
	service, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("config.yaml", strings.Replace(string(service), adtest.ServiceDN, adtest.AdminDN, 1))
	s.write("ad-secret", string(adtest.AdminPassword)+"\n")
	_, errs := s.run(exitDone, "provision", "claim", "apply", "--plan", plan, "--approve-certain")
	if !strings.Contains(errs, fmt.Sprintf("отмечено %d;", people)) {
		t.Fatal(errs)
	}
	t.Log(errs)
	s.inStore(func(db *store.DB) error {
		taken, err := db.Accounts().Taken(t.Context(), provision.NameQuery{Target: targetAD, Given: []string{"leaver", "login1", "unheard"}})
		if err != nil || !slices.Equal(taken, []string{"leaver"}) {
			t.Errorf("taken: %q, %v", taken, err)
		}
		return nil
	})
	if out, errs := s.run(exitDone, "provision", "claim", "plan"); strings.Contains(out, "login") || !strings.Contains(errs, fmt.Sprintf("отмечены раньше %d", people)) {
		t.Errorf("%s\n%s", out, errs)
	}
}
