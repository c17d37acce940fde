package main

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// Somebody's surname changes, at mos.ru and in Кадры: after the next sign-in on the page of
// activation the displayed name in Active Directory follows, the login stays, and
// explain tells the new name.
func TestAnotherSurname(t *testing.T) {
	f := newFaulty(t)
	f.start()
	f.active("orlovami", sitePassword)
	f.mos("/sim/user/orlovami", `{"last":"Соколова"}`)
	f.changes("kadry.csv", kadryOf+strings.Replace(herRow, "Орлова", "Соколова", 1))
	f.activates("orlovami", sitePassword)
	shown := func() (name, display string) {
		f.inAD(func(c *ldap.Conn) error {
			found, err := c.Search(ldap.NewSearchRequest(siteDomain, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
				"(sAMAccountName=orlovami)", []string{"sAMAccountName", "displayName"}, nil))
			if err == nil && len(found.Entries) == 1 {
				name, display = found.Entries[0].GetAttributeValue("sAMAccountName"), found.Entries[0].GetAttributeValue("displayName")
			}
			return err
		})
		return name, display
	}
	if !eventually(func() bool { _, display := shown(); return strings.HasPrefix(display, "Соколова ") }) {
		name, display := shown()
		t.Fatalf("%q is shown as %q", name, display)
	}
	r, text, _ := f.asks("ru", "orlovami")
	if !strings.HasPrefix(r.Name, "Соколова ") || r.Login != "orlovami" || !strings.Contains(text, "Аккаунт: orlovami, Соколова") {
		t.Errorf("%s", text)
	}
}
