package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeCertificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		DNSNames: []string{"bridge.example"}, IsCA: true, BasicConstraintsValid: true, SubjectKeyId: []byte("authority"),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().AddDate(0, 1, 0)}
	revoked, err := x509.CreateRevocationList(rand.Reader, list, template, key)
	if err != nil {
		t.Fatal(err)
	}
	list.NextUpdate = time.Now().Add(-time.Minute)
	old, err := x509.CreateRevocationList(rand.Reader, list, template, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"devices.crl": {Type: "X509 CRL", Bytes: revoked}, "old.crl": {Type: "X509 CRL", Bytes: old}, "server.pem": {Type: "CERTIFICATE", Bytes: der}, "ca.pem": {Type: "CERTIFICATE", Bytes: der}, "server-key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// expect checks that a fault stands at line and path and says the words.
func expect(t *testing.T, faults []Fault, line int, path string, words ...string) {
	t.Helper()
	for _, f := range faults {
		if f.Line != line || f.Path != path {
			continue
		}
		all := true
		for _, w := range words {
			all = all && strings.Contains(f.Format("en")+f.Format("ru"), w)
		}
		if all {
			return
		}
	}
	t.Errorf("no fault at line %d, %s with %q in:\n%s", line, path, words, lines(faults))
}

func TestAllFaultsAtOnce(t *testing.T) {
	text := `state: /srv
mosru:
  url: ftp://login.example
  clientid: bridge
  client_secret: hunter2
  timeout: 2
  timeout: 3s
ldap:
  listen: ["127.0.0.1:389", "127.0.0.1:389"]
  listen_tls: 127.0.0.1:636
  base: true
  services:
    - dn: cn=x,o=school
      password: hunter2
radius:
  clients:
    - name: a
      range: 10.0.0.5/24
      secret_file: secret
    -
    - name: a
      range: 10.0.0.0/24
      secret_file: nowhere
      reject_delay: [1s]
listen: [":1"]
ladp: {}
policy:
  rules:
    - {name: a, allow: true, hours: ["noon"], roles: staff, vlan: 5000}
log: quiet
`
	c, faults := Check([]byte(text), folder(t))
	if c != nil {
		t.Fatal("a faulty file is taken")
	}
	expect(t, faults, 3, "mosru.url", "https://")
	expect(t, faults, 4, "mosru.clientid", "did you mean client_id?", "вы имели в виду client_id?")
	expect(t, faults, 5, "mosru.client_secret", "client_secret_file", "0600")
	expect(t, faults, 6, "mosru.timeout", "2500ms"[2:4]) // the remedy names units
	expect(t, faults, 7, "mosru.timeout", "line 6", "строке 6")
	expect(t, faults, 2, "mosru.client_id", "needed and missing", "обязателен")
	expect(t, faults, 9, "ldap.listen[1]", "already in this list")
	expect(t, faults, 10, "ldap.listen_tls", "a list is expected")
	expect(t, faults, 11, "ldap.base", "quotes")
	expect(t, faults, 14, "ldap.services[0].password", "password_file")
	expect(t, faults, 13, "ldap.services[0].password_file", "nothing to sign in with")
	expect(t, faults, 18, "radius.clients[0].range", "10.0.0.0/24")
	expect(t, faults, 20, "radius.clients[1].name", "needed")
	expect(t, faults, 20, "radius.clients[1].range", "from which addresses")
	expect(t, faults, 20, "radius.clients[1].secret_file", "neither")
	expect(t, faults, 21, "radius.clients[2].name", "already in line 17")
	expect(t, faults, 23, "radius.clients[2].secret_file", "there is no file")
	expect(t, faults, 24, "radius.clients[2].reject_delay", "found a list")
	expect(t, faults, 25, "listen", "ldap.listen", "web.listen")
	expect(t, faults, 26, "ladp", "did you mean ldap?")
	expect(t, faults, 29, "policy.rules[0].hours", "mon-fri")
	expect(t, faults, 29, "policy.rules[0].vlan", "4094")
	expect(t, faults, 30, "log", "options are expected")
	if strings.Contains(lines(faults), "hunter2") {
		t.Error("a fault shows a secret")
	}
	if !slices.IsSortedFunc(faults, func(a, b Fault) int { return a.Line - b.Line }) {
		t.Error("faults are not in the order of lines")
	}
}

func TestFormat(t *testing.T) {
	_, faults := Check([]byte("mosru: {url: 'https://a.example', client_id: a}\nlgo: {}\n"), t.TempDir())
	ru, en := faults[len(faults)-1].Format("ru"), faults[len(faults)-1].Format("en")
	if want := `строка 2, столбец 1: lgo: ключа "lgo" здесь нет; вы имели в виду log?`; ru != want {
		t.Errorf("got  %s\nwant %s", ru, want)
	}
	if want := `line 2, column 1: lgo: there is no key "lgo" here; did you mean log?`; en != want {
		t.Errorf("got  %s\nwant %s", en, want)
	}
}

func TestRefusedFiles(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	bomb := "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nmosru: *c\n"
	for name, c := range map[string]struct {
		text, words string
		line        int
	}{
		"not YAML":      {"state: a\n  b: c\n", "not YAML", 2},
		"tab":           {"mosru:\n\turl: a\n", "not YAML", 2},
		"anchor":        {bomb, "anchors", 1},
		"alias":         {bomb, "aliases", 2},
		"merge":         {"mosru:\n  <<: {url: a}\n", "<<", 2},
		"tag":           {"state: !!binary aGk=\n", "tags", 1},
		"own tag":       {"state: !env HOME\n", "tags", 1},
		"two documents": {"state: a\n---\nstate: b\n", "second document", 2},
		"deep":          {"state: " + deep, "nested deeper", 1},
		"CP1251":        {"state: \xef\xe0\xef\xea\xe0\n", "UTF-8", 0},
		"large":         {strings.Repeat("# filler\n", MaxSize/9+2), "larger", 0},
		"a list":        {"- state\n", "options are expected", 1},
		"a word":        {"state\n", "options are expected", 1},
		"odd key":       {"[a, b]: c\n", "a key is a word", 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, faults := Check([]byte(c.text), t.TempDir())
			if got != nil {
				t.Fatal("taken")
			}
			expect(t, faults, c.line, "", c.words)
		})
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "unknown%d: 1\n", i)
	}
	if _, faults := Check([]byte(many.String()), t.TempDir()); len(faults) > 2*(maxFaults+1) {
		t.Errorf("%d faults", len(faults))
	}
}

