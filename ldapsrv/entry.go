package ldapsrv

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// object is one entry as LDAP shows it to one asker. Attributes that the asker
// may not read are kept out by the asker's schema and selection.
type object interface {
	filter.Subject
	appendName(b []byte) []byte
	attributes() attrs // those that it may have
}

// appendEntry appends a whole SearchResultEntry (RFC 4511 section 4.5.2).
func appendEntry(b []byte, id int32, o object, types []attributeType, wanted attrs, typesOnly bool, scratch *filter.Values, controls []byte) []byte {
	b, message := wire.Begin(b, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, id)
	b, body := wire.Begin(b, wire.OpSearchResultEntry)
	b, name := wire.Begin(b, wire.TagOctets)
	b = wire.End(o.appendName(b), name)
	b, list := wire.Begin(b, wire.TagSequence)
	for wanted = wanted.and(o.attributes()); !wanted.empty(); {
		t := &types[wanted.next()]
		scratch.Reset()
		if !o.Values(int(t.id), scratch) || scratch.Len() == 0 {
			continue
		}
		b = appendAttribute(b, t, typesOnly, scratch)
	}
	b = wire.End(wire.End(b, list), body)
	return wire.End(wire.AppendControls(b, controls), message)
}

func appendAttribute(b []byte, t *attributeType, typesOnly bool, v *filter.Values) []byte {
	b, item := wire.Begin(b, wire.TagSequence)
	b = append(b, t.head...)
	b, set := wire.Begin(b, wire.TagSet)
	if !typesOnly {
		for i := range v.Texts() {
			b = wire.AppendTLV(b, wire.TagOctets, v.At(i))
		}
		for _, n := range v.Numbers {
			var value int
			b, value = wire.Begin(b, wire.TagOctets)
			switch t.syntax {
			case syntaxTime:
				b = appendTime(b, n, "Z")
			case syntaxADTime: // MS-ADTS section 3.1.1.2.2.2.7
				b = appendTime(b, n, ".0Z")
			default:
				b = strconv.AppendInt(b, n, 10)
			}
			b = wire.End(b, value)
		}
	}
	return wire.End(wire.End(b, set), item)
}

// appendTime writes a generalized time (RFC 4517 section 3.3.13).
func appendTime(b []byte, seconds int64, end string) []byte {
	return append(time.Unix(seconds, 0).UTC().AppendFormat(b, "20060102150405"), end...)
}

// personEntry is somebody with an account.
type personEntry struct {
	v *view
	e *directory.Entry
}

func (p *personEntry) attributes() attrs { return p.v.tree.personHas.and(p.v.reads(p.e)) }

func (p *personEntry) appendName(b []byte) []byte { return p.v.tree.appendPerson(b, p.rdn()) }

// rdn is the value of the entry's own part of its name.
func (p *personEntry) rdn() string {
	if p.v.tree.personType == "cn" {
		return samOf(p.e)
	}
	return string(p.e.Login)
}

// Values implements filter.Subject. What may be read of others and not of this
// one is as unknown as what is not there to be asked for.
func (p *personEntry) Values(a int, into *filter.Values) bool {
	// An account reads of all entries the same, and is asked for nothing else.
	if p.v.service == nil && !p.v.reads(p.e).has(attr(a)) {
		return false
	}
	if t := p.v.tree.person[a]; t != nil {
		t.values(p, attr(a), into)
		return true
	}
	if !p.v.tree.personHas.has(attr(a)) {
		return true
	}
	switch attr(a) {
	case attrObjectClass:
		addAll(into, p.v.tree.personClass)
	case attrObjectCategory:
		into.Text("CN=Person,CN=Schema,CN=Configuration," + p.v.tree.name)
	case attrMemberOf:
		p.v.groups = p.v.s.opt.Directory.GroupsOf(p.e, p.v.day, p.v.groups[:0])
		for _, g := range p.v.groups {
			if p.v.names(g) && p.v.belongs(p.e, g, attrMemberOf, p.v.tree.nested) {
				into.Add(p.v.tree.appendGroup(into.Buffer(), g.Name))
			}
		}
	case attrEntryCSN:
		p.v.addCSN(into, p.e.Seq)
	case attrUSNChanged:
		into.Number(int64(p.e.Seq))
	case attrStructuralObjectClass:
		into.Text(p.v.tree.personClass[3])
	default:
		common(p, attr(a), into)
	}
	return true
}

