package ldapsrv

import (
	"errors"
	"iter"
	"time"

	"schoolbridge/internal/directory"
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

// searchRequest is RFC 4511 section 4.5.1, but for the filter.
type searchRequest struct {
	base      []byte
	scope     int32
	sizeLimit int32
	timeLimit int32
	typesOnly bool
	wanted    attrs
	tooMany   bool // attributes
}

// errRange says that a number is none that the operation knows: the request
// fails, the connection goes on.
var errRange = errors.New("a number out of its range")

// parseSearch reads a request into q and f; the error is of the request's
// structure, or errRange or filter.ErrTooComplex.
func parseSearch(body []byte, q *searchRequest, f *filter.Filter) (err error) {
	if q.base, body, err = wire.Expect(body, wire.TagOctets); err != nil {
		return err
	}
	var numbers [4]int32
	for i, tag := range [4]byte{wire.TagEnumerated, wire.TagEnumerated, wire.TagInteger, wire.TagInteger} { // scope, derefAliases, sizeLimit, timeLimit
		var value []byte
		if value, body, err = wire.Expect(body, tag); err != nil {
			return err
		}
		if numbers[i], err = wire.Int(value); err != nil {
			return err
		}
		if numbers[i] < 0 {
			return errRange
		}
	}
	if q.scope, q.sizeLimit, q.timeLimit = numbers[0], numbers[2], numbers[3]; q.scope > scopeSub {
		return errRange
	}
	types, body, err := wire.Expect(body, wire.TagBoolean)
	if err != nil {
		return err
	}
	if q.typesOnly, err = wire.Bool(types); err != nil {
		return err
	}
	if body, err = f.Read(body); err != nil {
		return err
	}
	return q.parseAttributes(body)
}

// parseAttributes reads which attributes are wanted (RFC 4511 section 4.5.1.8,
// RFC 3673).
func (q *searchRequest) parseAttributes(body []byte) error {
	list, _, err := wire.Expect(body, wire.TagSequence)
	if err != nil {
		return err
	}
	count := 0
	for ; len(list) > 0; count++ {
		var value []byte
		if value, list, err = wire.Expect(list, wire.TagOctets); err != nil {
			return err
		}
		switch string(value) {
		case "*":
			q.wanted |= everything &^ operational
		case "+":
			q.wanted |= operational
		case "1.1": // none; whatever else is listed is returned all the same
		default:
			if a, ok := attributeOf(value); ok {
				q.wanted |= setOf(a)
			}
		}
	}
	if count == 0 {
		q.wanted = everything &^ operational
	}
	q.tooMany = count > maxAttributes
	return nil
}

// search answers one search; abandoned says that nobody wants its result.
func (x *session) search(c *wire.Conn, m *wire.Message) (result wire.Result, abandoned bool, err error) {
	var q searchRequest
	switch err := parseSearch(m.Body, &q, &x.filter); {
	case errors.Is(err, errRange):
		return wire.Result{Code: wire.ProtocolError, Text: textRange}, false, nil
	case errors.Is(err, filter.ErrTooComplex):
		return wire.Result{Code: wire.AdminLimitExceeded, Text: textTooComplex}, false, nil
	case err != nil:
		return wire.Result{}, false, err
	case q.tooMany:
		return wire.Result{Code: wire.AdminLimitExceeded, Text: textTooManyAttrs}, false, nil
	}
	r := run{view: x.view(), x: x, c: c, m: m, q: &q, limit: x.s.opt.Entries, deadline: time.Now().Add(x.s.opt.Search)}
	if q.sizeLimit > 0 {
		r.limit = min(r.limit, int(q.sizeLimit))
	}
	if span := time.Duration(q.timeLimit) * time.Second; span > 0 && span < x.s.opt.Search {
		r.deadline = time.Now().Add(span)
	}
	r.all()
	x.s.metrics.entries.Add(float64(r.sent))
	return r.done, r.abandoned, nil
}

// run is one search under way.
type run struct {
	view
	x         *session
	c         *wire.Conn
	m         *wire.Message
	q         *searchRequest
	limit     int
	deadline  time.Time
	sent      int
	looked    int
	done      wire.Result // what it comes to
	abandoned bool
	person    personEntry // used again for each
	group     groupEntry
}

// all finds the entries below the base.
func (r *run) all() {
	s := r.s
	at := s.resolve(string(r.q.base))
	if at.kind == placeRoot && r.q.scope == scopeBase {
		r.x.filter.Bind(rootSchema{})
		r.q.wanted &= everything
		r.offer(s.root)
		return
	}
	if at.kind == placeBad {
		r.done = wire.Result{Code: wire.InvalidDNSyntax, Text: textBadDN}
		return
	}
	// RFC 4513 section 5.1.1 leaves it to us what nobody in particular sees.
	if r.nobody() {
		r.done = wire.Result{Code: wire.InsufficientAccessRights, Text: textSignIn}
		return
	}
	if at.kind == placeSchema {
		if r.q.scope != scopeOne {
			r.x.filter.Bind(rootSchema{})
			r.offer(s.schema)
		}
		return
	}
	r.x.filter.Bind(&r.view)
	r.q.wanted &= r.read
	if at.kind >= placePerson || at.kind == placeNone {
		r.leaf(at)
		return
	}
	r.branch(at)
}

// leaf answers a search at one person, group or service account.
func (r *run) leaf(at place) {
	o := r.named(at)
	if o == nil {
		r.done = wire.Result{Code: wire.NoSuchObject, Matched: r.s.missing(at)}
		return
	}
	if r.q.scope != scopeOne { // nothing is below a leaf
		r.offer(o)
	}
}

// named finds the leaf at a place as the asker may see it; nil where there is
// none or it is not for him.
func (v *view) named(at place) object {
	switch at.kind {
	case placePerson:
		if e, ok := v.lookup(at.leaf); ok && v.sees(e) {
			return &personEntry{v, e}
		}
	case placeGroup:
		if g, ok := v.s.opt.Directory.Group(at.leaf); ok && v.service != nil && v.seesGroup(g) {
			return &groupEntry{v, g}
		}
	case placeService:
		if v.service != nil && v.service.key == at.leaf {
			return v.service.entry
		}
	}
	return nil
}

// branch answers a search at a container, in the order of the tree.
func (r *run) branch(at place) {
	kind, scope := at.kind, r.q.scope
	whole := scope == scopeSub && kind <= placeBase // the root's subtree is the base's
	for unit := placeBase; unit <= placeServices; unit++ {
		o := r.s.containers[unit-placeBase]
		self := unit == kind && scope != scopeOne
		below := scope == scopeOne && (kind == placeRoot && unit == placeBase || kind == placeBase && unit > placeBase)
		if (self || below || whole) && !r.offer(o) {
			return
		}
	}
	if scope == scopeBase {
		return
	}
	if (whole || kind == placePeople) && !r.people() {
		return
	}
	if r.service == nil {
		return
	}
	if (whole || kind == placeGroups) && !r.groups() {
		return
	}
	if whole || kind == placeServices {
		r.offer(r.service.entry)
	}
}

// people offers those whom the filter can be true for; false ends the search.
func (r *run) people() bool {
	if !r.possible(classesPerson, personAttributes) {
		return true
	}
	for e := range r.candidates() {
		if !r.look(1) {
			return false
		}
		if !r.sees(e) {
			continue
		}
		r.person = personEntry{&r.view, e}
		if !r.offer(&r.person) {
			return false
		}
	}
	return true
}

// candidates gives, by an index where the filter demands an equality that there
// is one for, everybody whom it can be true for.
func (r *run) candidates() iter.Seq[*directory.Entry] {
	if r.service == nil {
		return r.everybody() // himself
	}
	d := r.s.opt.Directory
	var found iter.Seq[*directory.Entry]
	r.x.filter.Wants(func(w filter.Want) bool {
		switch attr(w.Attribute) {
		case attrUID:
			found = only(r.lookup(w.Value))
		case attrUIDNumber:
			found = only(d.ByUID(uint32(min(max(w.Number, 0), 1<<32-1))))
		case attrEntryUUID:
			u, _ := parseUUID(w.Value) // its assertion was one
			found = only(d.ByUUID(u))
		case attrMemberOf:
			if at := r.s.resolve(w.Value); at.kind == placeGroup {
				if g, ok := d.Group(at.leaf); ok {
					found = r.members(g)
				}
			}
			return true // something narrower may follow
		default:
			return true
		}
		return false
	})
	if found == nil {
		r.s.metrics.walks.Inc()
		found = r.everybody()
	}
	return found
}

// groups offers the groups that the filter can be true for.
func (r *run) groups() bool {
	if !r.possible(classesGroup, groupAttributes) {
		return true
	}
	for _, g := range r.candidateGroups() {
		if !r.look(groupCost) {
			return false
		}
		if !r.seesGroup(g) {
			continue
		}
		r.group = groupEntry{&r.view, g}
		if !r.offer(&r.group) {
			return false
		}
	}
	return true
}

func (r *run) candidateGroups() (found []*directory.Group) {
	d := r.s.opt.Directory
	indexed := false
	one := func(g *directory.Group, ok bool) {
		if indexed = true; ok {
			found = []*directory.Group{g}
		}
	}
	r.x.filter.Wants(func(w filter.Want) bool {
		switch a := attr(w.Attribute); a {
		case attrGIDNumber:
			one(d.GroupByGID(uint32(min(max(w.Number, 0), 1<<32-1))))
		case attrCN:
			one(d.Group(w.Value))
		case attrMember, attrMemberUID:
			// Which groups somebody is in is asked at every sign-in: they are few.
			indexed = true
			if e, ok := r.memberOf(a, w.Value); ok {
				found = d.GroupsOf(e, r.day)
			}
		}
		return !indexed
	})
	if !indexed {
		return d.Groups()
	}
	return found
}

// possible says whether any entry of a kind can make the filter true: it is
// evaluated over an entry of which only the kind is known.
func (r *run) possible(classes []string, has attrs) bool {
	return r.x.filter.Eval(&kindOnly{classes, has}, &r.x.scratch) != filter.False
}

type kindOnly struct {
	classes []string
	has     attrs
}

// Values implements filter.Subject.
func (k *kindOnly) Values(a int, into *filter.Values) bool {
	if attr(a) == attrObjectClass {
		into.Texts = append(into.Texts, k.classes...)
		return true
	}
	return !k.has.has(attr(a)) // what the kind never has is known to be missing
}

// How often a walk looks up, in people: at the clock, and whether it goes on for
// so long that its client should be watched. A group costs as much as many
// people, because of its members.
const (
	lookEvery  = 256
	watchAfter = 2048
	groupCost  = 64
)

// look bounds the time that a search takes; false ends it.
func (r *run) look(cost int) bool {
	before := r.looked / lookEvery
	if r.looked += cost; r.looked/lookEvery == before {
		return true
	}
	if r.looked >= watchAfter {
		r.c.Watch(r.m)
	}
	if r.c.Abandoned() {
		r.abandoned = true
		return false
	}
	if time.Now().After(r.deadline) {
		r.done = wire.Result{Code: wire.TimeLimitExceeded, Text: textTime}
		return false
	}
	return true
}

// offer sends an entry if the filter is true for it; false ends the search.
func (r *run) offer(o object) bool {
	if r.x.filter.Eval(o, &r.x.scratch) != filter.True {
		return true
	}
	if r.sent == r.limit {
		r.done = wire.Result{Code: wire.SizeLimitExceeded}
		return false
	}
	r.sent++
	b := appendEntry(r.c.Buffer(), r.m.ID, o, r.q.wanted, r.q.typesOnly, &r.x.scratch)
	return r.c.Wrote(b) == nil
}

// rootSchema lets anybody read the root DSE and whoever is signed in the
// subschema, in full.
type rootSchema struct{}

// Attribute implements filter.Schema.
func (rootSchema) Attribute(description []byte) (filter.Attribute, bool) {
	v := view{read: everything}
	return v.Attribute(description)
}

// compare is RFC 4511 section 4.10.
func (x *session) compare(body []byte) (wire.Result, error) {
	target, body, err := wire.Expect(body, wire.TagOctets)
	if err != nil {
		return wire.Result{}, err
	}
	assertion, _, err := wire.Expect(body, wire.TagSequence)
	if err != nil {
		return wire.Result{}, err
	}
	description, rest, err := wire.Expect(assertion, wire.TagOctets)
	if err != nil {
		return wire.Result{}, err
	}
	value, _, err := wire.Expect(rest, wire.TagOctets)
	if err != nil {
		return wire.Result{}, err
	}
	v := x.view()
	at := x.s.resolve(string(target))
	switch {
	case at.kind == placeBad:
		return wire.Result{Code: wire.InvalidDNSyntax, Text: textBadDN}, nil
	case v.nobody():
		return wire.Result{Code: wire.InsufficientAccessRights, Text: textSignIn}, nil
	}
	o := v.named(at)
	if at.kind >= placeBase && at.kind <= placeServices {
		o = x.s.containers[at.kind-placeBase]
	}
	if o == nil {
		return wire.Result{Code: wire.NoSuchObject, Matched: x.s.missing(at)}, nil
	}
	return x.compareValue(&v, o, description, value), nil
}

// compareValue tells the same of what the asker may not read as of what is not
// there.
func (x *session) compareValue(v *view, o object, description, value []byte) wire.Result {
	if _, known := attributeOf(description); !known {
		return wire.Result{Code: wire.UndefinedAttributeType}
	}
	x.filter.Set(filter.Equality, description, value)
	x.filter.Bind(v)
	equal := x.filter.Eval(o, &x.scratch)
	if equal == filter.True {
		return wire.Result{Code: wire.CompareTrue}
	}
	x.filter.Set(filter.Present, description, nil)
	x.filter.Bind(v)
	if equal == filter.False && x.filter.Eval(o, &x.scratch) == filter.True {
		return wire.Result{Code: wire.CompareFalse}
	}
	return wire.Result{Code: wire.NoSuchAttribute}
}
