package filter

// Assertion is what one part of a filter says of an entry's attribute.
type Assertion struct {
	Attribute int
	Present   bool   // there is any value
	Chain     bool   // by way of groups in groups (1.2.840.113556.1.4.1941)
	Prefix    bool   // Value begins one
	AtLeast   bool   // a value is Number or more
	Exact     bool   // the case of letters counts
	Value     string // in normal form, for texts
	Number    int64  // for numbers
}

// Cover gives assertions of which every entry that the filter is true for
// fulfils one at least; an index on them finds all such entries. cost says how
// many entries an assertion would lead to, or that no index knows. The list is
// appended to into; ok false: there is no cover, everybody has to be looked at.
// An empty list that is ok says that the filter is true for nobody.
//
// Of an And the cheapest part covers the whole; an Or needs a cover of each part;
// a Not has none, because three-valued logic makes the opposite of an assertion
// true for those that lack the attribute only.
func (f *Filter) Cover(into []Assertion, cost func(Assertion) (n int, ok bool)) (list []Assertion, ok bool) {
	if len(f.nodes) == 0 {
		return into, true
	}
	list, _, ok = f.cover(0, into, cost)
	return list, ok
}

func (f *Filter) cover(i int32, into []Assertion, cost func(Assertion) (int, bool)) (list []Assertion, total int, ok bool) {
	n := &f.nodes[i]
	switch n.kind {
	case And:
		return f.coverAnd(n, i, into, cost)
	case Or:
		list = into
		for c := i + 1; c < n.end; c = f.nodes[c].end {
			var one int
			if list, one, ok = f.cover(c, list, cost); !ok {
				return into, 0, false
			}
			total += one
		}
		return list, total, true
	case Not:
		return into, 0, false
	}
	if !n.bound {
		return into, 0, true // Undefined for everybody
	}
	a, ok := n.assertion()
	if !ok {
		return into, 0, false
	}
	if total, ok = cost(a); !ok {
		return into, 0, false
	}
	return append(into, a), total, true
}

func (f *Filter) coverAnd(n *node, i int32, into []Assertion, cost func(Assertion) (int, bool)) (list []Assertion, total int, ok bool) {
	start := len(into)
	for c := i + 1; c < n.end; c = f.nodes[c].end {
		behind := len(into)
		with, one, covered := f.cover(c, into, cost)
		switch {
		case !covered:
			into = into[:behind]
		case !ok || one < total:
			// The better cover takes the place of the one before.
			into = append(with[:start], with[behind:]...)
			total, ok = one, true
		default:
			into = with[:behind]
		}
	}
	return into, total, ok
}

// assertion gives what an index can be asked.
func (n *node) assertion() (Assertion, bool) {
	a := Assertion{Attribute: n.id, Chain: n.chain, Exact: n.rule == CaseExact, Value: n.folded, Number: n.number}
	switch {
	case n.names, n.kind == Extensible && len(n.attr) == 0:
		return a, false
	case n.kind == Present:
		return Assertion{Attribute: n.id, Present: true}, true
	case n.kind == Substrings && n.subs[0].place == 0:
		return Assertion{Attribute: n.id, Prefix: true, Exact: a.Exact, Value: n.subs[0].norm}, true
	}
	a.AtLeast = n.test == atLeast && n.rule.numeric()
	return a, n.test == equal || a.AtLeast
}
