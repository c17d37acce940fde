package ldapsrv

import (
	"errors"
	"math"
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
	wanted    attrs // by name
	star      bool  // and all user attributes
	plus      bool  // and all operational ones
	tooMany   bool  // attributes
}

// errRange says that a number is none that the operation knows: the request
// fails, the connection goes on.
var errRange = errors.New("a number out of its range")

// parseSearch reads a request into q and f; the error is of the request's
// structure, or errRange or filter.ErrTooComplex.
func parseSearch(body []byte, s *schema, q *searchRequest, f *filter.Filter) (err error) {
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
	return q.parseAttributes(body, s)
}

// parseAttributes reads which attributes are wanted (RFC 4511 section 4.5.1.8,
// RFC 3673).
func (q *searchRequest) parseAttributes(body []byte, s *schema) error {
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
			q.star = true
		case "+":
			q.plus = true
		case "1.1": // none; whatever else is listed is returned all the same
		default:
			if a, ok := s.find(value); ok {
				q.wanted = q.wanted.or(setOf(a))
			}
		}
	}
	q.star = q.star || count == 0
	q.tooMany = count > maxAttributes
	return nil
}

// search answers one search; abandoned says that nobody wants its result.
func (x *session) search(c *wire.Conn, m *wire.Message, asked extras) (result wire.Result, controls []byte, abandoned bool, err error) {
	r := &x.run
	*r = run{view: x.view(c), x: x, c: c, m: m, page: asked.page, limit: x.s.opt.Entries, walks: x.s.opt.Unindexed, deadline: time.Now().Add(x.s.opt.Search)}
	r.view.groups = x.memberships[:0]
	q := &r.q
	switch err := parseSearch(m.Body, x.s.schema, q, &x.filter); {
	case errors.Is(err, errRange):
		return wire.Result{Code: wire.ProtocolError, Text: textRange}, nil, false, nil
	case errors.Is(err, filter.ErrTooComplex):
		return wire.Result{Code: wire.AdminLimitExceeded, Text: textTooComplex}, nil, false, nil
	case err != nil:
		return wire.Result{}, nil, false, err
	case q.tooMany:
		return wire.Result{Code: wire.AdminLimitExceeded, Text: textTooManyAttrs}, nil, false, nil
	}
	if span := time.Duration(q.timeLimit) * time.Second; span > 0 && span < x.s.opt.Search {
		r.deadline, r.hurry = time.Now().Add(span), true
	}
	if asked.sync.on && !r.beginSync(&asked.sync) {
		return r.done, r.page.response(nil), c.Abandoned(), nil
	}
	if !r.begin() {
		return r.done, r.page.response(nil), false, nil
	}
	r.all()
	x.s.metrics.entries.Add(float64(r.sent))
	var cookie []byte
	if r.more && r.done.Code == wire.Success {
		cookie = x.s.pages.cookie(r.behind, r.binding())
	}
	return r.done, append(r.page.response(cookie), r.sync.response(r.done.Code)...), c.Abandoned(), nil
}

// run is one search under way.
type run struct {
	view
	x        *session
	c        *wire.Conn
	m        *wire.Message
	q        searchRequest
	page     page
	sync     syncing
	limit    int // entries of this answer
	walks    int // people and groups that may be looked at
	most     int // entries of all answers, as the client has it
	deadline time.Time
	hurry    bool // the deadline is the client's own
	from     position
	behind   position // of what was dealt with last
	more     bool     // there is another page
	sent     int
	looked   int
	walked   int         // people and groups that were looked at
	done     wire.Result // what it comes to
	person   personEntry // used again for each
	group    groupEntry
	personal personalEntry
}

// begin finds out how many entries are wanted, and from which on; false: none.
func (r *run) begin() bool {
	r.most = math.MaxInt
	if r.q.sizeLimit > 0 {
		r.most = int(r.q.sizeLimit)
	}
	if !r.page.on {
		return true
	}
	if len(r.page.cookie) > 0 {
		var err error
		if r.from, err = r.s.pages.open(r.page.cookie, r.binding()); err != nil {
			r.done = wire.Result{Code: wire.UnwillingToPerform, Text: textCookie}
			return false
		}
		r.behind = r.from
	}
	if r.page.size == 0 { // RFC 2696 section 3: nothing more is wanted
		return len(r.page.cookie) == 0
	}
	r.limit = min(r.limit, r.page.size)
	return true
}

