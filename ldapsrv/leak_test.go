package ldapsrv

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// asking is who asks, in the words of the configuration.
type asking struct {
	service *Service         // or
	person  *directory.Entry // with
	rules   []Rule
}

// shown says which attributes of somebody's employment or enrolment the rules
// tell; whole: all. It is written by the rules' text, not by the server's code.
func (q asking) shown(a directory.Affiliation, today person.Date) (attributes []string, whole, ok bool) {
	if !a.ActiveOn(today) || a.Role == person.RoleParent {
		return nil, false, false
	}
	if s := q.service; s != nil {
		ok = (len(s.Roles) == 0 || slices.Contains(s.Roles, a.Role)) && (len(s.Schools) == 0 || slices.Contains(s.Schools, a.School))
		if s.Sync {
			attributes = []string{"entryUUID", "uSNChanged"}
		}
		return append(attributes, s.Attributes...), len(s.Attributes) == 0, ok
	}
	for _, r := range q.rules {
		fits := false
		for _, own := range q.person.Affiliations {
			if !own.ActiveOn(today) || !slices.Contains(r.Who, own.Role) || !slices.Contains(r.Sees, a.Role) {
				continue
			}
			for _, school := range append([]string{}, r.Schools...) {
				fits = fits || school == "any" || school == "own" && own.School == a.School || school == string(a.School)
			}
		}
		if fits {
			attributes, ok = append(attributes, r.Attributes...), true
		}
	}
	return attributes, false, ok
}

// removed is the directory without what somebody may not know of. What is left of
// others are nameless ones who keep schools and classes alive: that these exist
// is told.
func removed(t *testing.T, s *Server, people []*directory.Entry, q asking) *directory.Directory {
	return filled(t, q.remains(s, people))
}

func (q asking) remains(s *Server, people []*directory.Entry) []*directory.Entry {
	today := person.DateOf(testNow)
	var left []*directory.Entry
	rest := testPerson(999_999, "rest", "", "")
	rest.State, rest.Seq = directory.StateSuspended, 0
	for _, e := range people {
		if e.Modified > rest.Modified {
			rest.Modified = e.Modified // when anything changed last is no secret: contextCSN
		}
		rest.Seq = max(rest.Seq, e.Seq)
		if e == q.person {
			left = append(left, e)
			continue
		}
		var kept []directory.Affiliation
		var names []string
		whole := false
		for _, a := range e.Affiliations {
			attributes, all, ok := q.shown(a, today)
			if ok && e.State == directory.StateActive {
				kept, names, whole = append(kept, a), append(names, attributes...), whole || all
			} else {
				rest.Affiliations = append(rest.Affiliations, a)
			}
		}
		if len(kept) == 0 {
			continue
		}
		one := *e
		one.Affiliations = kept
		one.Names = slices.DeleteFunc(slices.Clone(e.Names), func(n person.Name) bool { return n.Kind != person.NameAD })
		if !whole {
			s.strip(&one, names)
		}
		left = append(left, &one)
	}
	rest.Affiliations = q.groups(rest.Affiliations)
	return append(left, rest)
}

// groups are the employments and enrolments of which the groups are seen: those at
// the account's schools, and classes only where it sees pupils. A person sees those
// that he is in, which his own ones tell, but for how others write a class of his.
func (q asking) groups(all []directory.Affiliation) (kept []directory.Affiliation) {
	if q.service == nil {
		own := map[string]bool{}
		for _, a := range q.person.Affiliations {
			if a.ActiveOn(person.DateOf(testNow)) && a.Role == person.RolePupil {
				own[directory.ClassGroup(a.School, a.Class)] = true
			}
		}
		return slices.DeleteFunc(slices.Clone(all), func(a directory.Affiliation) bool {
			return a.Class == "" || !own[directory.ClassGroup(a.School, a.Class)]
		})
	}
	for _, a := range all {
		if len(q.service.Schools) > 0 && !slices.Contains(q.service.Schools, a.School) {
			continue
		}
		if len(q.service.Roles) > 0 && !slices.Contains(q.service.Roles, person.RolePupil) {
			a.Class = ""
		}
		kept = append(kept, a)
	}
	return kept
}

