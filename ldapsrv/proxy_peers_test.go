//go:build peers

package ldapsrv

// OpenLDAP's server as a proxy in front of ours, set up as docs/computers says:
// whoever asks by way of it gets what he would get directly.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// both asks directly and by way of the proxy.
type both struct {
	t          *testing.T
	direct, by *ldap.Conn
	entries    int // of all answers
}

func (w *world) throughProxy(address, name, password string) *both {
	w.t.Helper()
	by, err := ldap.DialURL("ldap://" + address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = by.Close() })
	if err := by.Bind(name, password); err != nil {
		w.t.Fatalf("bind %s at the proxy: %v", name, err)
	}
	return &both{t: w.t.(*testing.T), direct: w.as(name, password), by: by}
}

// equal holds two answers against each other: entries, codes and, where there is
// one, the matched name.
func (b *both) equal(what string, ask func(*ldap.Conn) (*ldap.SearchResult, error)) {
	b.t.Helper()
	var lists [2][]string
	var codes [2]string
	for i, c := range []*ldap.Conn{b.direct, b.by} {
		r, err := ask(c)
		codes[i] = fmt.Sprint(code(err))
		if r == nil {
			continue
		}
		for _, e := range r.Entries {
			for _, a := range e.Attributes { // slapd writes those that it does not know large
				a.Name = strings.ToLower(a.Name)
			}
			lists[i] = append(lists[i], asText(e))
		}
		slices.Sort(lists[i])
	}
	if codes[0] != codes[1] || !slices.Equal(lists[0], lists[1]) {
		b.t.Errorf("%s: %s and %d entries, by the proxy %s and %d", what, codes[0], len(lists[0]), codes[1], len(lists[1]))
		for i := range min(len(lists[0]), len(lists[1])) {
			if lists[0][i] != lists[1][i] {
				b.t.Logf("%.2000s\nby the proxy\n%.2000s", lists[0][i], lists[1][i])
				break
			}
		}
	}
	b.entries += len(lists[0])
}

func TestPeerProxy(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	people := town(r, 400)
	for _, e := range people { // addresses are of ASCII in slapd's schema
		e.Mail = strings.NewReplacer("семёнов", "semenov", "зайцев", "zaitsev").Replace(e.Mail)
	}
	w := start(t, func(o *Options) {
		o.Entries, o.Unindexed = 100, 100_000
		o.Rules = []Rule{{Name: "staff", Who: []person.Role{person.RoleStaff}, Sees: []person.Role{person.RoleStaff}, Attributes: []string{"cn", "mail"}}}
	}, people...)
	w.steady()
	dir := t.TempDir()
	conf := w.recipe("# /etc/ldap/slapd.conf", "/etc/ssl/certs/school-ca.pem", w.authority(dir))
	address := runSlapd(t, dir, write(t, dir, "slapd.conf", conf))

	proxyBinds(t, w, address)
	for _, name := range []string{reader, board, personName("orlovami"), personName("belovas")} {
		given := password
		if name == reader || name == board {
			given = secret
		}
		b := w.throughProxy(address, name, given)
		for _, attributes := range [][]string{nil, {"*", "+"}, {"uid", "memberOf", "givenName;lang-en"}} {
			for _, base := range []string{testBase, testGroups, personName("orlovami"), "uid=nobody," + testPeople} {
				for _, filter := range []string{"(uid=orlovami)", "(cn=school-49)", "(objectClass=*)", "(&(objectClass=person)(sn=Ким))", "(memberOf=cn=staff," + testGroups + ")", "(nosuch=x)", "(|(uidNumber=10001)(gecos=Белов*)(memberUid=orlovami))"} {
					b.equal(fmt.Sprintf("%s: %s below %s, %q", name, filter, base, attributes), func(c *ldap.Conn) (*ldap.SearchResult, error) {
						return c.Search(search(base, ldap.ScopeWholeSubtree, filter, attributes...))
					})
				}
			}
		}
		b.equal(name+" by pages", func(c *ldap.Conn) (*ldap.SearchResult, error) {
			return c.SearchWithPaging(search(testBase, ldap.ScopeWholeSubtree, "(objectClass=*)", "*", "+"), 30)
		})
		for _, assertion := range [][2]string{{"uid", "orlovami"}, {"sn", "ОРЛОВА"}, {"sn", "Ким"}, {"employeeType", "staff"}} {
			mine, err := b.direct.Compare(personName("orlovami"), assertion[0], assertion[1])
			other, err2 := b.by.Compare(personName("orlovami"), assertion[0], assertion[1])
			if mine != other || code(err) != code(err2) {
				t.Errorf("%s compares %q: %v %v, by the proxy %v %v", name, assertion, mine, err, other, err2)
			}
		}
		if b.entries < 20 {
			t.Errorf("%s sees %d entries only", name, b.entries)
		}
	}
}

// proxyBinds: who is refused directly is refused by the proxy, with the same code,
// and a restart of ours is over with its end.
func proxyBinds(t *testing.T, w *world, address string) {
	t.Helper()
	bind := func(name, password string) uint16 {
		t.Helper()
		c, err := ldap.DialURL("ldap://" + address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return code(c.Bind(name, password))
	}
	for _, one := range []struct{ name, password string }{{reader, "wrong"}, {personName("orlovami"), "wrong"}, {personName("nobody"), password}} {
		if got := bind(one.name, one.password); got != ldap.LDAPResultInvalidCredentials {
			t.Errorf("%s: %d", one.name, got)
		}
	}
	w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
		return identity.Verdict{Outcome: identity.Unavailable}
	})
	if got := bind(personName("orlovami"), password); got != ldap.LDAPResultUnavailable {
		t.Errorf("mos.ru unreachable: %d", got)
	}
	w.auth.set(nil)
	w.down()
	if got := bind(personName("orlovami"), password); got != ldap.LDAPResultUnavailable {
		t.Errorf("while ours is away: %d", got)
	}
	if err := w.up(w.plain, w.tls); err != nil {
		t.Fatal(err)
	}
	if got := bind(personName("orlovami"), password); got != 0 {
		t.Errorf("when ours is back: %d", got)
	}
}
