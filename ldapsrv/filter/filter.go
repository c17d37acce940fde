// Package filter knows LDAP search filters: it reads them from BER (RFC 4511
// section 4.5.1.7) and from text (RFC 4515), binds them to a schema, and
// evaluates them in three-valued logic (RFC 4511 section 4.5.1.7: True, False
// and Undefined, as X.511 section 7.8 defines them). Pure: no I/O, no clock.
//
//	BER or text ─► nodes ─► Bind (attributes, rules, assertions in normal form)
//	                          ├─► Cover: what an index has to be asked, or that there is no help
//	                          └─► Eval:  true, false or undefined for one entry
//
// Bounds: MaxDepth levels, MaxNodes parts and as many substrings; a filter is read into one slice and
// evaluated without memory of its own.
//
// Whatever a caller may not read, its Schema or Subject answers as unknown; the
// filter is then Undefined, so that nobody can probe by searching what they
// cannot read. An extensible match without an attribute asks those attributes
// that the Schema names, which are those that may be read.
//
// Rules of matching that can be named stand in named.go, how values compare in
// match.go and fold.go.
//
// Start reading at Parse, Filter.Bind and Filter.Eval.
package filter

import (
	"errors"
	"fmt"
)

// Bounds of one filter. SSSD sends 5 to 15 parts on 3 levels.
const (
	MaxDepth = 32
	MaxNodes = 512
)

// ErrSyntax says that bytes or text are no filter.
var ErrSyntax = errors.New("malformed filter")

// ErrTooComplex says that a filter is larger than the bounds.
var ErrTooComplex = errors.New("filter too large or too deep")

func syntax(what string) error { return fmt.Errorf("%w: %s", ErrSyntax, what) }

// Kind is what a part of a filter asks. The values are those of the context
// tags of RFC 4511.
type Kind byte

// The kinds.
const (
	And            Kind = 0
	Or             Kind = 1
	Not            Kind = 2
	Equality       Kind = 3
	Substrings     Kind = 4
	GreaterOrEqual Kind = 5
	LessOrEqual    Kind = 6
	Present        Kind = 7
	Approx         Kind = 8
	Extensible     Kind = 9
)

// node is one part. The parts of a set follow it: its first child is the next
// node, and end is the index behind its last descendant.
type node struct {
	kind  Kind
	end   int32
	attr  []byte // attribute description as sent
	value []byte // assertion value as sent
	named []byte // Extensible: the matching rule as sent
	names bool   // Extensible: values in the entry's name count too (":dn")
	// subs are the pieces of a substring filter: each a tag byte's context
	// number (0 initial, 1 any, 2 final) and a value.
	subs []piece

	// What Bind found out:
	bound  bool
	chain  bool // membership by way of groups in groups counts
	test   test
	id     int
	any    []Attribute // Extensible without an attribute: all that can be meant
	rule   Rule
	folded string // the assertion in normal form
	number int64  // for numbers
}

type piece struct {
	place byte
	text  []byte
	norm  string
}

// Filter is a tree of parts. It shares memory with what it was read from. The
// zero value is ready for Read and can be used again and again.
type Filter struct {
	nodes  []node
	pieces int // of all substrings together
}

// Forget drops what the filter was read from, and memory that only a large one
// needed.
func (f *Filter) Forget() {
	clear(f.nodes)
	f.pieces = 0
	if f.nodes = f.nodes[:0]; cap(f.nodes) > 32 {
		f.nodes = nil
	}
}

// Set makes the filter one assertion, as a Compare operation needs it.
func (f *Filter) Set(kind Kind, attribute, value []byte) {
	f.nodes = append(f.nodes[:0], node{kind: kind, end: 1, attr: attribute, value: value})
}

// Text gives the filter as RFC 4515 writes it.
func (f *Filter) Text() string {
	if len(f.nodes) == 0 {
		return ""
	}
	return string(f.appendText(nil, 0))
}

func (f *Filter) appendText(b []byte, i int32) []byte {
	n := &f.nodes[i]
	b = append(b, '(')
	switch n.kind {
	case And, Or, Not:
		b = append(b, "&|!"[n.kind])
		for c := i + 1; c < n.end; c = f.nodes[c].end {
			b = f.appendText(b, c)
		}
		return append(b, ')')
	case Present:
		b = append(append(b, n.attr...), "=*"...)
	case Substrings:
		b = append(append(b, n.attr...), '=')
		for k, p := range n.subs {
			if p.place != 0 && (k == 0 || n.subs[k-1].place != 2) {
				b = append(b, '*')
			}
			b = appendEscaped(b, p.text)
		}
		if n.subs[len(n.subs)-1].place != 2 {
			b = append(b, '*')
		}
	case Extensible:
		b = append(b, n.attr...)
		if n.names {
			b = append(b, ":dn"...)
		}
		if len(n.named) > 0 {
			b = append(append(b, ':'), n.named...)
		}
		b = appendEscaped(append(b, ":="...), n.value)
	default:
		b = append(append(b, n.attr...), map[Kind]string{Equality: "=", GreaterOrEqual: ">=", LessOrEqual: "<=", Approx: "~="}[n.kind]...)
		b = appendEscaped(b, n.value)
	}
	return append(b, ')')
}

func appendEscaped(b, value []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range value {
		switch {
		case c == '*', c == '(', c == ')', c == '\\', c < ' ', c >= 0x7f:
			b = append(b, '\\', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}
