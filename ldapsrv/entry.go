package ldapsrv

import (
	"encoding/hex"
	"slices"
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
	name() string
	attributes() attrs // those that it may have
}

// appendEntry appends a whole SearchResultEntry (RFC 4511 section 4.5.2).
func appendEntry(b []byte, id int32, o object, wanted attrs, typesOnly bool, scratch *filter.Values) []byte {
	b, message := wire.Begin(b, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, id)
	b, body := wire.Begin(b, wire.OpSearchResultEntry)
	b = wire.AppendTLV(b, wire.TagOctets, o.name())
	b, list := wire.Begin(b, wire.TagSequence)
	for wanted &= o.attributes(); wanted != 0; {
		t := &attributeTypes[wanted.next()]
		scratch.Reset()
		if !o.Values(int(t.id), scratch) || len(scratch.Texts)+len(scratch.Numbers) == 0 {
			continue
		}
		b = appendAttribute(b, t, typesOnly, scratch)
	}
	return wire.End(wire.End(wire.End(b, list), body), message)
}

func appendAttribute(b []byte, t *attributeType, typesOnly bool, v *filter.Values) []byte {
	b, item := wire.Begin(b, wire.TagSequence)
	b = append(b, t.head...)
	b, set := wire.Begin(b, wire.TagSet)
	if !typesOnly {
		for _, text := range v.Texts {
			b = wire.AppendTLV(b, wire.TagOctets, text)
		}
		for _, n := range v.Numbers {
			var value int
			b, value = wire.Begin(b, wire.TagOctets)
			if t.syntax == syntaxTime {
				b = time.Unix(n, 0).UTC().AppendFormat(b, timeLayout)
			} else {
				b = strconv.AppendInt(b, n, 10)
			}
			b = wire.End(b, value)
		}
	}
	return wire.End(wire.End(b, set), item)
}

const timeLayout = "20060102150405Z"

// personEntry is somebody with an account.
type personEntry struct {
	v *view
	e *directory.Entry
}

var personAttributes = setOf(attrObjectClass, attrUID, attrCN, attrSN, attrGivenName, attrDisplayName, attrMail, attrUIDNumber, attrGIDNumber,
	attrHomeDirectory, attrLoginShell, attrGecos, attrEmployeeType, attrO, attrMemberOf, attrEntryUUID, attrEntryDN, attrCreateTimestamp, attrModifyTimestamp,
	attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry)

func (p *personEntry) attributes() attrs { return personAttributes }
func (p *personEntry) name() string      { return p.v.s.personDN(string(p.e.Login)) }

// Values implements filter.Subject.
func (p *personEntry) Values(a int, into *filter.Values) bool {
	e := p.e
	switch attr(a) {
	case attrObjectClass:
		into.Texts = append(into.Texts, classesPerson...)
	case attrUID:
		into.Text(string(e.Login))
	case attrCN, attrDisplayName, attrGecos:
		add(into, fullName(e))
	case attrSN:
		add(into, e.Last)
	case attrGivenName:
		add(into, e.First)
	case attrMail:
		add(into, e.Mail)
	case attrUIDNumber:
		into.Number(int64(e.UIDNumber))
	case attrGIDNumber:
		into.Number(int64(e.GIDNumber))
	case attrHomeDirectory:
		into.Text("/home/" + string(e.Login))
	case attrLoginShell:
		into.Text("/bin/bash")
	case attrEmployeeType, attrO:
		p.affiliations(attr(a), into)
	case attrMemberOf:
		for _, g := range p.v.s.opt.Directory.GroupsOf(e, p.v.day) {
			if p.v.seesGroup(g) && p.v.belongs(e, g) {
				into.Text(p.v.s.groupDN(g.Name))
			}
		}
	case attrEntryUUID:
		add(into, uuidText(e.UUID))
	case attrCreateTimestamp:
		addTime(into, e.Created)
	case attrModifyTimestamp:
		addTime(into, e.Modified)
	case attrStructuralObjectClass:
		into.Text("inetOrgPerson")
	default:
		common(p, attr(a), into)
	}
	return true
}

// affiliations tells roles or schools, as far as the asker sees the school.
func (p *personEntry) affiliations(a attr, into *filter.Values) {
	for i := range p.e.Affiliations {
		of := &p.e.Affiliations[i]
		if !of.ActiveOn(p.v.day) || !p.v.seesSchool(of.School) {
			continue
		}
		value := of.Role.String()
		if a == attrO {
			value = p.v.s.schoolName(of.School)
		}
		if !slices.Contains(into.Texts, value) {
			into.Text(value)
		}
	}
}

