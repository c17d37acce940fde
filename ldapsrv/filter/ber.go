package filter

import "schoolbridge/ldapsrv/wire"

// Read reads the filter that begins b (RFC 4511 section 4.5.1.7) and gives what
// follows. The filter shares memory with b.
func (f *Filter) Read(b []byte) (rest []byte, err error) {
	f.nodes, f.pieces = f.nodes[:0], 0
	e, rest, err := wire.Next(b)
	if err != nil {
		return nil, err
	}
	return rest, f.add(e, 1)
}

const (
	context     = 0x80
	constructed = 0x20
)

func (f *Filter) add(e wire.Element, depth int) error {
	if depth > MaxDepth || len(f.nodes) >= MaxNodes {
		return ErrTooComplex
	}
	if e.Tag&0xc0 != context {
		return syntax("a part with a foreign tag")
	}
	kind := Kind(e.Tag & 0x1f)
	if kind > Extensible {
		// RFC 4511 section 4.5.1: a filter of a later day evaluates to Undefined.
		return f.leaf(node{kind: Extensible})
	}
	if wants := kind != Present; (e.Tag&constructed != 0) != wants {
		return syntax("a part with the wrong form")
	}
	switch kind {
	case And, Or, Not:
		return f.addSet(kind, e.Value, depth)
	case Present:
		return f.leaf(node{kind: kind, attr: e.Value})
	case Substrings:
		return f.addSubstrings(e.Value)
	case Extensible:
		return f.addExtensible(e.Value)
	}
	attr, rest, err := wire.Expect(e.Value, wire.TagOctets)
	if err != nil {
		return err
	}
	value, _, err := wire.Expect(rest, wire.TagOctets)
	if err != nil {
		return err
	}
	return f.leaf(node{kind: kind, attr: attr, value: value})
}

func (f *Filter) leaf(n node) error {
	n.end = int32(len(f.nodes)) + 1
	f.nodes = append(f.nodes, n)
	return nil
}

func (f *Filter) addSet(kind Kind, b []byte, depth int) error {
	at := len(f.nodes)
	f.nodes = append(f.nodes, node{kind: kind})
	count := 0
	for ; len(b) > 0; count++ {
		e, rest, err := wire.Next(b)
		if err != nil {
			return err
		}
		if err := f.add(e, depth+1); err != nil {
			return err
		}
		b = rest
	}
	if kind == Not && count != 1 {
		return syntax("a negation of not one part")
	}
	f.nodes[at].end = int32(len(f.nodes))
	return nil
}

func (f *Filter) addSubstrings(b []byte) error {
	attr, rest, err := wire.Expect(b, wire.TagOctets)
	if err != nil {
		return err
	}
	list, _, err := wire.Expect(rest, wire.TagSequence)
	if err != nil {
		return err
	}
	n := node{kind: Substrings, attr: attr}
	for len(list) > 0 {
		var e wire.Element
		if e, list, err = wire.Next(list); err != nil {
			return err
		}
		place := e.Tag - context
		switch {
		case place > 2:
			return syntax("a substring of an unknown place")
		case len(n.subs) > 0 && (place == 0 || n.subs[len(n.subs)-1].place == 2):
			return syntax("substrings out of order")
		case f.pieces == MaxNodes:
			return ErrTooComplex
		}
		f.pieces++
		n.subs = append(n.subs, piece{place: place, text: e.Value})
	}
	if len(n.subs) == 0 {
		return syntax("no substrings")
	}
	return f.leaf(n)
}

// addExtensible reads an extensible match. Without a rule and names it is an
// equality (RFC 4511 section 4.5.1.7.7).
func (f *Filter) addExtensible(b []byte) error {
	n := node{kind: Extensible}
	for len(b) > 0 {
		e, rest, err := wire.Next(b)
		if err != nil {
			return err
		}
		b = rest
		switch e.Tag {
		case 0x81:
			n.named = e.Value
		case 0x82:
			n.attr = e.Value
		case 0x83:
			n.value = e.Value
		case 0x84:
			if n.names, err = wire.Bool(e.Value); err != nil {
				return err
			}
		}
	}
	if len(n.attr) > 0 && len(n.named) == 0 && !n.names {
		n.kind = Equality
	}
	return f.leaf(n)
}
