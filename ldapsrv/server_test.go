package ldapsrv

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

func code(err error) uint16 {
	if err == nil {
		return 0
	}
	var e *ldap.Error
	if errors.As(err, &e) {
		return e.ResultCode
	}
	return 9999
}

func text(err error) string {
	var e *ldap.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return ""
}

func TestBindNames(t *testing.T) {
	w := start(t, nil)
	for name, login := range map[string]string{
		personName("orlovami"): "orlovami", "UID=orlovami , OU=People,DC=School,dc=example": "orlovami", `uid=orlova\6di,` + testPeople: "orlovami",
		"orlovami": "orlovami", `MESH\orlovami`: `MESH\orlovami`, "orlovami@school.example": "orlovami", "OrlovaMI@School.Example": "OrlovaMI",
		"orlovami@other.example": "orlovami@other.example", "@school.example": "@school.example",
		"cn=orlovami," + testPeople: "cn=orlovami," + testPeople, "uid=orlovami,dc=other": "uid=orlovami,dc=other", testPeople: testPeople,
	} {
		c := w.dial()
		err := c.Bind(name, password)
		if got := w.auth.last().Name; got != login {
			t.Errorf("%s is asked as %q, want %q", name, got, login)
		}
		if known := strings.EqualFold(login, "orlovami"); !known && code(err) != 49 || known && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	asked := w.auth.last()
	if asked.Channel != identity.ChannelLDAP || asked.Source.Addr != netip.MustParseAddr("127.0.0.1") || asked.Source.Request == "" {
		t.Errorf("asked with %+v", asked.Source)
	}
}

func TestBindOutcomes(t *testing.T) {
	w := start(t, nil)
	c := w.dial()
	wrong := c.Bind(personName("orlovami"), "wrong")
	unknown := c.Bind(personName("nobody"), "wrong")
	strange := c.Bind("o=elsewhere", "wrong")
	service := c.Bind(reader, "wrong")
	for _, err := range []error{wrong, unknown, strange, service} {
		if code(err) != ldap.LDAPResultInvalidCredentials || text(err) != textCredentials {
			t.Errorf("refused with %v", err)
		}
	}
	for outcome, want := range map[identity.Outcome]uint16{identity.Unavailable: 52, identity.Malformed: 2, 0: 49} {
		w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
			return identity.Verdict{Outcome: outcome}
		})
		if err := c.Bind(personName("orlovami"), password); code(err) != want {
			t.Errorf("outcome %v: %v, want %d", outcome, err, want)
		}
	}
	w.auth.set(nil)
	asked := len(w.auth.asked)
	if err := c.UnauthenticatedBind(personName("orlovami")); code(err) != ldap.LDAPResultUnwillingToPerform {
		t.Errorf("a name without a password: %v", err)
	}
	if _, err := c.SimpleBind(&ldap.SimpleBindRequest{Username: "", Password: "x"}); code(err) != ldap.LDAPResultInvalidCredentials {
		t.Errorf("a password without a name: %v", err)
	}
	if err := c.ExternalBind(); code(err) != ldap.LDAPResultAuthMethodNotSupported {
		t.Errorf("SASL EXTERNAL: %v", err)
	}
	if len(w.auth.asked) != asked {
		t.Error("requests that need no decision were decided")
	}
}

// A failed bind signs out (RFC 4511 section 4.2.1).
func TestBindSignsOut(t *testing.T) {
	w := start(t, nil)
	c := w.as(personName("orlovami"), password)
	if r, err := c.WhoAmI(nil); err != nil || r.AuthzID != "dn:"+personName("orlovami") {
		t.Fatalf("%+v %v", r, err)
	}
	if err := c.Bind(personName("orlovami"), "wrong"); code(err) != 49 {
		t.Fatal(err)
	}
	if r, err := c.WhoAmI(nil); err != nil || r.AuthzID != "" {
		t.Errorf("after a failed bind: %+v %v", r, err)
	}
	if err := c.Bind(reader, secret); err != nil {
		t.Fatal(err)
	}
	if err := c.UnauthenticatedBind(""); err != nil {
		t.Errorf("anonymous: %v", err)
	}
	if _, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(uid=orlovami)")); code(err) != 50 {
		t.Errorf("an anonymous search: %v", err)
	}
}

