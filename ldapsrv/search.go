package ldapsrv

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// Scopes of a search (RFC 4511 section 4.5.1.2).
const (
	scopeBase = 0
	scopeOne  = 1
	scopeSub  = 2
)

// maxAttributes bounds the attributes that a search may list.
const maxAttributes = 256

// searchRequest is RFC 4511 section 4.5.1.
type searchRequest struct {
	base       dn
	scope      int32
	sizeLimit  int32
	timeLimit  int32
	typesOnly  bool
	filter     filter.Filter
	attributes []string
}

func parseSearch(body []byte) (q searchRequest, failed wire.Result) {
	protocol := wire.Result{Code: wire.ProtocolError, Text: "malformed search request"}
	base, body, err := wire.Expect(body, wire.TagOctets)
	if err != nil {
		return q, protocol
	}
	numbers := [4]int32{}
	for i := range numbers { // scope, derefAliases, sizeLimit, timeLimit
		tag := byte(wire.TagEnumerated)
		if i >= 2 {
			tag = wire.TagInteger
		}
		var value []byte
		if value, body, err = wire.Expect(body, tag); err != nil {
			return q, protocol
		}
		if numbers[i], err = wire.Int(value); err != nil || numbers[i] < 0 {
			return q, protocol
		}
	}
	q.scope, q.sizeLimit, q.timeLimit = numbers[0], numbers[2], numbers[3]
	types, body, err := wire.Expect(body, wire.TagBoolean)
	if err != nil || q.scope > scopeSub {
		return q, protocol
	}
	if q.typesOnly, err = wire.Bool(types); err != nil {
		return q, protocol
	}
	whole := body
	if _, body, err = wire.Next(body); err != nil {
		return q, protocol
	}
	if q.filter, err = filter.ParseBER(whole[:len(whole)-len(body)]); err != nil {
		return q, wire.Result{Code: wire.ProtocolError, Text: err.Error()}
	}
	if q.attributes, err = attributeList(body); err != nil {
		return q, protocol
	}
	if q.base, err = parseDN(string(base)); err != nil {
		return q, wire.Result{Code: wire.InvalidDNSyntax, Text: "the base is no distinguished name"}
	}
	return q, wire.Result{}
}

func attributeList(body []byte) ([]string, error) {
	list, _, err := wire.Expect(body, wire.TagSequence)
	if err != nil {
		return nil, err
	}
	var names []string
	for len(list) > 0 {
		var value []byte
		if value, list, err = wire.Expect(list, wire.TagOctets); err != nil {
			return nil, err
		}
		if len(names) == maxAttributes {
			return nil, wire.ErrBER
		}
		names = append(names, string(value))
	}
	return names, nil
}

// selection says which attributes a search returns (RFC 4511 section
// 4.5.1.8).
type selection struct {
	user, operational bool
	named             map[*attributeType]bool
}

func selectionOf(names []string) selection {
	s := selection{user: len(names) == 0, named: map[*attributeType]bool{}}
	for _, name := range names {
		switch name {
		case "*":
			s.user = true
		case "+":
			s.operational = true
		case "1.1": // none: whatever else is listed is returned all the same
		default:
			if t := typeOf(name); t != nil {
				s.named[t] = true
			}
		}
	}
	return s
}

func (s selection) has(t *attributeType) bool {
	return s.named[t] || s.user && !t.operational || s.operational && t.operational
}

// search answers one search.
func (x *session) search(c *wire.Conn, m *wire.Message) {
	q, failed := parseSearch(m.Body)
	if failed.Code != wire.Success {
		c.Reply(m.ID, wire.OpSearchResultDone, failed)
		return
	}
	r := &run{x: x, c: c, id: m.ID, q: &q, view: x.s.view(), wanted: selectionOf(q.attributes), limit: x.s.opt.Entries}
	if q.sizeLimit > 0 {
		r.limit = min(r.limit, int(q.sizeLimit))
	}
	span := x.s.opt.Search
	if q.timeLimit > 0 {
		span = min(span, time.Duration(q.timeLimit)*time.Second)
	}
	r.deadline = time.Now().Add(span)
	c.Reply(m.ID, wire.OpSearchResultDone, r.all())
}

