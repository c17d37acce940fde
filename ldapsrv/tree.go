package ldapsrv

import (
	"fmt"
	"slices"
	"strings"
)

// Schema says which directory server's people a tree looks like.
type Schema string

// The schemas.
const (
	RFC2307bis Schema = "rfc2307bis" // OpenLDAP with inetOrgPerson, posixAccount, groupOfNames, posixGroup
	AD         Schema = "ad"         // Active Directory with the POSIX attributes of RFC 2307
)

// Attribute is what a person's attribute is made of, in all trees.
type Attribute struct {
	Name  string // one that the schema has, or any other short name
	Value string // a template: "/home/{login}"; see fields in template.go
}

// placeKind says what a distinguished name names.
type placeKind uint8

const (
	placeNone     placeKind = iota // nothing that can be here
	placeBad                       // no distinguished name at all
	placeRoot                      // the empty name
	placeSchema                    // the subschema
	placeBase                      // from here on are the containers
	placePeople                    //
	placeGroups                    //
	placePersonal                  // of RFC2307bis only
	placeServices                  // of the first tree only
	placePerson                    // below people; leaf is the login
	placeGroup                     // below groups; leaf is the name
	placeOwnGroup                  // below personal; leaf is the login
	placeService                   // leaf is the service's key
)

const containers = int(placeServices-placeBase) + 1

// place is where a name stands.
type place struct {
	kind placeKind
	tree *tree // of containers, persons and groups
	leaf string
	// matched is the nearest name above that exists, of what is nowhere (RFC
	// 4511 section 4.1.9).
	matched string
}

// tree is the directory below one base, in one schema: names, classes, and what
// the attributes of a person are made of.
type tree struct {
	schema                         *schema
	base                           dn
	name, people, groups, services string // as they are written; services "": none here
	personal                       string // "": no groups of people's own
	key                            string
	personRDN, groupRDN            string // "uid=", "cn="
	personType                     string // "uid"

	person                              []*template // by attr
	personHas                           attrs
	groupHas                            attrs
	usual                               attrs // what "*" means
	personKind, groupKind, personalKind *kindOnly
	personClass                         []string
	groupClass                          []string
	// nested says that groups are members of groups, and people only of the
	// narrowest; else everybody is a member of each group.
	nested     bool
	containers [containers]*fixedEntry // from placeBase on; nil: not here
}

// spec is what one schema looks like, in templates.
type spec struct {
	person, unit string // types of RDNs
	personClass  []string
	groupClass   []string
	nested       bool
	values       map[attr]string
	own          []attr // made by code: of persons
	group        []attr
	usual        []attr // operational, and sent with "*" all the same
}

var specs = map[Schema]spec{
	RFC2307bis: {
		person: "uid", unit: "ou", personClass: classesPerson, groupClass: classesGroup,
		values: map[attr]string{
			attrUID: "{login}", attrCN: "{full}", attrSN: "{last}", attrGivenName: "{first}", attrDisplayName: "{full}", attrMail: "{mail}",
			attrUIDNumber: "{uid}", attrGIDNumber: "{gid}", attrHomeDirectory: "/home/{login}", attrLoginShell: "/bin/bash", attrGecos: "{full}",
			attrEmployeeType: "{role}", attrO: "{school}", attrEntryUUID: "{uuid}", attrCreateTimestamp: "{created}", attrModifyTimestamp: "{modified}",
			attrCNLatin: "{full:latin}", attrDisplayNameLatin: "{full:latin}", attrSNLatin: "{last:latin}", attrGivenNameLatin: "{first:latin}",
		},
		own:   []attr{attrObjectClass, attrMemberOf, attrEntryCSN, attrUSNChanged, attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry},
		group: []attr{attrObjectClass, attrCN, attrDescription, attrGIDNumber, attrMember, attrMemberUID, attrEntryUUID, attrModifyTimestamp, attrEntryCSN, attrUSNChanged, attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry},
	},
	AD: {
		person: "CN", unit: "OU", personClass: classesUser, groupClass: classesADGroup, nested: true,
		values: map[attr]string{
			attrCN: "{sam}", attrName: "{sam}", attrSAMAccountName: "{sam}", attrUID: "{login}", attrSN: "{last}", attrGivenName: "{first}",
			attrDisplayName: "{full}", attrMail: "{mail}", attrObjectGUID: "{guid}", attrObjectSID: "{sid}",
			// A normal account that is not disabled: who is not active is not shown
			// (MS-ADTS section 2.2.16). Everybody's primary group is Domain Users.
			attrUserAccountControl: "512", attrPrimaryGroupID: "513", attrSAMAccountType: "805306368",
			attrUIDNumber: "{uid}", attrGIDNumber: "{gid}", attrUnixHomeDirectory: "/home/{login}", attrLoginShell: "/bin/bash", attrGecos: "{full}",
			attrEmployeeType: "{role}", attrO: "{school}", attrWhenCreated: "{created}", attrWhenChanged: "{modified}",
			attrCreateTimestamp: "{created}", attrModifyTimestamp: "{modified}",
			attrDisplayNameLatin: "{full:latin}", attrSNLatin: "{last:latin}", attrGivenNameLatin: "{first:latin}",
		},
		own: []attr{attrObjectClass, attrObjectCategory, attrMemberOf, attrUSNChanged, attrDistinguishedName, attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry},
		group: []attr{attrObjectClass, attrObjectCategory, attrCN, attrName, attrSAMAccountName, attrDisplayName, attrDescription, attrGIDNumber, attrGroupType, attrSAMAccountType,
			attrMember, attrMemberOf, attrWhenChanged, attrModifyTimestamp, attrUSNChanged, attrDistinguishedName, attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry},
		usual: []attr{attrMemberOf, attrUSNChanged},
	},
}

