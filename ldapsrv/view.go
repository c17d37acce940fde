package ldapsrv

import (
	"iter"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
)

// view is the directory as one asker sees it on one day. It is where access is
// decided, all of it: who is seen, which groups, which attributes.
type view struct {
	s       *Server
	day     person.Date
	service *service          // a service account, or nil
	person  identity.PersonID // a person, or zero
	read    attrs             // what may be read of entries
}

func (s *Server) today() person.Date { return person.DateOf(s.opt.Now().In(s.opt.Zone)) }

// nobody says that the asker is anonymous.
func (v *view) nobody() bool { return v.service == nil && v.person.IsZero() }

// sees says whether the asker sees a person: himself, or, for a service
// account, people of its schools whose account counts today. Whoever left or is
// suspended is seen by nobody, not even by himself on a connection that he
// opened before.
func (v *view) sees(e *directory.Entry) bool {
	if e.State != directory.StateActive || v.service == nil && e.Person != v.person {
		return false
	}
	for i := range e.Affiliations {
		a := &e.Affiliations[i]
		if a.Role != person.RoleParent && a.ActiveOn(v.day) && (v.service == nil || v.seesSchool(a.School)) {
			return true
		}
	}
	return false
}

func (v *view) seesSchool(id person.SchoolID) bool {
	return v.service == nil || v.service.schools == nil || v.service.schools[id]
}

// seesGroup: persons see no groups but in their own memberOf; a service account
// sees the roles, its schools and their classes.
func (v *view) seesGroup(g *directory.Group) bool {
	return g.Kind == directory.GroupRole || v.seesSchool(g.School)
}

// Attribute implements filter.Schema: what may not be read is not there.
func (v *view) Attribute(description []byte) (filter.Attribute, bool) {
	a, ok := attributeOf(description)
	if !ok || !v.read.has(a) {
		return filter.Attribute{}, false
	}
	s := &syntaxes[attributeTypes[a].syntax]
	return filter.Attribute{ID: int(a), Rule: s.rule, Prepare: s.prepare}, true
}

// everybody walks those whom the asker may see, and perhaps others.
func (v *view) everybody() iter.Seq[*directory.Entry] {
	d := v.s.opt.Directory
	if v.service == nil {
		return only(d.Get(v.person))
	}
	if v.service.schools == nil {
		return d.All(0)
	}
	return func(yield func(*directory.Entry) bool) {
		for i, id := range v.service.list {
			for e := range d.InSchool(id) {
				if !v.in(e, v.service.list[:i]) && !yield(e) {
					return
				}
			}
		}
	}
}

// members walks those members of a group whom the asker sees, by way of its
// schools where those are few: a role has members all over the city.
func (v *view) members(g *directory.Group) iter.Seq[*directory.Entry] {
	all := v.everybody()
	if g.Kind != directory.GroupRole && v.seesGroup(g) {
		all = v.s.opt.Directory.InSchool(g.School)
	}
	return func(yield func(*directory.Entry) bool) {
		for e := range all {
			if v.belongs(e, g) && v.sees(e) && !yield(e) {
				return
			}
		}
	}
}

// belongs says whether somebody is a member of a group by what the asker may
// know of him: a role that he has at another school is none of its business.
func (v *view) belongs(e *directory.Entry, g *directory.Group) bool {
	for i := range e.Affiliations {
		if a := &e.Affiliations[i]; v.seesSchool(a.School) && g.Takes(*a, v.day) {
			return true
		}
	}
	return false
}

// in says whether a school's walk has met the person already.
func (v *view) in(e *directory.Entry, schools []person.SchoolID) bool {
	for i := range e.Affiliations {
		for _, id := range schools {
			if a := &e.Affiliations[i]; a.School == id && a.Role != person.RoleParent {
				return true
			}
		}
	}
	return false
}

// memberOf finds the person whom a value of member or memberUid names.
func (v *view) memberOf(a attr, value string) (*directory.Entry, bool) {
	if a == attrMember {
		at := v.s.resolve(value)
		if at.kind != placePerson {
			return nil, false
		}
		value = at.leaf
	}
	return v.lookup(value)
}

// lookup finds a person by the login that uid shows; the directory's index
// knows other names too.
func (v *view) lookup(login string) (*directory.Entry, bool) {
	e, ok := v.s.opt.Directory.Lookup(login)
	if !ok || !strings.EqualFold(string(e.Login), login) && filter.Fold(string(e.Login)) != filter.Fold(login) {
		return nil, false
	}
	return e, true
}

func only[T any](v T, ok bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		if ok {
			yield(v)
		}
	}
}