// run is one search under way.
type run struct {
	x        *session
	c        *wire.Conn
	id       int32
	q        *searchRequest
	view     view
	wanted   selection
	limit    int
	deadline time.Time
	sent     int
	looked   int
	done     wire.Result // why it ended early
}

func (r *run) all() wire.Result {
	switch q := r.q; {
	case len(q.base) == 0 && q.scope == scopeBase:
		r.offer(r.x.s.rootDSE())
		return r.done
	case strings.EqualFold(q.base.String(), subschemaDN) && q.scope == scopeBase:
		r.offer(r.x.s.subschema())
		return r.done
	case r.x.name == "":
		// RFC 4513 section 5.1.1 leaves it to us what nobody in particular sees.
		return wire.Result{Code: wire.InsufficientAccessRights, Text: "sign in first"}
	}
	steps, ok := r.q.base.below(r.x.s.base)
	switch {
	case len(r.q.base) == 0 && r.q.scope == scopeSub:
		// The root above the base: everything there is.
	case !ok || steps > 2:
		return wire.Result{Code: wire.NoSuchObject, Matched: r.matched()}
	case steps == 2:
		return r.leaf()
	}
	return r.tree()
}

// matched is the nearest name above that exists (RFC 4511 section 4.1.9).
func (r *run) matched() string {
	for name := r.q.base; len(name) > 0; name = name[1:] {
		if name.key() == r.x.s.base.key() {
			return r.x.s.base.String()
		}
	}
	return ""
}

// leaf answers a search at one person, group or service account.
func (r *run) leaf() wire.Result {
	e := r.named(r.q.base)
	if e == nil {
		return wire.Result{Code: wire.NoSuchObject, Matched: r.q.base[1:].String()}
	}
	if r.q.scope != scopeOne { // nothing is below a leaf
		r.offer(e)
	}
	return r.done
}

// named finds the leaf with a name, as the asker may see it; nil where there is
// none or it is not for him.
func (r *run) named(name dn) *entry {
	s := r.x.s
	under := name[1:].key()
	switch {
	case under == s.people().key() && name[0].attribute == "uid":
		p, ok := s.opt.Directory.Lookup(name[0].value)
		if ok && r.x.sees(p, r.view.day) && person.FoldName(string(p.Login)) == person.FoldName(name[0].value) {
			return r.person(p)
		}
	case under == s.groups().key() && name[0].attribute == "cn":
		if g, ok := s.opt.Directory.Group(name[0].value); ok && r.x.service != nil && r.seesGroup(g) {
			return r.group(g)
		}
	case r.x.service != nil && name.key() == r.x.service.key:
		return r.self()
	}
	return nil
}

// self is a service account's own entry.
func (r *run) self() *entry {
	e := &entry{name: r.x.service.name}
	e.add("objectClass", "top", "applicationProcess")
	if name, err := parseDN(r.x.service.name); err == nil {
		e.add("cn", name[0].value)
	}
	e.common("applicationProcess", false)
	return e
}

func (r *run) person(p *directory.Entry) *entry { return r.view.person(p).restrict(r.x.readable()) }

func (r *run) group(g *directory.Group) *entry {
	members := r.needs("member") || r.needs("memberUid")
	visible := func(p *directory.Entry) bool { return r.x.sees(p, r.view.day) }
	return r.view.group(g, members, visible).restrict(r.x.readable())
}

// needs says whether an attribute is returned or asked for by the filter.
func (r *run) needs(name string) bool {
	t := typeOf(name)
	return r.wanted.has(t) || mentions(&r.q.filter, t)
}

