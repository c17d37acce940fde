package ldapsrv

import (
	"errors"
	"io"
	"iter"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// A role that somebody has at a school that the account does not see is not
// told by way of the groups either, which are of all schools.
func TestRolesElsewhereStayThere(t *testing.T) {
	w := start(t, nil, testPerson(10010, "tworoles", "Зимин", "Лев", at(person.RolePupil, "49", ""), at(person.RoleStaff, "1234", "")))
	staff, name := "cn=staff,"+testGroups, personName("tworoles")
	for account, sees := range map[string]bool{board: false, reader: true} {
		c := w.as(account, secret)
		e, err := c.Search(search(name, ldap.ScopeBaseObject, "(uid=*)", "memberOf"))
		if err != nil || len(e.Entries) != 1 {
			t.Fatal(e, err)
		}
		if got := strings.Contains(strings.Join(e.Entries[0].GetAttributeValues("memberOf"), " "), staff); got != sees {
			t.Errorf("%s: memberOf tells %v", account, got)
		}
		if got := strings.Contains(found(t, c, testPeople, "(memberOf="+staff+")"), "tworoles"); got != sees {
			t.Errorf("%s: a search by memberOf tells %v", account, got)
		}
		if account == board {
			continue // it may not read the rest
		}
		if got := strings.Contains(found(t, c, testGroups, "(member="+name+")"), "staff"); got != sees {
			t.Errorf("%s: a search by member tells %v", account, got)
		}
	}
	// The same for an account of the school that may read members.
	w = start(t, func(o *Options) { o.Services[1].Attributes = nil },
		testPerson(10010, "tworoles", "Зимин", "Лев", at(person.RolePupil, "49", ""), at(person.RoleStaff, "1234", "")))
	c := w.as(board, secret)
	if got := found(t, c, testGroups, "(memberUid=tworoles)"); got != "pupils school-49" {
		t.Errorf("is in %q", got)
	}
	if yes, err := c.Compare(staff, "member", name); yes || err != nil {
		t.Errorf("compare: %v %v", yes, err)
	}
	r, err := c.Search(search(staff, ldap.ScopeBaseObject, "(cn=*)", "memberUid"))
	if err != nil || strings.Join(r.Entries[0].GetAttributeValues("memberUid"), " ") != "orlovami" {
		t.Errorf("lists %v, %v", r, err)
	}
}

// still is a directory in which nobody may look at more than he asked for.
type still struct {
	*directory.Directory
	t *testing.T
}

func (s still) All(after uint32) iter.Seq[*directory.Entry] {
	s.t.Error("everybody was looked at")
	return s.Directory.All(after)
}

func (s still) InSchool(id person.SchoolID, after uint32) []*directory.Entry {
	s.t.Error("a school was looked at")
	return s.Directory.InSchool(id, after)
}

// A person sees himself, and makes the server look at nobody else.
func TestPersonLooksAtNobody(t *testing.T) {
	w := start(t, func(o *Options) { o.Directory = still{o.Directory.(*directory.Directory), t} })
	c := w.as(personName("belovas"), password)
	for filter, want := range map[string]string{
		"(memberOf=cn=pupils," + testGroups + ")": "belovas", "(memberOf=cn=school-49," + testGroups + ")": "belovas", "(memberOf=cn=staff," + testGroups + ")": "",
		"(uid=orlovami)": "", "(uidNumber=10001)": "", "(cn=Б*)": "belovas", "(objectClass=posixGroup)": "pupils school-49 school-49-5а belovas", "(member=*)": "pupils school-49 school-49-5а",
	} {
		if got := found(t, c, testBase, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

// Whoever asked for much and fell silent holds none of it.
func TestSilentConnectionsHoldNothing(t *testing.T) {
	w := start(t, nil)
	value := strings.Repeat("x", 900<<10)
	body := wire.AppendTLV(nil, wire.TagOctets, personName("belovas"))
	assertion := wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, "uid"), wire.TagOctets, value)
	compare := message(2, wire.OpCompareRequest, wire.AppendTLV(body, wire.TagSequence, assertion))
	find := message(3, wire.OpSearchRequest, searchBody(testPeople, 2, equality("cn", value)))
	bind := message(1, wire.OpBindRequest, bindBody(personName("belovas"), password))
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	answer := make([]byte, 7)
	before := held()
	for range 20 {
		c, err := net.Dial("tcp", w.plain)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, request := range [][]byte{bind, find, compare} {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, answer); err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, c, int64(answer[1])-5); err != nil {
				t.Fatal(err)
			}
		}
	}
	if after := held(); after > before+5<<20 {
		t.Errorf("%d KiB more are held", (after-before)>>10)
	}
}