// TestManyWarnings: a school with hundreds of old access points.
func TestManyWarnings(t *testing.T) {
	text := "mosru: {url: \"https://mos.ru\", client_id: a}\nradius:\n  authentication: [\"127.0.0.1:1812\"]\n  clients:\n"
	for i := range maxFaults + 50 {
		text += fmt.Sprintf("  - {name: n%d, range: 10.0.%d.0/24, secret_file: secret, message_authenticator: optional}\n", i, i)
	}
	dir := folder(t)
	c, faults := Check([]byte(text), dir)
	if c == nil || len(faults) != maxFaults+1 || !faults[len(faults)-1].Warning {
		t.Fatalf("taken: %v, with %d faults", c != nil, len(faults))
	}
	if c, faults = Check([]byte(text+"web: {listen: nowhere}\n"), dir); c != nil {
		t.Fatal("a fault behind many warnings is passed over")
	}
	expect(t, faults, maxFaults+55, "web.listen", "no address")
}

// TestOtherFaultsBesideForms: what the form of a file is blamed for does not
// hide what else is wrong in it.
func TestOtherFaultsBesideForms(t *testing.T) {
	_, faults := Check([]byte("state: &s here\nmosru:\n  url: *s\n  client_id: a\n  <<: {x: 1}\nlog: {level: louder}\nldap: *s\nnames: {domains: *s}\n---\nlog: {}\n"), t.TempDir())
	expect(t, faults, 1, "", "anchors")
	expect(t, faults, 3, "", "aliases")
	expect(t, faults, 5, "", "merge keys")
	expect(t, faults, 6, "log.level", "louder")
	expect(t, faults, 9, "", "second document")
	mistakes := 0
	for _, f := range faults {
		if !f.Warning {
			mistakes++
		}
	}
	if mistakes != 7 {
		t.Errorf("%d faults, want each once:\n%s", mistakes, lines(faults))
	}
	_, faults = Check([]byte("\"state\\e[2J\": a\n"), t.TempDir())
	for _, f := range faults {
		if strings.ContainsRune(f.Format("en"), '\x1b') {
			t.Errorf("a key moves the cursor: %q", f.Format("en"))
		}
	}
}