// binding is what a cookie of this search counts for.
func (r *run) binding() []byte {
	rules := r.s.pages.rules
	if r.service != nil {
		rules = r.service.rules
	}
	return binding(rules, r.x.who(), r.m.Body)
}

// all finds the entries below the base.
func (r *run) all() {
	s := r.s
	at := s.resolveBase(r.q.base)
	if at.kind == placeRoot && r.q.scope == scopeBase {
		r.single(&rootEntry{s.root, r.c.OffersTLS(), r.x.mechanisms(r.c), s.opt.Directory})
		return
	}
	if at.kind == placeBad {
		r.done = wire.Result{Code: wire.InvalidDNSyntax, Text: textBadDN}
		return
	}
	// RFC 4513 section 5.1.1 leaves it to us what nobody in particular sees. That
	// is the root and where it points to (RFC 4512 sections 4.4 and 5.1): some
	// clients read the schema before they sign in.
	if r.nobody() && (at.kind != placeSchema || r.q.scope != scopeBase) {
		r.done = wire.Result{Code: wire.InsufficientAccessRights, Text: textSignIn}
		return
	}
	if at.kind == placeSchema {
		if r.q.scope != scopeOne {
			r.single(s.subschema)
		}
		return
	}
	if at.tree != nil {
		r.tree = at.tree
	}
	r.x.filter.Bind(&r.view)
	r.choose(r.read)
	switch {
	case at.kind >= placePerson || at.kind == placeNone:
		r.leaf(at)
	case r.sync.deletes:
		r.update(at)
	default:
		r.branch(at)
	}
	r.tellSet()
}

// choose makes the list of attributes a set.
func (r *run) choose(readable attrs) {
	if r.q.star {
		r.q.wanted = r.q.wanted.or(r.tree.usual)
	}
	if r.q.plus {
		r.q.wanted = r.q.wanted.or(r.s.schema.operational)
	}
	r.q.wanted = r.q.wanted.and(readable)
}

// single answers with an entry that stands in no tree, and of which everything
// may be read.
func (r *run) single(o object) {
	whole := view{s: r.s, read: r.s.schema.all}
	r.x.filter.Bind(&whole)
	r.choose(whole.read)
	r.offer(o, position{})
}

// leaf answers a search at one person, group or service account.
func (r *run) leaf(at place) {
	o := r.named(at)
	if o == nil {
		r.done = wire.Result{Code: wire.NoSuchObject, Matched: at.missing()}
		return
	}
	if r.q.scope != scopeOne { // nothing is below a leaf
		r.offer(o, position{})
	}
}

// branch answers a search at a container, in the order of the tree.
func (r *run) branch(at place) {
	kind, scope := at.kind, r.q.scope
	whole := scope == scopeSub && kind <= placeBase // the root's subtree is the first tree
	if r.from.stage == stageContainers && !r.units(kind, scope, whole) || scope == scopeBase || scope == scopeOne && kind <= placeBase {
		return
	}
	if r.from.stage <= stagePeople && (whole || kind == placePeople) && !r.people() {
		return
	}
	if r.from.stage <= stageGroups && (whole || kind == placeGroups) && !r.groups() {
		return
	}
	if r.from.stage <= stagePersonal && (whole || kind == placePersonal) && r.tree.personal != "" && !r.personalGroups() {
		return
	}
	if r.service != nil && (whole || kind == placeServices) && r.tree.services != "" && (r.from.stage < stageService) {
		r.offer(r.service.entry, position{stage: stageService})
	}
}

// units offers the containers in the scope. One level below the root are the
// bases of all trees.
func (r *run) units(kind placeKind, scope int32, whole bool) bool {
	if kind == placeRoot && scope == scopeOne {
		for i, t := range r.s.trees {
			if uint32(i) >= r.from.number && !r.offer(t.containers[0], position{number: uint32(i) + 1}) {
				return false
			}
		}
		return true
	}
	for i, o := range r.tree.containers {
		unit := placeBase + placeKind(i)
		self := unit == kind && scope != scopeOne
		below := scope == scopeOne && kind == placeBase && unit > placeBase
		if o == nil || uint32(i) < r.from.number || !self && !below && !whole {
			continue
		}
		if !r.offer(r.unit(unit), position{number: uint32(i) + 1}) {
			return false
		}
	}
	return true
}

