//go:build peers

package main

import (
	"testing"

	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/oidctest"
)

// The whole way over the pages of an OpenID provider that others have written:
// there, back, the password once, the account, out again on both sides.
func TestActivationAtAnotherProvider(t *testing.T) {
	o := openOfficeAt(t, "mosru", func(public string) string {
		return oidctest.Start(t, oidctest.Options{
			Client: officeClient, Secret: officeSecret, Redirect: public + "/sign-in/mosru", Left: public + "/signed-out", Passwords: true,
			People: map[string]oidctest.Person{"evann": {Password: sitePassword, Claims: map[string]any{
				"family_name": "Еванова", "given_name": "Нина", "middle_name": "Николаевна", "preferred_username": "evann",
				"snils": "11223344595", "snils_confirmed": true, "trusted": true,
			}}},
		})
	})
	tab := browsertest.Start(t).Open(t, browsertest.Desktop, browsertest.Options{})
	tab.Go(o.address + "/")
	tab.Press("a.button")
	tab.Type("input[name=login]", "evann")
	tab.Type("input[name=password]", "their page takes any")
	tab.Press("button[type=submit]")
	tab.Press("button[type=submit]") // that we may know who it is
	tab.Reads("Вы вошли через mos.ru", "Активировать аккаунт")
	tab.Type("#password", "Not-Her-Password-2")
	tab.Press(ourButton)
	tab.Reads("не принял логин или пароль")
	tab.Type("#password", sitePassword)
	tab.Press(ourButton)
	tab.Reads("Ваш логин:", "evann")
	tab.Press(".top form button")
	tab.Press("button[name=logout]") // theirs asks whether it is meant
	tab.Reads("Вы вышли")
}
