package ldapsrv

import (
	"slices"
	"strings"
	"unicode"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/filter"
)

// Which indexes can answer a filter. An index may give too many, never too few:
// whoever it gives is held against the whole filter.

// Costs of lookups of which only the order of magnitude is known.
const (
	costOne       = 1
	costBeginning = 5_000 // people whose names begin alike
	costMail      = 4
)

// candidates gives the people that the filter can be true for, in order; false:
// everybody has to be looked at.
func (r *run) candidates() (list []*directory.Entry, ok bool) {
	cover, ok := r.x.filter.Cover(r.x.cover[:0], r.costPerson)
	r.x.cover = cover
	if !ok {
		return nil, false
	}
	list = r.x.people[:0]
	for _, a := range cover {
		// Where they are very many, they need not be gathered: a walk looks at no
		// more of them at once.
		if list, ok = r.fetchPeople(a, list); !ok || len(list) > r.s.opt.Unindexed {
			r.x.people = list
			return nil, false
		}
	}
	if len(list) > 1 {
		list = directory.Ordered(list)
	}
	r.x.people = list
	return list, true
}

// costPerson says how many people an index gives.
func (r *run) costPerson(a filter.Assertion) (n int, ok bool) {
	t := r.tree
	switch of := attr(a.Attribute); {
	case !t.personHas.has(of):
		return 0, true // nobody has it
	case a.AtLeast:
		return r.costSince(a)
	case a.Present:
		return 0, false
	case of == attrObjectClass:
		return 0, !slices.ContainsFunc(t.personClass, func(c string) bool { return strings.EqualFold(c, a.Value) })
	case of == attrMemberOf && !a.Prefix:
		g, ok := r.view.group(r.s.resolve(a.Value))
		if !ok {
			return 0, true
		}
		return len(r.s.opt.Directory.InSchool(g.School, 0)), g.Kind != directory.GroupRole
	case of == attrEntryDN, of == attrDistinguishedName:
		return costOne, !a.Prefix
	}
	f, value, ok := t.fieldOf(a)
	switch {
	case !ok:
		// A text around the field that is not there is nobody's.
		return 0, f != fieldNone
	case a.Prefix && (f == fieldFull || f == fieldLast):
		return costBeginning, value != ""
	case a.Prefix:
		return 0, false
	}
	switch f {
	case fieldLogin, fieldSAM, fieldUID, fieldGID, fieldUUID, fieldGUID:
		return costOne, true
	case fieldMail:
		return costMail, true
	case fieldFull, fieldLast:
		return len(r.s.opt.Directory.ByWord(value)), value != ""
	}
	return 0, false
}

// fieldOf gives the one field whose value decides an assertion on an attribute,
// and that value; not ok with a field: no value of the field does.
func (t *tree) fieldOf(a filter.Assertion) (f field, value string, ok bool) {
	made := t.person[a.Attribute]
	if made == nil || made.time {
		return fieldNone, "", false
	}
	f, before, behind := made.only()
	around := before+behind != ""
	switch {
	case made.number:
		return f, "", f != fieldNone
	case f == fieldNone, f >= fieldRole, f == fieldUID, f == fieldGID, around && (a.Exact || a.Prefix):
		return fieldNone, "", false
	case !around:
		return f, a.Value, true
	}
	value, ok = strings.CutPrefix(a.Value, filter.Fold(before))
	if ok {
		value, ok = strings.CutSuffix(value, filter.Fold(behind))
	}
	if !ok && strings.ContainsFunc(a.Value, func(r rune) bool { return r > unicode.MaxASCII }) {
		return fieldNone, "", false // letters may have grown together where the texts meet
	}
	return f, value, ok
}

