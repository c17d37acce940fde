package ldapsrv

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
)

const (
	adPeople = "OU=people," + adBase
	adGroups = "OU=groups," + adBase
)

func twoViews(o *Options) {
	o.Views = []View{{Base: "dc=ad,dc=example", Schema: AD}}
}

// whole gives all that an entry has.
func whole(t *testing.T, c *ldap.Conn, name string, attributes ...string) map[string][]string {
	t.Helper()
	r, err := c.Search(search(name, ldap.ScopeBaseObject, "(objectClass=*)", attributes...))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("%s: %v %v", name, r, err)
	}
	has := map[string][]string{"dn": {r.Entries[0].DN}}
	for _, a := range r.Entries[0].Attributes {
		has[a.Name] = a.Values
	}
	return has
}

func TestActiveDirectoryView(t *testing.T) {
	mirrored := testPerson(10020, "zimin", "Зимин", "Лёв", at(person.RolePupil, "49", "5А"))
	mirrored.Names = append(mirrored.Names, person.Name{Kind: person.NameAD, Text: "zimin-old"})
	mirrored.AD = &directory.Object{GUID: [16]byte{1, 2, 3, 0xff}, SID: "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"}
	w := start(t, twoViews, mirrored)
	c := w.as(reader, secret)
	name := "CN=zimin-old," + adPeople
	want := map[string][]string{
		"dn": {name}, "distinguishedName": {name}, "objectClass": {"top", "person", "organizationalPerson", "user"}, "cn": {"zimin-old"}, "name": {"zimin-old"},
		"sAMAccountName": {"zimin-old"}, "userPrincipalName": {"zimin@school.example"}, "uid": {"zimin"}, "sn": {"Зимин"}, "givenName": {"Лёв"},
		"displayName": {"Зимин Лёв Ивановна"}, "mail": {"zimin@example.org"}, "objectGUID": {string(mirrored.AD.GUID[:])}, "objectSid": {mirrored.AD.SID},
		"userAccountControl": {"512"}, "primaryGroupID": {"513"}, "sAMAccountType": {"805306368"}, "uidNumber": {"10020"}, "gidNumber": {"10020"},
		"unixHomeDirectory": {"/home/zimin"}, "loginShell": {"/bin/bash"}, "gecos": {"Зимин Лёв Ивановна"}, "employeeType": {"pupil"}, "o": {"Школа № 49"},
		"whenCreated": {"20261124110000.0Z"}, "whenChanged": {"20261124115900.0Z"}, "uSNChanged": {"10020"}, "objectCategory": {"CN=Person,CN=Schema,CN=Configuration," + adBase},
		"memberOf": {"CN=school-49-5а," + adGroups},
	}
	if got := whole(t, c, "cn=ZIMIN-OLD,ou=People,dc=AD,dc=example"); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("shows\n%q, want\n%q", got, want)
	}
	// Who has no object there has no identifiers of one.
	if got := whole(t, c, "CN=orlovami,"+adPeople); got["objectGUID"] != nil || got["objectSid"] != nil || got["sAMAccountName"][0] != "orlovami" {
		t.Errorf("shows %q", got)
	}
	group := whole(t, c, "CN=school-49,"+adGroups)
	if !slices.Equal(group["member"], []string{"CN=orlovami," + adPeople, "CN=school-49-5а," + adGroups}) || group["groupType"][0] != "-2147483646" || group["memberUid"] != nil ||
		!slices.Equal(group["objectClass"], []string{"top", "group"}) || group["displayName"][0] != "Школа № 49" || group["gidNumber"][0] != "1100000049" {
		t.Errorf("the school is %q", group)
	}
	class := whole(t, c, "CN=school-49-5а,"+adGroups)
	if !slices.Equal(class["member"], []string{"CN=belovas," + adPeople, name}) || !slices.Equal(class["memberOf"], []string{"CN=pupils," + adGroups, "CN=school-49," + adGroups}) {
		t.Errorf("the class is %q", class)
	}
	if base := whole(t, c, adBase); !slices.Equal(base["objectClass"], []string{"top", "domain", "domainDNS"}) {
		t.Errorf("the base is %q", base)
	}
}