// strip removes what no attribute with one of the names tells.
func (s *Server) strip(e *directory.Entry, names []string) {
	told := map[field]bool{}
	for _, name := range names {
		a, _ := s.schema.find([]byte(name))
		for _, tree := range s.trees {
			if made := tree.person[a]; made != nil {
				for _, p := range made.parts {
					told[p.field] = true
				}
			}
		}
	}
	if !told[fieldFull] && !told[fieldLast] {
		e.Last = "Removed"
	}
	if !told[fieldFull] && !told[fieldFirst] {
		e.First = ""
	}
	if !told[fieldFull] && !told[fieldMiddle] {
		e.Middle = ""
	}
	if !told[fieldMail] {
		e.Mail = ""
	}
	if !told[fieldUUID] {
		e.UUID[3]++
	}
	object := e.Object()
	if !told[fieldGUID] {
		object.GUID = [16]byte{}
	}
	if !told[fieldSID] {
		object.SID = ""
	}
	e.AD = &object
	if !told[fieldGID] {
		e.GIDNumber += 1_000_000
	}
	if !told[fieldCreated] {
		e.Created = directory.MomentOf(testNow)
	}
	if !told[fieldModified] {
		e.Modified = directory.MomentOf(testNow)
	}
}

func filled(t *testing.T, people []*directory.Entry) *directory.Directory {
	t.Helper()
	src := &source{schools: []person.School{{ID: "49", Name: "Школа № 49"}, {ID: "1234", Name: "Школа № 1234"}}, entries: people}
	d := directory.New(src, directory.Options{Now: testClock})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// someAccess makes accounts and rules.
func someAccess(r *rand.Rand) (services []Service, rules []Rule) {
	some := func(of ...string) (list []string) {
		for _, one := range of {
			if r.IntN(3) == 0 {
				list = append(list, one)
			}
		}
		return list
	}
	attributes := func() []string {
		return some("cn", "sn", "mail", "displayName", "memberOf", "member", "memberUid", "employeeType", "o", "gidNumber", "uidNumber", "objectGUID", "entryUUID", "modifyTimestamp", "seat", "gecos", "userPrincipalName")
	}
	roles := [][]person.Role{{person.RoleStaff}, {person.RolePupil}, {person.RoleStaff, person.RolePupil}}
	services = []Service{{DN: reader, Password: secret}}
	for i := range 3 {
		one := Service{DN: fmt.Sprintf("cn=s%d,ou=services,%s", i, testBase), Password: secret, Roles: roles[r.IntN(3)], Attributes: attributes(), Sync: r.IntN(2) == 0}
		for _, id := range some("49", "1234", "7") {
			one.Schools = append(one.Schools, person.SchoolID(id))
		}
		services = append(services, one)
	}
	for i := range 3 {
		one := Rule{Name: fmt.Sprint(i), Who: roles[r.IntN(3)], Sees: roles[r.IntN(3)], Attributes: attributes(), Schools: [][]string{{"own"}, {"any"}, {"49"}, {"own", "7"}}[r.IntN(4)]}
		if slices.Contains(one.Who, person.RolePupil) {
			one.Sees = roles[0]
		}
		rules = append(rules, one)
	}
	return services, rules
}

// Whatever somebody asks, the answers are to the byte those over a directory from
// which everything was removed that he may not know: entries, attributes, codes,
// counts and the ends of pages.
func TestNothingLeaks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	found, asked := 0, 0
	for range 4 {
		people := town(r, 60)
		for _, e := range people {
			e.GIDNumber = e.UIDNumber + 500_000
		}
		services, rules := someAccess(r)
		options := func(d *directory.Directory) func(*Options) {
			return func(o *Options) {
				o.Directory, o.Auth.(*fakeAuth).d = d, d
				o.Services, o.Rules, o.Views = services, rules, []View{{Base: adBase, Schema: AD}}
				o.Attributes = []Attribute{{"employeeID", "id-{login}"}, {"seat", "seat {uid} {class}"}}
			}
		}
		whole := start(t, options(filled(t, people)))
		askers := []asking{}
		for i := range services[1:] {
			askers = append(askers, asking{service: &services[1+i]})
		}
		for range 5 {
			askers = append(askers, asking{person: people[r.IntN(len(people))], rules: rules})
		}
		for _, q := range askers {
			less := start(t, options(removed(t, whole.server, people, q)))
			name, word := "", secret
			if q.service != nil {
				name = q.service.DN
			} else {
				name, word = string(q.person.Login), password
			}
			one, other := dialLeak(t, whole, name, word), dialLeak(t, less, name, word)
			for range 250 {
				request := anyRequest(t, r, whole.server, people)
				a, b := one.answer(request), other.answer(request)
				asked++
				if len(a) > 1 || strings.HasPrefix(a[0], "\x6f\x07\x0a\x01\x06") { // entries, or compareTrue
					found++
				}
				if !slices.Equal(a, b) {
					t.Fatalf("%s (%+v, rules %+v) asks %s\nand hears\n%q\nof what is removed\n%q", name, q.service, rules, request.text, a, b)
				}
			}
		}
	}
	if found < asked/8 {
		t.Errorf("only %d of %d requests found anything", found, asked)
	}
}

