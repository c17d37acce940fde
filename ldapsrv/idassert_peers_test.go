//go:build peers

package ldapsrv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// A slapd that signs in by itself and says for whom it asks is refused, rather than
// answered with what it may see itself; one that lets people sign in is not concerned.
func TestPeerProxyThatAsserts(t *testing.T) {
	w := start(t, nil)
	dir := t.TempDir()
	ca := w.authority(dir)
	usual := w.recipe("# /etc/ldap/slapd.conf", "/etc/ssl/certs/school-ca.pem", ca)
	for flags, want := range map[string]string{"override": "2 0", "obsolete-proxy-authz,override": "2 0", "proxy-authz-critical,override": "12 0", "proxy-authz-critical": "0 1"} {
		t.Run(flags, func(t *testing.T) {
			dir := t.TempDir()
			conf := strings.Replace(usual, "rebind-as-user yes\n", fmt.Sprintf(`rebind-as-user yes
idassert-bind bindmethod=simple binddn=%q credentials=%s mode=self flags=%s tls_cacert=%s tls_reqcert=demand
idassert-authzFrom "dn.regex:.*"
`, reader, secret, flags, ca), 1)
			c, err := ldap.DialURL("ldap://" + runSlapd(t, dir, write(t, dir, "slapd.conf", conf)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			asked := func() string {
				r, err := c.Search(search(testBase, ldap.ScopeWholeSubtree, "(uid=*)", "uid"))
				n := 0
				if r != nil {
					n = len(r.Entries)
				}
				return fmt.Sprint(code(err), " ", n)
			}
			if got := asked(); got != "2 0" && got != "12 0" {
				t.Errorf("for nobody: %s", got)
			}
			if err := c.Bind(personName("belovas"), password); err != nil {
				t.Fatal(err)
			}
			if got := asked(); got != want {
				t.Errorf("for a pupil: %s, want %s", got, want)
			}
		})
	}
}
