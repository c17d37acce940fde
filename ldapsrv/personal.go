package ldapsrv

import (
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/filter"
)

// Everybody's gidNumber is his own and never changes; for Linux to know a name
// for it, there is a group of each person's own below ou=personal. Such a group
// lists nobody: whose primary group it is follows from the number.

// personalEntry is somebody's own group.
type personalEntry struct {
	v *view
	e *directory.Entry
}

var personalHas = setOf(attrObjectClass, attrCN, attrGIDNumber, attrEntryUUID, attrModifyTimestamp, attrEntryCSN, attrUSNChanged, attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry)

func (p *personalEntry) attributes() attrs { return personalHas }

func (p *personalEntry) appendName(b []byte) []byte {
	return append(append(append(append(b, "cn="...), escapeDN(string(p.e.Login))...), ','), p.v.tree.personal...)
}

// Values implements filter.Subject.
func (p *personalEntry) Values(a int, into *filter.Values) bool {
	switch attr(a) {
	case attrObjectClass:
		addAll(into, p.v.tree.groupClass)
	case attrCN:
		into.Text(string(p.e.Login))
	case attrGIDNumber:
		into.Number(int64(p.e.GIDNumber))
	case attrEntryUUID:
		into.Add(appendUUID(into.Buffer(), personalUUID(p.e)))
	case attrModifyTimestamp:
		into.Number(p.e.Modified.Time().Unix())
	case attrEntryCSN:
		p.v.addCSN(into, p.e.Seq)
	case attrUSNChanged:
		into.Number(int64(p.e.Seq))
	case attrStructuralObjectClass:
		into.Text(p.v.tree.groupClass[1])
	default:
		common(p, attr(a), into)
	}
	return true
}

func personalUUID(e *directory.Entry) [16]byte { return madeUUID("personal/" + e.Person.String()) }

// NameValues implements filter.Named.
func (p *personalEntry) NameValues(a int, into *filter.Values) { nameValues(p, a, into) }

// personalGroups offers the groups of people's own that the filter can be true
// for; false ends the search.
func (r *run) personalGroups() bool {
	if !r.possible(r.tree.personalKind) {
		return true
	}
	var after uint32
	if r.from.stage == stagePersonal {
		after = r.from.number
	}
	if r.service == nil { // a person sees his own
		return r.mine == nil || r.mine.UIDNumber <= after || r.offerPersonal(r.mine)
	}
	if list, ok := r.candidatesPersonal(); ok {
		for _, e := range list {
			if e.UIDNumber > after && !r.offerPersonal(e) {
				return false
			}
		}
		return true
	}
	r.s.metrics.walks.Inc()
	for e := range r.everybody(after) {
		if !r.offerPersonal(e) {
			return false
		}
	}
	return true
}

func (r *run) offerPersonal(e *directory.Entry) bool {
	if !r.look(1) {
		return false
	}
	at := position{stage: stagePersonal, number: e.UIDNumber}
	if !r.sees(e) {
		r.pass(at)
		return true
	}
	r.personal = personalEntry{&r.view, e}
	return r.offer(&r.personal, at)
}

// candidatesPersonal gives the people whose own groups the filter can be true
// for, in order; false: everybody has to be looked at.
func (r *run) candidatesPersonal() (list []*directory.Entry, ok bool) {
	cover, ok := r.x.filter.Cover(r.x.cover[:0], r.costPersonal)
	r.x.cover = cover
	if !ok {
		return nil, false
	}
	list = r.x.people[:0]
	for _, a := range cover {
		var e *directory.Entry
		if a.AtLeast {
			if list, ok = r.fetchSince(a, list); !ok {
				return nil, false
			}
			continue
		}
		switch attr(a.Attribute) {
		case attrCN:
			e, _ = r.s.opt.Directory.Lookup(a.Value)
		case attrGIDNumber:
			e, _ = r.s.opt.Directory.ByGID(number32(a.Number))
		case attrEntryDN:
			if at := r.s.resolve(a.Value); at.kind == placeOwnGroup && at.tree == r.tree {
				e, _ = r.s.opt.Directory.Lookup(at.leaf)
			}
		}
		if e != nil {
			list = append(list, e)
		}
	}
	r.x.people = directory.Ordered(list)
	return r.x.people, true
}

func (r *run) costPersonal(a filter.Assertion) (n int, ok bool) {
	switch of := attr(a.Attribute); {
	case !personalHas.has(of):
		return 0, true
	case a.AtLeast:
		return r.costSince(a)
	case of == attrObjectClass && !a.Present && !a.Prefix:
		return 0, !slices.ContainsFunc(r.tree.groupClass, func(c string) bool { return strings.EqualFold(c, a.Value) })
	case of == attrCN, of == attrGIDNumber, of == attrEntryDN:
		return costOne, !a.Present && !a.Prefix
	}
	return 0, false
}