func TestPlainBind(t *testing.T) {
	for choice, want := range map[PlainBind]uint16{"": 13, PlainNever: 13, PlainLoopback: 0, PlainAlways: 0} {
		w := start(t, func(o *Options) { o.PlainBind = choice })
		c := w.dial()
		for _, name := range []string{personName("orlovami"), reader} {
			given := password
			if name == reader {
				given = secret
			}
			if err := c.Bind(name, given); code(err) != want {
				t.Errorf("%q %s in the clear: %v", choice, name, err)
			}
		}
		if err := c.UnauthenticatedBind(""); err != nil {
			t.Errorf("%q anonymous: %v", choice, err)
		}
		if err := c.StartTLS(w.client()); err != nil {
			t.Fatal(err)
		}
		if err := c.Bind(personName("orlovami"), password); err != nil {
			t.Errorf("%q after StartTLS: %v", choice, err)
		}
		if err := c.StartTLS(w.client()); err == nil {
			t.Errorf("%q StartTLS under TLS passes", choice)
		}
		over, err := ldap.DialURL("ldaps://"+w.tls, ldap.DialWithTLSConfig(w.client()))
		if err != nil {
			t.Fatal(err)
		}
		if err := over.Bind(reader, secret); err != nil {
			t.Errorf("%q over LDAPS: %v", choice, err)
		}
		_ = over.Close()
	}
}

func TestRejectionWaitsAlone(t *testing.T) {
	w := start(t, nil)
	release := make(chan struct{})
	began := make(chan struct{})
	w.auth.set(func(_ context.Context, c identity.Credential) identity.Verdict {
		if c.Name == "slow" {
			close(began)
			<-release
			return identity.Verdict{Outcome: identity.Rejected, NotBefore: testNow.Add(30 * time.Millisecond)}
		}
		return identity.Verdict{Outcome: identity.Accepted, Login: "orlovami"}
	})
	slow := make(chan error)
	first := w.dial()
	go func() { slow <- first.Bind("slow", "x") }()
	<-began
	w.as("quick", "x")
	begin := time.Now()
	close(release)
	if err := <-slow; code(err) != 49 {
		t.Error(err)
	}
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("the rejection left after %v", took)
	}
}

func search(base string, scope int, filter string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
}