func mentions(f *filter.Filter, t *attributeType) bool {
	return typeOf(f.Attribute) == t || slices.ContainsFunc(f.Parts, func(part filter.Filter) bool { return mentions(&part, t) })
}

// seesGroup says whether a service sees a group: those of its schools, and the
// roles.
func (r *run) seesGroup(g *directory.Group) bool {
	return r.x.service.schools == nil || g.School == "" || r.x.service.schools[g.School]
}

// tree answers a search from the base or one of its containers.
func (r *run) tree() wire.Result {
	s := r.x.s
	known := false
	for _, e := range s.containers() {
		name, _ := parseDN(e.name) // ours: it parses
		steps, below := name.below(r.q.base)
		known = known || below
		if below && (r.q.scope == scopeSub || int32(steps) == r.q.scope) && !r.offer(e) {
			return r.done
		}
	}
	if !known {
		return wire.Result{Code: wire.NoSuchObject, Matched: s.base.String()}
	}
	if steps, ok := s.people().below(r.q.base); ok && (r.q.scope == scopeSub || r.q.scope == scopeOne && steps == 0) {
		for p := range r.people() {
			if !r.look() || r.x.sees(p, r.view.day) && !r.offer(r.person(p)) {
				return r.done
			}
		}
	}
	if steps, ok := s.groups().below(r.q.base); ok && r.x.service != nil && (r.q.scope == scopeSub || r.q.scope == scopeOne && steps == 0) {
		for g := range r.candidateGroups() {
			if !r.look() || r.seesGroup(g) && !r.offer(r.group(g)) {
				return r.done
			}
		}
	}
	return r.done
}

// people gives those whom the filter can be true for: by an index where it asks
// for equal logins or numbers, else everybody.
func (r *run) people() iter.Seq[*directory.Entry] {
	d := r.x.s.opt.Directory
	if r.x.service == nil { // a person sees nobody else
		return only(d.Get(r.x.person))
	}
	if logins, ok := r.q.filter.Equal(isType("uid")); ok {
		return found(logins, d.Lookup)
	}
	if numbers, ok := r.q.filter.Equal(isType("uidNumber")); ok {
		return found(numbers, byNumber(d.ByUID))
	}
	if classes, ok := r.q.filter.Equal(isType("objectClass")); ok && !slices.ContainsFunc(classes, func(c string) bool {
		return slices.ContainsFunc([]string{"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount"}, func(mine string) bool { return strings.EqualFold(c, mine) })
	}) {
		return func(func(*directory.Entry) bool) {}
	}
	return d.All(0)
}

func (r *run) candidateGroups() iter.Seq[*directory.Group] {
	d := r.x.s.opt.Directory
	if numbers, ok := r.q.filter.Equal(isType("gidNumber")); ok {
		return found(numbers, byNumber(d.GroupByGID))
	}
	if names, ok := r.q.filter.Equal(isType("cn")); ok {
		return found(names, d.Group)
	}
	// Which groups somebody is in is asked at every sign-in: his own are few.
	for attribute, login := range map[string]func(string) string{"memberUid": func(s string) string { return s }, "member": r.x.s.loginOf} {
		if values, ok := r.q.filter.Equal(isType(attribute)); ok {
			return func(yield func(*directory.Group) bool) {
				for p := range found(values, func(v string) (*directory.Entry, bool) { return d.Lookup(login(v)) }) {
					for _, g := range d.GroupsOf(p, r.view.day) {
						if !yield(g) {
							return
						}
					}
				}
			}
		}
	}
	return slices.Values(d.Groups())
}

func isType(name string) func(string) bool {
	t := typeOf(name)
	return func(asked string) bool { return typeOf(asked) == t }
}

func only[T any](v T, ok bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		if ok {
			yield(v)
		}
	}
}

// found looks each value up, and gives each result once.
func found[T comparable](values []string, lookup func(string) (T, bool)) iter.Seq[T] {
	return func(yield func(T) bool) {
		seen := map[T]bool{}
		for _, v := range values {
			if one, ok := lookup(v); ok && !seen[one] {
				seen[one] = true
				if !yield(one) {
					return
				}
			}
		}
	}
}