// Test implements filter.Matcher: one group is asked about without a list of
// all.
func (p *personEntry) Test(q filter.Assertion) (t filter.Truth, handled bool) {
	if a := attr(q.Attribute); (a == attrMemberOf || a == attrObjectCategory) && !p.v.reads(p.e).has(a) {
		return filter.Undefined, true
	}
	if attr(q.Attribute) != attrMemberOf || q.Present {
		return categoryTest(q, "person", p.attributes())
	}
	at := p.v.s.resolve(q.Value)
	g, ok := p.v.group(at)
	return truth(ok && at.tree == p.v.tree && p.v.belongs(p.e, g, attrMemberOf, p.v.tree.nested && !q.Chain)), true
}

// NameValues implements filter.Named.
func (p *personEntry) NameValues(a int, into *filter.Values) { nameValues(p, a, into) }

// groupEntry is a role, a school or a class.
type groupEntry struct {
	v *view
	g *directory.Group
}

// maxMembers bounds what one entry lists; larger groups list nobody, and are
// asked with member=, memberUid= or the person's memberOf.
const maxMembers = 20_000

func (g *groupEntry) attributes() attrs {
	if g.v.service == nil {
		return g.v.tree.groupHas.without(groupTimes)
	}
	return g.v.tree.groupHas
}

// groupTimes tell when somebody came to a group or left it.
var groupTimes = setOf(attrModifyTimestamp, attrWhenChanged, attrEntryCSN, attrUSNChanged)

func (g *groupEntry) appendName(b []byte) []byte { return g.v.tree.appendGroup(b, g.g.Name) }

// Values implements filter.Subject.
func (g *groupEntry) Values(a int, into *filter.Values) bool {
	switch {
	case !g.v.tree.groupHas.has(attr(a)):
		return true
	case g.v.service == nil && groupTimes.has(attr(a)):
		return false
	}
	switch attr(a) {
	case attrObjectClass:
		addAll(into, g.v.tree.groupClass)
	case attrObjectCategory:
		into.Text("CN=Group,CN=Schema,CN=Configuration," + g.v.tree.name)
	case attrCN, attrName, attrSAMAccountName:
		into.Text(g.g.Name)
	case attrDescription, attrDisplayName:
		add(into, g.g.Title)
	case attrGIDNumber:
		into.Number(int64(g.g.GID))
	case attrGroupType: // global, for access (MS-ADTS section 2.2.12)
		into.Number(-0x80000000 + 2)
	case attrSAMAccountType:
		into.Number(0x10000000)
	case attrMember, attrMemberUID:
		return g.list(attr(a), into)
	case attrMemberOf:
		for _, above := range g.v.s.opt.Directory.Above(g.g) {
			if g.v.seesGroup(above) {
				into.Add(g.v.tree.appendGroup(into.Buffer(), above.Name))
			}
		}
	case attrEntryUUID:
		into.Add(appendUUID(into.Buffer(), g.v.tree.groupUUID(g.g.Name)))
	case attrModifyTimestamp, attrWhenChanged:
		into.Number(g.stamp().At.Unix())
	case attrEntryCSN:
		g.v.addCSN(into, g.stamp().Seq)
	case attrUSNChanged:
		into.Number(int64(g.stamp().Seq))
	case attrStructuralObjectClass:
		into.Text(g.v.tree.groupClass[1])
	default:
		common(g, attr(a), into)
	}
	return true
}

func (g *groupEntry) stamp() directory.Stamp { return g.v.s.opt.Directory.GroupStamp(g.g.Name) }

func (t *tree) groupUUID(name string) [16]byte { return madeUUID(t.groups + "/" + name) }

func (g *groupEntry) list(a attr, into *filter.Values) bool {
	tree := g.v.tree
	room := func() bool {
		if into.Texts() < maxMembers {
			return true
		}
		into.Reset()
		return false
	}
	for e := range g.v.members(g.g, a, tree.nested) {
		switch {
		case !room():
			return false
		case a == attrMember:
			p := personEntry{g.v, e}
			into.Add(p.appendName(into.Buffer()))
		default:
			into.Text(string(e.Login))
		}
	}
	if a != attrMember || !tree.nested {
		return true
	}
	for one := range g.v.s.opt.Directory.Inside(g.g) {
		if !g.v.seesGroup(one) {
			continue
		}
		if !room() {
			return false
		}
		into.Add(tree.appendGroup(into.Buffer(), one.Name))
	}
	return true
}

