package config

import (
	"slices"
	"strings"
	"testing"
)

// Old boards know RSA alone: a certificate with another key is no use to them.
func TestOldTLSWithoutRSA(t *testing.T) {
	const head = "tls: {certificate_file: server.pem, key_file: server-key.pem}\nldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', tls: true"
	for more, want := range map[string]bool{"": false, ", old_tls: true": true, ", old_tls: true, certificate_file: server.pem, key_file: server-key.pem": true} {
		_, faults := Check([]byte(strings.Replace(base, "ldap:", "#", 1)+head+more+"}]}\n"), folder(t))
		if got := strings.Contains(lines(faults), "no RSA key"); got != want {
			t.Errorf("%q: %s", more, lines(faults))
		}
	}
}

// The certificate of all is asked for where something would show it, and there alone.
func TestWhoNeedsTheMainCertificate(t *testing.T) {
	const main, own = "tls: {certificate_file: server.pem, key_file: server-key.pem}\n", "certificate_file: server.pem, key_file: server-key.pem"
	head := strings.Replace(strings.Replace(base, "ldap:", "#", 1), "\nweb:", "\n#", 1)
	for text, want := range map[string]string{
		"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}]}":                                                                                                                                   "",
		"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1389', " + own + "}]}":                                                                                                                                              "",
		"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', old_tls: true, " + own + "}, {address: '127.0.0.1:1637', tls: true}]}":                                                                                       "ldap.listeners[1]: there is no certificate",
		"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}, {address: '127.0.0.1:1389'}]}":                                                                                                      "ldap.listeners[1]: without a certificate nobody can sign in",
		"ldap: {base: o=a, listen: ['127.0.0.1:389'], listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}]}":                                                                                                        "ldap.listen: without a certificate nobody can sign in",
		"ldap: {base: o=a, plain_bind: loopback, listen: ['127.0.0.1:389'], listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}]}":                                                                                  "",
		"ldap: {base: o=a, listen_tls: ['127.0.0.1:636'], listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}]}":                                                                                                    "ldap.listen_tls: there is no certificate",
		"ldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}], certificates: {authorities: [{name: a, ca_file: ca.pem}]}, services: [{dn: 'cn=x,o=a', certificates: [{authority: a, name: b}]}]}": "",
		"ldap: {base: o=a, plain_bind: loopback, listen: ['127.0.0.1:389'], certificates: {authorities: [{name: a, ca_file: ca.pem}]}, services: [{dn: 'cn=x,o=a', certificates: [{authority: a, name: b}]}]}":                  "ldap.certificates.authorities: no LDAP listener has a certificate",
		"web: {listen: '0.0.0.0:8443'}\nldap: {base: o=a, listeners: [{address: '127.0.0.1:1636', tls: true, " + own + "}]}":                                                                                                    "web.listen: the activation page takes passwords",
	} {
		_, faults := Check([]byte(head+text+"\n"), folder(t))
		if got := about(faults); got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if _, faults := Check([]byte(head+main+text+"\n"), folder(t)); about(faults) != "" {
			t.Errorf("%s: with a certificate of all: %q", text, about(faults))
		}
	}
}

// about gives what faults say of a missing certificate.
func about(faults []Fault) string {
	i := slices.IndexFunc(faults, func(f Fault) bool {
		return strings.Contains(f.Message.EN, "no certificate") || strings.Contains(f.Message.EN, "without a certificate") || strings.Contains(f.Message.EN, "has a certificate")
	})
	if i < 0 {
		return ""
	}
	return faults[i].Path + ": " + faults[i].Message.EN
}
