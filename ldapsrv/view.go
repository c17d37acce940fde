package ldapsrv

import (
	"container/heap"
	"iter"
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
)

// view is one tree as one asker sees it on one day. It is where access is
// decided, all of it: who is seen, which groups, which attributes.
type view struct {
	s       *Server
	tree    *tree
	day     person.Date
	service *service          // a service account, or nil
	person  identity.PersonID // a person, or zero
	mine    *directory.Entry  // the person's own, while the account counts; or nil
	read    attrs             // what may be read of some entries at least; see reads
	groups  []*directory.Group
	newer   struct{ seq, more uint64 } // no entryCSN is before this one

	scopes     []scope           // of others, see access.go
	list       []person.SchoolID // of all scopes,
	everywhere bool              // or all there are

	container unitEntry // used again
}

func (s *Server) today() person.Date { return person.DateOf(s.opt.Now().In(s.opt.Zone)) }

// addCSN adds an entryCSN.
func (v *view) addCSN(into *filter.Values, seq uint64) {
	more := uint64(0)
	if seq <= v.newer.seq {
		seq, more = v.newer.seq, v.newer.more
	}
	into.Add(appendCSN(into.Buffer(), seq, more))
}

// nobody says that the asker is anonymous.
func (v *view) nobody() bool { return v.service == nil && v.person.IsZero() }

// sees says whether the asker sees a person: himself, or people in his scopes
// whose account counts today. Whoever left or is suspended is seen by nobody, not
// even by himself on a connection that he opened before.
func (v *view) sees(e *directory.Entry) bool {
	self := v.self(e)
	if e.State != directory.StateActive || !self && len(v.scopes) == 0 {
		return false
	}
	for i := range e.Affiliations {
		a := &e.Affiliations[i]
		if a.Role == person.RoleParent || !a.ActiveOn(v.day) {
			continue
		}
		if self {
			return true
		}
		for j := range v.scopes {
			if v.scopes[j].covers(a) {
				return true
			}
		}
	}
	return false
}

// seesGroup: persons see those that they are in; a service account sees those of its
// roles, its schools and, if it sees pupils, their classes.
func (v *view) seesGroup(g *directory.Group) bool {
	if v.service == nil {
		return v.mine != nil && slices.ContainsFunc(v.mine.Affiliations, func(a directory.Affiliation) bool { return g.Takes(a, v.day) })
	}
	switch s := &v.service.scope; g.Kind {
	case directory.GroupRole:
		return s.roles.has(g.Role)
	case directory.GroupClass:
		return s.roles.has(person.RolePupil) && s.school(g.School)
	default:
		return s.school(g.School)
	}
}

// names says whether a person's memberOf may name a group: to persons what belongs
// decides, for they learn of it by way of rules for others too.
func (v *view) names(g *directory.Group) bool { return v.service == nil || v.seesGroup(g) }

// ownGroups are those that the asker, a person, is in.
func (v *view) ownGroups(into []*directory.Group) []*directory.Group {
	if v.mine == nil {
		return into
	}
	return v.s.opt.Directory.GroupsOf(v.mine, v.day, into)
}

// Attribute implements filter.Schema: what may be read of nobody is not there.
// What may be read of some, entries keep to themselves (personEntry.Values).
func (v *view) Attribute(description []byte) (filter.Attribute, bool) {
	a, ok := v.s.schema.find(description)
	if !ok || !v.read.has(a) {
		return filter.Attribute{}, false
	}
	return v.s.schema.attribute(a), true
}

// Attributes implements filter.Schema.
func (v *view) Attributes() iter.Seq[filter.Attribute] {
	return func(yield func(filter.Attribute) bool) {
		for rest := v.read; !rest.empty(); {
			if !yield(v.s.schema.attribute(rest.next())) {
				return
			}
		}
	}
}

// attribute is what a filter has to know of an attribute.
func (s *schema) attribute(a attr) filter.Attribute {
	of := &syntaxes[s.types[a].syntax]
	return filter.Attribute{ID: int(a), Rule: of.rule, Ordered: of.ordered, Prepare: of.prepare}
}

// everybody walks those whom the asker may see, and perhaps others, whose number
// is greater than after, in the order of their numbers.
func (v *view) everybody(after uint32) iter.Seq[*directory.Entry] {
	d := v.s.opt.Directory
	switch {
	case v.everywhere:
		return d.All(after)
	case len(v.scopes) == 0:
		e, ok := d.Get(v.person)
		return only(e, ok && e.UIDNumber > after)
	case v.service != nil && len(v.list) == 1:
		return slices.Values(d.InSchool(v.list[0], after))
	}
	return v.merged(after)
}

// wide says that the asker sees others, so that indexes help.
func (v *view) wide() bool { return len(v.scopes) > 0 }