// Test implements filter.Matcher: whether one person is a member, and whether
// there is any, is known without a list of all.
func (g *groupEntry) Test(q filter.Assertion) (t filter.Truth, handled bool) {
	v, a := g.v, attr(q.Attribute)
	nested := v.tree.nested
	switch {
	case a == attrMemberOf && q.Chain && nested:
		at := v.s.resolve(q.Value)
		above, ok := v.group(at)
		return truth(ok && at.tree == v.tree && v.seesGroup(above) && g.g.Within(above)), true
	case a != attrMember && a != attrMemberUID || !g.v.tree.groupHas.has(a):
		return categoryTest(q, "group", g.attributes())
	case q.Present:
		for range v.members(g.g, a, nested) {
			return filter.True, true
		}
		for one := range v.s.opt.Directory.Inside(g.g) {
			if nested && v.seesGroup(one) {
				return filter.True, true
			}
		}
		return filter.False, true
	}
	if one, ok := v.groupMember(a, q.Value); ok {
		return truth(nested && one.Within(g.g)), true
	}
	e, ok := v.memberOf(a, q.Value)
	return truth(ok && v.sees(e) && v.belongs(e, g.g, a, nested && !q.Chain)), true
}

// NameValues implements filter.Named.
func (g *groupEntry) NameValues(a int, into *filter.Values) { nameValues(g, a, into) }

// categoryTest answers an assertion on objectCategory, of which the class alone
// counts: see canonicalCategory.
func categoryTest(q filter.Assertion, class string, has attrs) (filter.Truth, bool) {
	if attr(q.Attribute) != attrObjectCategory || q.Present {
		return filter.Undefined, false
	}
	return truth(q.Value == class && has.has(attrObjectCategory)), true
}

func truth(b bool) filter.Truth {
	if b {
		return filter.True
	}
	return filter.False
}

// fixedEntry is one whose values never change: containers, the root DSE, the
// schema, a service account.
type fixedEntry struct {
	dn     string
	has    attrs
	values map[attr][]string
}

func newFixed(dn string, values map[attr][]string) *fixedEntry {
	f := &fixedEntry{dn: dn, values: values}
	for a, list := range values {
		if len(list) > 0 {
			f.has = f.has.or(setOf(a))
		}
	}
	return f
}

func (f *fixedEntry) attributes() attrs          { return f.has }
func (f *fixedEntry) appendName(b []byte) []byte { return append(b, f.dn...) }

// Values implements filter.Subject.
func (f *fixedEntry) Values(a int, into *filter.Values) bool {
	for _, v := range f.values[attr(a)] {
		if a < len(builtin) && builtin[a].syntax == syntaxNumber {
			n, _ := strconv.ParseInt(v, 10, 64) // written here, in digits
			into.Number(n)
		} else {
			into.Text(v)
		}
	}
	return true
}

// NameValues implements filter.Named.
func (f *fixedEntry) NameValues(a int, into *filter.Values) { nameValues(f, a, into) }

// common gives what every leaf has.
func common(o object, a attr, into *filter.Values) {
	switch a {
	case attrEntryDN, attrDistinguishedName:
		if o.attributes().has(a) {
			into.Add(o.appendName(into.Buffer()))
		}
	case attrSubschemaSubentry:
		into.Text(subschemaDN)
	case attrHasSubordinates:
		into.Text("FALSE")
	}
}

// nameValues adds what an entry's name has of an attribute.
func nameValues(o object, a int, into *filter.Values) {
	name, err := parseDN(string(o.appendName(nil)))
	if err != nil || a >= len(builtin) {
		return
	}
	for _, r := range name {
		if r.attribute == strings.ToLower(builtin[a].name) {
			into.Text(r.value)
		}
	}
}

func add(into *filter.Values, text string) {
	if text != "" {
		into.Text(text)
	}
}

func addAll(into *filter.Values, list []string) {
	for _, text := range list {
		into.Text(text)
	}
}

// madeUUID is the entryUUID of what has no row in the store: the same on every
// server that shows the same tree (RFC 9562 section 5.8).
func madeUUID(name string) [16]byte {
	sum := sha256.Sum256([]byte("schoolbridge entry " + strings.ToLower(name)))
	u := [16]byte(sum[:16])
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u
}
