package ldapsrv

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
)

// attribute is one attribute of an entry.
type attribute struct {
	*attributeType
	values []string
}

// entry is one object as LDAP shows it to one asker: what the asker may not
// read is not in it.
type entry struct {
	name       string
	attributes []attribute
	readable   map[*attributeType]bool // what the asker may read; nil: everything
}

var _ filter.Entry = (*entry)(nil)

func (e *entry) add(name string, values ...string) {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	if len(values) > 0 {
		e.attributes = append(e.attributes, attribute{attributeTypes[strings.ToLower(name)], values})
	}
}

// Values implements filter.Entry. An attribute that the entry lacks is known
// all the same where the asker may read it.
func (e *entry) Values(name string) ([]string, bool) {
	t := typeOf(name)
	if t == nil || e.readable != nil && !e.readable[t] {
		return nil, false
	}
	for i := range e.attributes {
		if e.attributes[i].attributeType == t {
			return e.attributes[i].values, true
		}
	}
	return nil, true
}

// Match implements filter.Entry.
func (e *entry) Match(name, value, assertion string) bool {
	return match(typeOf(name), value, assertion)
}

// Substring implements filter.Entry.
func (e *entry) Substring(name, value string, f *filter.Filter) bool {
	return substring(typeOf(name), value, f)
}

// Order implements filter.Entry.
func (e *entry) Order(name, value, assertion string) (int, bool) {
	return order(typeOf(name), value, assertion)
}

// restrict leaves only what may be read; nil is everything.
func (e *entry) restrict(readable map[*attributeType]bool) *entry {
	if e.readable = readable; readable != nil {
		e.attributes = slices.DeleteFunc(e.attributes, func(a attribute) bool { return !readable[a.attributeType] })
	}
	return e
}

// view makes entries of one day.
type view struct {
	s   *Server
	day person.Date
}

func (s *Server) view() view { return view{s, person.DateOf(s.opt.Now().In(s.opt.Zone))} }

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("20060102150405Z")
}

func uuidText(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// person is the entry of somebody with an account.
func (v view) person(p *directory.Entry) *entry {
	login := string(p.Login)
	cn := person.JoinFIO(p.Last, p.First, p.Middle)
	e := &entry{name: v.s.personDN(login), attributes: make([]attribute, 0, 24)}
	e.add("objectClass", "top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount")
	e.add("uid", login)
	e.add("cn", cn)
	e.add("sn", p.Last)
	e.add("givenName", p.First)
	e.add("displayName", cn)
	e.add("mail", p.Mail)
	e.add("uidNumber", strconv.FormatUint(uint64(p.UIDNumber), 10))
	e.add("gidNumber", strconv.FormatUint(uint64(p.GIDNumber), 10))
	e.add("homeDirectory", "/home/"+login)
	e.add("loginShell", "/bin/bash")
	e.add("gecos", cn)
	var roles, schools []string
	for _, a := range p.Affiliations {
		if !a.ActiveOn(v.day) {
			continue
		}
		if !slices.Contains(roles, a.Role.String()) {
			roles = append(roles, a.Role.String())
		}
		if name := v.s.schoolName(a.School); !slices.Contains(schools, name) {
			schools = append(schools, name)
		}
	}
	e.add("employeeType", roles...)
	e.add("o", schools...)
	var groups []string
	for _, g := range v.s.opt.Directory.GroupsOf(p, v.day) {
		groups = append(groups, v.s.groupDN(g.Name))
	}
	e.add("memberOf", groups...)
	e.add("entryUUID", uuidText(p.UUID))
	e.add("createTimestamp", timestamp(p.Created))
	e.add("modifyTimestamp", timestamp(p.Modified))
	e.common("inetOrgPerson", false)
	return e
}

// group is the entry of a role, a school or a class. Members come only where
// members is set: a school has thousands.
func (v view) group(g *directory.Group, members bool, visible func(*directory.Entry) bool) *entry {
	e := &entry{name: v.s.groupDN(g.Name), attributes: make([]attribute, 0, 10)}
	e.add("objectClass", "top", "groupOfNames", "posixGroup")
	e.add("cn", g.Name)
	e.add("description", g.Title)
	e.add("gidNumber", strconv.FormatUint(uint64(g.GID), 10))
	if members {
		var names, uids []string
		for p := range v.s.opt.Directory.Members(g, v.day) {
			if visible(p) {
				names = append(names, v.s.personDN(string(p.Login)))
				uids = append(uids, string(p.Login))
			}
		}
		e.add("member", names...)
		e.add("memberUid", uids...)
	}
	e.common("groupOfNames", false)
	return e
}

func (e *entry) common(class string, subordinates bool) {
	e.add("structuralObjectClass", class)
	e.add("entryDN", e.name)
	e.add("subschemaSubentry", subschemaDN)
	e.add("hasSubordinates", strings.ToUpper(strconv.FormatBool(subordinates)))
}

// containers are the entries that hold the others: base, people, groups,
// services.
func (s *Server) containers() []*entry {
	base := &entry{name: s.base.String()}
	switch first := s.base[0]; first.attribute {
	case "dc":
		base.add("objectClass", "top", "domain")
		base.add("dc", first.value)
	case "o":
		base.add("objectClass", "top", "organization")
		base.add("o", first.value)
	default:
		base.add("objectClass", "top", "organizationalUnit")
		base.add("ou", first.value)
	}
	base.common("domain", true)
	all := []*entry{base}
	for _, ou := range []string{"people", "groups", "services"} {
		e := &entry{name: "ou=" + ou + "," + s.base.String()}
		e.add("objectClass", "top", "organizationalUnit")
		e.add("ou", ou)
		e.common("organizationalUnit", true)
		all = append(all, e)
	}
	return all
}
