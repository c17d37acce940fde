package ldapsrv

import (
	"slices"
	"strings"
)

// placeKind says what a distinguished name names.
type placeKind uint8

const (
	placeNone     placeKind = iota // nothing that can be here
	placeBad                       // no distinguished name at all
	placeRoot                      // the empty name
	placeSchema                    // the subschema
	placeBase                      // these four are the containers
	placePeople                    //
	placeGroups                    //
	placeServices                  //
	placePerson                    // below people; leaf is the login
	placeGroup                     // below groups; leaf is the name
	placeService                   // leaf is the service's key
)

// place is where a name stands in the tree.
type place struct {
	kind placeKind
	leaf string
	// matched is the nearest name above that exists, of what is nowhere (RFC
	// 4511 section 4.1.9).
	matched string
}

// tree holds the names of the containers in all forms that are needed.
type tree struct {
	base                           dn
	name, people, groups, services string // as they are written
	key                            string
}

func newTree(base dn) tree {
	name := base.String()
	return tree{
		base: base, name: name, key: base.key(),
		people: "ou=people," + name, groups: "ou=groups," + name, services: "ou=services," + name,
	}
}

// resolve finds where a name stands. The spelling that everybody uses is known
// without taking the name apart.
func (s *Server) resolve(name string) place {
	if name == "" {
		return place{kind: placeRoot}
	}
	if leaf, ok := plainLeaf(name, "uid=", s.tree.people); ok {
		return place{kind: placePerson, leaf: leaf}
	}
	if strings.EqualFold(name, s.tree.people) {
		return place{kind: placePeople}
	}
	if strings.EqualFold(name, s.tree.name) {
		return place{kind: placeBase}
	}
	d, err := parseDN(name)
	if err != nil {
		return place{kind: placeBad}
	}
	return s.resolveDN(d)
}

// plainLeaf takes "uid=X,ou=people,…" apart where X needs no reading: without
// escapes and blanks at its ends.
func plainLeaf(name, attribute, under string) (leaf string, ok bool) {
	cut := len(name) - len(under) - 1
	if cut <= len(attribute) || name[cut] != ',' || !strings.EqualFold(name[cut+1:], under) || !strings.EqualFold(name[:len(attribute)], attribute) {
		return "", false
	}
	leaf = name[len(attribute):cut]
	for i := range len(leaf) {
		switch c := leaf[i]; c {
		case ',', '+', '"', '\\', '<', '>', ';', '=', '#', 0, ' ':
			return "", false
		}
	}
	return leaf, true
}

func (s *Server) resolveDN(d dn) place {
	key := d.key()
	switch {
	case len(d) == 0:
		return place{kind: placeRoot}
	case len(d) == 1 && d[0].attribute == "cn" && strings.EqualFold(d[0].value, "subschema"):
		return place{kind: placeSchema}
	case slices.ContainsFunc(s.services, func(one service) bool { return one.key == key }):
		return place{kind: placeService, leaf: key}
	}
	above := len(d) - len(s.tree.base)
	switch {
	case above < 0 || d[above:].key() != s.tree.key:
		return place{}
	case above == 0:
		return place{kind: placeBase}
	}
	unit := place{matched: s.tree.name}
	top := d[above-1]
	if top.attribute != "ou" {
		return unit
	}
	leaf, attribute := placeNone, ""
	switch strings.ToLower(top.value) {
	case "people":
		unit, leaf, attribute = place{kind: placePeople, matched: s.tree.people}, placePerson, "uid"
	case "groups":
		unit, leaf, attribute = place{kind: placeGroups, matched: s.tree.groups}, placeGroup, "cn"
	case "services":
		unit = place{kind: placeServices, matched: s.tree.services}
	}
	switch {
	case above == 1:
		return unit
	case above == 2 && leaf != placeNone && d[0].attribute == attribute:
		return place{kind: leaf, leaf: d[0].value}
	}
	return place{matched: unit.matched}
}

// missing is the matched name of something that could be at a place and is not.
func (s *Server) missing(p place) string {
	switch p.kind {
	case placePerson:
		return s.tree.people
	case placeGroup:
		return s.tree.groups
	case placeService:
		return s.tree.services
	}
	return p.matched
}