// fetchPeople asks the index that costPerson knew of.
func (r *run) fetchPeople(a filter.Assertion, into []*directory.Entry) (list []*directory.Entry, ok bool) {
	d := r.s.opt.Directory
	one := func(e *directory.Entry, ok bool) ([]*directory.Entry, bool) {
		if ok {
			into = append(into, e)
		}
		return into, true
	}
	switch of := attr(a.Attribute); {
	case !r.tree.personHas.has(of), of == attrObjectClass:
		return into, true
	case a.AtLeast:
		return r.fetchSince(a, into)
	case of == attrMemberOf:
		if g, ok := r.view.group(r.s.resolve(a.Value)); ok {
			into = append(into, d.InSchool(g.School, 0)...)
		}
		return into, true
	case of == attrEntryDN, of == attrDistinguishedName:
		at := r.s.resolve(a.Value)
		if at.kind != placePerson || at.tree != r.tree {
			return into, true
		}
		return one(d.Lookup(at.leaf))
	}
	f, value, ok := r.tree.fieldOf(a)
	if !ok {
		return into, true
	}
	switch f {
	case fieldLogin, fieldSAM:
		return one(d.Lookup(value))
	case fieldUID:
		return one(d.ByUID(number32(a.Number)))
	case fieldGID:
		return one(d.ByGID(number32(a.Number)))
	case fieldUUID:
		u, _ := parseUUID(value) // its assertion was one
		return one(d.ByUUID(u))
	case fieldGUID:
		if len(value) != 16 {
			return into, true
		}
		return one(d.ByGUID([16]byte([]byte(value))))
	case fieldMail:
		return d.ByMail(value, into), true
	}
	if !a.Prefix || strings.Contains(value, " ") {
		return append(into, d.ByWord(value)...), true
	}
	return d.ByBeginning(value, r.s.opt.Unindexed-len(into), into)
}

func number32(n int64) uint32 { return uint32(min(max(n, 0), 1<<32-1)) }

// candidateGroups gives the groups that the filter can be true for, by name.
func (r *run) candidateGroups() (list []*directory.Group, ok bool) {
	cover, ok := r.x.filter.Cover(r.x.cover[:0], r.costGroup)
	r.x.cover = cover
	if !ok {
		return nil, false
	}
	list = r.x.groups[:0]
	for _, a := range cover {
		list = r.fetchGroups(a, list)
	}
	slices.SortFunc(list, func(a, b *directory.Group) int { return strings.Compare(a.Name, b.Name) })
	list = slices.Compact(list)
	r.x.groups = list
	return list, true
}

// costGroup says how many groups an index gives.
func (r *run) costGroup(a filter.Assertion) (n int, ok bool) {
	t := r.tree
	switch of := attr(a.Attribute); {
	case !t.groupHas.has(of):
		return 0, true
	case a.AtLeast:
		names, ok := r.movedSince(a)
		return len(names), ok
	case a.Present, a.Prefix:
		return 0, false
	case of == attrObjectClass:
		return 0, !slices.ContainsFunc(t.groupClass, func(c string) bool { return strings.EqualFold(c, a.Value) })
	case of == attrGIDNumber, of == attrCN, of == attrName, of == attrSAMAccountName, of == attrEntryDN, of == attrDistinguishedName:
		return costOne, true
	case of == attrMember, of == attrMemberUID:
		return 4, true // which groups somebody is in is asked at every sign-in: they are few
	}
	return 0, false
}

// fetchGroups asks the index that costGroup knew of.
func (r *run) fetchGroups(a filter.Assertion, into []*directory.Group) []*directory.Group {
	d := r.s.opt.Directory
	var one *directory.Group
	ok := false
	if a.AtLeast {
		names, _ := r.movedSince(a)
		for _, name := range names {
			if g, found := d.Group(name); found {
				into = append(into, g)
			}
		}
		return into
	}
	switch of := attr(a.Attribute); of {
	case attrGIDNumber:
		one, ok = d.GroupByGID(number32(a.Number))
	case attrCN, attrName, attrSAMAccountName:
		// A name is held against others with ё as е, which the index does not.
		if strings.Contains(a.Value, "е") {
			return append(into, d.GroupsAfter("")...)
		}
		one, ok = d.Group(a.Value)
	case attrEntryDN, attrDistinguishedName:
		if at := r.s.resolve(a.Value); at.kind == placeGroup && at.tree == r.tree {
			one, ok = d.Group(at.leaf)
		}
	case attrMember, attrMemberUID:
		if inner, found := r.groupMember(of, a.Value); found {
			return append(into, d.Above(inner)...)
		}
		if e, found := r.memberOf(of, a.Value); found {
			return d.GroupsOf(e, r.day, into)
		}
	}
	if ok {
		into = append(into, one)
	}
	return into
}

// possible says whether any entry of a kind can make the filter true: it is
// evaluated over an entry of which only the kind is known.
func (r *run) possible(kind *kindOnly) bool {
	return r.x.filter.Eval(kind, &r.x.scratch) != filter.False
}

type kindOnly struct {
	classes []string
	has     attrs
}

// Values implements filter.Subject.
func (k *kindOnly) Values(a int, into *filter.Values) bool {
	if attr(a) == attrObjectClass {
		addAll(into, k.classes)
		return true
	}
	return !k.has.has(attr(a)) // what the kind never has is known to be missing
}