// request is one request with the page size that it is asked in; 0: at once.
type request struct {
	op   byte
	body []byte
	page int32
	text string
}

func anyRequest(t *testing.T, r *rand.Rand, s *Server, people []*directory.Entry) request {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	e := people[r.IntN(len(people))]
	tree := s.trees[r.IntN(2)]
	p := personEntry{&view{s: s, tree: tree}, e}
	name := string(p.appendName(nil))
	group := string(tree.appendGroup(nil, pick("staff", "pupils", "school-49", "school-49-5а", "school-7", "school-1234-7б")))
	own := "cn=" + string(e.Login) + ",ou=personal," + testBase
	attribute := pick("cn", "sn", "mail", "memberOf", "gidNumber", "employeeType", "o", "entryUUID", "member", "memberUid", "uid", "seat", "gecos", "displayName", "objectGUID", "modifyTimestamp")
	value := pick(e.Last, e.Mail, group, fmt.Sprint(e.GIDNumber), "staff", "pupil", "Школа № 49", string(appendUUID(nil, e.UUID)), name, string(e.Login))
	if id, _ := s.schema.find([]byte(attribute)); r.IntN(4) > 0 { // one that he has
		whole := s.viewOf(s.accounts.Load().list[0], identity.PersonID{}, netip.Addr{})
		whole.tree = tree
		var has filter.Values
		(&personEntry{&whole, e}).Values(int(id), &has)
		switch {
		case has.Texts() > 0:
			value = string(has.At(r.IntN(has.Texts())))
		case has.Len() > 0:
			value = fmt.Sprint(has.Numbers[0])
		}
	}
	if r.IntN(4) == 0 {
		target := pick(name, name, group, own)
		b := wire.AppendTLV(nil, wire.TagOctets, target)
		b = wire.AppendTLV(b, wire.TagSequence, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, attribute), wire.TagOctets, value))
		return request{op: wire.OpCompareRequest, body: b, text: fmt.Sprintf("compare %s %s=%s", target, attribute, value)}
	}
	base := pick(tree.name, tree.name, tree.people, tree.people, tree.groups, "ou=personal,"+testBase, name, group, own, "", "uid=nobody,"+testPeople, "uid="+string(e.Login)+".mosru,"+testPeople, "cn=Subschema")
	is := "(" + attribute + "=" + string(escaped(value)) + ")"
	text := pick(is, is, "(!"+is+")", "(|"+is+"(uid=*))", "(&(uid=*)(!"+is+"))", "(|(!"+is+")(!(cn=x)))", "("+attribute+"=*)", "(!("+attribute+"=*))", "("+attribute+">="+string(escaped(value))+")",
		"(:caseIgnoreMatch:="+string(escaped(value))+")", "(objectClass=*)", "(uid=*)", anyFilter(r, s, people, 2))
	f, err := ldap.CompileFilter(text)
	if err != nil { // (&) and (|), which this client does not write
		return anyRequest(t, r, s, people)
	}
	var attributes []string
	for range r.IntN(4) {
		attributes = append(attributes, pick("*", "+", "mail", "memberOf", "numSubordinates", "o", "cn", "1.1", "seat", "employeeType"))
	}
	scope := int32(r.IntN(3))
	q := request{op: wire.OpSearchRequest, body: searchBody(base, scope, f.Bytes(), attributes...), text: fmt.Sprintf("%q scope %d %s %q", base, scope, text, attributes)}
	if r.IntN(3) == 0 {
		q.page = 1 + r.Int32N(7)
	}
	return q
}

