package simad

import (
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/ldapsrv/filter"
)

// shown gives all values of an attribute as a reader sees them.
func (d *Directory) shown(o *object, low string) []string {
	one := func(v string) []string { return []string{v} }
	switch low {
	case "distinguishedname":
		return one(d.tree.dn(o))
	case "cn", "ou", "dc":
		if o.Parent != nil && strings.EqualFold(o.Name.attribute, low) {
			return one(o.Name.value)
		}
	case "name":
		if o.Parent != nil {
			return one(o.Name.value)
		}
	case "objectclass":
		return classes[o.Class].chain
	case "objectcategory":
		return one(d.category(classes[o.Class].category))
	case "objectguid":
		return one(string(o.ID[:]))
	case "objectsid":
		if o.isPrincipal() {
			return one(o.sid())
		}
	case "msds-principalname":
		if o.isPrincipal() {
			return one(d.o.NetBIOS + `\` + o.first("samaccountname"))
		}
	case "whencreated":
		return one(generalized(o.Created))
	case "whenchanged":
		return one(generalized(o.Changed))
	case "usncreated":
		return one(decimal(o.USN[0]))
	case "usnchanged":
		return one(decimal(o.USN[1]))
	case "pwdlastset":
		if o.isUser() {
			return one(strconv.FormatInt(fileTime(o.Set), 10))
		}
	case "msds-user-account-control-computed":
		if o.isUser() {
			bits := 0
			if d.locked(o) {
				bits = uacLockout
			}
			return one(strconv.Itoa(bits))
		}
	case "samaccounttype":
		if o.isPrincipal() {
			return one(accountTypes[o.Class])
		}
	case "member":
		return d.dns(o.Members)
	case "memberof":
		return d.dns(d.groupsOf(o.ID))
	default:
		return o.Values[low]
	}
	return nil
}

// accountTypes are the values of sAMAccountType (MS-SAMR section 2.2.1.9).
var accountTypes = map[string]string{"user": "805306368", "inetorgperson": "805306368", "computer": "805306369", "group": "268435456"}

func (d *Directory) category(name string) string {
	return "CN=" + name + ",CN=Schema,CN=Configuration," + d.o.Base
}

func generalized(t time.Time) string { return t.UTC().Format("20060102150405.0Z") }

func (d *Directory) dns(ids []guid) []string {
	var names []string
	for _, id := range ids {
		if o := d.tree.objects[id]; o != nil {
			names = append(names, d.tree.dn(o))
		}
	}
	return names
}

func (d *Directory) groupsOf(id guid) []guid {
	groups := slices.Clone(d.tree.groups[id])
	slices.SortFunc(groups, func(a, b guid) int { return slices.Compare(a[:], b[:]) })
	return groups
}

// entry is an object as far as somebody asked for it.
type entry struct {
	dn     string
	values []named
	number uint64
}

type named struct {
	name   string
	values []string
}

// view picks the attributes that were asked for; none means all.
func (d *Directory) view(by *actor, o *object, wanted []string) entry {
	e := entry{dn: d.tree.dn(o), number: o.Number}
	if len(wanted) == 0 || slices.Contains(wanted, "*") {
		wanted = append(slices.Clone(wanted), everything...)
	}
	seen := map[string]bool{}
	for _, w := range wanted {
		low := strings.ToLower(w)
		if low == "allowedattributeseffective" {
			e.values = append(e.values, named{"allowedAttributesEffective", d.writable(by, o)})
			continue
		}
		if low == "allowedchildclasseseffective" {
			e.values = append(e.values, named{"allowedChildClassesEffective", d.makeable(by, o)})
			continue
		}
		attr := attributes[low]
		if attr == nil || seen[low] {
			continue
		}
		seen[low] = true
		if values := d.shown(o, low); len(values) > 0 {
			e.values = append(e.values, named{attr.name, values})
		}
	}
	return e
}

// everything is the names of all attributes, in a fixed order.
var everything = func() []string {
	var all []string
	for low := range attributes {
		all = append(all, low)
	}
	slices.Sort(all)
	return all
}()

// subject shows an object to a filter. An attribute's number is its place in
// everything.
type subject struct {
	d *Directory
	o *object
}

// Values implements filter.Subject.
func (s subject) Values(id int, into *filter.Values) bool {
	attr := attributes[everything[id]]
	for _, v := range s.d.shown(s.o, everything[id]) {
		switch attr.form {
		case asNumber:
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				into.Number(n)
			}
		case asTime:
			if t, err := time.Parse("20060102150405.0Z", v); err == nil {
				into.Number(t.Unix())
			}
		case asOctets:
			into.Text(hex.EncodeToString([]byte(v)))
		case asName:
			k, _ := keyOf(v)
			into.Text(k)
		default:
			into.Text(v)
		}
	}
	return true
}

// Test implements filter.Matcher for memberships by way of groups in groups
// (LDAP_MATCHING_RULE_IN_CHAIN, MS-ADTS section 3.1.1.3.4.4.3).
func (s subject) Test(q filter.Assertion) (filter.Truth, bool) {
	var next func(*object) []guid
	switch name := everything[q.Attribute]; {
	case !q.Chain:
		return filter.Undefined, false
	case name == "member":
		next = func(o *object) []guid { return o.Members }
	case name == "memberof":
		next = func(o *object) []guid { return s.d.groupsOf(o.ID) }
	default:
		return filter.Undefined, false
	}
	seen := map[guid]bool{}
	for todo := []*object{s.o}; len(todo) > 0; todo = todo[1:] {
		for _, id := range next(todo[0]) {
			o := s.d.tree.objects[id]
			if o == nil || seen[id] {
				continue
			}
			if key, _ := keyOf(s.d.tree.dn(o)); strings.EqualFold(key, q.Value) {
				return filter.True, true
			}
			seen[id] = true
			todo = append(todo, o)
		}
	}
	return filter.False, true
}

// Attributes implements filter.Schema.
func (d *Directory) Attributes() iter.Seq[filter.Attribute] {
	return func(yield func(filter.Attribute) bool) {
		for _, name := range everything {
			if a, ok := d.Attribute([]byte(name)); ok && !yield(a) {
				return
			}
		}
	}
}

// Attribute implements filter.Schema.
func (d *Directory) Attribute(description []byte) (filter.Attribute, bool) {
	low := strings.ToLower(string(description))
	attr := attributes[low]
	if attr == nil || low == passwordValue {
		return filter.Attribute{}, false
	}
	id, _ := slices.BinarySearch(everything, low)
	switch attr.form {
	case asNumber:
		return filter.Attribute{ID: id, Rule: filter.Integer, Ordered: true}, true
	case asTime:
		return filter.Attribute{ID: id, Rule: filter.Time, Ordered: true}, true
	case asOctets:
		return filter.Attribute{ID: id, Rule: filter.CaseExact, Prepare: func(v string) (string, bool) { return hex.EncodeToString([]byte(v)), true }}, true
	case asName:
		return filter.Attribute{ID: id, Rule: filter.DN, Prepare: func(v string) (string, bool) {
			if low == "objectcategory" && !strings.Contains(v, "=") { // a class's name will do
				v = d.category(v)
			}
			return keyOf(v)
		}}, true
	}
	return filter.Attribute{ID: id, Rule: filter.CaseIgnore}, true
}
