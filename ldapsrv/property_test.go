package ldapsrv

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// town makes people whose names, schools, addresses and roles meet often.
func town(r *rand.Rand, n int) []*directory.Entry {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	var list []*directory.Entry
	for i := range n {
		e := testPerson(20_000+uint32(i), fmt.Sprintf("%s%d", pick("ivanov", "Petrov", "семёнов", "зайцев"), i), "", "")
		e.Last = pick("Иванов", "Иванова", "Ёлкин", "Елкин", "Петров-Водкин", "Ким", "", "Smith", "  Ли ")
		e.Seq, e.Modified = uint64(1+i*7%n), directory.MomentOf(testNow.Add(time.Duration(r.IntN(100))*time.Second))
		e.First, e.Middle = pick("Иван", "Пётр", "Петр", "Анна  Мария", ""), pick("Иванович", "", "Йосифович")
		e.Mail = pick("", e.Mail, "Family@example.org", "FAMILY@Example.org")
		e.Names = append(e.Names, person.Name{Kind: person.NameAD, Text: pick("ad-", "AD.") + fmt.Sprint(i)})
		if r.IntN(3) == 0 {
			e.AD = &directory.Object{GUID: [16]byte{1, byte(i), byte(i >> 8), 0xff, '(', 0}}
		}
		for range 1 + r.IntN(2) {
			a := at(person.RolePupil, person.SchoolID(pick("49", "1234", "7")), pick("5А", "5а", "7Б", ""))
			if r.IntN(3) == 0 {
				a = at(person.RoleStaff, person.SchoolID(pick("49", "1234")), "")
			}
			if r.IntN(5) == 0 {
				a.To = day(2026, 1, 1)
			}
			e.Affiliations = append(e.Affiliations, a)
		}
		if r.IntN(10) == 0 {
			e.State = directory.StateSuspended
		}
		list = append(list, e)
	}
	return list
}