// newTree makes a tree; first says that the service accounts are in it.
func newTree(s *schema, base string, kind Schema, suffix string, configured []Attribute, first bool) (*tree, error) {
	d, err := parseDN(base)
	if err != nil || len(d) == 0 {
		return nil, fmt.Errorf("base %q: %w", base, errDN)
	}
	like, ok := specs[kind]
	if !ok {
		return nil, fmt.Errorf("there is no schema %q", kind)
	}
	name := d.String()
	if like.unit == "OU" {
		name = d.upper()
	}
	t := &tree{
		schema: s, base: d, name: name, key: d.key(), nested: like.nested,
		people: like.unit + "=people," + name, groups: like.unit + "=groups," + name,
		personRDN: like.person + "=", groupRDN: "cn=", personType: strings.ToLower(like.person),
		personClass: like.personClass, groupClass: like.groupClass, groupHas: setOf(like.group...), personHas: setOf(like.own...),
		usual: s.all.without(s.operational).without(s.tagged).or(setOf(like.usual...)),
	}
	if kind == AD {
		t.groupRDN = "CN="
	}
	if kind == RFC2307bis && !slices.ContainsFunc(configured, func(a Attribute) bool { return strings.EqualFold(a.Name, "gidNumber") }) {
		t.personal = "ou=personal," + name
	}
	if first {
		t.services = like.unit + "=services," + name
	}
	values := make(map[attr]string, len(like.values)+len(configured)+1)
	for a, text := range like.values {
		values[a] = text
	}
	if kind == AD {
		values[attrUserPrincipalName] = "{login}@" + suffix
	}
	if err := t.configure(values, configured); err != nil {
		return nil, err
	}
	t.containers = newContainers(t, like.unit == "OU")
	return t, nil
}

// configure takes the configured attributes over the schema's own.
func (t *tree) configure(values map[attr]string, configured []Attribute) error {
	for _, one := range configured {
		a, ok := t.schema.configure(one.Name)
		switch {
		case !ok:
			return fmt.Errorf("attribute %q: no short name, or too many of them", one.Name)
		case t.personHas.has(a), t.schema.operational.has(a), slices.Contains(fixedAttributes, a), t.personType == "cn" && a == attrCN:
			return fmt.Errorf("attribute %q: its values follow from what it is", one.Name)
		}
		values[a] = one.Value
	}
	t.person = make([]*template, len(t.schema.types))
	for a, text := range values {
		made, err := parseTemplate(text, t.schema.types[a].syntax)
		if err != nil {
			return fmt.Errorf("attribute %q: %w", t.schema.types[a].name, err)
		}
		made.single = t.schema.types[a].single
		t.person[a] = made
		t.personHas = t.personHas.or(setOf(a))
	}
	t.usual = t.schema.all.without(t.schema.operational).without(t.schema.tagged).or(t.usual)
	t.personKind, t.groupKind, t.personalKind = &kindOnly{t.personClass, t.personHas}, &kindOnly{t.groupClass, t.groupHas}, &kindOnly{t.groupClass, personalHas}
	return nil
}

