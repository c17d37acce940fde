package ldapsrv

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
)

var (
	staff  = []person.Role{person.RoleStaff}
	pupils = []person.Role{person.RolePupil}
)

// logins are those that somebody finds of all, by name.
func logins(t *testing.T, c *ldap.Conn) string {
	t.Helper()
	return sorted(found(t, c, testPeople, "(uid=*)"))
}

// sorted orders names, without those of containers.
func sorted(names string) string {
	list := slices.DeleteFunc(strings.Fields(names), func(n string) bool { return n == "people" || n == "groups" })
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Of others, people see what rules say; without one, nothing.
func TestRules(t *testing.T) {
	more := []*directory.Entry{
		testPerson(10010, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", "")),
		testPerson(10011, "both", "Котова", "Ия", at(person.RolePupil, "49", "5А"), at(person.RoleStaff, "1234", "")),
	}
	for what, one := range map[string]struct {
		rules []Rule
		sees  map[string]string // by who asks
	}{
		"none": {nil, map[string]string{"orlovami": "orlovami", "belovas": "belovas", "both": "both"}},
		"staff see pupils of their schools": {[]Rule{{Name: "a", Who: staff, Sees: pupils}},
			map[string]string{"orlovami": "belovas both orlovami sidorov", "zimina": "belovas both zimina", "belovas": "belovas", "both": "both sidorov"}},
		"staff see staff anywhere": {[]Rule{{Name: "a", Who: staff, Sees: staff, Schools: []string{"any"}}},
			map[string]string{"zimina": "both orlovami zimina", "belovas": "belovas", "both": "both orlovami zimina"}},
		"pupils see their teachers": {[]Rule{{Name: "a", Who: pupils, Sees: staff, Schools: []string{"own"}}},
			map[string]string{"belovas": "belovas orlovami zimina", "sidorov": "both orlovami sidorov", "zimina": "zimina"}},
		"one school": {[]Rule{{Name: "a", Who: staff, Sees: pupils, Schools: []string{"1234"}}}, map[string]string{"zimina": "sidorov zimina"}},
		"from elsewhere": {[]Rule{{Name: "a", Who: staff, Sees: pupils, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
			map[string]string{"zimina": "zimina"}},
		"from here": {[]Rule{{Name: "a", Who: staff, Sees: pupils, From: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
			map[string]string{"zimina": "belovas both zimina"}},
	} {
		w := start(t, func(o *Options) { o.Rules = one.rules }, more...)
		for login, want := range one.sees {
			if got := logins(t, w.as(login, password)); got != want {
				t.Errorf("%s: %s sees %q, want %q", what, login, got, want)
			}
		}
	}
}

// Each attribute tells of those employments and enrolments only that a rule with
// this attribute lets see, and nothing beside the rules' attributes is read,
// searched or compared; one's own entry is whole.
func TestRulesKeepTheirAttributes(t *testing.T) {
	both := testPerson(10011, "both", "Котова", "Ия", at(person.RolePupil, "49", "5А"), at(person.RoleStaff, "49", ""))
	w := start(t, func(o *Options) {
		twoViews(o)
		o.Attributes = []Attribute{{"seat", "{class}"}}
		o.Rules = []Rule{
			{Name: "colleagues", Who: staff, Sees: staff, Attributes: []string{"employeeType", "mail"}},
			{Name: "classes", Who: staff, Sees: pupils, Attributes: []string{"seat", "o"}},
		}
	}, both, testPerson(10012, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", "")))
	c := w.as("zimina", password)
	got := whole(t, c, personName("both"), "*", "+")
	for name, want := range map[string]string{"employeeType": "staff", "seat": "5А", "o": "Школа № 49", "mail": "both@example.org", "uid": "both", "cn": "", "sn": "", "memberOf": "", "uidNumber": "", "entryUUID": ""} {
		if strings.Join(got[name], " ") != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got := whole(t, c, personName("belovas"), "*"); got["mail"] != nil || strings.Join(got["seat"], " ") != "5А" {
		t.Errorf("a pupil: %q", got)
	}
	if got := whole(t, c, personName("zimina"), "*"); got["cn"] == nil || got["uidNumber"] == nil {
		t.Errorf("herself: %q", got)
	}
	for filter, want := range map[string]string{
		"(mail=*)": "both orlovami zimina", "(mail=belovas@example.org)": "", "(!(mail=belovas@example.org))": "both orlovami zimina", "(cn=*)": "zimina", "(!(cn=x))": "zimina",
		"(employeeType=pupil)": "", "(employeeType=staff)": "both orlovami zimina", "(&(uid=belovas)(!(employeeType=staff)))": "", "(sn=Котова)": "", "(uidNumber=10002)": "", "(seat=5а)": "belovas both",
		"(:caseIgnoreMatch:=Котова)": "", "(memberOf=cn=school-49," + testGroups + ")": "zimina", "(entryDN=" + personName("both") + ")": "both",
	} {
		if got := sorted(found(t, c, testPeople, filter)); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	for attribute, want := range map[string]uint16{"cn": 16, "mail": 6, "employeeType": 16, "nosuch": 17} {
		value := map[string]string{"cn": "Котова Ия Ивановна", "mail": "both@example.org", "employeeType": "pupil"}[attribute]
		yes, err := c.Compare(personName("both"), attribute, value)
		if attribute == "employeeType" { // she has one, of which another value is told
			if yes || err != nil {
				t.Errorf("%s: %v %v", attribute, yes, err)
			}
		} else if want == 6 != yes || want != 6 && code(err) != want {
			t.Errorf("%s: %v %v", attribute, yes, err)
		}
	}
	// The other tree is the same people.
	if got := found(t, c, adPeople, "(displayName=*)"); got != "zimina" {
		t.Errorf("in the other tree %q", got)
	}
	// People see the groups that they are in, whatever they see of others.
	if got := sorted(found(t, c, testGroups, "(objectClass=posixGroup)")); got != "school-49 staff" {
		t.Errorf("groups: %q", got)
	}
}

// A reload's rules hold for the next request; who leaves or is suspended loses what
// he saw by his role.
func TestRulesFollow(t *testing.T) {
	w := start(t, nil, testPerson(10012, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", "")))
	c := w.as("zimina", password)
	if got := logins(t, c); got != "zimina" {
		t.Errorf("before: %q", got)
	}
	rules, err := w.server.Compile([]Rule{{Name: "a", Who: staff, Sees: pupils}})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Apply(rules)
	if got := logins(t, c); got != "belovas zimina" {
		t.Errorf("after: %q", got)
	}
	for what, change := range map[string]func(*directory.Entry){
		"suspended": func(e *directory.Entry) { e.State = directory.StateSuspended },
		"left":      func(e *directory.Entry) { e.Affiliations[0].To = day(2026, 11, 1) },
	} {
		e := testPerson(10012, "zimina", "Зимина", "Анна", at(person.RoleStaff, "49", ""))
		change(e)
		if err := changeTo(w, e); err != nil {
			t.Fatal(err)
		}
		if got := logins(t, c); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// A service sees its roles.
func TestRolesOfServices(t *testing.T) {
	w := start(t, func(o *Options) { o.Services[0].Roles = staff },
		testPerson(10011, "both", "Котова", "Ия", at(person.RolePupil, "49", "5А"), at(person.RoleStaff, "1234", "")))
	c := w.as(reader, secret)
	if got := logins(t, c); got != "both orlovami" {
		t.Errorf("sees %q", got)
	}
	if got := found(t, c, testGroups, "(objectClass=posixGroup)"); got != "school-1234 school-49 staff" {
		t.Errorf("sees the groups %q", got)
	}
	if got := whole(t, c, personName("both"), "employeeType", "memberOf", "o"); strings.Join(got["memberOf"], " ") != "cn=school-1234,"+testGroups+" cn=staff,"+testGroups || len(got["employeeType"]) != 1 || len(got["o"]) != 1 {
		t.Errorf("of somebody with another role too: %q", got)
	}
	if got := found(t, c, testGroups, "(memberUid=both)"); got != "school-1234 staff" {
		t.Errorf("is in %q", got)
	}
}

func TestBadRules(t *testing.T) {
	d := testDirectory(t)
	good := Rule{Name: "a", Who: staff, Sees: pupils}
	for what, change := range map[string]func(*Options, *Rule){
		"pupils to pupils":        func(_ *Options, r *Rule) { r.Who = append(r.Who, person.RolePupil) },
		"nobody":                  func(_ *Options, r *Rule) { r.Who = nil },
		"parents":                 func(_ *Options, r *Rule) { r.Sees = []person.Role{person.RoleParent} },
		"an unknown attribute":    func(_ *Options, r *Rule) { r.Attributes = []string{"snils"} },
		"any and others":          func(_ *Options, r *Rule) { r.Schools = []string{"any", "49"} },
		"parents for a service":   func(o *Options, _ *Rule) { o.Services[0].Roles = []person.Role{person.RoleParent} },
		"a certificate of two":    func(o *Options, _ *Rule) { o.Services[0].Certificates = []CertificateName{{"a", "b.c"}, {"a", "B.C."}} },
		"a nameless certificate":  func(o *Options, _ *Rule) { o.Services[0].Certificates = []CertificateName{{"a", ""}} },
		"nothing to sign in with": func(o *Options, _ *Rule) { o.Services[0].Password = "" },
	} {
		r := good
		o := Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Services: []Service{{DN: reader, Password: secret}}}
		change(&o, &r)
		o.Rules = []Rule{r}
		if _, err := New(o); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}
