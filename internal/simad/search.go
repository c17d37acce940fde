package simad

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"schoolbridge/ldapsrv/filter"
)

// query is one search.
type query struct {
	base   string
	scope  int
	filter string
	wanted []string
	limit  int    // entries at most; 0: no limit
	page   int    // entries of this page; 0: no pages
	cookie string // where the page begins
}

// windowsLimit is how many entries a controller gives without pages.
const windowsLimit = 1000

// search gives the entries, and the cookie of the next page; "" for none.
func (d *Directory) search(by guid, q query) (entries []entry, cookie string, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if q.base == "" && q.scope == 0 {
		return []entry{d.rootDSE(q.wanted)}, "", nil
	}
	if d.who(by) == nil {
		return nil, "", errNobody
	}
	f, err := filter.Parse(q.filter)
	if err != nil {
		return nil, "", fail(87, 0x20, "LdapErr: comment: The filter is not valid.")
	}
	f.Bind(d)
	base, err := d.tree.find(q.base)
	if err != nil {
		return nil, "", err
	}
	after, most, err := d.bounds(q)
	if err != nil {
		return nil, "", err
	}
	var scratch filter.Values
	for o := range d.scoped(base, q.scope, after, f) {
		if f.Eval(subject{d, o}, &scratch) != filter.True {
			continue
		}
		if most > 0 && len(entries) == most {
			if q.page > 0 && (q.limit == 0 || q.page < q.limit) {
				return entries, string(binary.BigEndian.AppendUint64(nil, entries[most-1].number)), nil
			}
			return entries, "", fail(4, 0x2023, "the search found more than it may give")
		}
		entries = append(entries, d.view(d.who(by), o, q.wanted))
	}
	return entries, "", nil
}

// bounds reads where a search begins and how much it gives.
func (d *Directory) bounds(q query) (after uint64, most int, err error) {
	if q.cookie != "" {
		if len(q.cookie) != 8 {
			return 0, 0, fail(53, 0x57, "the cookie is of another search")
		}
		after = binary.BigEndian.Uint64([]byte(q.cookie))
	}
	most = q.limit
	for _, n := range []int{q.page, map[bool]int{true: windowsLimit}[!d.o.Samba]} {
		if n > 0 && (most == 0 || n < most) {
			most = n
		}
	}
	return after, most, nil
}

// scoped gives the objects in reach for which the filter may be true, oldest first,
// younger than number after. The schema is a naming context of its own, which a
// search from above does not enter.
func (d *Directory) scoped(base *object, scope int, after uint64, f *filter.Filter) iter.Seq[*object] {
	return func(yield func(*object) bool) {
		if scope == 0 {
			if base.Number > after {
				yield(base)
			}
			return
		}
		configuration, _ := d.tree.find("CN=Configuration," + d.o.Base)
		for o := range d.covered(f, after) {
			switch {
			case !d.tree.within(o, base):
			case scope == 1 && (o.Parent == nil || *o.Parent != base.ID):
			case configuration != nil && d.tree.within(o, configuration) && !d.tree.within(base, configuration):
			case !yield(o):
				return
			}
		}
	}
}

// covered gives those that an index leads to, or all: a large directory is asked for
// one account after the other.
func (d *Directory) covered(f *filter.Filter, after uint64) iter.Seq[*object] {
	assertions, ok := f.Cover(nil, func(a filter.Assertion) (int, bool) {
		return 1, indexed[everything[a.Attribute]] && !a.Present && !a.Prefix && !a.AtLeast && !a.Chain
	})
	return func(yield func(*object) bool) {
		if !ok {
			at, found := d.tree.at(after)
			if found {
				at++
			}
			for _, p := range d.tree.order[at:] {
				if !yield(d.tree.objects[p.id]) {
					return
				}
			}
			return
		}
		var found []*object
		for _, a := range assertions {
			if o := d.tree.indexed(everything[a.Attribute], a.Value); o != nil && o.Number > after {
				found = append(found, o)
			}
		}
		slices.SortFunc(found, func(a, b *object) int { return cmp.Compare(a.Number, b.Number) })
		for _, o := range slices.Compact(found) {
			if !yield(o) {
				return
			}
		}
	}
}

// rootDSE tells what the controller is (MS-ADTS section 3.1.1.3.2).
func (d *Directory) rootDSE(wanted []string) entry {
	configuration := "CN=Configuration," + d.o.Base
	all := []named{
		{"dnsHostName", []string{d.o.Host}},
		{"serverName", []string{"CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites," + configuration}},
		{"dsServiceName", []string{"CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites," + configuration}},
		{"defaultNamingContext", []string{d.o.Base}},
		{"rootDomainNamingContext", []string{d.o.Base}},
		{"configurationNamingContext", []string{configuration}},
		{"schemaNamingContext", []string{"CN=Schema," + configuration}},
		{"namingContexts", []string{d.o.Base, configuration, "CN=Schema," + configuration}},
		{"supportedLDAPVersion", []string{"3", "2"}},
		{"supportedControl", supportedControls},
		{"supportedCapabilities", []string{"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1935"}},
		{"supportedExtension", []string{startTLS, whoAmI}},
		{"domainFunctionality", []string{"7"}},
		{"forestFunctionality", []string{"7"}},
		{"highestCommittedUSN", []string{decimal(d.tree.usn)}},
		{"currentTime", []string{generalized(d.o.Now())}},
	}
	var e entry
	for _, a := range all {
		for _, w := range wanted {
			if w == "*" || strings.EqualFold(w, a.name) {
				e.values = append(e.values, a)
				break
			}
		}
		if len(wanted) == 0 {
			e.values = append(e.values, a)
		}
	}
	return e
}

// Controls that requests may make critical.
const (
	controlPaging      = "1.2.840.113556.1.4.319"
	controlPermissive  = "1.2.840.113556.1.4.1413"
	controlShowDeleted = "1.2.840.113556.1.4.417"
	controlSDFlags     = "1.2.840.113556.1.4.801"
	controlDomainScope = "1.2.840.113556.1.4.1339"
)

var supportedControls = []string{controlPaging, controlPermissive, controlShowDeleted, controlSDFlags, controlDomainScope}

// Extended operations: RFC 4511 section 4.14, RFC 4532.
const (
	startTLS = "1.3.6.1.4.1.1466.20037"
	whoAmI   = "1.3.6.1.4.1.4203.1.11.3"
)