// leaker asks one server over one connection.
type leaker struct {
	t  *testing.T
	c  net.Conn
	id int32
}

func dialLeak(t *testing.T, w *world, name, word string) *leaker {
	c := dialBytes(t, w)
	_ = c.SetDeadline(testNow.AddDate(100, 0, 0))
	l := &leaker{t: t, c: c}
	got := l.ask(wire.OpBindRequest, bindBody(name, word), nil)
	if len(got) != 1 {
		t.Fatalf("bind: %q", got)
	}
	return l
}

// answer gives everything that is said to a request, without what is random in it:
// of a cookie only whether there is one.
func (l *leaker) answer(q request) (said []string) {
	if q.page == 0 {
		for _, m := range l.ask(q.op, q.body, nil) {
			said = append(said, string(m))
		}
		return said
	}
	cookie := ""
	for range 500 {
		b, value := wire.Begin(nil, wire.TagSequence)
		b = wire.AppendInt(b, wire.TagInteger, q.page)
		b = wire.End(wire.AppendTLV(b, wire.TagOctets, cookie), value)
		list := l.ask(q.op, q.body, wire.AppendControl(nil, oidPaged, b))
		last := list[len(list)-1]
		for _, m := range list[:len(list)-1] {
			said = append(said, string(m))
		}
		op, behind, _ := wire.Next(last)
		controls, _, err := wire.Expect(behind, 0xa0)
		if err != nil {
			return append(said, string(last))
		}
		control, _, _ := wire.Expect(controls, wire.TagSequence)
		_, control, _ = wire.Expect(control, wire.TagOctets)
		response, _, _ := wire.Expect(control, wire.TagOctets)
		response, _, _ = wire.Expect(response, wire.TagSequence)
		_, response, _ = wire.Expect(response, wire.TagInteger)
		next, _, _ := wire.Expect(response, wire.TagOctets)
		cookie = string(next)
		if said = append(said, fmt.Sprintf("%x %v", op.Value, cookie != "")); cookie == "" {
			return said
		}
	}
	l.t.Fatal("pages without end")
	return nil
}

// ask gives the messages of an answer without their ids, the result last.
func (l *leaker) ask(op byte, body, controls []byte) (list [][]byte) {
	l.id++
	b, at := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, l.id)
	b = wire.AppendTLV(b, op, body)
	if controls != nil {
		b = wire.AppendTLV(b, 0xa0, controls)
	}
	if _, err := l.c.Write(wire.End(b, at)); err != nil {
		l.t.Fatal(err)
	}
	for {
		m := l.message()
		list = append(list, m)
		if m[0] != wire.OpSearchResultEntry && m[0] != wire.OpIntermediate {
			return list
		}
	}
}

func (l *leaker) message() []byte {
	head := make([]byte, 2)
	if _, err := io.ReadFull(l.c, head); err != nil {
		l.t.Fatal(err)
	}
	size := int(head[1])
	if size >= 0x80 {
		more := make([]byte, size&0x7f)
		if _, err := io.ReadFull(l.c, more); err != nil {
			l.t.Fatal(err)
		}
		size = 0
		for _, x := range more {
			size = size<<8 | int(x)
		}
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(l.c, b); err != nil {
		l.t.Fatal(err)
	}
	_, rest, err := wire.Expect(b, wire.TagInteger)
	if err != nil {
		l.t.Fatal(err)
	}
	return bytes.Clone(rest)
}
