package ldapsrv

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// Who asks for somebody else is refused, however he asks (RFC 4370 section 3): what he
// would get is what he may see himself.
func TestProxiedAuthorization(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for _, oid := range []string{oidProxiedAuthorization, oidProxiedDraft} {
		refusesToProxy(t, c, oid)
	}
	if got := found(t, c, testBase, "(uid=belovas)"); got != "belovas" {
		t.Errorf("afterwards: %q", got)
	}
}

func refusesToProxy(t *testing.T, c *ldap.Conn, oid string) {
	t.Helper()
	for critical, want := range map[bool]uint16{true: ldap.LDAPResultUnavailableCriticalExtension, false: ldap.LDAPResultProtocolError} {
		for _, as := range []string{"", "dn:", "dn:" + personName("belovas")} {
			ask := search(testBase, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
			ask.Controls = []ldap.Control{ldap.NewControlString(oid, critical, as)}
			if r, err := c.Search(ask); code(err) != want || r != nil && len(r.Entries) > 0 {
				t.Errorf("%s, critical %v, %q: %v, want %d", oid, critical, as, err, want)
			}
		}
	}
}
