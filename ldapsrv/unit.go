package ldapsrv

import "schoolbridge/ldapsrv/filter"

// unitEntry is a container, of which what is below depends on who asks.
type unitEntry struct {
	*fixedEntry
	v    *view
	kind placeKind
}

func (v *view) unit(kind placeKind) object {
	v.container = unitEntry{v.tree.containers[kind-placeBase], v, kind}
	return &v.container
}

func (u *unitEntry) attributes() attrs {
	if u.kind == placeBase {
		return u.has.or(setOf(attrContextCSN))
	}
	return u.has.or(setOf(attrNumSubordinates))
}

// Values implements filter.Subject. Where there are too many people to be
// counted, their number is not told.
func (u *unitEntry) Values(a int, into *filter.Values) bool {
	switch {
	case attr(a) == attrContextCSN && u.kind == placeBase:
		into.Add(appendCSN(into.Buffer(), u.v.s.opt.Directory.Seq(), 0))
		return true
	case attr(a) != attrNumSubordinates, u.kind == placeBase:
		return u.fixedEntry.Values(a, into)
	}
	n := 0
	switch {
	case u.kind == placePeople, u.kind == placePersonal && u.v.service != nil:
		looked := 0
		for e := range u.v.everybody(0) {
			if looked++; looked > maxMembers {
				return false
			}
			if u.v.sees(e) {
				n++
			}
		}
	case u.kind == placePersonal: // a person's own
		if u.v.mine != nil && u.v.sees(u.v.mine) {
			n = 1
		}
	case u.v.service == nil:
		if u.kind == placeGroups {
			n = len(u.v.ownGroups(nil))
		}
	case u.kind == placeServices:
		n = 1
	default:
		for _, g := range u.v.s.opt.Directory.GroupsAfter("") {
			if u.v.seesGroup(g) {
				n++
			}
		}
	}
	into.Number(int64(n))
	return true
}