func byNumber[T any](lookup func(uint32) (T, bool)) func(string) (T, bool) {
	return func(s string) (T, bool) {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			var none T
			return none, false
		}
		return lookup(uint32(n))
	}
}

// look bounds the time that a search takes; false ends it.
func (r *run) look() bool {
	if r.looked++; r.looked%64 == 0 && time.Now().After(r.deadline) {
		r.done = wire.Result{Code: wire.TimeLimitExceeded, Text: "narrow the filter: uid, uidNumber, gidNumber and cn of groups are indexed"}
		return false
	}
	return true
}

// offer sends an entry if the filter is true for it; false ends the search.
func (r *run) offer(e *entry) bool {
	if r.q.filter.Evaluate(e) != filter.True {
		return true
	}
	if r.sent == r.limit {
		r.done = wire.Result{Code: wire.SizeLimitExceeded}
		return false
	}
	r.sent++
	b, message := wire.Begin(r.c.Write(), wire.TagSequence)
	b = wire.AppendInt(b, wire.TagInteger, r.id)
	b, body := wire.Begin(b, wire.OpSearchResultEntry)
	b = wire.AppendTLV(b, wire.TagOctets, e.name)
	b, list := wire.Begin(b, wire.TagSequence)
	for _, a := range e.attributes {
		if r.wanted.has(a.attributeType) {
			b = appendAttribute(b, a, r.q.typesOnly)
		}
	}
	err := r.c.Wrote(wire.End(wire.End(wire.End(b, list), body), message))
	return err == nil
}

func appendAttribute(b []byte, a attribute, typesOnly bool) []byte {
	b, item := wire.Begin(b, wire.TagSequence)
	b = wire.AppendTLV(b, wire.TagOctets, a.name)
	b, set := wire.Begin(b, wire.TagSet)
	if !typesOnly {
		for _, v := range a.values {
			b = wire.AppendTLV(b, wire.TagOctets, v)
		}
	}
	return wire.End(wire.End(b, set), item)
}

// compare is RFC 4511 section 4.10.
func (x *session) compare(body []byte) wire.Result {
	protocol := wire.Result{Code: wire.ProtocolError, Text: "malformed compare request"}
	target, body, err := wire.Expect(body, wire.TagOctets)
	if err != nil {
		return protocol
	}
	assertion, _, err := wire.Expect(body, wire.TagSequence)
	if err != nil {
		return protocol
	}
	attribute, assertion, err := wire.Expect(assertion, wire.TagOctets)
	if err != nil {
		return protocol
	}
	value, _, err := wire.Expect(assertion, wire.TagOctets)
	if err != nil {
		return protocol
	}
	name, err := parseDN(string(target))
	if err != nil {
		return wire.Result{Code: wire.InvalidDNSyntax, Text: "the name is no distinguished name"}
	}
	if x.name == "" {
		return wire.Result{Code: wire.InsufficientAccessRights, Text: "sign in first"}
	}
	if typeOf(string(attribute)) == nil {
		return wire.Result{Code: wire.UndefinedAttributeType}
	}
	f := filter.Filter{Kind: filter.Equality, Attribute: string(attribute), Value: string(value)}
	r := &run{x: x, q: &searchRequest{base: name, filter: f}, view: x.s.view()}
	var e *entry
	if len(name) > 1 {
		e = r.named(name)
	}
	if e == nil {
		return wire.Result{Code: wire.NoSuchObject}
	}
	if values, known := e.Values(f.Attribute); !known || len(values) == 0 {
		return wire.Result{Code: wire.NoSuchAttribute}
	}
	if f.Evaluate(e) == filter.True {
		return wire.Result{Code: wire.CompareTrue}
	}
	return wire.Result{Code: wire.CompareFalse}
}
