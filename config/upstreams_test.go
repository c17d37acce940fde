package config

import (
	"strings"
	"testing"
)

// TestUpstreams: what the options of the section must have in common.
func TestUpstreams(t *testing.T) {
	dir := folder(t)
	const head = "mosru: {url: 'https://a.example', client_id: a, client_secret_file: secret}\nnames: {domains: [MESH], realms: [mesh.example]}\nupstreams: ["
	system := func(name, more string) string {
		return "{name: " + name + ", kind: ldap, schools: any, profile: {subject: objectGUID}, " + more + "}"
	}
	ldap := func(options string) string { return system("a", "unmarked: true, ldap: {"+options+"}") }
	json := func(options string) string {
		return "{name: a, kind: http, unmarked: true, schools: any, profile: {subject: id}, http: {" + options + "}}"
	}
	const good = "ldap: {servers: 'ldaps://a.example', bind: 'uid={login},o=a'}"
	const asks, says = "url: 'https://a.example', secret_file: secret, body: '{\"l\": {login}, \"p\": {password}}'", "answers: [{status: 200, outcome: right}, {status: 401, outcome: wrong}]"
	for name, c := range map[string]struct{ list, path, words string }{
		"one name":                     {system("a", "domains: A, "+good) + ", " + system("a", "domains: B, "+good), "upstreams[1].name", "already"},
		"mos.ru's name":                {system("mosru", "domains: A, "+good), "upstreams[0].name", "no name of a system"},
		"a domain of two":              {system("a", "domains: A, "+good) + ", " + system("b", "domains: [B, a], "+good), "upstreams[1].domains[1]", "already"},
		"a realm of two":               {system("a", "realms: a.example, "+good) + ", " + system("b", "realms: A.Example, "+good), "upstreams[1].realms[0]", "already"},
		"a domain of everybody's":      {system("a", "domains: mesh, "+good), "upstreams[0].domains[0]", "says nothing of whose"},
		"a realm of everybody's":       {system("a", "realms: Mesh.Example, "+good), "upstreams[0].realms[0]", "says nothing of whose"},
		"a domain with its sign":       {system("a", `domains: 'A\', `+good), "upstreams[0].domains[0]", "signs"},
		"two without marks":            {system("a", "unmarked: true, "+good) + ", " + system("b", "unmarked: true, "+good), "upstreams[1].unmarked", "belong to another system"},
		"nobody's":                     {system("a", good), "upstreams[0]", "it is never asked"},
		"any and one":                  {"{name: a, kind: ldap, domains: A, schools: [any, '49'], profile: {subject: x}, " + good + "}", "upstreams[0].schools[0]", "any"},
		"no server":                    {ldap("bind: 'uid={login},o=a'"), "upstreams[0].ldap.servers", "cannot be asked without"},
		"no bind":                      {ldap("servers: 'ldaps://a.example'"), "upstreams[0].ldap.bind", "cannot be asked without"},
		"no filter":                    {ldap("servers: 'ldaps://a.example', bind: '{login}', base: o=a"), "upstreams[0].ldap.filter", "cannot be asked without"},
		"no base":                      {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o=a', filter: '(uid={login})'"), "upstreams[0].ldap.base", "cannot be asked without"},
		"no login":                     {ldap("servers: 'ldaps://a.example', bind: 'uid=a,o=a'"), "upstreams[0].ldap.bind", "no login"},
		"an unknown place":             {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o={school}'"), "upstreams[0].ldap.bind", "unknown placeholder"},
		"nothing for {upn}":            {ldap("servers: 'ldaps://a.example', bind: '{upn}', base: o=a, filter: '(uid={login})'"), "upstreams[0].ldap.bind", "nothing to fill"},
		"nothing for {domain}":         {ldap(`servers: 'ldaps://a.example', bind: '{domain}\{login}', base: o=a, filter: '(uid={login})'`), "upstreams[0].ldap.bind", "nothing to fill"},
		"a fixed filter":               {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o=a', base: o=a, filter: '(uid=a)'"), "upstreams[0].ldap.filter", "no login"},
		"a filter without parentheses": {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o=a', base: o=a, filter: 'uid={login}'"), "upstreams[0].ldap.filter", "no LDAP filter"},
		"two filters":                  {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o=a', base: o=a, filter: '(uid={login})(ou=a)'"), "upstreams[0].ldap.filter", "no LDAP filter"},
		"no filter at all":             {ldap("servers: 'ldaps://a.example', bind: 'uid={login},o=a', base: o=a, filter: '(uid:{login})'"), "upstreams[0].ldap.filter", "no LDAP filter"},
		"no address":                   {json("body: '{\"l\": {login}, \"p\": {password}}', " + says), "upstreams[0].http.url", "cannot be asked without"},
		"no body":                      {json("url: 'https://a.example', " + says), "upstreams[0].http.body", "cannot be asked without"},
		"no answers":                   {json(asks), "upstreams[0].http.answers", "is not said"},
		"never wrong":                  {json(asks + ", answers: [{status: 200, outcome: right}]"), "upstreams[0].http.answers", "outcome: wrong"},
		"always right":                 {json(asks + ", answers: [{outcome: right}, {status: 401, outcome: wrong}]"), "upstreams[0].http.answers[0]", "any answer fits"},
	} {
		got, faults := Check([]byte(head+c.list+"]\n"), dir)
		if got != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		expect(t, faults, 3, c.path, c.words)
	}
	for name, list := range map[string]string{
		// DNS names of one domain stand before and behind a login.
		"one name as domain and realm": system("a", "domains: [A, a.example], realms: a.example, "+good),
		"two kinds":                    system("a", "domains: A, "+good) + ", " + strings.Replace(json(asks+", "+says), "name: a", "name: b", 1),
		"a filter with several parts":  ldap("servers: ['ldap://a.example', 'ldaps://b.example'], bind: 'uid={login},o=a', base: o=a, filter: '(&(objectClass=person)(|(uid={login})(mail={login})))'"),
	} {
		if got, faults := Check([]byte(head+list+"]\n"), dir); got == nil {
			t.Errorf("%s: %s", name, lines(faults))
		}
	}
	for words, text := range map[string]string{
		"cannot tell us from": json(strings.Replace(asks, "secret_file: secret, ", "", 1) + ", " + says),
		"carries a name":      ldap("servers: 'ldaps://10.0.0.1', bind: 'uid={login},o=a'"),
		"Wi-Fi waits 3 s":     system("a", "domains: A, timeout: 5s, "+good),
		"no password would":   system("a", "domains: A, ldap: {servers: 'ldaps://DC1.obr.example', bind: 'uid={login},o=a'}"),
	} {
		more := "]\nradius: {authentication: [':1812']}\nad: {server: 'ldaps://dc1.obr.example', bind: 'a@obr.example', password_file: secret, base: 'OU=a,DC=obr,DC=example', search_base: 'DC=obr,DC=example', upn_suffix: obr.example}\n"
		if got, faults := Check([]byte(head+text+more), dir); got == nil || !strings.Contains(lines(faults), words) {
			t.Errorf("no warning %q in:\n%s", words, lines(faults))
		}
	}
}
