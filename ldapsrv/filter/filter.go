// Package filter knows LDAP search filters: reading them from BER (RFC 4511
// section 4.5.1.7) and from text (RFC 4515), writing them, and evaluating them
// in three values. Pure.
//
// Undefined is what a filter comes to over an attribute that is not known, that
// the asker may not read, or whose matching rule does not exist; only a filter
// that is True selects an entry (RFC 4511 section 4.5.1.7), so that nothing can
// be probed. Filters are bounded in depth and in parts.
//
// Start reading at Filter.Evaluate.
package filter

import "errors"

// Bounds of a filter: a hostile one costs no more.
const (
	MaxDepth = 32
	MaxParts = 512
)

// The ways in which a filter is refused.
var (
	ErrSyntax  = errors.New("malformed filter")
	ErrTooDeep = errors.New("filter too deep or too large")
)

// Kind is what a filter asks.
type Kind uint8

// The kinds, by the numbers of their BER tags.
const (
	And Kind = iota
	Or
	Not
	Equality
	Substrings
	GreaterOrEqual
	LessOrEqual
	Present
	Approx
	Extensible
)

// Filter is one filter or a part of one.
type Filter struct {
	Kind      Kind
	Attribute string   // as sent; "" in some extensible filters
	Value     string   // the assertion value
	Initial   string   // Substrings; "" for none
	Any       []string // Substrings
	Final     string   // Substrings; "" for none
	Rule      string   // Extensible: the matching rule, or ""
	DNAttrs   bool     // Extensible
	Parts     []Filter // And, Or, Not
}

// Truth is the value of a filter over an entry.
type Truth int8

// The three values, so ordered that And is the least and Or the greatest.
const (
	False     Truth = -1
	Undefined Truth = 0
	True      Truth = 1
)

// Entry is what a filter is held against.
type Entry interface {
	// Values gives an attribute's values. known is false where the attribute
	// does not exist or the asker may not read it: the filter is Undefined then.
	Values(attribute string) (values []string, known bool)
	// Match compares under the attribute's equality rule; Substring under its
	// substring rule; Order under its ordering rule, -1, 0 or 1, or false where
	// it has none or a value cannot be ordered.
	Match(attribute, value, assertion string) bool
	Substring(attribute, value string, f *Filter) bool
	Order(attribute, value, assertion string) (int, bool)
}

// Evaluate gives the filter's value over an entry.
func (f *Filter) Evaluate(e Entry) Truth {
	switch f.Kind {
	case And, Or:
		return f.set(e)
	case Not:
		return -f.Parts[0].Evaluate(e)
	case Extensible:
		// With no rule named it is equality (RFC 4511 section 4.5.1.7.7); the
		// rules that can be named do not exist here yet.
		if f.Rule != "" || f.Attribute == "" {
			return Undefined
		}
	}
	values, known := e.Values(f.Attribute)
	if !known {
		return Undefined
	}
	for _, v := range values {
		if f.matches(e, v) {
			return True
		}
	}
	return False
}

func (f *Filter) set(e Entry) Truth {
	// The empty And is true and the empty Or false (RFC 4526 section 2).
	result := True
	if f.Kind == Or {
		result = False
	}
	for i := range f.Parts {
		v := f.Parts[i].Evaluate(e)
		if f.Kind == And {
			result = min(result, v)
		} else {
			result = max(result, v)
		}
		if result == False && f.Kind == And || result == True && f.Kind == Or {
			break
		}
	}
	return result
}

func (f *Filter) matches(e Entry, value string) bool {
	switch f.Kind {
	case Present:
		return true
	case Substrings:
		return e.Substring(f.Attribute, value, f)
	case GreaterOrEqual:
		order, ok := e.Order(f.Attribute, value, f.Value)
		return ok && order >= 0
	case LessOrEqual:
		order, ok := e.Order(f.Attribute, value, f.Value)
		return ok && order <= 0
	}
	return e.Match(f.Attribute, value, f.Value)
}

// Equal finds the values that an attribute must be equal to for the filter to
// be true; ok is false where it can be true otherwise too. An index answers
// such a filter. same says whether two attribute names are one.
func (f *Filter) Equal(same func(name string) bool) (values []string, ok bool) {
	switch f.Kind {
	case Equality:
		if same(f.Attribute) {
			return []string{f.Value}, true
		}
	case And:
		for i := range f.Parts {
			if values, ok = f.Parts[i].Equal(same); ok {
				return values, true
			}
		}
	case Or:
		for i := range f.Parts {
			more, ok := f.Parts[i].Equal(same)
			if !ok {
				return nil, false
			}
			values = append(values, more...)
		}
		return values, len(f.Parts) > 0
	}
	return nil, false
}
