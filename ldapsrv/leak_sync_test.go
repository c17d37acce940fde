package ldapsrv

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// unfolding is a directory to which changes are told one by one.
type unfolding struct {
	source
	d    *directory.Directory
	last map[identity.PersonID]*directory.Entry
}

const syncStart = 100_000

func (u *unfolding) Rows(_ context.Context, upTo directory.Position, most int) (list []directory.Position, err error) {
	for seq := max(syncStart, upTo.Seq+1-uint64(most)); seq <= upTo.Seq; seq++ {
		list = append(list, directory.Position{Seq: seq})
	}
	return list, nil
}

func unfold(t *testing.T, people []*directory.Entry) *unfolding {
	u := &unfolding{last: map[identity.PersonID]*directory.Entry{}}
	u.schools = []person.School{{ID: "49", Name: "Школа № 49"}, {ID: "1234", Name: "Школа № 1234"}}
	u.source.at.Seq = syncStart
	u.d = directory.New(u, directory.Options{Now: testClock})
	u.become(people)
	u.entries, u.changes = people, nil
	if err := u.d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return u
}

// become gathers what is other than it was.
func (u *unfolding) become(people []*directory.Entry) {
	gone := maps.Clone(u.last)
	for _, e := range people {
		delete(gone, e.Person)
		if before := u.last[e.Person]; before == nil || !reflect.DeepEqual(before, e) {
			u.changes = append(u.changes, directory.Change{Entry: e})
		}
		u.last[e.Person] = e
	}
	for id := range gone {
		delete(u.last, id)
		u.changes = append(u.changes, directory.Change{Removed: id})
	}
	u.entries = people
}

// step has the directory take in the people of the next row of the feed.
func (u *unfolding) step(t *testing.T, people []*directory.Entry) {
	t.Helper()
	u.source.at.Seq++
	u.become(people)
	if _, err := u.d.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// happened changes somebody.
func happened(r *rand.Rand, people []*directory.Entry, seq uint64) []*directory.Entry {
	i := r.IntN(len(people))
	e, other := *people[i], people[r.IntN(len(people))]
	switch r.IntN(6) {
	case 0:
		e.State = directory.StateActive + directory.StateSuspended - e.State
	case 1:
		e.Affiliations = other.Affiliations
	case 2:
		e.Last, e.Mail = other.Last, other.Mail
	case 3:
		e.Affiliations = []directory.Affiliation{at(person.RolePupil, person.SchoolID([]string{"49", "1234", "7"}[r.IntN(3)]), fmt.Sprint(seq, "Ж"))} // a class of one
	case 4:
		return slices.Delete(slices.Clone(people), i, i+1)
	case 5:
		e.Affiliations = slices.Clone(e.Affiliations)
		e.Affiliations[0].To = day(2026, 2, 1)
	}
	e.Seq = seq
	people = slices.Clone(people)
	people[i] = &e
	return people
}

// news is what a synchronization tells.
type news struct {
	add    map[string]string // entries by UUID
	told   []string          // UUIDs
	gone   bool              // those are gone
	cookie string
	code   string
}

func (l *leaker) sync(body []byte, cookie string) (n news) {
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagEnumerated, refreshOnly)
	if cookie != "" {
		b = wire.AppendTLV(b, wire.TagOctets, cookie)
	}
	n.add = map[string]string{}
	for _, m := range l.ask(wire.OpSearchRequest, body, wire.AppendControl(nil, oidSyncRequest, wire.End(b, value))) {
		op, rest, _ := wire.Next(m)
		if op.Tag == wire.OpIntermediate {
			_, set, _ := wire.Expect(op.Value, 0x80)
			set, _, _ = wire.Expect(set, 0x81)
			set, _, _ = wire.Expect(set, 0xa3)
			if set[0] == wire.TagBoolean {
				n.gone = true
				_, set, _ = wire.Next(set)
			}
			set, _, _ = wire.Expect(set, wire.TagSet)
			for len(set) > 0 {
				var one []byte
				one, set, _ = wire.Expect(set, wire.TagOctets)
				n.told = append(n.told, string(one))
			}
			continue
		}
		control, _, err := wire.Expect(rest, 0xa0)
		if err != nil {
			n.code = fmt.Sprintf("%x", op.Value)
			continue
		}
		control, _, _ = wire.Expect(control, wire.TagSequence)
		_, control, _ = wire.Expect(control, wire.TagOctets)
		control, _, _ = wire.Expect(control, wire.TagOctets)
		control, _, _ = wire.Expect(control, wire.TagSequence)
		if op.Tag == wire.OpSearchResultEntry {
			_, control, _ = wire.Expect(control, wire.TagEnumerated)
			id, _, _ := wire.Expect(control, wire.TagOctets)
			n.add[string(id)] = string(op.Value)
			continue
		}
		next, _, _ := wire.Expect(control, wire.TagOctets)
		n.cookie = string(next)
	}
	return n
}