// groupEntry is a role, a school or a class.
type groupEntry struct {
	v *view
	g *directory.Group
}

var groupAttributes = setOf(attrObjectClass, attrCN, attrDescription, attrGIDNumber, attrMember, attrMemberUID,
	attrEntryDN, attrHasSubordinates, attrStructuralObjectClass, attrSubschemaSubentry)

// maxMembers bounds what one entry lists; larger groups list nobody, and are
// asked with member=, memberUid= or the person's memberOf.
const maxMembers = 20_000

func (g *groupEntry) attributes() attrs { return groupAttributes }
func (g *groupEntry) name() string      { return g.v.s.groupDN(g.g.Name) }

// Values implements filter.Subject.
func (g *groupEntry) Values(a int, into *filter.Values) bool {
	switch attr(a) {
	case attrObjectClass:
		into.Texts = append(into.Texts, classesGroup...)
	case attrCN:
		into.Text(g.g.Name)
	case attrDescription:
		add(into, g.g.Title)
	case attrGIDNumber:
		into.Number(int64(g.g.GID))
	case attrMember, attrMemberUID:
		return g.list(attr(a), into)
	case attrStructuralObjectClass:
		into.Text("groupOfNames")
	default:
		common(g, attr(a), into)
	}
	return true
}

func (g *groupEntry) list(a attr, into *filter.Values) bool {
	for e := range g.v.members(g.g) {
		if len(into.Texts) == maxMembers {
			into.Reset()
			return false
		}
		if a == attrMember {
			into.Text(g.v.s.personDN(string(e.Login)))
		} else {
			into.Text(string(e.Login))
		}
	}
	return true
}

// Test implements filter.Matcher: whether one person is a member, and whether
// there is any, is known without a list of all.
func (g *groupEntry) Test(kind filter.Kind, a int, value string) (t filter.Truth, handled bool) {
	if attr(a) != attrMember && attr(a) != attrMemberUID {
		return filter.Undefined, false
	}
	if kind == filter.Present {
		for range g.v.members(g.g) {
			return filter.True, true
		}
		return filter.False, true
	}
	e, ok := g.v.memberOf(attr(a), value)
	if ok && g.v.sees(e) && g.v.belongs(e, g.g) {
		return filter.True, true
	}
	return filter.False, true
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
			f.has |= setOf(a)
		}
	}
	return f
}

func (f *fixedEntry) attributes() attrs { return f.has }
func (f *fixedEntry) name() string      { return f.dn }

// Values implements filter.Subject.
func (f *fixedEntry) Values(a int, into *filter.Values) bool {
	for _, v := range f.values[attr(a)] {
		if attributeTypes[a].syntax == syntaxNumber {
			n, _ := strconv.ParseInt(v, 10, 64) // written here, in digits
			into.Number(n)
		} else {
			into.Text(v)
		}
	}
	return true
}

// common gives what every leaf has.
func common(o object, a attr, into *filter.Values) {
	switch a {
	case attrEntryDN:
		into.Text(o.name())
	case attrSubschemaSubentry:
		into.Text(subschemaDN)
	case attrHasSubordinates:
		into.Text("FALSE")
	}
}

func add(into *filter.Values, text string) {
	if text != "" {
		into.Text(text)
	}
}

func addTime(into *filter.Values, t time.Time) {
	if !t.IsZero() {
		into.Number(t.Unix())
	}
}

// fullName is how people write a name: the parts that there are.
func fullName(e *directory.Entry) string {
	switch {
	case e.Last != "" && e.First != "" && e.Middle != "":
		return e.Last + " " + e.First + " " + e.Middle
	case e.Middle == "" && e.Last != "" && e.First != "":
		return e.Last + " " + e.First
	}
	return strings.Join(strings.Fields(e.Last+" "+e.First+" "+e.Middle), " ")
}

func uuidText(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}

func canonicalUUID(v string) (string, bool) {
	u, ok := parseUUID(v)
	return uuidText(u), ok
}

func parseUUID(v string) (u [16]byte, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(v, "-", ""))
	if err != nil || len(b) != len(u) || len(v) != 36 {
		return u, false
	}
	copy(u[:], b)
	return u, true
}