// merged walks several schools at once, and a person himself; who is in two of
// them comes once.
func (v *view) merged(after uint32) iter.Seq[*directory.Entry] {
	return func(yield func(*directory.Entry) bool) {
		var schools queue
		for _, id := range v.list {
			if list := v.s.opt.Directory.InSchool(id, after); len(list) > 0 {
				schools = append(schools, list)
			}
		}
		if e, ok := v.s.opt.Directory.Get(v.person); ok && v.service == nil && e.UIDNumber > after {
			schools = append(schools, []*directory.Entry{e})
		}
		heap.Init(&schools)
		for len(schools) > 0 {
			e := schools[0][0]
			if e.UIDNumber > after && !yield(e) {
				return
			}
			after = e.UIDNumber
			if schools[0] = schools[0][1:]; len(schools[0]) == 0 {
				heap.Pop(&schools)
			} else {
				heap.Fix(&schools, 0)
			}
		}
	}
}

// queue implements heap.Interface: the list with the lowest number first.
type queue [][]*directory.Entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i][0].UIDNumber < q[j][0].UIDNumber }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.([]*directory.Entry)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// members walks those members of a group whom the asker sees, by way of its
// school where it has one: a role has members all over the city. a is the attribute
// that tells of them; directly leaves out who is a member by way of another group.
func (v *view) members(g *directory.Group, a attr, directly bool) iter.Seq[*directory.Entry] {
	all := v.everybody(0)
	switch {
	case v.service == nil && !slices.ContainsFunc(v.scopes, func(s scope) bool { return s.read.has(a) }):
		all = only(v.mine, v.mine != nil)
	case g.Kind != directory.GroupRole:
		all = slices.Values(v.s.opt.Directory.InSchool(g.School, 0))
	}
	return func(yield func(*directory.Entry) bool) {
		for e := range all {
			if v.belongs(e, g, a, directly) && v.sees(e) && !yield(e) {
				return
			}
		}
	}
}

// belongs says whether somebody is a member of a group by what the asker may
// know of him: a role that he has at another school is none of its business.
// by is the attribute that tells it.
func (v *view) belongs(e *directory.Entry, g *directory.Group, by attr, directly bool) bool {
	for i := range e.Affiliations {
		a := &e.Affiliations[i]
		if v.shows(e, a, by) && (directly && g.Direct(*a, v.day) || !directly && g.Takes(*a, v.day)) {
			return true
		}
	}
	return false
}

// group finds the group at a place, as far as the asker may know of it.
func (v *view) group(at place) (*directory.Group, bool) {
	if at.kind != placeGroup {
		return nil, false
	}
	g, ok := v.s.opt.Directory.Group(at.leaf)
	return g, ok && v.names(g)
}

// named finds the leaf at a place as the asker may see it; nil where there is
// none or it is not for him.
func (v *view) named(at place) object {
	switch at.kind {
	case placePerson:
		if e, ok := v.personAt(at); ok && v.sees(e) {
			return &personEntry{v, e}
		}
	case placeGroup:
		if g, ok := v.group(at); ok && v.seesGroup(g) {
			return &groupEntry{v, g}
		}
	case placeOwnGroup:
		if e, ok := v.personAt(at); ok && (v.service != nil || v.self(e)) && v.sees(e) {
			return &personalEntry{v, e}
		}
	case placeService:
		if v.service != nil && v.service.key == at.leaf {
			return v.service.entry
		}
	}
	return nil
}

// groupMember finds the group that a value of member names.
func (v *view) groupMember(a attr, value string) (*directory.Group, bool) {
	if a != attrMember {
		return nil, false
	}
	at := v.s.resolve(value)
	g, ok := v.group(at)
	return g, ok && at.tree == v.tree && v.seesGroup(g)
}

// memberOf finds the person whom a value of member or memberUid names.
func (v *view) memberOf(a attr, value string) (*directory.Entry, bool) {
	if a == attrMember {
		at := v.s.resolve(value)
		if at.kind != placePerson || at.tree != v.tree {
			return nil, false
		}
		return v.personAt(at)
	}
	return v.lookup(value, func(e *directory.Entry) string { return string(e.Login) })
}

// personAt finds the person at a place.
func (v *view) personAt(at place) (*directory.Entry, bool) {
	return v.lookup(at.leaf, func(e *directory.Entry) string {
		p := personEntry{&view{tree: at.tree}, e}
		return p.rdn()
	})
}

// lookup finds a person by one of the names; the directory's index knows others
// too.
func (v *view) lookup(name string, of func(*directory.Entry) string) (*directory.Entry, bool) {
	e, ok := v.s.opt.Directory.Lookup(name)
	if !ok {
		return nil, false
	}
	own := of(e)
	return e, strings.EqualFold(own, name) || filter.Fold(own) == filter.Fold(name)
}

func only[T any](v T, ok bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		if ok {
			yield(v)
		}
	}
}