func TestActiveDirectoryFilters(t *testing.T) {
	mirrored := testPerson(10020, "zimin", "Зимин", "Лев", at(person.RoleStaff, "49", ""))
	mirrored.AD = &directory.Object{GUID: [16]byte{1, 2, 3, 0xff}}
	w := start(t, twoViews, mirrored)
	c := w.as(reader, secret)
	chain, bits := ":1.2.840.113556.1.4.1941:=", ":1.2.840.113556.1.4.803:="
	for filter, want := range map[string]string{
		"(&(objectClass=user)(sAMAccountName=BELOVAS)(objectCategory=person))":  "belovas",
		"(&(objectCategory=user)(userPrincipalName=belovas@School.example))":    "belovas",
		"(userPrincipalName=belovas@elsewhere)":                                 "",
		"(&(objectClass=user)(!(userAccountControl" + bits + "2)))":             "orlovami belovas sidorov zimin",
		"(&(objectClass=user)(userAccountControl" + bits + "512)(uid=sidorov))": "sidorov",
		"(userAccountControl" + bits + "2)":                                     "",
		`(objectGUID=\01\02\03\ff\00\00\00\00\00\00\00\00\00\00\00\00)`:         "zimin",
		`(objectGUID=\01\02)`:                      "",
		"(memberOf=CN=school-49," + adGroups + ")": "orlovami zimin school-49-5а",
		"(&(objectClass=user)(memberOf" + chain + "cn=school-49," + adGroups + "))":  "orlovami belovas zimin",
		"(memberOf" + chain + "CN=pupils," + adGroups + ")":                          "belovas sidorov school-1234-7б school-49-5а",
		"(member=CN=belovas," + adPeople + ")":                                       "school-49-5а",
		"(member" + chain + "CN=belovas," + adPeople + ")":                           "pupils school-49 school-49-5а",
		"(member" + chain + "CN=school-49-5а," + adGroups + ")":                      "pupils school-49",
		"(member=CN=school-49-5а," + adGroups + ")":                                  "pupils school-49",
		"(member=uid=belovas," + testPeople + ")":                                    "",
		"(memberOf=cn=school-49," + testGroups + ")":                                 "",
		"(&(objectCategory=group)(cn=school-49*))":                                   "school-49 school-49-5а",
		"(&(objectCategory=CN=Group,CN=Schema,CN=Configuration,DC=x)(gidNumber=1*))": "",
		"(distinguishedName=cn=belovas, " + adPeople + ")":                           "belovas",
		"(ou:dn:=groups)":                            "groups pupils school-1234 school-1234-7б school-49 school-49-5а staff",
		"(memberUid=belovas)":                        "",
		"(&(uid=*)(whenChanged>=20261124115900.0Z))": "orlovami belovas sidorov zimin",
		"(&(uid=*)(uSNChanged>=10003))":              "sidorov zimin",
		"(entryUUID=*)":                              "",
		"(|(sAMAccountName=sidorov)(sAMAccountName=orlovami)(primaryGroupID=514))": "orlovami sidorov",
		"(sAMAccountType=268435456)": "pupils school-1234 school-1234-7б school-49 school-49-5а staff",
		"(objectClass=posixAccount)": "",
		"(&(sAMAccountName=*)(|(primaryGroupID>=514)(groupType" + bits + "2147483648)))": "pupils school-1234 school-1234-7б school-49 school-49-5а staff",
		"(groupType" + bits + "-2147483648)":                                             "pupils school-1234 school-1234-7б school-49 school-49-5а staff",
	} {
		if got := found(t, c, adBase, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	// Nothing is reached through groups of schools that the asker does not see.
	c = start(t, func(o *Options) { twoViews(o); o.Services[1].Attributes = nil }, mirrored).as(board, secret)
	for filter, want := range map[string]string{
		"(memberOf" + chain + "CN=school-1234," + adGroups + ")": "", "(memberOf" + chain + "CN=pupils," + adGroups + ")": "belovas school-49-5а",
		"(member=CN=sidorov," + adPeople + ")": "", "(member" + chain + "CN=school-1234-7б," + adGroups + ")": "",
	} {
		if got := found(t, c, adBase, filter); got != want {
			t.Errorf("%s: the board finds %q, want %q", filter, got, want)
		}
	}
	if r, err := c.Search(search("CN=pupils,"+adGroups, ldap.ScopeBaseObject, "(cn=*)", "member")); err != nil || !slices.Equal(r.Entries[0].GetAttributeValues("member"), []string{"CN=school-49-5а," + adGroups}) {
		t.Errorf("the board sees %v, %v", r, err)
	}
}

func TestTreesStandApart(t *testing.T) {
	w := start(t, twoViews)
	c := w.as("cn=belovas,"+strings.ToLower(adPeople), password)
	if r, err := c.WhoAmI(nil); err != nil || r.AuthzID != "dn:CN=belovas,"+adPeople {
		t.Errorf("is %v, %v", r, err)
	}
	if got := found(t, c, adBase, "(objectClass=*)"); got != "ad people groups belovas pupils school-49 school-49-5а" {
		t.Errorf("sees %q", got)
	}
	c = w.as(reader, secret)
	r, err := c.Search(search("", ldap.ScopeSingleLevel, "(objectClass=*)", "1.1"))
	if err != nil || len(r.Entries) != 2 || r.Entries[1].DN != adBase {
		t.Errorf("below the root: %v, %v", r, err)
	}
	for name, want := range map[string]uint16{"uid=belovas," + adPeople: 32, "cn=belovas," + testPeople: 32, "ou=services," + adBase: 32, "cn=belovas," + adPeople: 0} {
		if _, err := c.Search(search(name, ldap.ScopeBaseObject, "(objectClass=*)")); code(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if yes, err := c.Compare("CN=belovas,"+adPeople, "memberOf", "CN=school-49-5а,"+adGroups); !yes || err != nil {
		t.Errorf("compare: %v, %v", yes, err)
	}
	for _, base := range []string{testBase, "ou=x," + testBase, "dc=example", ""} {
		d := testDirectory(t)
		o := Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Views: []View{{Base: base, Schema: AD}}}
		if _, err := New(o); err == nil {
			t.Errorf("a view at %q beside %q passes", base, testBase)
		}
	}
	// The first tree may look like Active Directory too.
	w = start(t, func(o *Options) { o.Schema = AD })
	if got := found(t, w.as(reader, secret), testBase, "(|(sAMAccountName=belovas)(objectClass=applicationProcess))"); got != "belovas reader" {
		t.Errorf("finds %q", got)
	}
}

func TestConfiguredAttributes(t *testing.T) {
	w := start(t, func(o *Options) {
		twoViews(o)
		o.Attributes = []Attribute{
			{"homeDirectory", "/srv/{school_id}/{login}"}, {"loginShell", "/bin/zsh"}, {"title", "{role}, {school}"}, {"badge", "B-{login}"}, {"gecos", "{full:latin}"}, {"gidNumber", "{role_gid}"},
		}
		o.Services[1].Attributes = []string{"badge"}
	})
	c := w.as(reader, secret)
	e := whole(t, c, personName("orlovami"), "*")
	for name, want := range map[string][]string{
		"homeDirectory": {"/srv/49/orlovami"}, "loginShell": {"/bin/zsh"}, "title": {"staff, Школа № 49", "staff, Школа № 1234"},
		"badge": {"B-orlovami"}, "gecos": {"Orlova Mariia Ivanovna"}, "gidNumber": {"1000000001"},
	} {
		if !slices.Equal(e[name], want) {
			t.Errorf("%s is %q, want %q", name, e[name], want)
		}
	}
	for _, filter := range []string{"(badge=b-ORLOVAMI)", "(&(title=staff, школа № 1234)(badge=b-*))", "(badge;x=b)(!(badge=x))"} {
		got := ""
		if !strings.HasPrefix(filter, "(badge;x") {
			got = found(t, c, testPeople, filter)
		} else {
			got = found(t, c, testPeople, "(|(badge;x=b)(badge=B-orlovami))")
		}
		if got != "orlovami" {
			t.Errorf("%s finds %q", filter, got)
		}
	}
	if got := whole(t, w.as(board, secret), personName("orlovami"), "badge", "title"); got["badge"] == nil || got["title"] != nil {
		t.Errorf("the board reads %q", got)
	}
	if ad := whole(t, c, "CN=orlovami,"+adPeople); ad["badge"] == nil || ad["title"] == nil {
		t.Errorf("the other view shows %q", ad)
	}
	d := testDirectory(t)
	for _, bad := range []Attribute{{"uid", "x"}, {"memberOf", "{login}"}, {"a b", "x"}, {"", "x"}, {"title", ""}, {"title", "{nothing}"}, {"title", "{login"}, {"title", "{login:loud}"},
		{"uidNumber", "{uid}"}, {"gidNumber", "x"}, {"gidNumber", "{uid}0"}, {"title", strings.Repeat("x", maxTemplate+1)}, {"title", "{sid}"}, {"createTimestamp", "2026"}, {"objectClass", "x"}} {
		if _, err := New(Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Attributes: []Attribute{bad}}); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

// Latin names come to whoever names them, and only to him.
func TestLatinNames(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	if e := whole(t, c, personName("belovas"), "givenName;lang-en", "SN;Lang-EN", "cn;lang-en"); len(e) != 4 || e["givenName;lang-en"][0] != "Semen" || e["sn;lang-en"][0] != "Belov" || e["cn;lang-en"][0] != "Belov Semen Ivanovna" {
		t.Errorf("shows %q", e)
	}
	for _, asked := range [][]string{{}, {"*"}, {"givenName", "sn", "cn"}} {
		for name := range whole(t, c, personName("belovas"), asked...) {
			if strings.Contains(name, ";") {
				t.Errorf("%q shows %s", asked, name)
			}
		}
	}
	if got := found(t, c, testPeople, "(givenName;lang-en=Semen)"); got != "belovas" {
		t.Errorf("finds %q", got)
	}
}

func TestNamesInFilters(t *testing.T) {
	w := start(t, nil, testPerson(10020, "elkin", "Ёлкин", "Пётр", at(person.RoleStaff, "49", "")), testPerson(10021, "elkina", "Елкина", "Анна", at(person.RoleStaff, "49", "")))
	c := w.as(reader, secret)
	for filter, want := range map[string]string{
		"(sn=елкин)": "elkin", "(sn=ЁЛКИН)": "elkin", "(sn=ёлкина)": "elkina", "(cn=Елкин*)": "elkin elkina", "(cn=ёлкин  ПЕТР ивановна)": "elkin", "(displayName=ёлкин п*)": "elkin",
		"(givenName=петр)": "elkin", "(cn=*петр*)": "elkin", "(cn~=елкин петр ивановна)": "elkin", "(&(sn=елкин*)(employeeType=staff))": "elkin elkina",
		"(gecos:caseExactMatch:=Ёлкин Пётр Ивановна)": "elkin", "(gecos:caseExactMatch:=ёлкин пётр ивановна)": "", "(uid:dn:caseExactMatch:=elkin)": "elkin",
		"(:caseIgnoreMatch:=елкин)": "", "(:2.5.13.2:=ёлкин)": "elkin", "(sn:foldMatch:=елкин)": "", "(sn>=елкин)": "",
	} {
		if got := found(t, c, testPeople, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

// Everybody has a group of his own, for his gidNumber, which lists nobody and is
// found by nothing else.
func TestPersonalGroups(t *testing.T) {
	w := start(t, twoViews)
	personal := "ou=personal," + testBase
	c := w.as(reader, secret)
	if e := whole(t, c, "cn=Belovas,"+personal); e["gidNumber"][0] != "10002" || e["cn"][0] != "belovas" || e["member"] != nil || e["memberUid"] != nil {
		t.Errorf("is %q", e)
	}
	for filter, want := range map[string]string{
		"(&(gidNumber=10002)(objectClass=posixGroup))": "belovas", "(&(cn=BELOVAS)(objectClass=posixGroup))": "belovas", "(entryDN=cn=belovas," + personal + ")": "belovas",
		"(gidNumber=10004)": "", "(gidNumber=10005)": "", "(&(objectClass=posixGroup)(gidNumber<=10003))": "orlovami belovas sidorov", "(&(objectClass=groupOfNames)(cn=bel*))": "belovas",
	} {
		if got := found(t, c, testBase, filter); got != want && got != want+" "+want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	if got := found(t, w.as(reader, secret), adBase, "(&(objectClass=group)(gidNumber=10002))"); got != "" {
		t.Errorf("the other view has %q", got)
	}
	if got := found(t, start(t, func(o *Options) { o.Services[1].Attributes = nil }).as(board, secret), personal, "(objectClass=posixGroup)"); got != "orlovami belovas" {
		t.Errorf("the board sees %q", got)
	}
	if got := found(t, w.as(personName("belovas"), password), personal, "(objectClass=posixGroup)"); got != "belovas" {
		t.Errorf("a person sees %q", got)
	}
	// With one number for all of a role there are none.
	c = start(t, func(o *Options) { o.Attributes = []Attribute{{"gidNumber", "{role_gid}"}} }).as(reader, secret)
	if got := found(t, c, testBase, "(&(objectClass=posixGroup)(gidNumber=10002))"); got != "" {
		t.Errorf("finds %q", got)
	}
	if _, err := c.Search(search(personal, ldap.ScopeBaseObject, "(ou=*)")); code(err) != 32 {
		t.Errorf("the place: %v", err)
	}
}

// The subschema says of every entry's attributes and classes what they are.
func TestSubschemaIsWhole(t *testing.T) {
	w := start(t, func(o *Options) { twoViews(o); o.Attributes = []Attribute{{"badge", "B-{login}"}} })
	c := w.as(reader, secret)
	schema := whole(t, c, subschemaDN, "attributeTypes", "objectClasses", "matchingRules", "ldapSyntaxes")
	described := func(kind, name string) bool {
		return slices.ContainsFunc(schema[kind], func(d string) bool { return strings.Contains(strings.ToLower(d), " name '"+strings.ToLower(name)+"'") })
	}
	for _, base := range []string{"", testBase, adBase, subschemaDN} {
		scope := ldap.ScopeWholeSubtree
		if base == "" || base == subschemaDN {
			scope = ldap.ScopeBaseObject
		}
		r, err := c.Search(search(base, scope, "(objectClass=*)", "*", "+"))
		if err != nil || len(r.Entries) == 0 {
			t.Fatal(base, err)
		}
		for _, e := range r.Entries {
			for _, a := range e.Attributes {
				if !described("attributeTypes", a.Name) {
					t.Errorf("%s has %s, which is described nowhere", e.DN, a.Name)
				}
				if a.Name == "objectClass" {
					for _, class := range a.Values {
						if !described("objectClasses", class) {
							t.Errorf("%s is a %s, which is described nowhere", e.DN, class)
						}
					}
				}
			}
		}
	}
	// What descriptions name is described too.
	for _, d := range slices.Concat(schema["objectClasses"], schema["attributeTypes"], schema["matchingRules"]) {
		words := strings.Fields(d)
		for i, word := range words {
			switch before := words[i-min(i, 1)]; {
			case before == "EQUALITY" || before == "ORDERING" || before == "SUBSTR":
				if !described("matchingRules", word) {
					t.Errorf("the rule %s is described nowhere", word)
				}
			case before == "SYNTAX" && !slices.ContainsFunc(schema["ldapSyntaxes"], func(s string) bool { return strings.HasPrefix(s, "( "+word+" ") }):
				t.Errorf("the syntax %s is described nowhere", word)
			case before == "SUP" && !described("objectClasses", word):
				t.Errorf("the class %s is described nowhere", word)
			case (before == "$" || before == "MUST" || before == "MAY" || before == "(" && i > 1) && word != "(" && !described("attributeTypes", word):
				t.Errorf("the attribute %s is described nowhere", word)
			}
		}
	}
}

func TestOperationalAttributes(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for name, want := range map[string]map[string]string{
		testBase:   {"hasSubordinates": "TRUE", "numSubordinates": "4", "structuralObjectClass": "domain", "entryDN": testBase},
		testPeople: {"hasSubordinates": "TRUE", "numSubordinates": "3"}, testGroups: {"numSubordinates": "6"}, "ou=services," + testBase: {"numSubordinates": "1"},
		personName("belovas"):    {"hasSubordinates": "FALSE", "structuralObjectClass": "inetOrgPerson", "subschemaSubentry": subschemaDN},
		"cn=staff," + testGroups: {"hasSubordinates": "FALSE", "structuralObjectClass": "groupOfNames"},
	} {
		e := whole(t, c, name, "+")
		for attribute, value := range want {
			if len(e[attribute]) != 1 || e[attribute][0] != value {
				t.Errorf("%s: %s is %q, want %q", name, attribute, e[attribute], value)
			}
		}
		if _, ok := parseUUID(strings.Join(e["entryUUID"], "")); !ok {
			t.Errorf("%s: entryUUID is %q", name, e["entryUUID"])
		}
	}
}
