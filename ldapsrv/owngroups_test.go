package ldapsrv

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
)

// A program that signs in as a person finds the groups that he is in, and of their
// members himself; others' groups are not there.
func TestOwnGroups(t *testing.T) {
	w := start(t, twoViews, testPerson(10010, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", "")))
	pupil := w.as("belovas", password)
	self, adSelf := personName("belovas"), "CN=belovas,"+adPeople
	for _, c := range []struct{ base, filter, want string }{
		{testGroups, "(&(objectClass=groupOfNames)(member=" + self + "))", "pupils school-49 school-49-5а"},
		{testGroups, "(memberUid=belovas)", "pupils school-49 school-49-5а"},
		{testGroups, "(&(objectClass=posixGroup)(|(cn=school-49)(cn=school-1234)(cn=staff)))", "school-49"},
		{testGroups, "(member=" + personName("orlovami") + ")", ""},
		{testGroups, "(memberUid=orlovami)", ""},
		{testGroups, "(modifyTimestamp>=20000101000000Z)", ""},
		{testGroups, "(&(objectClass=groupOfNames)(!(uSNChanged>=1)))", ""},
		{"ou=personal," + testBase, "(gidNumber=10002)", "belovas"},
		{"ou=personal," + testBase, "(gidNumber=10001)", ""},
		{adGroups, "(member=" + adSelf + ")", "school-49-5а"},
		{adGroups, "(member:1.2.840.113556.1.4.1941:=" + adSelf + ")", "pupils school-49 school-49-5а"},
		{adGroups, "(memberOf=CN=school-49," + adGroups + ")", "school-49-5а"},
	} {
		if got := found(t, pupil, c.base, c.filter); got != c.want {
			t.Errorf("%s finds %q, want %q", c.filter, got, c.want)
		}
	}
	for container, want := range map[string]string{testGroups: "3", "ou=personal," + testBase: "1", adGroups: "3"} {
		if got := whole(t, pupil, container, "numSubordinates")["numSubordinates"]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s has %q, want %s", container, got, want)
		}
	}
	names, next, err := paged(pupil, search(testGroups, ldap.ScopeSingleLevel, "(cn=*)"), 2, nil)
	more, _, err2 := paged(pupil, search(testGroups, ldap.ScopeSingleLevel, "(cn=*)"), 2, next)
	if err != nil || err2 != nil || len(names) != 2 || len(more) != 1 {
		t.Errorf("pages %q and %q, %v, %v", names, more, err, err2)
	}
}

// What he sees of one is what is his, and nothing of others; when he is suspended there
// is nothing.
func TestOwnGroupTellsOfHimself(t *testing.T) {
	w := start(t, twoViews, testPerson(10010, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", "")))
	pupil := w.as("belovas", password)
	self, school := personName("belovas"), "cn=school-49,"+testGroups
	e := whole(t, pupil, school)
	if !slices.Equal(e["member"], []string{self}) || !slices.Equal(e["memberUid"], []string{"belovas"}) || e["gidNumber"][0] != "1100000049" || e["description"][0] != "Школа № 49" {
		t.Errorf("he sees %q", e)
	}
	for _, when := range []string{"modifyTimestamp", "uSNChanged", "entryCSN", "whenChanged"} {
		if len(whole(t, pupil, school, "+", "*", when)[when]) > 0 {
			t.Errorf("%s tells when others came and went", when)
		}
		if _, err := pupil.Compare(school, when, "0"); code(err) != ldap.LDAPResultNoSuchAttribute {
			t.Errorf("compare %s: %v", when, err)
		}
	}
	if yes, err := pupil.Compare(school, "member", self); !yes || err != nil {
		t.Error(yes, err)
	}
	if yes, err := pupil.Compare(school, "member", personName("zimina")); yes || err != nil {
		t.Error(yes, err)
	}
	// On the day after he is suspended there is nothing.
	gone := *w.entry("belovas")
	gone.State = directory.StateSuspended
	if err := changeTo(w, &gone); err != nil {
		t.Fatal(err)
	}
	if got := found(t, pupil, testBase, "(cn=*)"); got != "" {
		t.Errorf("suspended he sees %q", got)
	}
}

func (w *world) entry(login string) *directory.Entry {
	w.t.Helper()
	e, ok := w.auth.d.Lookup(login)
	if !ok {
		w.t.Fatal(login)
	}
	return e
}

// Of the other members a group lists those whom rules show him as members.
func TestOwnGroupsListWhoIsShown(t *testing.T) {
	rules := func(attributes ...string) func(*Options) {
		return func(o *Options) {
			twoViews(o)
			o.Rules = []Rule{{Name: "a", Who: []person.Role{person.RoleStaff}, Sees: []person.Role{person.RolePupil}, Attributes: attributes}}
		}
	}
	zimina := testPerson(10010, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", ""))
	for _, c := range []struct {
		attributes    []string
		list, members string
	}{
		{nil, "zimina", "zimina"},
		{[]string{"cn", "memberOf"}, "zimina", "zimina"},
		{[]string{"memberUid"}, "belovas zimina", "zimina"},
		{[]string{"member"}, "zimina", "belovas zimina"},
	} {
		w := start(t, rules(c.attributes...), zimina)
		teacher := w.as("zimina", password)
		e := whole(t, teacher, "cn=school-49,"+testGroups)
		var members []string
		for _, name := range e["member"] {
			members = append(members, strings.TrimSuffix(strings.TrimPrefix(name, "uid="), ","+testPeople))
		}
		if got := sorted(strings.Join(e["memberUid"], " ")); got != c.list {
			t.Errorf("%q: lists %q, want %q", c.attributes, got, c.list)
		}
		if got := sorted(strings.Join(members, " ")); got != c.members {
			t.Errorf("%q: its members are %q, want %q", c.attributes, got, c.members)
		}
		// A class that she sees pupils of is none of her groups.
		if got := found(t, teacher, testGroups, "(cn=school-49-5а)"); got != "" {
			t.Errorf("%q: she sees %q", c.attributes, got)
		}
		if got := whole(t, teacher, "CN=school-49,"+adGroups)["member"]; !slices.Equal(got, []string{"CN=zimina," + adPeople}) {
			t.Errorf("%q: in the other tree its members are %q", c.attributes, got)
		}
	}
}

// The rules say the same of people who need not exist.
func TestLookAtOwnGroups(t *testing.T) {
	w := start(t, nil)
	pupil := []directory.Affiliation{at(person.RolePupil, "49", "5А")}
	group := func(name string) *directory.Group {
		g, ok := w.auth.d.Group(name)
		if !ok {
			t.Fatal(name)
		}
		return g
	}
	for _, c := range []struct {
		group, attribute string
		want             Sight
	}{
		{"school-49", "", Sight{Seen: true, Rule: SelfRule}},
		{"school-49-5а", "member", Sight{Seen: true, Rule: SelfRule}},
		{"school-49", "modifyTimestamp", Sight{Unseen: UnseenAttribute}},
		{"school-49", "mail", Sight{Unseen: UnseenNone}},
		{"school-1234", "", Sight{Unseen: UnseenRule}},
		{"staff", "cn", Sight{Unseen: UnseenRule}},
	} {
		if got, err := w.server.Look(Question{Who: pupil, Group: group(c.group), Attribute: c.attribute}); err != nil || got != c.want {
			t.Errorf("%s %s: %+v, %v, want %+v", c.group, c.attribute, got, err, c.want)
		}
	}
}
