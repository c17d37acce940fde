package ldapsrv

import (
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// compare is RFC 4511 section 4.10.
func (x *session) compare(c *wire.Conn, body []byte) (wire.Result, error) {
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
	v := x.view(c)
	at := x.s.resolve(string(target))
	switch {
	case at.kind == placeBad:
		return wire.Result{Code: wire.InvalidDNSyntax, Text: textBadDN}, nil
	case v.nobody():
		return wire.Result{Code: wire.InsufficientAccessRights, Text: textSignIn}, nil
	}
	if at.tree != nil {
		v.tree = at.tree
	}
	o := v.named(at)
	if at.kind >= placeBase && at.kind <= placeServices {
		o = v.unit(at.kind)
	}
	if o == nil {
		return wire.Result{Code: wire.NoSuchObject, Matched: at.missing()}, nil
	}
	return x.compareValue(&v, o, description, value), nil
}

// compareValue tells the same of what the asker may not read as of what is not
// there.
func (x *session) compareValue(v *view, o object, description, value []byte) wire.Result {
	if _, known := x.s.schema.find(description); !known {
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
