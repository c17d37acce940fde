package filter

import "strings"

// Parse reads a filter in the text form of RFC 4515. The outer parentheses may
// be missing, as command lines leave them out.
func Parse(text string) (*Filter, error) {
	if !strings.HasPrefix(text, "(") {
		text = "(" + text + ")"
	}
	f := &Filter{}
	rest, err := f.parse(text, 1)
	if err != nil {
		return nil, err
	}
	if rest != "" {
		return nil, syntax("text behind the filter")
	}
	return f, nil
}

// parse reads one part in parentheses off s.
func (f *Filter) parse(s string, depth int) (rest string, err error) {
	if depth > MaxDepth || len(f.nodes) >= MaxNodes {
		return "", ErrTooComplex
	}
	if len(s) < 2 || s[0] != '(' {
		return "", syntax("a parenthesis is missing")
	}
	if kind := strings.IndexByte("&|!", s[1]); kind >= 0 {
		return f.parseSet(Kind(kind), s[2:], depth)
	}
	end := strings.IndexByte(s, ')')
	if end < 0 {
		return "", syntax("a parenthesis is not closed")
	}
	return s[end+1:], f.parseItem(s[1:end])
}

func (f *Filter) parseSet(kind Kind, s string, depth int) (rest string, err error) {
	at := len(f.nodes)
	f.nodes = append(f.nodes, node{kind: kind})
	count := 0
	for ; strings.HasPrefix(s, "("); count++ {
		if s, err = f.parse(s, depth+1); err != nil {
			return "", err
		}
	}
	if kind == Not && count != 1 {
		return "", syntax("a negation of not one part")
	}
	f.nodes[at].end = int32(len(f.nodes))
	if !strings.HasPrefix(s, ")") {
		return "", syntax("a parenthesis is not closed")
	}
	return s[1:], nil
}

func (f *Filter) parseItem(item string) error {
	attr, value, ok := strings.Cut(item, "=")
	if !ok || attr == "" || strings.ContainsAny(item, "(") {
		return syntax("an assertion without attribute and value")
	}
	kind := Equality
	switch attr[len(attr)-1] {
	case '>':
		kind = GreaterOrEqual
	case '<':
		kind = LessOrEqual
	case '~':
		kind = Approx
	case ':':
		kind = Extensible
	}
	if kind != Equality {
		attr = attr[:len(attr)-1]
	}
	if attr == "" && kind != Extensible || !description(attr, kind) {
		return syntax("an assertion without an attribute")
	}
	if kind == Equality && value == "*" {
		return f.leaf(node{kind: Present, attr: []byte(attr)})
	}
	parts := strings.Split(value, "*")
	if len(parts) > 1 && kind == Equality {
		return f.parseSubstrings(attr, parts)
	}
	text, err := unescape(value)
	if err != nil {
		return err
	}
	if kind == Extensible {
		return f.parseExtensible(attr, text)
	}
	return f.leaf(node{kind: kind, attr: []byte(attr), value: text})
}

// parseExtensible reads "attr:dn:rule", of which attr or rule must be there
// (RFC 4515 section 3).
func (f *Filter) parseExtensible(what string, value []byte) error {
	parts := strings.Split(what, ":")
	n := node{kind: Extensible, attr: []byte(parts[0]), value: value}
	rest := parts[1:]
	if len(rest) > 0 && strings.EqualFold(rest[0], "dn") {
		n.names, rest = true, rest[1:]
	}
	switch {
	case len(rest) > 1, len(rest) == 1 && rest[0] == "":
		return syntax("a match with more than an attribute, dn and a rule")
	case len(rest) == 1:
		n.named = []byte(rest[0])
	case len(n.attr) == 0:
		return syntax("a match without an attribute and a rule")
	case !n.names: // RFC 4511 section 4.5.1.7.7
		n.kind = Equality
	}
	return f.leaf(n)
}

// description says whether attr can be an attribute description (RFC 4512
// section 2.5), with a matching rule where the kind has one.
func description(attr string, kind Kind) bool {
	for i := range len(attr) {
		switch c := attr[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '-', c == '.', c == ';', c == '_':
		case c == ':' && kind == Extensible:
		default:
			return false
		}
	}
	return true
}

func (f *Filter) parseSubstrings(attr string, parts []string) error {
	n := node{kind: Substrings, attr: []byte(attr)}
	for i, part := range parts {
		if part == "" {
			continue
		}
		if f.pieces == MaxNodes {
			return ErrTooComplex
		}
		f.pieces++
		text, err := unescape(part)
		if err != nil {
			return err
		}
		place := byte(1)
		switch i {
		case 0:
			place = 0
		case len(parts) - 1:
			place = 2
		}
		n.subs = append(n.subs, piece{place: place, text: text})
	}
	if len(n.subs) == 0 {
		return syntax("no substrings")
	}
	return f.leaf(n)
}

// unescape undoes \2a and its like (RFC 4515 section 3).
func unescape(s string) ([]byte, error) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '*' {
			return nil, syntax("a star that is no substring's")
		}
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return nil, syntax("an escape is cut off")
		}
		high, low := unhex(s[i+1]), unhex(s[i+2])
		if high > 15 || low > 15 {
			return nil, syntax("an escape that is not hexadecimal")
		}
		b = append(b, high<<4|low)
		i += 2
	}
	return b, nil
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}