func TestNamedFiles(t *testing.T) {
	dir := folder(t)
	key, err := os.ReadFile(filepath.Join(dir, "server-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	// As openssl pkcs12 writes a key.
	if err := os.WriteFile(filepath.Join(dir, "bag.pem"), append([]byte("Bag Attributes\n    localKeyID: 01\n"), key...), 0o600); err != nil {
		t.Fatal(err)
	}
	const head = "mosru: {url: \"https://mos.ru\", client_id: a"
	if c, faults := Check([]byte(head+"}\ntls: {certificate_file: server.pem, key_file: bag.pem}\n"), dir); c == nil {
		t.Errorf("a key behind words:\n%s", lines(faults))
	}
	_, faults := Check([]byte(head+", ca_file: secret}\nradius: {client_ca_file: secret}\n"), dir)
	expect(t, faults, 1, "mosru.ca_file", "no certificate")
	expect(t, faults, 2, "radius.client_ca_file", "no certificate")
	_, faults = Check([]byte(head+", events: {issuer: a, audience: a, keys_file: secret}}\n"), dir)
	expect(t, faults, 1, "mosru.events.keys_file", "no set of public keys")
	for _, path := range []string{"/events/../x", "/events/./x", "/events/", "//x"} {
		_, faults = Check([]byte(head+"}\nweb: {events: "+path+"}\n"), dir)
		expect(t, faults, 2, "web.events", "no path")
	}
}

func TestSecretFiles(t *testing.T) {
	dir := folder(t)
	secret := filepath.Join(dir, "secret")
	if err := os.Chmod(secret, 0o640); err != nil {
		t.Fatal(err)
	}
	c, faults := Check([]byte(base), dir)
	if c == nil {
		t.Fatal(lines(faults))
	}
	expect(t, faults, 2, "mosru.client_secret_file", "warning", "0640", "chmod 0600")
	if c.Mosru.ClientSecretFile != SecretFile(secret) {
		t.Errorf("%s is not below the configuration's folder", c.Mosru.ClientSecretFile)
	}
	if b, err := ReadSecret(c.Mosru.ClientSecretFile); err != nil || string(b) != "sixteen-letters-and-more" {
		t.Errorf("got %q, %v", b, err)
	}
	for name, text := range map[string]string{"empty": "\n", "two lines": "a\nb\n"} {
		if err := os.WriteFile(secret, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, faults := Check([]byte(base), dir); c != nil {
			t.Errorf("%s: taken: %s", name, lines(faults))
		}
	}
	if err := os.WriteFile(secret, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, faults = Check([]byte(base), dir)
	expect(t, faults, 4, "radius.clients[0].secret_file", "warning", "openssl rand")
}

func TestWholeFileChecks(t *testing.T) {
	dir := folder(t)
	save(t, filepath.Join(dir, "leaf.pem"), sign(t, "board.example", false, time.Now().AddDate(1, 0, 0), nil))
	head := "mosru: {url: 'https://a.example', client_id: a, client_secret_file: secret}\n"
	pair := "tls: {certificate_file: server.pem, key_file: server-key.pem}\n"
	for name, c := range map[string]struct{ text, path, words string }{
		"LDAPS without certificate":  {"ldap: {base: o=a, listen_tls: [':636']}", "ldap.listen_tls", "no certificate"},
		"RadSec without certificate": {"radius: {radsec: [':2083']}", "radius.radsec", "no certificate"},
		"RadSec without authority":   {pair + "radius: {radsec: [':2083']}", "radius.client_ca_file", "no authority"},
		"LDAP that nobody can use":   {"ldap: {base: o=a, listen: [':389']}", "ldap.listen", "nobody can sign in"},
		"half a pair":                {"tls: {key_file: server-key.pem}", "tls", "come together"},
		"wrong pair":                 {"tls: {key_file: secret, certificate_file: server.pem}", "tls.certificate_file", "do not work"},
		"no base":                    {pair + "ldap: {listen_tls: [':636']}", "ldap.base", "no base"},
		"one port twice":             {pair + "ldap: {base: o=a, listen_tls: [':636']}\nradius: {radsec: [':636']}", "radius.radsec[0]", "ldap.listen_tls[0]"},
		"half a pair for EAP":        {pair + "radius: {eap: {certificate_file: server.pem}}", "radius.eap", "come together"},
		"wrong pair for EAP":         {"radius: {eap: {rsa_key_file: secret, rsa_certificate_file: server.pem}}", "radius.eap.rsa_certificate_file", "do not work"},
		"EAP without a method":       {"auth: {nt_hash: false}\nradius: {eap: {inner: [mschapv2]}}", "radius.eap", "no method"},
		"an authority twice":         {"radius: {eap: {authorities: [{name: a, ca_file: ca.pem}, {name: a, ca_file: ca.pem}]}}", "radius.eap.authorities[1].name", "already"},
		"a certificate of two":       {"radius: {eap: {authorities: [{name: a, ca_file: ca.pem}, {name: b, ca_file: ca.pem}]}}", "radius.eap.authorities[1].ca_file", "in the file of \"a\" too (line 2)"},
		"C1 in an SSID":              {"wifi: {ssids: [\"a\\u0085b\"]}", "wifi.ssids[0]", "control characters"},
		"a turned SSID":              {"wifi: {ssids: [\"a\\u202Eb\"]}", "wifi.ssids[0]", "control characters"},
		"a turned organization":      {"wifi: {organization: \"a\\u2066b\"}", "wifi.organization", "control characters"},
		"C1 outside":                 {"wifi: {outer_identity: \"a\\u009Fb\"}", "wifi.outer_identity", "control characters"},
		"two lines":                  {"wifi: {organization: \"a\\u2028b\"}", "wifi.organization", "control characters"},
		"web passwords in clear":     {"web: {listen: ':8080'}", "web.listen", "passwords"},
		"AD without an account":      {"ad: {server: 'ldaps://dc1.example', base: 'OU=s,DC=obr', search_base: 'DC=obr'}", "ad.bind", "without bind"},
		"AD without a name":          {"ad: {server: 'ldaps://:636', bind: b@obr, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr'}", "ad.server", "no address"},
		"no way back from mos.ru":    {"web: {sign_in: mosru}", "web.sign_in", "send people back"},
		"idle for too long":          {"web: {sessions: {idle: 2h, longest: 1h}}", "web.sessions.idle", "longer than"},
		"the page's path for events": {"web: {events: /sign-in/events}", "web.events", "taken"},
		"the form's path for events": {"web: {events: /activate}", "web.events", "taken"},
		"AD without a unit":          {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, search_base: 'DC=obr'}", "ad.base", "without base"},
		"AD with the whole domain":   {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'dc=obr', search_base: 'DC=obr'}", "ad.base", "whole domain"},
		"the same, with spaces":      {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'dc=obr, dc=ru', search_base: 'DC=obr,DC=ru'}", "ad.base", "whole domain"},
		"AD outside its domain":      {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'OU=s,DC=other', search_base: 'DC=obr'}", "ad.base", "not in the domain"},
		"AD with one attribute":      {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr', mark_attribute: adminDescription}", "ad.stamp_attribute", "different"},
		"AD with odd placeholders":   {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr', ou: 'OU={class}'}", "ad.ou", "placeholder"},
		"AD with no unit for rest":   {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr', duplicates_ou: 'CN=rest'}", "ad.duplicates_ou", "no unit"},
		"AD with a district twice":   {"ad: {server: 'ldaps://dc1.example', bind: b@obr, password_file: secret, base: 'OU=s,DC=obr', search_base: 'DC=obr', districts: [{name: А, label: a}, {name: а, label: b}]}", "ad.districts[1].name", "already"},
		"web on a taken port":        {pair + "ldap: {base: o=a, listen_tls: ['127.0.0.1:8080']}", "web.listen", "taken"},
		"every address, twice":       {"radius: {authentication: ['0.0.0.0:1812', '[::]:1812']}", "radius.authentication[1]", "keep one of the two"},
		"every address and one":      {pair + "ldap: {base: o=a, listen_tls: ['0.0.0.0:636'], listeners: [{address: '10.9.0.1:636', tls: true}]}", "ldap.listeners[0].address[0]", "all addresses of the machine"},
		"one and every address":      {"radius: {authentication: ['10.9.0.1:1812'], accounting: [':1812']}", "radius.accounting[0]", "all addresses of the machine"},
		"web among every address":    {pair + "ldap: {base: o=a, listen_tls: ['[::]:8080']}", "web.listen", "all addresses of the machine"},
		"views in one another":       {"ldap: {base: 'dc=a,dc=b', views: [{base: 'dc=b'}]}", "ldap.views[0].base", "apart"},
		"one view twice":             {"ldap: {base: o=a, views: [{base: o=b}, {base: O=B}]}", "ldap.views[1].base", "apart"},
		"one attribute twice":        {"ldap: {attributes: [{name: title, value: a}, {name: Title, value: b}]}", "ldap.attributes[1].name", "already"},
		"half a certificate":         {"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', certificate_file: server.pem}]}", "ldap.listeners[0]", "come together"},
		"a wrong pair":               {"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', certificate_file: server.pem, key_file: secret}]}", "ldap.listeners[0].certificate_file", "do not work"},
		"service outside":            {"ldap: {base: o=a, services: [{dn: 'cn=x,o=b', password_file: secret}]}", "ldap.services[0].dn", "below the base"},
		"service beside the base":    {"ldap: {base: o=a, services: [{dn: 'cn=x\\,o=a', password_file: secret}]}", "ldap.services[0].dn", "below the base"},
		"service among the people":   {"ldap: {base: o=a, services: [{dn: 'cn=x, ou=People, o=a', password_file: secret}]}", "ldap.services[0].dn", "no place of service accounts"},
		"service twice with spaces":  {"ldap: {base: 'o=a, o=b', services: [{dn: 'cn=x,o=a,o=b', password_file: secret}, {dn: 'CN = x, O=a, O=b', password_file: secret}]}", "ldap.services[1].dn", "already"},
		"nothing to sign in with":    {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a'}]}", "ldap.services[0].password_file", "nothing to sign in with"},
		"unknown authority":          {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', certificates: [{authority: b, name: c}]}]}", "ldap.services[0].certificates[0].authority", "has no"},
		"a board of two accounts":    {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', certificates: [{authority: b, name: c.d}, {authority: b, name: C.D}]}]}", "ldap.services[0].certificates[1].name", "already"},
		"certificates nowhere":       {"ldap: {listen: ['127.0.0.1:389'], certificates: {listen: ['127.0.0.1:636']}}", "ldap.certificates.listen[0]", "copy it from there (127.0.0.1:389)"},
		"one authority twice":        {"ldap: {certificates: {authorities: [{name: a, ca_file: ca.pem}, {name: b, ca_file: ca.pem}]}}", "ldap.certificates.authorities[1].ca_file", "leave it in one"},
		"a list that is none":        {"ldap: {certificates: {authorities: [{name: a, ca_file: ca.pem, crl_file: ca.pem}]}}", "ldap.certificates.authorities[0].crl_file", "holds no revocation list"},
		"a list of another":          {"radius: {eap: {authorities: [{name: a, ca_file: other.pem, crl_file: devices.crl}]}}", "radius.eap.authorities[0].crl_file", "has not signed"},
		"no authority":               {"ldap: {certificates: {authorities: [{name: a, ca_file: leaf.pem}]}}", "ldap.certificates.authorities[0].ca_file", "not the certificate of an authority"},
		"an attribute of two words":  {"ldap: {attributes: [{name: 'ti tle', value: a}]}", "ldap.attributes[0].name", "no name of an attribute"},
		"an attribute of ours":       {"ldap: {attributes: [{name: memberOf, value: a}]}", "ldap.attributes[0].name", "daemon's to make"},
		"an attribute of AD's":       {"ldap: {base: o=a, views: [{base: o=b, schema: ad}], attributes: [{name: CN, value: a}]}", "ldap.attributes[0].name", "daemon's to make"},
		"pupils to pupils":           {"ldap: {access: [{name: a, who: [staff, pupil], sees: pupil}]}", "ldap.access[0].sees", "make two rules"},
		"one access rule twice":      {"ldap: {access: [{name: a, who: staff, sees: pupil}, {name: a, who: staff, sees: pupil}]}", "ldap.access[1].name", "already"},
		"a service of no school":     {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', password_file: secret, schools: []}]}", "ldap.services[0].schools", "the list is empty"},
		"a service of no role":       {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', password_file: secret, roles: []}]}", "ldap.services[0].roles", "the list is empty"},
		"a rule of my school":        {"ldap: {base: o=a, access: [{name: a, who: staff, sees: pupil, schools: mine}]}", "ldap.access[0].schools[0]", "\"mine\" is no school; own, any, or identifiers"},
		"a rule of Any school":       {"ldap: {base: o=a, access: [{name: a, who: staff, sees: pupil, schools: Any}]}", "ldap.access[0].schools[0]", "did you mean any?"},
		"a service of its school":    {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', password_file: secret, schools: ['1234', own]}]}", "ldap.services[0].schools[1]", "\"own\" is no school; any, or identifiers"},
		"a policy of onw schools":    {"policy: {rules: [{name: a, allow: true, schools: [onw]}]}", "policy.rules[0].schools[0]", "did you mean own?"},
		"a rule of no school":        {"ldap: {base: o=a, access: [{name: a, who: staff, sees: pupil, schools: []}]}", "ldap.access[0].schools", "the list is empty"},
		"a service's attribute":      {"ldap: {base: o=a, services: [{dn: 'cn=x,o=a', password_file: secret, attributes: [uid, dispalyName]}]}", "ldap.services[0].attributes[1]", "did you mean displayname?"},
		"an attribute of nobody":     {"ldap: {access: [{name: a, who: staff, sees: pupil, attributes: [snils]}]}", "ldap.access[0].attributes[0]", "ldap.attributes"},
		"a password shown":           {"ldap: {attributes: [{name: userPassword, value: '{login}'}]}", "ldap.attributes[0].name", "call the attribute otherwise"},
		"limits of RadSec":           {"radius: {radsec_limits: {connections: 10, per_source: 11}}", "radius.radsec_limits.per_source", "at most 10"},
		"limits against each other":  {"ldap: {limits: {connections: 10, per_source: 11}}", "ldap.limits.per_source", "at most 10"},
		"silence below two interims": {"radius: {journal: {interim: 20m}}", "radius.journal.silence", "one lost message"},
		"disconnect and no secret":   {"radius: {clients: [{name: a, certificate: a.example, dynamic_authorization: {port: 3799}}]}", "radius.clients[0].dynamic_authorization", "nothing signs"},
		"a bound and no accounting":  {"radius: {simultaneous: {pupil: 2}}", "radius.simultaneous", "who is on the network"},
		"a client of no range":       {"radius: {clients: [{name: a, secret_file: secret, certificate: a.example}]}", "radius.clients[0].range", "from which addresses"},
		"a client of no secret":      {"radius: {clients: [{name: a, range: 10.0.0.1}]}", "radius.clients[0].secret_file", "neither"},
		"same certificate":           {"radius: {clients: [{name: a, certificate: a.example}, {name: b, certificate: A.example}]}", "radius.clients[1].certificate", "already"},
		"same range":                 {"radius: {clients: [{name: a, range: 10.0.0.1, secret_file: secret}, {name: b, range: 10.0.0.1/32, secret_file: secret}]}", "radius.clients[1].range", "already"},
		"rule of the policy":         {"policy: {rules: [{name: a, channels: ldap, vlan: 5, allow: true}]}", "policy.rules[0].vlan", "Wi-Fi only"},
		"unknown NAS":                {"radius: {clients: [{name: school, range: 10.0.0.1, secret_file: secret}]}\npolicy: {rules: [{name: a, nas: shcool, allow: true}]}", "policy.rules[0].nas[0]", "did you mean school?"},
		"confirmation":               {"auth: {confirmation: 1m}", "auth.confirmation_without_events", "longer"},
		"two stores":                 {"store: {path: a, url_file: secret}", "store.url_file", "one database"},
		"one file":                   {"store: {path: a, keyset_file: ./a}", "store.keyset_file", "one file"},
	} {
		t.Run(name, func(t *testing.T) {
			got, faults := Check([]byte(head+c.text), dir)
			if got != nil {
				t.Fatal("taken")
			}
			for _, f := range faults {
				if f.Path == c.path && strings.Contains(f.Format("en"), c.words) && !f.Warning && f.Line > 0 {
					return
				}
			}
			t.Errorf("no fault at %s with %q in:\n%s", c.path, c.words, lines(faults))
		})
	}
	for words, text := range map[string]string{
		"listens to nobody":      "",
		"attributes[1].name":     "ldap: {attributes: [{name: title, value: a}, {name: ShadowMax, value: '90'}]}",
		"takes a password for":   "ldap: {attributes: [{name: shadowLastChange, value: '1'}]}",
		"pGina lets in":          "ldap: {attributes: [{name: msDS-UserPasswordExpiryTimeComputed, value: '1'}]}",
		"forged":                 "radius: {clients: [{name: a, range: 10.0.0.1, secret_file: secret, message_authenticator: optional}]}",
		"in the clear":           "ldap: {plain_bind: always}",
		"is for RadSec":          "radius: {clients: [{name: a, certificate: a.example}]}",
		"has no clients":         "radius: {authentication: [':1812']}",
		"not offered without":    "radius: {eap: {methods: [ttls, tls]}}",
		"has no \"devcies\"":     "radius: {eap: {authorities: [{name: devices, ca_file: ca.pem}]}, machines: [{authority: devcies, name: '*.a.example', school: a}]}",
		"has no \"city\"":        "radius: {people_authorities: [city]}",
		"nobody comes in by":     "ldap: {certificates: {authorities: [{name: a, ca_file: ca.pem, crl_file: old.crl}]}}",
		"waits 3 s":              "radius: {authentication: [':1812']}\nmosru: {url: 'https://a.example', client_id: a, timeout: 5s}",
		"does not listen":        "radius: {clients: [{name: a, range: 10.0.0.1, secret_file: secret, dynamic_authorization: {radsec: true}}]}",
		"nobody is disconnected": "radius: {clients: [{name: a, range: 10.0.0.1, secret_file: secret, dynamic_authorization: {secret_file: secret}}]}",
	} {
		h := head
		if strings.Contains(text, "mosru:") {
			h = ""
		}
		if got, faults := Check([]byte(h+text), dir); got == nil || !strings.Contains(lines(faults), words) {
			t.Errorf("no warning %q in:\n%s", words, lines(faults))
		}
	}
}

func TestLoad(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, "config.yaml")
	if _, _, err := Load(path); err == nil {
		t.Error("a missing file is no error")
	}
	if err := os.WriteFile(path, []byte(base+"state: data\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, faults, err := Load(path)
	if err != nil || c == nil {
		t.Fatal(err, lines(faults))
	}
	if want := Path(filepath.Join(dir, "data")); c.State != want || c.Store.Path != want+"/schoolbridge.db" {
		t.Errorf("got %s and %s", c.State, c.Store.Path)
	}
	if c.Auth.NTMaxAge != 30*24*time.Hour || !c.LDAP.Services[0].AnySchool() || c.Policy.Rules[0].Roles[1] != "pupil" {
		t.Errorf("defaults are missing: %+v", c)
	}
	if _, err := c.Policy.Compile(); err != nil {
		t.Error(err)
	}
}

func TestReference(t *testing.T) {
	for _, lang := range []string{"ru", "en"} {
		text := Reference(lang)
		c, faults := Check([]byte(text), t.TempDir())
		if c == nil {
			t.Fatalf("%s: the reference does not pass:\n%s", lang, lines(faults))
		}
		// Everything commented out comes to life, with the files it names.
		dir := folder(t)
		live := regexp.MustCompile(`(?m)^( *)# (( *)([a-z_]+:( .*)?|-))$`).ReplaceAllString(text, "$1$2")
		for name, from := range map[string]string{"tls/server.pem": "server.pem", "tls/server-key.pem": "server-key.pem", "tls/mosru-ca.pem": "server.pem", "tls/radsec-clients-ca.pem": "server.pem",
			"secrets/mosru": "secret", "secrets/reader": "secret", "secrets/radius-school-49": "secret", "mosru-keys.json": "keys.json",
			"secrets/events.pem": "secret", "secrets/ad": "secret", "secrets/coa-school-49": "secret", "tls/ad-ca.pem": "server.pem", "tls/ca.pem": "server.pem",
			"tls/eap.pem": "server.pem", "tls/eap-key.pem": "server-key.pem", "tls/eap-rsa.pem": "server.pem", "tls/eap-rsa-key.pem": "server-key.pem",
			"tls/boards-rsa.pem": "server.pem", "tls/boards-rsa-key.pem": "server-key.pem",
			"tls/devices-ca.pem": "server.pem", "tls/devices.crl": "devices.crl",
			"tls/school-devices.pem": "other.pem", "tls/school-devices.crl": "other.pem.crl", "tls/school49-ca.pem": "server.pem", "secrets/school49": "secret", "secrets/store": "secret"} {
			b, err := os.ReadFile(filepath.Join(dir, from))
			if err != nil {
				t.Fatal(err)
			}
			_ = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, faults = Check([]byte(live), dir)
		if c == nil {
			t.Fatalf("%s: the reference with everything switched on does not pass:\n%s\n%s", lang, lines(faults), live)
		}
		if len(c.RADIUS.Clients) != 1 || c.RADIUS.Clients[0].School != "1234" || len(c.Policy.Rules) != 1 || len(c.LDAP.Services) != 1 || c.Mosru.CAFile == "" {
			t.Errorf("%s: not everything came to life: %+v", lang, c)
		}
		if russian := strings.Contains(text, "Обязателен."); russian != (lang == "ru") {
			t.Errorf("%s: the wrong language", lang)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"secert_file": "secret_file", "SCHOOL": "school", "x": "", "entirely": "", "rnage": "range"} {
		if got := Nearest(word, []string{"range", "secret_file", "school", "name"}); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
