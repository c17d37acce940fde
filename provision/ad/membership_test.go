package ad_test

import (
	"slices"
	"testing"

	"schoolbridge/internal/ldapclient"
)

// memberships: somebody's groups, by way of others too, as templates name them.
func memberships(t *testing.T, s *site) {
	a := newAccount(t, "sokolovat")
	s.settle(s.target, a)
	dn := s.one(a).DN
	group := func(name string, members ...string) string {
		dn := "CN=" + ldapclient.EscapeDN(name) + ",OU=groups," + managed
		s.must(s.admin.Add(t.Context(), dn, []ldapclient.Attribute{ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", "g-"+name),
			ldapclient.Texts("member", members...)}))
		return dn
	}
	inner := group("People (49)", dn)
	group("bridge-49", inner)
	group("bridge-7", "CN=staff-7,OU=groups,"+managed) // with nobody in it
	got, err := s.target.Groups(t.Context(), [16]byte(a.row.Object))
	s.must(err)
	name, err := s.target.GroupName("CN=Bridge-{school},OU=groups")
	s.must(err)
	plain, err := s.target.GroupName("CN=People (49),OU=GROUPS")
	s.must(err)
	if !slices.Contains(got, name.Of("49")) || slices.Contains(got, name.Of("7")) || !slices.Contains(got, plain.Of("")) || name.Of("") != "" || !name.Each() || plain.Each() {
		t.Errorf("%v; %s, %s", got, name.Of("49"), plain.Of(""))
	}
	if got, err := s.target.Groups(t.Context(), [16]byte{1, 2, 3}); err != nil || len(got) != 0 {
		t.Errorf("nobody's groups: %v, %v", got, err)
	}
	for _, wrong := range []string{"CN={role}-{school}", "OU=a", "CN={district}", "CN={x}", "", "CN=a,DC=b"} {
		if _, err := s.target.GroupName(wrong); err == nil {
			t.Errorf("%q is a group", wrong)
		}
	}
}

func TestSimulatedMemberships(t *testing.T) {
	for _, samba := range []bool{false, true} {
		memberships(t, newSimulated(t, samba))
	}
}