// A bind signs out even where a control keeps it from being tried.
func TestRefusedBindSignsOut(t *testing.T) {
	w := start(t, nil)
	c := w.as(personName("belovas"), password)
	q := &ldap.SimpleBindRequest{Username: personName("orlovami"), Password: password, Controls: []ldap.Control{ldap.NewControlString("1.2.3", true, "")}}
	if _, err := c.SimpleBind(q); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Fatal(err)
	}
	if r, err := c.WhoAmI(nil); err != nil || r.AuthzID != "" {
		t.Errorf("still %v, %v", r, err)
	}
}

// Numbers of a later day fail one request and not the connection.
func TestUnknownScope(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	limits := ldap.NewSearchRequest(testBase, ldap.ScopeWholeSubtree, 0, -1, 0, false, "(uid=*)", nil, nil)
	for what, q := range map[string]*ldap.SearchRequest{"scope 3": search(testBase, 3, "(uid=*)"), "size limit -1": limits} {
		if _, err := c.Search(q); code(err) != ldap.LDAPResultProtocolError {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := found(t, c, testPeople, "(uid=belovas)"); got != "belovas" {
		t.Errorf("then finds %q", got)
	}
}

func TestMembersInFilters(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for filter, want := range map[string]string{
		"(&(cn=school-49)(member=*))": "school-49", "(&(cn=school-49)(memberUid~=BELOVAS))": "school-49", "(&(cn=school-49)(memberUid=bel*))": "",
		"(&(cn=school-49)(!(memberUid=bel*)))": "", "(&(cn=school-49)(!(memberUid>=a)))": "", "(&(cn=school-49)(!(member=*)))": "",
		"(&(cn=school-49)(member=0.9.2342.19200300.100.1.1=belovas," + testPeople + "))": "school-49",
	} {
		if got := found(t, c, testGroups, filter); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
}

// A group too large to be listed answers all the same whether somebody is in it.
func TestLargeGroup(t *testing.T) {
	w := start(t, nil, crowd(maxMembers)...)
	c := w.as(reader, secret)
	for name, want := range map[string]bool{"belovas": true, "orlovami": false, "nobody": false} {
		if got, err := c.Compare("cn=pupils,"+testGroups, "memberUid", name); got != want || err != nil {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	r, err := c.Search(search("cn=pupils,"+testGroups, ldap.ScopeBaseObject, "(&(memberUid=belovas)(member=*))", "memberUid"))
	if err != nil || len(r.Entries) != 1 || len(r.Entries[0].GetAttributeValues("memberUid")) != 0 {
		t.Errorf("%v %v", r, err)
	}
}

// Groups are walked within the time of a search too.
func TestTimeOfGroups(t *testing.T) {
	w := start(t, func(o *Options) { o.Search = 1 })
	if _, err := w.as(reader, secret).Search(search(testBase, ldap.ScopeWholeSubtree, "(cn=nobody*)")); code(err) != ldap.LDAPResultTimeLimitExceeded {
		t.Errorf("a search without time: %v", err)
	}
}

func TestServiceNamesAreTheirOwn(t *testing.T) {
	d := testDirectory(t)
	for what, names := range map[string][]string{
		"one name twice": {reader, "CN=Reader, ou=services," + testBase}, "a person's": {personName("orlovami")}, "a container's": {testPeople}, "the base": {testBase},
	} {
		o := Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase}
		for _, name := range names {
			o.Services = append(o.Services, Service{DN: name, Password: secret})
		}
		if _, err := New(o); err == nil || errors.Is(err, errDN) {
			t.Errorf("%s passes: %v", what, err)
		}
	}
}
