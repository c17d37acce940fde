package filter

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
	ID   int // handed to Subject.Values; not negative
	Rule Rule
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
}

// Values are the values of one attribute of one entry, as a Subject gives them.
// Which field counts depends on the attribute's rule.
type Values struct {
	Texts   []string
	Numbers []int64
}

// Text adds a text value.
func (v *Values) Text(text string) { v.Texts = append(v.Texts, text) }

// Number adds a number or, in Unix seconds, a time.
func (v *Values) Number(n int64) { v.Numbers = append(v.Numbers, n) }

// Forget drops the values, and memory that only a long list needed.
func (v *Values) Forget() {
	clear(v.Texts)
	if v.Reset(); cap(v.Texts) > 256 {
		v.Texts = nil
	}
}

// Reset takes all values out.
func (v *Values) Reset() { v.Texts, v.Numbers = v.Texts[:0], v.Numbers[:0] }

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
	// Test answers an assertion of that kind; value is in normal form. handled
	// false: ask Values.
	Test(kind Kind, attribute int, value string) (t Truth, handled bool)
}

// Bind looks every attribute up and brings the assertions into normal form,
// once for all entries. It must come before Eval and Wants.
func (f *Filter) Bind(s Schema) {
	for i := range f.nodes {
		n := &f.nodes[i]
		if n.kind <= Not || n.kind == Extensible {
			continue
		}
		a, ok := s.Attribute(n.attr)
		n.bound = ok && n.prepare(a)
	}
}

// prepare gives false where the assertion can only be Undefined.
func (n *node) prepare(a Attribute) bool {
	n.id, n.rule = a.ID, a.Rule
	if n.kind == Present {
		return true
	}
	if a.Rule == Integer || a.Rule == Time {
		var ok bool
		n.number, ok = a.Rule.number(string(n.value))
		return ok && n.kind != Substrings
	}
	if n.kind == GreaterOrEqual || n.kind == LessOrEqual {
		return false // no text here has an ORDERING rule (RFC 4511 section 4.5.1.7.3)
	}
	if n.kind == Substrings {
		for i := range n.subs {
			n.subs[i].norm = pieceNormal(a.Rule, string(n.subs[i].text))
		}
		return a.Prepare == nil
	}
	value, ok := string(n.value), true
	if a.Prepare != nil {
		value, ok = a.Prepare(value)
	}
	n.folded = a.Rule.normal(value)
	return ok
}

// pieceNormal keeps the spaces at a piece's ends: they are inside the value.
func pieceNormal(r Rule, text string) string {
	middle := r.normal(text)
	if middle == "" {
		if text != "" {
			return " "
		}
		return ""
	}
	if text[0] == ' ' {
		middle = " " + middle
	}
	if text[len(text)-1] == ' ' {
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
	return n.test(s, scratch)
}

func (n *node) test(s Subject, scratch *Values) Truth {
	if !n.bound {
		return Undefined
	}
	if m, ok := s.(Matcher); ok {
		if t, handled := m.Test(n.kind, n.id, n.folded); handled {
			return t
		}
	}
	scratch.Reset()
	if !s.Values(n.id, scratch) {
		return Undefined
	}
	if n.kind == Present {
		return truth(len(scratch.Texts)+len(scratch.Numbers) > 0)
	}
	for _, v := range scratch.Texts {
		if n.matchText(v) {
			return True
		}
	}
	for _, v := range scratch.Numbers {
		if n.matchNumber(v) {
			return True
		}
	}
	return False
}

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// Want is an equality that every entry that the filter accepts must fulfil.
type Want struct {
	Attribute int
	Value     string // in normal form, for texts
	Number    int64  // for numbers
}

// Wants calls yield for the equalities that the filter demands: those that
// stand in its outermost And. An index on any of them finds every entry that
// can match. yield gives false to end.
func (f *Filter) Wants(yield func(Want) bool) {
	if len(f.nodes) > 0 {
		f.wants(0, yield)
	}
}

func (f *Filter) wants(i int32, yield func(Want) bool) bool {
	n := &f.nodes[i]
	switch {
	case n.kind == And:
		for c := i + 1; c < n.end; c = f.nodes[c].end {
			if !f.wants(c, yield) {
				return false
			}
		}
	case n.kind == Equality && n.bound:
		return yield(Want{n.id, n.folded, n.number})
	}
	return true
}