// couldHear adds the UUIDs of whom an account could know: people who were in its scope
// once, and the groups of their schools and, of pupils, classes. It is written by
// the accounts' text.
func couldHear(s *Server, into map[string]bool, people []*directory.Entry, account *Service) {
	sees := func(r person.Role) bool { return len(account.Roles) == 0 || slices.Contains(account.Roles, r) }
	group := func(name string) {
		for _, tree := range s.trees {
			id := tree.groupUUID(name)
			into[string(id[:])] = true
		}
	}
	for name, role := range map[string]person.Role{"staff": person.RoleStaff, "pupils": person.RolePupil} {
		if sees(role) {
			group(name)
		}
	}
	for _, e := range people {
		for _, a := range e.Affiliations {
			if len(account.Schools) > 0 && !slices.Contains(account.Schools, a.School) {
				continue
			}
			group("school-" + string(a.School))
			if a.Class != "" && sees(person.RolePupil) {
				group("school-" + string(a.School) + "-" + strings.ToLower(a.Class))
			}
			if e.State == directory.StateActive && sees(a.Role) {
				own := personalUUID(e)
				into[string(e.UUID[:])], into[string(own[:])] = true, true
			}
		}
	}
}

// What accounts are told of changes is the same over a directory without what they
// may not know: entries to the byte, whatever they did not have. Beside that they
// hear that groups are as they were, and once more that somebody is gone who was
// theirs.
func TestNothingLeaksBySync(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 533))
	changes := 0
	for range 3 {
		people := town(r, 50)
		services, _ := someAccess(r)
		for i := range services {
			services[i].Sync = true
		}
		services[1].Schools, services[1].Roles = nil, []person.Role{person.RoleStaff} // sees no classes
		options := func(d *directory.Directory) func(*Options) {
			return func(o *Options) {
				o.Directory, o.Auth.(*fakeAuth).d = d, d
				o.Attributes = []Attribute{{"seat", "seat {uid} {class}"}}
				o.Services, o.Views, o.SyncKey = services, []View{{Base: adBase, Schema: AD}}, make([]byte, 32)
			}
		}
		story := [][]*directory.Entry{people}
		for i := range 40 {
			story = append(story, happened(r, story[i], uint64(syncStart+1+i)))
		}
		for i := range services[1:] {
			q := asking{service: &services[1+i]}
			whole := unfold(t, people)
			all := start(t, options(whole.d))
			less := unfold(t, q.remains(all.server, people))
			rest := start(t, options(less.d))
			one, other := dialLeak(t, all, q.service.DN, secret), dialLeak(t, rest, q.service.DN, secret)
			mine := map[string]bool{}
			couldHear(all.server, mine, people, q.service)
			var copies []*copied
			for _, text := range []string{"(objectClass=*)", "(|(sn=Ким)(mail=*))", "(!(employeeType=staff))", "(|(uid=i*)(cn=*-49*))"} {
				compiled, err := ldap.CompileFilter(text)
				if err != nil {
					t.Fatal(err)
				}
				for _, base := range []string{testBase, adBase} {
					copies = append(copies, &copied{query: request{op: wire.OpSearchRequest, body: searchBody(base, 2, compiled.Bytes(), "cn", "mail", "memberOf", "member", "o", "sn", "entryUUID"), text: base + text}})
				}
			}
			for n := range story {
				if n > 0 {
					couldHear(all.server, mine, story[n], q.service)
					whole.step(t, story[n])
					less.step(t, q.remains(all.server, story[n]))
				}
				for _, c := range copies {
					if n > 0 && r.IntN(3) > 0 {
						continue
					}
					a, b := one.sync(c.query.body, c.cookie), other.sync(c.query.body, c.cookie)
					if fault := c.compare(a, b, mine); fault != "" {
						t.Fatalf("%+v asks %s at %d: %s\n%+v\nof what is removed\n%+v", *q.service, c.query.text, n, fault, a, b)
					}
					changes += len(a.add)
				}
			}
		}
	}
	if changes < 500 {
		t.Errorf("only %d entries came", changes)
	}
}

// copied is what a job has of one content.
type copied struct {
	query  request
	has    map[string]string
	cookie string
}

// compare says what is other between two answers, and applies the first.
func (c *copied) compare(a, b news, mine map[string]bool) string {
	if a.code != b.code || a.cookie != b.cookie {
		return "other results"
	}
	first := c.cookie == ""
	c.cookie = a.cookie
	if first {
		if c.has = a.add; !maps.Equal(a.add, b.add) || len(a.told)+len(b.told) > 0 {
			return "another content"
		}
		return ""
	}
	if !a.gone && len(a.told) > 0 || !b.gone && len(b.told) > 0 {
		return "no delete phase"
	}
	for _, of := range []news{a, b} {
		for id := range of.add {
			// Groups come whether something of them changed that is seen or not.
			name, _, _ := wire.Expect([]byte(of.add[id]), wire.TagOctets)
			if c.has[id] == of.add[id] && strings.Contains(strings.ToLower(string(name)), ",ou=groups,") {
				delete(of.add, id)
			}
		}
	}
	for _, id := range a.told {
		if !mine[id] {
			return fmt.Sprintf("%x is gone, of which it could not know", id)
		}
	}
	news := func(told []string) (list []string) {
		for _, id := range told {
			if _, had := c.has[id]; had {
				list = append(list, id)
			}
		}
		slices.Sort(list)
		return list
	}
	if !maps.Equal(a.add, b.add) || !slices.Equal(news(a.told), news(b.told)) {
		return "other changes"
	}
	for _, id := range a.told {
		delete(c.has, id)
	}
	maps.Copy(c.has, a.add)
	return ""
}
