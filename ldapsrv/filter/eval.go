package filter

import "iter"

// Truth is a value of three-valued logic. The order is that of the logic: And
// is the least, Or the greatest, Not the opposite.
type Truth int8

// The values.
const (
	False     Truth = -1
	Undefined Truth = 0
	True      Truth = 1
)

// Attribute is what a Schema tells of one attribute.
type Attribute struct {
	ID      int // handed to Subject.Values; not negative
	Rule    Rule
	Ordered bool // it has an ORDERING rule: >= and <= are defined
	// Prepare, where not nil, brings an assertion value of an equality match
	// into the form in which the Subject gives values; false: it is no such
	// value, the assertion is Undefined.
	Prepare func(value string) (string, bool)
}

// Schema knows attributes by their descriptions.
type Schema interface {
	// Attribute finds one by name or number. An attribute that does not exist,
	// or whose existence the asking one may not learn, is not there.
	Attribute(description []byte) (Attribute, bool)
	// Attributes are all that Attribute finds, each once.
	Attributes() iter.Seq[Attribute]
}

// Subject is an entry.
type Subject interface {
	// Values adds the values of an attribute to into; none if the entry has
	// none. False: they may not be read or are not known, so that whatever is
	// asserted of them is Undefined.
	Values(attribute int, into *Values) (known bool)
}

// Matcher is a Subject that answers assertions on some attributes itself, faster
// than by giving all values (the members of a group).
type Matcher interface {
	Subject
	// Test answers an assertion of the kind Present, Equality or Approx. handled
	// false: ask Values.
	Test(q Assertion) (t Truth, handled bool)
}

// Named is a Subject with a name whose parts ":dn" matches ask.
type Named interface {
	Subject
	// NameValues adds the values that the entry's distinguished name has of an
	// attribute.
	NameValues(attribute int, into *Values)
}

// Bind looks every attribute up and brings the assertions into normal form,
// once for all entries. It must come before Eval and Cover.
func (f *Filter) Bind(s Schema) {
	for i := range f.nodes {
		n := &f.nodes[i]
		switch {
		case n.kind <= Not:
		case n.kind == Extensible:
			n.bound = n.bindNamed(s)
		default:
			a, ok := s.Attribute(n.attr)
			n.bound = ok && n.prepare(a)
		}
	}
}

// bindNamed binds an extensible match.
func (n *node) bindNamed(s Schema) bool {
	var rule *NamedRule
	if len(n.named) > 0 {
		var ok bool
		if rule, ok = namedRule(n.named); !ok {
			return false
		}
		n.test, n.chain = rule.test, rule.chain
	}
	if len(n.attr) > 0 {
		a, ok := s.Attribute(n.attr)
		if !ok || rule != nil && !rule.fits(a) {
			return false
		}
		n.id, n.rule, n.test = a.ID, a.Rule, equal
		if rule != nil {
			n.rule, n.test = rule.ruleFor(a), rule.test
		}
		return n.assert(a)
	}
	if rule == nil {
		return false
	}
	n.any, n.rule = n.any[:0], rule.rule
	for a := range s.Attributes() {
		if rule.fits(a) && a.Prepare == nil {
			n.any = append(n.any, a)
		}
	}
	return n.assert(Attribute{})
}

// prepare gives false where the assertion can only be Undefined.
func (n *node) prepare(a Attribute) bool {
	n.id, n.rule = a.ID, a.Rule
	switch n.kind {
	case Present:
		return true
	case GreaterOrEqual, LessOrEqual: // RFC 4511 section 4.5.1.7.3
		if n.test = atLeast; n.kind == LessOrEqual {
			n.test = atMost
		}
		return a.Ordered && n.assert(a)
	case Substrings:
		n.test = pieces
		if a.Prepare != nil || !a.Rule.text() {
			return false
		}
		for i := range n.subs {
			n.subs[i].norm = pieceNormal(a.Rule, &n.subs[i])
		}
		return true
	}
	n.test = equal
	return n.assert(a)
}

// assert brings the assertion value into the form that values are held against.
func (n *node) assert(a Attribute) (ok bool) {
	if n.rule.numeric() {
		n.number, ok = n.rule.number(string(n.value))
		return ok
	}
	value := n.value
	if a.Prepare != nil {
		prepared, ok := a.Prepare(string(value))
		if !ok {
			return false
		}
		value = []byte(prepared)
	}
	var memory [64]byte
	n.folded = string(n.rule.appendTo(memory[:0], value))
	return true
}

// pieceNormal keeps the spaces at a piece's ends that are inside the value (RFC
// 4518 section 2.6.1).
func pieceNormal(r Rule, p *piece) string {
	middle := string(r.appendTo(nil, p.text))
	switch {
	case len(p.text) == 0:
		return ""
	case middle == "" && p.place == 1:
		return " "
	case middle == "":
		return ""
	}
	if p.text[0] == ' ' && p.place != 0 {
		middle = " " + middle
	}
	if p.text[len(p.text)-1] == ' ' && p.place != 2 {
		middle += " "
	}
	return middle
}

// Eval evaluates the filter for one entry. scratch is used for values and may
// be used again.
func (f *Filter) Eval(s Subject, scratch *Values) Truth {
	if len(f.nodes) == 0 {
		return Undefined
	}
	return f.eval(0, s, scratch)
}

func (f *Filter) eval(i int32, s Subject, scratch *Values) Truth {
	n := &f.nodes[i]
	switch n.kind {
	case And:
		t := True // RFC 4526: an empty And is true
		for c := i + 1; c < n.end && t != False; c = f.nodes[c].end {
			t = min(t, f.eval(c, s, scratch))
		}
		return t
	case Or:
		t := False // and an empty Or false
		for c := i + 1; c < n.end && t != True; c = f.nodes[c].end {
			t = max(t, f.eval(c, s, scratch))
		}
		return t
	case Not:
		return -f.eval(i+1, s, scratch)
	}
	if !n.bound {
		return Undefined
	}
	if n.kind == Extensible && len(n.attr) == 0 {
		return n.askAny(s, scratch)
	}
	return n.ask(n.id, s, scratch)
}

// askAny asks every attribute that a match without one can mean.
func (n *node) askAny(s Subject, scratch *Values) Truth {
	t := False
	for _, a := range n.any {
		if t = max(t, n.ask(a.ID, s, scratch)); t == True {
			break
		}
	}
	return t
}

func (n *node) ask(id int, s Subject, scratch *Values) Truth {
	if m, ok := s.(Matcher); ok && (n.kind == Present || n.test == equal) && !n.rule.numeric() {
		if t, handled := m.Test(Assertion{Attribute: id, Present: n.kind == Present, Chain: n.chain, Value: n.folded}); handled && !n.names {
			return t
		}
	}
	scratch.Reset()
	known := s.Values(id, scratch)
	if n.names {
		named, ok := s.(Named)
		if known = known && ok; ok {
			named.NameValues(id, scratch)
		}
	}
	if n.kind == Present && known {
		return truth(scratch.Len() > 0)
	}
	for i := range scratch.ends {
		if n.matchText(scratch.At(i), scratch) {
			return True
		}
	}
	for _, v := range scratch.Numbers {
		if n.matchNumber(v) {
			return True
		}
	}
	if !known {
		return Undefined
	}
	return False
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}