// fixedAttributes cannot be configured, and no operational ones: clients find
// people by them, and they must never lead to two, or they follow from what an
// entry is.
var fixedAttributes = []attr{attrUID, attrUIDNumber, attrSAMAccountName, attrObjectGUID, attrObjectSID, attrUserAccountControl, attrSAMAccountType,
	attrObjectClass, attrObjectCategory, attrDistinguishedName, attrWhenCreated, attrWhenChanged, attrMember, attrMemberUID, attrGroupType}

func (t *tree) appendPerson(b []byte, login string) []byte {
	return append(append(append(append(b, t.personRDN...), escapeDN(login)...), ','), t.people...)
}

func (t *tree) appendGroup(b []byte, name string) []byte {
	return append(append(append(append(b, t.groupRDN...), escapeDN(name)...), ','), t.groups...)
}

// resolveBase is resolve for the bases that nearly every search has, as we write
// them.
func (s *Server) resolveBase(name []byte) place {
	for _, t := range s.trees {
		switch string(name) {
		case t.people:
			return place{kind: placePeople, tree: t}
		case t.name:
			return place{kind: placeBase, tree: t}
		case t.groups:
			return place{kind: placeGroups, tree: t}
		}
	}
	return s.resolve(string(name))
}

// resolve finds where a name stands. The spelling that everybody uses is known
// without taking the name apart.
func (s *Server) resolve(name string) place {
	if name == "" {
		return place{kind: placeRoot}
	}
	for _, t := range s.trees {
		if leaf, ok := plainLeaf(name, t.personRDN, t.people); ok {
			return place{kind: placePerson, tree: t, leaf: leaf}
		}
		if leaf, ok := plainLeaf(name, t.groupRDN, t.groups); ok {
			return place{kind: placeGroup, tree: t, leaf: leaf}
		}
		if strings.EqualFold(name, t.people) {
			return place{kind: placePeople, tree: t}
		}
		if strings.EqualFold(name, t.name) {
			return place{kind: placeBase, tree: t}
		}
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
	case s.accounts.Load().keys[key] != nil:
		return place{kind: placeService, tree: s.trees[0], leaf: key}
	}
	for _, t := range s.trees {
		if above := len(d) - len(t.base); above >= 0 && strings.HasSuffix(key, t.key) && d[above:].key() == t.key {
			return t.resolve(d, above)
		}
	}
	return place{}
}

// resolve finds a name that ends in the tree's base, with so many parts above.
func (t *tree) resolve(d dn, above int) place {
	if above == 0 {
		return place{kind: placeBase, tree: t}
	}
	unit := place{tree: t, matched: t.name}
	top := d[above-1]
	if top.attribute != "ou" {
		return unit
	}
	leaf, attribute := placeNone, ""
	switch word := strings.ToLower(top.value); {
	case word == "people":
		unit, leaf, attribute = place{kind: placePeople, tree: t, matched: t.people}, placePerson, t.personType
	case word == "groups":
		unit, leaf, attribute = place{kind: placeGroups, tree: t, matched: t.groups}, placeGroup, "cn"
	case word == "personal" && t.personal != "":
		unit, leaf, attribute = place{kind: placePersonal, tree: t, matched: t.personal}, placeOwnGroup, "cn"
	case word == "services" && t.services != "":
		unit = place{kind: placeServices, tree: t, matched: t.services}
	}
	switch {
	case above == 1:
		return unit
	case above == 2 && leaf != placeNone && d[0].attribute == attribute:
		return place{kind: leaf, tree: t, leaf: d[0].value}
	}
	return place{tree: t, matched: unit.matched}
}

// missing is the matched name of something that could be at a place and is not.
func (p place) missing() string {
	switch p.kind {
	case placePerson:
		return p.tree.people
	case placeGroup:
		return p.tree.groups
	case placeOwnGroup:
		return p.tree.personal
	case placeService:
		return p.tree.services
	}
	return p.matched
}
