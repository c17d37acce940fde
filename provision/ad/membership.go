package ad

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
)

// groupsMost is how many groups an account may be in, by way of others too, to be
// asked about.
const groupsMost = 500

// inChain is LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS section 3.1.1.3.4.4.3): groups in
// groups count.
const inChain = ":1.2.840.113556.1.4.1941:="

// Groups gives the groups that an object is a member of, also by way of groups in
// groups, each in the form that GroupName.Of gives; none where there is no such
// object.
func (t *Target) Groups(ctx context.Context, object [16]byte) ([]string, error) {
	own, err := t.client.Search(ctx, ldapclient.Query{Base: ldapclient.GUID(object[:]), Scope: ldapclient.ScopeBase, Attributes: []string{"distinguishedName"}, Limit: 1})
	if errors.Is(err, ldapclient.ErrNotFound) || err == nil && len(own) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find an account: %w", err)
	}
	// An object that is found by its GUID is named by what it was asked for.
	dn := either(own[0].Text("distinguishedName"), own[0].DN)
	found, err := t.client.Search(ctx, ldapclient.Query{Base: t.layout.search, Scope: ldapclient.ScopeSub, Attributes: []string{"distinguishedName"}, Limit: groupsMost,
		Filter: "(&(objectCategory=group)(member" + inChain + ldapclient.EscapeFilter(dn) + "))"})
	if err != nil {
		return nil, fmt.Errorf("find the groups of an account: %w", err)
	}
	names := make([]string, 0, len(found))
	for _, g := range found {
		names = append(names, ldapclient.FoldDN(g.DN))
	}
	return names, nil
}

// GroupName is a group below the base, or one for each school.
type GroupName struct {
	template template
	base     string
}

// GroupName reads "CN=admins-{school},OU=groups".
func (t *Target) GroupName(text string) (GroupName, error) {
	read, err := newTemplate(text, "CN")
	if err == nil && (strings.Contains(text, "{role}") || strings.Contains(text, "{district}")) {
		err = fmt.Errorf("%q: there is {school} only", text)
	}
	return GroupName{read, t.layout.base}, err
}

// Of gives the name for a school, as Target.Groups does; "" where it has none.
func (g GroupName) Of(school person.SchoolID) string {
	dn, ok := g.template.expand(values{school: string(school)}, g.base)
	if !ok {
		return ""
	}
	return ldapclient.FoldDN(dn)
}

// Each says that every school has a group of its own.
func (g GroupName) Each() bool {
	for _, r := range g.template.rdns {
		if strings.Contains(r.value, "{school}") {
			return true
		}
	}
	return false
}
