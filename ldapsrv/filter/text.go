package filter

import (
	"encoding/hex"
	"strings"
)

// Parse reads the string form of a filter (RFC 4515).
func Parse(s string) (Filter, error) {
	p := &parser{}
	f, rest, err := p.text(s, 0)
	if err == nil && rest != "" {
		err = ErrSyntax
	}
	return f, err
}

func (p *parser) text(s string, depth int) (f Filter, rest string, err error) {
	if err := p.enter(depth); err != nil {
		return f, "", err
	}
	if len(s) < 2 || s[0] != '(' {
		return f, "", ErrSyntax
	}
	switch s = s[1:]; s[0] {
	case '&', '|', '!':
		f.Kind = Kind(strings.IndexByte("&|!", s[0]))
		for s = s[1:]; s != "" && s[0] == '('; {
			var part Filter
			if part, s, err = p.text(s, depth+1); err != nil {
				return f, "", err
			}
			f.Parts = append(f.Parts, part)
		}
		if f.Kind == Not && len(f.Parts) != 1 {
			return f, "", ErrSyntax
		}
	default:
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return f, "", ErrSyntax
		}
		if err = f.item(s[:end], p); err != nil {
			return f, "", err
		}
		s = s[end:]
	}
	if s == "" || s[0] != ')' {
		return f, "", ErrSyntax
	}
	return f, s[1:], nil
}

// item reads attribute, operator and value. The value holds no bare
// parenthesis: RFC 4515 section 3 has them escaped.
func (f *Filter) item(s string, p *parser) (err error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" || strings.ContainsAny(value, "(\x00") {
		return ErrSyntax
	}
	switch name[len(name)-1] {
	case '>':
		f.Kind, name = GreaterOrEqual, name[:len(name)-1]
	case '<':
		f.Kind, name = LessOrEqual, name[:len(name)-1]
	case '~':
		f.Kind, name = Approx, name[:len(name)-1]
	case ':':
		return f.extensibleText(name[:len(name)-1], value)
	default:
		return f.equality(name, value, p)
	}
	if !attributeName(name) {
		return ErrSyntax
	}
	f.Attribute = name
	f.Value, err = unescape(value)
	return err
}

func (f *Filter) equality(name, value string, p *parser) (err error) {
	if !attributeName(name) {
		return ErrSyntax
	}
	f.Attribute = name
	if value == "*" {
		f.Kind = Present
		return nil
	}
	pieces := strings.Split(value, "*")
	if p.parts += len(pieces) - 1; p.parts > MaxParts {
		return ErrTooDeep
	}
	for i := range pieces {
		if pieces[i], err = unescape(pieces[i]); err != nil {
			return err
		}
	}
	if len(pieces) == 1 {
		f.Kind, f.Value = Equality, pieces[0]
		return nil
	}
	f.Kind, f.Initial, f.Final = Substrings, pieces[0], pieces[len(pieces)-1]
	for _, piece := range pieces[1 : len(pieces)-1] {
		if piece == "" {
			return ErrSyntax
		}
		f.Any = append(f.Any, piece)
	}
	return nil
}

// extensibleText reads attr[:dn][:rule] or [:dn]:rule in front of ":=".
func (f *Filter) extensibleText(name, value string) (err error) {
	f.Kind = Extensible
	parts := strings.Split(name, ":")
	f.Attribute = parts[0]
	parts = parts[1:]
	if len(parts) > 0 && strings.EqualFold(parts[0], "dn") {
		f.DNAttrs, parts = true, parts[1:]
	}
	if len(parts) > 0 {
		f.Rule, parts = parts[0], parts[1:]
		if !attributeName(f.Rule) {
			return ErrSyntax
		}
	}
	if len(parts) > 0 || f.Attribute == "" && f.Rule == "" || f.Attribute != "" && !attributeName(f.Attribute) {
		return ErrSyntax
	}
	f.Value, err = unescape(value)
	return err
}

// attributeName takes a descriptor or an OID, with options (RFC 4512 section 2.5).
func attributeName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '-', c == '.', c == ';':
		default:
			return false
		}
	}
	return s != ""
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		if i+3 > len(s) {
			return "", ErrSyntax
		}
		b, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", ErrSyntax
		}
		out = append(out, b[0])
		i += 2
	}
	return string(out), nil
}

// String writes the filter as RFC 4515 has it.
func (f *Filter) String() string {
	var b strings.Builder
	f.write(&b)
	return b.String()
}

func (f *Filter) write(b *strings.Builder) {
	b.WriteByte('(')
	switch f.Kind {
	case And, Or, Not:
		b.WriteByte("&|!"[f.Kind])
		for i := range f.Parts {
			f.Parts[i].write(b)
		}
	case Present:
		b.WriteString(f.Attribute + "=*")
	case Substrings:
		b.WriteString(f.Attribute + "=" + escape(f.Initial) + "*")
		for _, part := range f.Any {
			b.WriteString(escape(part) + "*")
		}
		b.WriteString(escape(f.Final))
	case Extensible:
		b.WriteString(f.Attribute)
		if f.DNAttrs {
			b.WriteString(":dn")
		}
		if f.Rule != "" {
			b.WriteString(":" + f.Rule)
		}
		b.WriteString(":=" + escape(f.Value))
	default:
		b.WriteString(f.Attribute + map[Kind]string{Equality: "=", GreaterOrEqual: ">=", LessOrEqual: "<=", Approx: "~="}[f.Kind] + escape(f.Value))
	}
	b.WriteByte(')')
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; c {
		case '*', '(', ')', '\\', 0:
			b.WriteString(`\` + hex.EncodeToString([]byte{c}))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