// found gives the uids or cns of what a search finds.
func found(t *testing.T, c *ldap.Conn, base, filter string) string {
	t.Helper()
	r, err := c.Search(search(base, ldap.ScopeWholeSubtree, filter, "uid", "cn", "ou"))
	if err != nil {
		t.Fatalf("%s: %v", filter, err)
	}
	var names []string
	for _, e := range r.Entries {
		first, _, _ := strings.Cut(e.DN, ",")
		_, name, _ := strings.Cut(first, "=")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestSearchFilters(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for filter, want := range map[string]string{
		"(uid=orlovami)": "orlovami", "(uid=ORLOVAMI)": "orlovami", "(uid=nobody)": "", "(uid=kimv)": "", "(uid=petrovp)": "", "(uid=orlovami.mosru)": "",
		"(&(uid=orlovami)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))":      "orlovami",
		"(&(uidNumber=10002)(objectclass=posixAccount)(uid=*)(&(uidNumber=*)(!(uidNumber=0))))":   "belovas",
		"(&(gidNumber=1000000001)(objectClass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))": "staff",
		"(&(memberuid=belovas)(objectClass=posixGroup)(cn=*)(&(gidNumber=*)(!(gidNumber=0))))":    "pupils school-49 school-49-5а",
		"(&(member=uid=belovas,ou=people,dc=school,dc=example)(objectClass=groupOfNames))":        "pupils school-49 school-49-5а",
		"(member=uid=kimv,ou=people,dc=school,dc=example)":                                        "",
		"(&(objectClass=inetOrgPerson)(memberOf=cn=school-1234,ou=groups,dc=school,dc=example))":  "orlovami sidorov",
		"(&(memberOf=cn=school-1234,ou=groups,dc=school,dc=example)(uid=belovas))":                "",
		"(entryUUID=27000000-0000-0000-0000-000000000011)":                                        "orlovami",
		"(entryUUID=junk)":                              "",
		"(sn=орлова)":                                   "orlovami",
		"(sn=ОРЛОВА)":                                   "orlovami",
		"(cn=Белов*)":                                   "belovas",
		"(mail=*@example.org)":                          "orlovami belovas sidorov",
		"(|(uid=belovas)(uid=sidorov)(uid=kimv))":       "belovas sidorov",
		"(!(uid=belovas))":                              "",
		"(&(objectClass=posixAccount)(!(uid=belovas)))": "orlovami sidorov",
		"(&(objectClass=posixAccount)(unknown=x))":      "",
		"(&(objectClass=posixAccount)(!(unknown=x)))":   "",
		"(|(unknown=x)(uid=belovas))":                   "belovas",
		"(objectClass=1.3.6.1.1.1.2.0)":                 "orlovami belovas sidorov",
		"(ou=people)":                                   "people",
		"(userPassword=*)":                              "",
		"(uidNumber>=10002)":                            "belovas sidorov",
		"(uidNumber=010002)":                            "",
		"(uidNumber=-4294957294)":                       "",
		"(&(uid=*)(modifyTimestamp>=20261124115900Z))":  "orlovami belovas sidorov",
		"(&(uid=*)(modifyTimestamp>=20261124115901Z))":  "",
		"(modifyTimestamp>=20261124120000Z)":            "pupils school-1234 school-1234-7б school-49 school-49-5а staff", // since the load, nobody knows
		"(modifyTimestamp>=20261124120001Z)":            "",
		"(&(objectClass=person)(uSNChanged>=10002))":    "belovas sidorov",
		"(uSNChanged>=10006)":                           "",
		"(employeeType=pupil)":                          "belovas sidorov",
		"(objectClass=applicationProcess)":              "reader",
		"(&)":                                           "example people groups personal services orlovami belovas sidorov pupils school-1234 school-1234-7б school-49 school-49-5а staff orlovami belovas sidorov reader",
	} {
		base := testBase
		if filter == "(!(uid=belovas))" {
			base = testPeople
		}
		got := found(t, c, base, filter)
		if filter == "(!(uid=belovas))" {
			if strings.Contains(got, "belovas") || !strings.Contains(got, "orlovami") {
				t.Errorf("%s: %q", filter, got)
			}
			continue
		}
		if filter == "(&)" {
			got = strings.Replace(got, "school ", "example ", 1)
		}
		if got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

func TestEntry(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	r, err := c.Search(search(personName("orlovami"), ldap.ScopeBaseObject, "(objectClass=*)", "*", "+"))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("%v %v", r, err)
	}
	e := r.Entries[0]
	want := map[string][]string{
		"objectClass": classesPerson, "uid": {"orlovami"}, "cn": {"Орлова Мария Ивановна"}, "sn": {"Орлова"}, "givenName": {"Мария"},
		"displayName": {"Орлова Мария Ивановна"}, "mail": {"orlovami@example.org"}, "uidNumber": {"10001"}, "gidNumber": {"10001"},
		"homeDirectory": {"/home/orlovami"}, "loginShell": {"/bin/bash"}, "entryUUID": {"27000000-0000-0000-0000-000000000011"},
		"createTimestamp": {"20261124110000Z"}, "modifyTimestamp": {"20261124115900Z"}, "employeeType": {"staff"}, "o": {"Школа № 49", "Школа № 1234"},
		"memberOf": {"cn=school-1234," + testGroups, "cn=school-49," + testGroups, "cn=staff," + testGroups},
		"entryDN":  {personName("orlovami")},
	}
	for name, values := range want {
		if got := e.GetAttributeValues(name); !slices.Equal(got, values) {
			t.Errorf("%s: %q, want %q", name, got, values)
		}
	}
	group, err := c.Search(search("cn=School-49,"+testGroups, ldap.ScopeBaseObject, "(objectClass=posixGroup)"))
	if err != nil || len(group.Entries) != 1 {
		t.Fatalf("%v %v", group, err)
	}
	g := group.Entries[0]
	if got := g.GetAttributeValues("memberUid"); !slices.Equal(got, []string{"orlovami", "belovas"}) {
		t.Errorf("members %q", got)
	}
	if got := g.GetAttributeValues("member"); !slices.Equal(got, []string{personName("orlovami"), personName("belovas")}) {
		t.Errorf("members %q", got)
	}
	if g.GetAttributeValue("gidNumber") != "1100000049" || g.GetAttributeValue("description") != "Школа № 49" {
		t.Errorf("%v", g)
	}
}

func TestSelection(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	get := func(typesOnly bool, attributes ...string) []string {
		r, err := c.Search(ldap.NewSearchRequest(personName("belovas"), ldap.ScopeBaseObject, 0, 0, 0, typesOnly, "(uid=*)", attributes, nil))
		if err != nil || len(r.Entries) != 1 {
			t.Fatalf("%v %v", r, err)
		}
		var names []string
		for _, a := range r.Entries[0].Attributes {
			names = append(names, a.Name)
			if typesOnly && len(a.Values) > 0 {
				t.Errorf("values of %s came", a.Name)
			}
		}
		return names
	}
	for asked, want := range map[string]string{
		"1.1": "", "uid": "uid", "UID": "uid", "0.9.2342.19200300.100.1.1": "uid", "uid;lang-ru": "", "1.1 uid": "uid", "userPassword": "", "nothing": "",
	} {
		if got := strings.Join(get(false, strings.Fields(asked)...), " "); got != want {
			t.Errorf("%q gives %q, want %q", asked, got, want)
		}
	}
	if got := get(true); !slices.Contains(got, "uid") || slices.Contains(got, "memberOf") {
		t.Errorf("all user attributes: %q", got)
	}
	if got := get(false, "+"); slices.Contains(got, "uid") || !slices.Contains(got, "entryUUID") {
		t.Errorf("all operational attributes: %q", got)
	}
	many := make([]string, maxAttributes+1)
	for i := range many {
		many[i] = "uid"
	}
	if _, err := c.Search(search(testBase, ldap.ScopeBaseObject, "(uid=*)", many...)); code(err) != ldap.LDAPResultAdminLimitExceeded {
		t.Errorf("too many attributes: %v", err)
	}
}

func TestScopes(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for _, one := range []struct {
		base  string
		scope int
		want  int
		code  uint16
	}{
		{testBase, ldap.ScopeBaseObject, 1, 0}, {testBase, ldap.ScopeSingleLevel, 4, 0}, {testBase, ldap.ScopeWholeSubtree, 18, 0},
		{testPeople, ldap.ScopeBaseObject, 1, 0}, {testPeople, ldap.ScopeSingleLevel, 3, 0}, {testPeople, ldap.ScopeWholeSubtree, 4, 0},
		{personName("belovas"), ldap.ScopeBaseObject, 1, 0}, {personName("belovas"), ldap.ScopeSingleLevel, 0, 0}, {personName("belovas"), ldap.ScopeWholeSubtree, 1, 0},
		{personName("nobody"), ldap.ScopeBaseObject, 0, 32}, {personName("kimv"), ldap.ScopeBaseObject, 0, 32}, {"o=elsewhere", ldap.ScopeWholeSubtree, 0, 32},
		{"ou=other," + testBase, ldap.ScopeBaseObject, 0, 32}, {"cn=x," + personName("belovas"), ldap.ScopeBaseObject, 0, 32},
		{"no name", ldap.ScopeBaseObject, 0, 34}, {"", ldap.ScopeBaseObject, 1, 0}, {"", ldap.ScopeSingleLevel, 1, 0}, {"", ldap.ScopeWholeSubtree, 18, 0},
		{"cn=Subschema", ldap.ScopeBaseObject, 1, 0}, {reader, ldap.ScopeBaseObject, 1, 0}, {board, ldap.ScopeBaseObject, 0, 32},
	} {
		r, err := c.Search(search(one.base, one.scope, "(objectClass=*)", "1.1"))
		if code(err) != one.code || err == nil && len(r.Entries) != one.want {
			t.Errorf("%q scope %d: %d entries, %v; want %d, %d", one.base, one.scope, len(r.Entries), err, one.want, one.code)
		}
		var e *ldap.Error
		if one.base == personName("nobody") && errors.As(err, &e) && e.MatchedDN != testPeople {
			t.Errorf("matched %q", e.MatchedDN)
		}
	}
}

func TestRootDSE(t *testing.T) {
	w := start(t, nil)
	c := w.dial()
	r, err := c.Search(search("", ldap.ScopeBaseObject, "(objectClass=*)", "*", "altServer", "namingContexts", "supportedControl", "supportedExtension",
		"supportedFeatures", "supportedLDAPVersion", "supportedSASLMechanisms", "domainControllerFunctionality", "defaultNamingContext", "lastUSN", "highestCommittedUSN"))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("%v %v", r, err)
	}
	e := r.Entries[0]
	if e.GetAttributeValue("namingContexts") != testBase || e.GetAttributeValue("supportedLDAPVersion") != "3" || !slices.Contains(e.GetAttributeValues("supportedExtension"), oidStartTLS) {
		t.Errorf("%+v", e)
	}
	if !slices.Equal(e.GetAttributeValues("supportedControl"), []string{oidPaged, oidSyncRequest, oidManageDSAIT, oidDomainScope, oidPasswordPolicy}) || len(e.GetAttributeValues("supportedSASLMechanisms")) > 0 {
		t.Error("claims what is not there")
	}
	for _, base := range []string{testBase, testPeople, personName("orlovami"), personName("nobody"), "cn=Subschema", "o=elsewhere"} {
		if _, err := c.Search(search(base, ldap.ScopeWholeSubtree, "(objectClass=*)")); code(err) != 50 {
			t.Errorf("anonymous at %s: %v", base, err)
		}
	}
	// The schema that the root points to, and nothing with it.
	if r, err := c.Search(search("cn=Subschema", ldap.ScopeBaseObject, "(objectClass=subschema)", "attributeTypes", "objectClasses")); err != nil || len(r.Entries) != 1 || len(r.Entries[0].GetAttributeValues("attributeTypes")) < 10 {
		t.Errorf("anonymous at the schema: %v %v", r, err)
	}
	if _, err := c.Search(search("cn=Subschema", ldap.ScopeSingleLevel, "(objectClass=*)")); code(err) != 50 {
		t.Errorf("anonymous below the schema: %v", err)
	}
	if _, err := c.Search(search("", ldap.ScopeWholeSubtree, "(objectClass=*)")); code(err) != 50 {
		t.Errorf("anonymous below the root: %v", err)
	}
}

func TestPersonSeesHimself(t *testing.T) {
	w := start(t, nil)
	c := w.as(personName("belovas"), password)
	if got := found(t, c, testBase, "(objectClass=*)"); got != "school people groups personal services belovas pupils school-49 school-49-5а belovas" {
		t.Errorf("sees %q", got)
	}
	if got := found(t, c, testBase, "(uid=orlovami)"); got != "" {
		t.Errorf("finds %q", got)
	}
	for _, name := range []string{personName("orlovami"), "cn=staff," + testGroups, "cn=school-1234," + testGroups, "cn=orlovami,ou=personal," + testBase, reader} {
		if _, err := c.Search(search(name, ldap.ScopeBaseObject, "(objectClass=*)")); code(err) != 32 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Compare(name, "objectClass", "top"); code(err) != 32 {
			t.Errorf("compare %s: %v", name, err)
		}
	}
	r, err := c.Search(search(personName("belovas"), ldap.ScopeBaseObject, "(objectClass=*)", "dn", "memberOf"))
	if err != nil || len(r.Entries) != 1 || len(r.Entries[0].GetAttributeValues("memberOf")) != 3 {
		t.Errorf("his own name: %v %v", r, err)
	}
}

func TestServiceSeesItsSchools(t *testing.T) {
	w := start(t, nil)
	c := w.as(board, secret)
	if got := found(t, c, testPeople, "(uid=*)"); got != "orlovami belovas" {
		t.Errorf("sees %q", got)
	}
	if got := found(t, c, testPeople, "(uid=sidorov)"); got != "" {
		t.Errorf("finds %q", got)
	}
	if got := found(t, c, testGroups, "(objectClass=posixGroup)"); got != "pupils school-49 school-49-5а staff" {
		t.Errorf("sees %q", got)
	}
	r, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(uid=orlovami)", "*", "+"))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("%v %v", r, err)
	}
	e := r.Entries[0]
	if len(e.GetAttributeValues("mail"))+len(e.GetAttributeValues("uidNumber"))+len(e.GetAttributeValues("sn")) > 0 {
		t.Errorf("reads %v", e.Attributes)
	}
	if got := e.GetAttributeValues("memberOf"); !slices.Equal(got, []string{"cn=school-49," + testGroups, "cn=staff," + testGroups}) {
		t.Errorf("memberOf %q", got)
	}
	// What may not be read cannot be probed.
	for _, filter := range []string{"(mail=orlovami@example.org)", "(!(mail=x))", "(mail=*)", "(!(mail=*))", "(&(uid=orlovami)(!(uidNumber=7)))", "(uidNumber=10001)"} {
		if got := found(t, c, testPeople, filter); got != "" {
			t.Errorf("%s finds %q", filter, got)
		}
	}
	if _, err := c.Compare(personName("orlovami"), "mail", "orlovami@example.org"); code(err) != 16 {
		t.Errorf("compare with what may not be read: %v", err)
	}
	// Whom it signs in on the same connection comes from its school.
	if err := c.Bind(personName("orlovami"), password); err != nil {
		t.Fatal(err)
	}
	if from := w.auth.last().Source; from.NAS != board || from.School != "49" {
		t.Errorf("source %+v", from)
	}
}

func TestCompare(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for _, one := range []struct {
		dn, attribute, value string
		want                 bool
		code                 uint16
	}{
		{personName("orlovami"), "uid", "OrlovaMI", true, 0}, {personName("orlovami"), "uid", "x", false, 0},
		{"cn=staff," + testGroups, "member", personName("orlovami"), true, 0}, {"cn=staff," + testGroups, "memberUid", "belovas", false, 0},
		{personName("orlovami"), "memberOf", "cn=staff," + testGroups, true, 0}, {personName("orlovami"), "unknown", "x", false, 17},
		{personName("orlovami"), "description", "x", false, 16}, {personName("nobody"), "uid", "x", false, 32}, {"no name", "uid", "x", false, 34},
		{testPeople, "ou", "people", true, 0},
	} {
		got, err := c.Compare(one.dn, one.attribute, one.value)
		if got != one.want || code(err) != one.code {
			t.Errorf("%s %s=%s: %v %v, want %v %d", one.dn, one.attribute, one.value, got, err, one.want, one.code)
		}
	}
	if _, err := w.dial().Compare(personName("orlovami"), "uid", "orlovami"); code(err) != 50 {
		t.Errorf("anonymous: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	w := start(t, nil)
	c := w.as(personName("orlovami"), password)
	modify := ldap.NewModifyRequest(personName("orlovami"), nil)
	modify.Replace("userPassword", []string{"x"})
	create := ldap.NewAddRequest("cn=x,"+testBase, nil)
	create.Attribute("cn", []string{"x"})
	_, change := c.PasswordModify(ldap.NewPasswordModifyRequest("", "a", "b"))
	for what, err := range map[string]error{
		"modify": c.Modify(modify), "add": c.Add(create), "delete": c.Del(ldap.NewDelRequest(personName("orlovami"), nil)),
		"modify DN": c.ModifyDN(ldap.NewModifyDNRequest(personName("orlovami"), "uid=x", true, "")), "password": change,
	} {
		if code(err) != ldap.LDAPResultUnwillingToPerform || !strings.Contains(text(err), "mos.ru") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.Extended(ldap.NewExtendedRequest("1.2.3", nil)); code(err) != ldap.LDAPResultProtocolError {
		t.Errorf("an unknown extended operation: %v", err)
	}
	if r, err := c.WhoAmI(nil); err != nil || r.AuthzID == "" {
		t.Errorf("the connection does not go on: %v", err)
	}
}

func TestControls(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for critical, want := range map[bool]uint16{true: 12, false: 0} {
		q := search(testPeople, ldap.ScopeWholeSubtree, "(uid=orlovami)")
		q.Controls = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.473", critical, "")}
		if _, err := c.Search(q); code(err) != want {
			t.Errorf("critical %v: %v", critical, err)
		}
	}
	q := &ldap.SimpleBindRequest{Username: personName("orlovami"), Password: password, Controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}}
	if _, err := c.SimpleBind(q); err != nil {
		t.Errorf("SSSD's bind: %v", err)
	}
}

func TestLimits(t *testing.T) {
	var crowd []*directory.Entry
	for i := range uint32(3000) {
		crowd = append(crowd, testPerson(20000+i, "pupil"+string(rune('a'+i%26))+time.Duration(i).String(), "Ученик", "Новый", at(person.RolePupil, "49", "5А")))
	}
	w := start(t, func(o *Options) { o.Entries = 100 }, crowd...)
	c := w.as(reader, secret)
	r, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(objectClass=posixAccount)", "uid"))
	if code(err) != ldap.LDAPResultSizeLimitExceeded || len(r.Entries) != 100 {
		t.Errorf("%d entries, %v", len(r.Entries), err)
	}
	q := search(testPeople, ldap.ScopeWholeSubtree, "(objectClass=posixAccount)", "uid")
	q.SizeLimit = 7
	if r, err = c.Search(q); code(err) != ldap.LDAPResultSizeLimitExceeded || len(r.Entries) != 7 {
		t.Errorf("%d entries, %v", len(r.Entries), err)
	}
	deep := strings.Repeat("(!", 40) + "(uid=x)" + strings.Repeat(")", 40)
	if _, err = c.Search(search(testPeople, ldap.ScopeWholeSubtree, deep)); code(err) != ldap.LDAPResultAdminLimitExceeded {
		t.Errorf("a deep filter: %v", err)
	}
	// A walk that is watched ends like any other, and the connection goes on.
	for range 3 {
		if got := found(t, c, testPeople, "(cn=*nobody)"); got != "" {
			t.Errorf("found %q", got)
		}
	}
	if got := found(t, c, testPeople, "(uid=orlovami)"); got != "orlovami" {
		t.Errorf("found %q", got)
	}
	slow := start(t, func(o *Options) { o.Search = time.Nanosecond }, crowd...)
	if _, err = slow.as(reader, secret).Search(search(testPeople, ldap.ScopeWholeSubtree, "(cn=*nobody)")); code(err) != ldap.LDAPResultTimeLimitExceeded {
		t.Errorf("a search without time: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	d := testDirectory(t)
	whole := func() Options { return Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase} }
	for what, change := range map[string]func(*Options){
		"no base": func(o *Options) { o.Base = "" }, "a bad base": func(o *Options) { o.Base = "school" }, "no auth": func(o *Options) { o.Auth = nil },
		"no directory":         func(o *Options) { o.Directory = nil },
		"a service unnamed":    func(o *Options) { o.Services = []Service{{Password: "x"}} },
		"a service unguarded":  func(o *Options) { o.Services = []Service{{DN: reader}} },
		"an unknown attribute": func(o *Options) { o.Services = []Service{{DN: reader, Password: "x", Attributes: []string{"passwd"}}} },
		"an unknown choice":    func(o *Options) { o.PlainBind = "sometimes" },
	} {
		o := whole()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	if _, err := New(whole()); err != nil {
		t.Error(err)
	}
}