// people offers those whom the filter can be true for; false ends the search.
func (r *run) people() bool {
	if !r.possible(r.tree.personKind) {
		return true
	}
	var after uint32
	if r.from.stage == stagePeople {
		after = r.from.number
	}
	if r.wide() {
		if list, ok := r.candidates(); ok {
			for _, e := range list {
				if e.UIDNumber > after && !r.offerPerson(e) {
					return false
				}
			}
			return true
		}
		r.s.metrics.walks.Inc()
	}
	for e := range r.everybody(after) {
		if !r.offerPerson(e) {
			return false
		}
	}
	return true
}

func (r *run) offerPerson(e *directory.Entry) bool {
	if !r.look(1) {
		return false
	}
	at := position{stage: stagePeople, number: e.UIDNumber}
	if !r.sees(e) {
		r.pass(at)
		return true
	}
	r.person = personEntry{&r.view, e}
	return r.offer(&r.person, at)
}

// groups offers the groups that the filter can be true for.
func (r *run) groups() bool {
	if !r.possible(r.tree.groupKind) {
		return true
	}
	after := ""
	if r.from.stage == stageGroups {
		after = r.from.name
	}
	var list []*directory.Group
	if r.service == nil { // a person sees his own: they are few
		list = r.ownGroups(r.x.groups[:0])
		r.x.groups = list
	} else if some, ok := r.candidateGroups(); ok {
		list = some
	} else {
		list = r.s.opt.Directory.GroupsAfter(after)
	}
	for _, g := range list {
		if g.Name <= after {
			continue
		}
		if !r.look(groupCost) {
			return false
		}
		at := position{stage: stageGroups, name: g.Name}
		if !r.seesGroup(g) {
			r.pass(at)
			continue
		}
		r.group = groupEntry{&r.view, g}
		if !r.offer(&r.group, at) {
			return false
		}
	}
	return true
}

// How often a walk looks up, in people: at the clock, and whether it goes on for
// so long that its client should be watched. A group costs as much as many
// people, because of its members.
const (
	lookEvery  = 256
	watchAfter = 2048
	groupCost  = 64
)

// look bounds what a search takes; false ends it. A page that takes too long
// ends early, and the next one goes on from there.
func (r *run) look(cost int) bool {
	if r.walked++; r.walked > r.walks {
		r.tooMuch(wire.Result{Code: wire.AdminLimitExceeded, Text: textUnindexed})
		return false
	}
	before := r.looked / lookEvery
	if r.looked += cost; r.looked/lookEvery == before {
		return true
	}
	if r.looked >= watchAfter {
		r.c.Watch()
	}
	if r.c.Abandoned() {
		return false
	}
	if !r.x.stillIn(r.c) {
		r.done = wire.Result{Code: wire.InsufficientAccessRights, Text: textSignIn}
		return false
	}
	if time.Now().After(r.deadline) {
		r.tooMuch(wire.Result{Code: wire.TimeLimitExceeded, Text: textTime})
		return false
	}
	return true
}

// tooMuch ends a page early, or the search with the result.
func (r *run) tooMuch(result wire.Result) {
	if r.page.on && !r.hurry && r.behind != r.from {
		r.more = true
		return
	}
	r.done = result
}

// pass goes on behind an entry.
func (r *run) pass(at position) {
	at.total = r.from.total + uint32(r.sent)
	r.behind = at
}

// offer sends an entry if the filter is true for it; false ends the search.
func (r *run) offer(o object, at position) bool {
	if r.x.filter.Eval(o, &r.x.scratch) != filter.True {
		r.pass(at)
		return true
	}
	return r.send(o, at)
}

func (r *run) send(o object, at position) bool {
	var controls []byte
	if r.sync.on {
		uuid, seq := r.standing(o)
		if r.sync.resumed && !r.sync.deletes && seq <= r.sync.since {
			return r.tell(uuid)
		}
		controls = syncState(uuid)
	}
	switch {
	case int(r.from.total)+r.sent >= r.most:
		r.done = wire.Result{Code: wire.SizeLimitExceeded}
		return false
	case r.sent == r.limit && r.page.on:
		r.more = true
		return false
	case r.sent == r.limit:
		r.done = wire.Result{Code: wire.SizeLimitExceeded, Text: textEntries}
		return false
	}
	r.sent++
	r.pass(at)
	b := appendEntry(r.c.Buffer(), r.m.ID, o, r.s.schema.types, r.q.wanted, r.q.typesOnly, &r.x.scratch, controls)
	return r.c.Wrote(b) == nil
}
