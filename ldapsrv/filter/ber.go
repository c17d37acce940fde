package filter

import "schoolbridge/ldapsrv/wire"

// ParseBER reads one filter and refuses bytes behind it.
func ParseBER(b []byte) (Filter, error) {
	p := &parser{}
	f, rest, err := p.ber(b, 0)
	if err == nil && len(rest) > 0 {
		err = ErrSyntax
	}
	return f, err
}

// parser counts parts, so that a filter is bounded as a whole.
type parser struct{ parts int }

func (p *parser) enter(depth int) error {
	p.parts++
	if depth > MaxDepth || p.parts > MaxParts {
		return ErrTooDeep
	}
	return nil
}

func (p *parser) ber(b []byte, depth int) (f Filter, rest []byte, err error) {
	if err := p.enter(depth); err != nil {
		return f, nil, err
	}
	e, rest, err := wire.Next(b)
	if err != nil {
		return f, nil, err
	}
	f.Kind = Kind(e.Tag & 0x1f)
	constructed := e.Tag&0xe0 == 0xa0
	switch {
	case constructed && (f.Kind == And || f.Kind == Or):
		for list := e.Value; len(list) > 0; {
			var part Filter
			if part, list, err = p.ber(list, depth+1); err != nil {
				return f, nil, err
			}
			f.Parts = append(f.Parts, part)
		}
	case constructed && f.Kind == Not:
		part, more, err := p.ber(e.Value, depth+1)
		if err != nil {
			return f, nil, err
		}
		if len(more) > 0 {
			return f, nil, ErrSyntax
		}
		f.Parts = []Filter{part}
	case constructed && f.Kind == Substrings:
		err = f.substrings(e.Value, p)
	case constructed && f.Kind == Extensible:
		err = f.extensible(e.Value)
	case constructed && (f.Kind == Equality || f.Kind == GreaterOrEqual || f.Kind == LessOrEqual || f.Kind == Approx):
		err = f.assertion(e.Value)
	case e.Tag == 0x87: // Present is primitive
		f.Attribute = string(e.Value)
	default:
		err = ErrSyntax
	}
	if err == nil && f.Attribute == "" && f.Kind >= Equality && f.Kind != Extensible {
		err = ErrSyntax
	}
	return f, rest, err
}

func (f *Filter) assertion(b []byte) error {
	attribute, b, err := wire.Expect(b, wire.TagOctets)
	if err != nil {
		return err
	}
	value, b, err := wire.Expect(b, wire.TagOctets)
	if err != nil {
		return err
	}
	f.Attribute, f.Value = string(attribute), string(value)
	return trailing(b)
}

func trailing(b []byte) error {
	if len(b) > 0 {
		return ErrSyntax
	}
	return nil
}

func (f *Filter) substrings(b []byte, p *parser) error {
	attribute, b, err := wire.Expect(b, wire.TagOctets)
	if err != nil {
		return err
	}
	f.Attribute = string(attribute)
	list, b, err := wire.Expect(b, wire.TagSequence)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return ErrSyntax
	}
	for first := true; len(list) > 0; first = false {
		var e wire.Element
		if e, list, err = wire.Next(list); err != nil {
			return err
		}
		if p.parts++; p.parts > MaxParts {
			return ErrTooDeep
		}
		switch {
		case len(e.Value) == 0:
			return ErrSyntax
		case e.Tag == 0x80 && first:
			f.Initial = string(e.Value)
		case e.Tag == 0x81:
			f.Any = append(f.Any, string(e.Value))
		case e.Tag == 0x82 && len(list) == 0:
			f.Final = string(e.Value)
		default:
			return ErrSyntax
		}
	}
	return trailing(b)
}

func (f *Filter) extensible(b []byte) error {
	for len(b) > 0 {
		var e wire.Element
		var err error
		if e, b, err = wire.Next(b); err != nil {
			return err
		}
		switch e.Tag {
		case 0x81:
			f.Rule = string(e.Value)
		case 0x82:
			f.Attribute = string(e.Value)
		case 0x83:
			f.Value = string(e.Value)
		case 0x84:
			if f.DNAttrs, err = wire.Bool(e.Value); err != nil {
				return err
			}
		default:
			return ErrSyntax
		}
	}
	if f.Rule == "" && f.Attribute == "" {
		return ErrSyntax
	}
	return nil
}

// AppendBER appends the filter as it is sent.
func (f *Filter) AppendBER(b []byte) []byte {
	if f.Kind == Present {
		return wire.AppendTLV(b, 0x87, f.Attribute)
	}
	b, at := wire.Begin(b, 0xa0|byte(f.Kind))
	switch f.Kind {
	case And, Or, Not:
		for i := range f.Parts {
			b = f.Parts[i].AppendBER(b)
		}
	case Substrings:
		b = wire.AppendTLV(b, wire.TagOctets, f.Attribute)
		var list int
		b, list = wire.Begin(b, wire.TagSequence)
		if f.Initial != "" {
			b = wire.AppendTLV(b, 0x80, f.Initial)
		}
		for _, part := range f.Any {
			b = wire.AppendTLV(b, 0x81, part)
		}
		if f.Final != "" {
			b = wire.AppendTLV(b, 0x82, f.Final)
		}
		b = wire.End(b, list)
	case Extensible:
		for tag, text := range []string{f.Rule, f.Attribute, f.Value} {
			if text != "" || tag == 2 {
				b = wire.AppendTLV(b, 0x81+byte(tag), text)
			}
		}
		if f.DNAttrs {
			b = wire.AppendTLV(b, 0x84, "\xff")
		}
	default:
		b = wire.AppendTLV(b, wire.TagOctets, f.Attribute)
		b = wire.AppendTLV(b, wire.TagOctets, f.Value)
	}
	return wire.End(b, at)
}
