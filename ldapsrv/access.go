package ldapsrv

import (
	"fmt"
	"net/netip"
	"slices"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Who sees whom. What somebody sees of others are scopes: people with a role at a
// school, in some attributes. A service account has one scope; a person has those
// of the rules that fit his roles today, and himself whole. An entry is seen
// where one of its employments and enrolments lies in a scope; of it are read the
// attributes of the scopes that it lies in; and an attribute that is made of
// employments or enrolments (o, employeeType, memberOf) tells of those in scopes
// that have the attribute. So nothing is shown by way of one rule that another
// one grants for others.
//
// The groups that somebody is in today are a part of himself, as his memberOf tells
// of them: programs that sign in as him look for his groups. Who else is in them is
// told of those alone whom he sees in member or memberUid; and nobody learns when
// others came and went, which a group's own times would tell.
//
// Two things no rule can say: pupils are not listed to pupils, and nobody is
// shown as somebody's parent.

// Rule lets people see others.
type Rule struct {
	Name string
	Who  []person.Role // who may see: staff, pupils
	Sees []person.Role // whom
	// Schools are "own", those where the one who sees has one of the roles
	// himself, or "any", or identifiers. Empty: own.
	Schools    []string
	Attributes []string       // beside what an entry's name and kind tell; empty: nothing more
	From       []netip.Prefix // where the one who sees connects from; empty: anywhere
}

// scope is a part of the people, in a part of their attributes.
type scope struct {
	rule    string                   // its name, or the account's
	roles   roles                    // of those who are seen
	schools map[person.SchoolID]bool // nil: all
	list    []person.SchoolID        // the same
	read    attrs
}

// roles is a set of roles.
type roles uint8

func rolesOf(list []person.Role) (s roles) {
	for _, r := range list {
		s |= 1 << r
	}
	return s
}

func (s roles) has(r person.Role) bool { return s&(1<<r) != 0 }

// listed are the roles that can be shown at all.
var listed = rolesOf([]person.Role{person.RoleStaff, person.RolePupil})

// covers says whether an employment or enrolment lies in the scope.
func (s *scope) covers(a *directory.Affiliation) bool {
	return s.roles.has(a.Role) && s.school(a.School)
}

func (s *scope) school(id person.SchoolID) bool { return s.schools == nil || s.schools[id] }

// newScope makes a scope; no schools are all of them.
func newScope(name string, who roles, schools []person.SchoolID, read attrs) scope {
	s := scope{rule: name, roles: who, read: read}
	if len(schools) > 0 {
		s.schools, s.list = make(map[person.SchoolID]bool, len(schools)), slices.Clone(schools)
		for _, id := range schools {
			s.schools[id] = true
		}
	}
	return s
}

// rule is a Rule made quick to ask.
type rule struct {
	scope // with the schools that it names; none where it is own or any
	who   roles
	own   bool
	from  networks
}

// networks are where somebody may come from; none: anywhere.
type networks []netip.Prefix

func (n networks) have(from netip.Addr) bool {
	return len(n) == 0 || slices.ContainsFunc(n, func(p netip.Prefix) bool { return p.Contains(from) })
}

// Rules are checked rules of one server.
type Rules []rule

// Compile checks rules.
func (s *Server) Compile(list []Rule) (Rules, error) {
	all := make(Rules, 0, len(list))
	for _, r := range list {
		one, err := s.newRule(r)
		if err != nil {
			return nil, fmt.Errorf("ldapsrv: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

// Apply puts rules in force: every request from now on is answered by them.
func (s *Server) Apply(rules Rules) { s.rules.Store(&rules) }

func (s *Server) newRule(r Rule) (rule, error) {
	read, err := s.schema.named(r.Attributes)
	one := rule{who: rolesOf(r.Who), from: r.From}
	sees := rolesOf(r.Sees)
	switch {
	case err != nil:
		return one, fmt.Errorf("rule %q: %w", r.Name, err)
	case one.who == 0 || sees == 0 || (one.who|sees)&^listed != 0:
		return one, fmt.Errorf("rule %q: who and sees are staff or pupils", r.Name)
	case one.who.has(person.RolePupil) && sees.has(person.RolePupil):
		return one, fmt.Errorf("rule %q: pupils are not listed to pupils", r.Name)
	}
	var schools []person.SchoolID
	for _, word := range r.Schools {
		switch word {
		case "own":
			one.own = true
		case "any":
		default:
			schools = append(schools, person.SchoolID(word))
		}
	}
	one.own = one.own || len(r.Schools) == 0
	if slices.Contains(r.Schools, "any") && len(r.Schools) > 1 {
		return one, fmt.Errorf("rule %q: any stands alone", r.Name)
	}
	one.scope = newScope(r.Name, sees, schools, read)
	return one, nil
}

// named is a set of attributes by their names, with those that are always told.
func (s *schema) named(list []string) (attrs, error) {
	read := alwaysReadable
	for _, name := range list {
		a, ok := s.find([]byte(name))
		if !ok {
			return read, fmt.Errorf("there is no attribute %q", name)
		}
		read = read.or(setOf(a))
	}
	return read, nil
}

// scopeFor gives what somebody with these employments and enrolments sees by the rule
// on a day; false: nothing.
func (r *rule) scopeFor(of []directory.Affiliation, day person.Date, from netip.Addr) (scope, bool) {
	if !r.from.have(from) {
		return scope{}, false
	}
	var own []person.SchoolID
	fits := false
	for i := range of {
		if a := &of[i]; r.who.has(a.Role) && a.ActiveOn(day) {
			fits = true
			own = append(own, a.School)
		}
	}
	if !fits || !r.own {
		return r.scope, fits
	}
	// Those that are named beside "own" come to the own ones.
	return newScope(r.rule, r.roles, append(own, r.list...), r.read), true
}

// viewOf is the directory as a service account, a person or, where neither is
// given, nobody in particular sees it today.
func (s *Server) viewOf(account *service, who identity.PersonID, from netip.Addr) view {
	v := view{s: s, tree: s.trees[0], day: s.today(), service: account, person: who, read: s.schema.all}
	switch {
	case account != nil:
		v.scopes, v.read, v.list, v.everywhere = account.scopes[:], account.read, account.list, account.schools == nil
	case !who.IsZero():
		if e, ok := s.opt.Directory.Get(who); ok && e.State == directory.StateActive {
			v.mine = e
			v.apply(*s.rules.Load(), e.Affiliations, from)
		}
	}
	return v
}

// apply gives a person's view what the rules let him see of others.
func (v *view) apply(rules Rules, of []directory.Affiliation, from netip.Addr) {
	for i := range rules {
		one, ok := rules[i].scopeFor(of, v.day, from)
		if !ok {
			continue
		}
		v.scopes = append(v.scopes, one)
		v.everywhere = v.everywhere || one.schools == nil
		for _, id := range one.list {
			if !slices.Contains(v.list, id) {
				v.list = append(v.list, id)
			}
		}
	}
}

// self says that an entry is the asker's own.
func (v *view) self(e *directory.Entry) bool { return v.service == nil && e.Person == v.person }

// shows says whether the asker may know of an employment or enrolment by way of
// an attribute.
func (v *view) shows(e *directory.Entry, of *directory.Affiliation, a attr) bool {
	if v.self(e) {
		return true
	}
	for i := range v.scopes {
		if s := &v.scopes[i]; s.read.has(a) && s.covers(of) {
			return true
		}
	}
	return false
}

// reads are the attributes of an entry that is seen which the asker may read.
func (v *view) reads(e *directory.Entry) (read attrs) {
	if v.service != nil || v.self(e) {
		return v.read
	}
	for i := range e.Affiliations {
		of := &e.Affiliations[i]
		if !of.ActiveOn(v.day) {
			continue
		}
		for j := range v.scopes {
			if s := &v.scopes[j]; s.covers(of) {
				read = read.or(s.read)
			}
		}
	}
	return read
}
