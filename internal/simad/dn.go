package simad

import (
	"encoding/hex"
	"errors"
	"strings"

	"schoolbridge/ldapsrv/filter"
)

const (
	maxDN   = 4 << 10
	maxRDNs = 32
)

var errDN = errors.New("malformed distinguished name")

// rdn is one attribute and its value, the value without escapes.
type rdn struct{ attribute, value string }

// parseDN reads a name (RFC 4514), leaf first. Names with several attributes in
// one RDN do not occur in Active Directory.
func parseDN(s string) ([]rdn, error) {
	if len(s) > maxDN {
		return nil, errDN
	}
	var name []rdn
	for s != "" || len(name) > 0 {
		attribute, rest, ok := strings.Cut(s, "=")
		attribute = strings.ToUpper(strings.TrimSpace(attribute))
		if !ok || attribute == "" || strings.ContainsAny(attribute, `,+;\"<>#`) || len(name) == maxRDNs {
			return nil, errDN
		}
		value, rest, more, err := cutValue(rest)
		if err != nil || value == "" {
			return nil, errDN
		}
		if name = append(name, rdn{attribute, value}); !more {
			break
		}
		s = rest
	}
	return name, nil
}

// cutValue reads a value up to the next comma that is not escaped.
func cutValue(s string) (value, rest string, more bool, err error) {
	var b strings.Builder
	s = strings.TrimLeft(s, " ")
	kept := 0 // up to here spaces were escaped, and stay
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',':
			return trim(b.String(), kept), s[i+1:], true, nil
		case '+', '"', '<', '>', ';', 0:
			return "", "", false, errDN
		case '\\':
			raw, err := hex.DecodeString(s[min(i+1, len(s)):min(i+3, len(s))])
			switch {
			case err == nil && len(raw) == 1:
				b.WriteByte(raw[0])
				i += 2
			case i+1 < len(s) && strings.IndexByte(` "#+,;<=>\`, s[i+1]) >= 0:
				b.WriteByte(s[i+1])
				i++
			default:
				return "", "", false, errDN
			}
			kept = b.Len()
		default:
			b.WriteByte(c)
		}
	}
	return trim(b.String(), kept), "", false, nil
}

func trim(s string, kept int) string { return s[:kept] + strings.TrimRight(s[kept:], " ") }

// key is the form in which names are compared.
func key(name []rdn) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.attribute + "=" + escape(filter.Fold(r.value)))
	}
	return b.String()
}

// keyOf is the key of a name as written; false: it is none.
func keyOf(dn string) (string, bool) {
	name, err := parseDN(dn)
	return key(name), err == nil
}

func (r rdn) String() string { return r.attribute + "=" + escape(r.value) }

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch edge := i == 0 || i == len(s)-1; {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case strings.IndexByte(`"+,;<>\=`, c) >= 0, c == ' ' && edge, c == '#' && i == 0:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