// anyFilter makes a filter of parts that indexes know and of such that they do
// not.
func anyFilter(r *rand.Rand, s *Server, people []*directory.Entry, depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		kind := []string{"&", "|", "&", "!"}[r.IntN(4)]
		parts := 1
		if kind != "!" {
			parts = r.IntN(4)
		}
		var b strings.Builder
		for range parts {
			b.WriteString(anyFilter(r, s, people, depth-1))
		}
		return "(" + kind + b.String() + ")"
	}
	e := people[r.IntN(len(people))]
	attribute := s.schema.types[r.IntN(len(s.schema.types))].name
	if r.IntN(3) > 0 {
		attribute = []string{"uid", "cn", "sn", "displayName", "mail", "memberOf", "member", "memberUid", "objectClass", "gidNumber", "uidNumber", "sAMAccountName",
			"userPrincipalName", "entryUUID", "objectGUID", "entryDN", "distinguishedName", "objectCategory", "employeeID", "seat", "name", "gecos", "uSNChanged", "modifyTimestamp", "whenChanged", "createTimestamp"}[r.IntN(26)]
	}
	t := s.trees[r.IntN(len(s.trees))]
	whole := s.viewOf(s.accounts.Load().list[0], identity.PersonID{}, netip.Addr{})
	v := &whole
	v.tree = t
	p, guid := personEntry{v, e}, e.Object().GUID
	value := []string{
		string(e.Login), strings.ToUpper(string(e.Login)), samOf(e), string(appendFull(nil, e)), strings.ReplaceAll(string(appendFull(nil, e)), "ё", "е"), e.Last, e.Mail, string(p.appendName(nil)),
		string(t.appendGroup(nil, []string{"staff", "pupils", "school-49", "school-49-5а", "SCHOOL-1234", "none"}[r.IntN(6)])), "school-49", "pupils", s.trees[0].personClass[r.IntN(5)],
		"group", "person", fmt.Sprint(e.UIDNumber), fmt.Sprint(directory.GIDStaff), string(e.Login) + "@school.example", string(appendUUID(nil, e.UUID)), string(guid[:]), "id-" + string(e.Login), "Иван", "512", "seat " + fmt.Sprint(e.UIDNumber),
	}[r.IntN(23)]
	if id, _ := s.schema.find([]byte(attribute)); r.IntN(4) > 0 { // one that somebody has
		var has filter.Values
		groups := s.opt.Directory.GroupsAfter("")
		if p.Values(int(id), &has); r.IntN(4) == 0 {
			has.Reset()
			(&groupEntry{v, groups[r.IntN(len(groups))]}).Values(int(id), &has)
		}
		switch {
		case has.Texts() > 0:
			value = string(has.At(r.IntN(has.Texts())))
		case has.Len() > 0:
			value = fmt.Sprint(has.Numbers[0])
		}
	}
	if attribute == "uSNChanged" {
		return fmt.Sprintf("(uSNChanged>=%d)", r.IntN(len(people))-3)
	}
	if strings.HasSuffix(attribute, "Timestamp") || attribute == "whenChanged" {
		return "(" + attribute + ">=" + string(appendTime(nil, testNow.Unix()+r.Int64N(130)-10, "Z")) + ")"
	}
	value = string(escaped(value))
	switch r.IntN(12) {
	case 0:
		return "(" + attribute + "=*)"
	case 1:
		half := []rune(value)
		return "(" + attribute + "=" + strings.ReplaceAll(string(half[:len(half)/2]), `\`, "") + "*)"
	case 2:
		return "(" + attribute + ">=" + value + ")"
	case 3:
		return "(" + attribute + ":1.2.840.113556.1.4.1941:=" + value + ")"
	case 4:
		return "(" + attribute + ":caseExactMatch:=" + value + ")"
	case 5:
		return "(" + attribute + ":dn:=" + value + ")"
	case 6:
		return "(" + attribute + "~=" + value + ")"
	}
	return "(" + attribute + "=" + value + ")"
}

func escaped(value string) []byte {
	var b []byte
	for _, c := range []byte(value) {
		if c < ' ' || c == '*' || c == '(' || c == ')' || c == '\\' || c >= 0x7f {
			b = fmt.Appendf(b, `\%02x`, c)
		} else {
			b = append(b, c)
		}
	}
	return b
}

// A search that indexes answer finds the same, in the same order, as the same
// filter held against everybody.
func TestIndexesFindWhatAWalkFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	people := town(r, 400)
	d := testDirectory(t, people...)
	s, err := New(Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, Views: []View{{Base: adBase, Schema: AD}}, Now: testClock,
		Attributes: []Attribute{{"employeeID", "id-{login}"}, {"seat", "seat {uid}"}},
		Services: []Service{{DN: reader, Password: secret}, {DN: board, Password: secret, Schools: []person.SchoolID{"49"}, Attributes: []string{"uid", "cn", "memberOf", "member"}},
			{DN: "cn=two,ou=services," + testBase, Password: secret, Schools: []person.SchoolID{"49", "1234"}}}})
	if err != nil {
		t.Fatal(err)
	}
	indexed, found := 0, 0
	for i := range 3000 {
		text := anyFilter(r, s, people, 3)
		x := &session{s: s, service: s.accounts.Load().list[i%3], work: new(work)}
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		x.filter = *parsed
		q := &run{view: x.view(new(wire.Conn)), x: x}
		q.tree = s.trees[i%2]
		q.read = x.service.read
		x.filter.Bind(&q.view)
		list, ok := q.candidates()
		groups, alsoOK := q.candidateGroups()
		if ok {
			indexed++
			walked, by := q.pick(slices.Collect(q.everybody(0))), q.pick(list)
			found += len(walked)
			if !slices.Equal(walked, by) {
				t.Errorf("%d: %s: a walk finds %d, the indexes %d", i, text, len(walked), len(by))
			}
		}
		if alsoOK {
			if walked, by := q.pickGroups(d.GroupsAfter("")), q.pickGroups(groups); !slices.Equal(walked, by) {
				t.Errorf("%d: %s: a walk finds the groups %q, the indexes %q", i, text, walked, by)
			}
		}
		if own, ok := q.candidatesPersonal(); ok && q.tree.personal != "" {
			if walked, by := q.pickPersonal(slices.Collect(q.everybody(0))), q.pickPersonal(own); !slices.Equal(walked, by) {
				t.Errorf("%d: %s: a walk finds %d groups of people's own, the indexes %d", i, text, len(walked), len(by))
			}
		}
		if len(q.pick(slices.Collect(q.everybody(0)))) > 0 && !q.possible(q.tree.personKind) {
			t.Errorf("%s is held to be impossible", text)
		}
	}
	if indexed < 1000 || found < 500 {
		t.Errorf("only %d filters were answered by indexes, with %d people", indexed, found)
	}
}

func (r *run) pick(list []*directory.Entry) (names []string) {
	for _, e := range list {
		if r.sees(e) && r.x.filter.Eval(&personEntry{&r.view, e}, &r.x.scratch) == filter.True {
			names = append(names, string(e.Login))
		}
	}
	return names
}

func (r *run) pickPersonal(list []*directory.Entry) (names []string) {
	for _, e := range list {
		if r.sees(e) && r.x.filter.Eval(&personalEntry{&r.view, e}, &r.x.scratch) == filter.True {
			names = append(names, string(e.Login))
		}
	}
	return names
}

func (r *run) pickGroups(list []*directory.Group) (names []string) {
	for _, g := range list {
		if r.seesGroup(g) && r.x.filter.Eval(&groupEntry{&r.view, g}, &r.x.scratch) == filter.True {
			names = append(names, g.Name)
		}
	}
	return names
}
