package ldapsrv

import (
	"encoding/hex"
	"errors"
	"strings"

	"schoolbridge/internal/person"
)

// maxRDNs and maxDN bound a distinguished name.
const (
	maxRDNs = 32
	maxDN   = 4 << 10
)

var errDN = errors.New("malformed distinguished name")

// rdn is one attribute and value of a name, the value without escapes.
// Names of several attributes in one RDN are nobody's here.
type rdn struct{ attribute, value string }

// dn is a distinguished name (RFC 4514), leaf first.
type dn []rdn

// parseDN reads a name. The empty text is the root.
func parseDN(s string) (dn, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	if len(s) > maxDN {
		return nil, errDN
	}
	return readDN(s)
}

// readDN is parseDN without the bound: what String writes may be longer than
// what was read.
func readDN(s string) (dn, error) {
	var name dn
	for {
		attribute, rest, ok := strings.Cut(s, "=")
		attribute = strings.ToLower(strings.TrimSpace(attribute))
		if !ok || !isType(attribute) || len(name) == maxRDNs {
			return nil, errDN
		}
		if a, ok := standard.byName[attribute]; ok { // by number, or by its other name
			attribute = strings.ToLower(standard.types[a].name)
		}
		value, rest, more, err := dnValue(rest)
		if err != nil {
			return nil, err
		}
		name = append(name, rdn{attribute, value})
		if !more {
			return name, nil
		}
		s = rest
	}
}

// isType says that lower-case text is a short name or an OID (RFC 4512
// section 1.4), dots and hyphens wherever they stand.
func isType(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != ""
}

// dnValue reads a value up to an unescaped comma. Blanks around it do not
// belong to it; an escaped one does.
func dnValue(s string) (value, rest string, more bool, err error) {
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "#") {
		return "", "", false, errDN // BER in hex: no attribute here needs it
	}
	var out []byte
	keep := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',', ';':
			return string(trimBlanks(out, keep)), s[i+1:], true, nil
		case '+', '"', '<', '>', 0:
			return "", "", false, errDN
		case '\\':
			if i+1 == len(s) {
				return "", "", false, errDN
			}
			if strings.IndexByte(` "#+,;<=>\`, s[i+1]) >= 0 {
				out = append(out, s[i+1])
				i++
			} else {
				b, err := hex.DecodeString(s[i+1 : min(i+3, len(s))])
				if err != nil || len(b) != 1 {
					return "", "", false, errDN
				}
				out = append(out, b[0])
				i += 2
			}
			keep = len(out)
		default:
			out = append(out, c)
		}
	}
	return string(trimBlanks(out, keep)), "", false, nil
}

func trimBlanks(b []byte, keep int) []byte {
	for len(b) > keep && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// SameDN says that two texts name the same entry: case, diacritics, blanks,
// escapes and numbers of attributes make no difference. What is no name is the
// same as nothing.
func SameDN(a, b string) bool {
	x, err := parseDN(a)
	if err != nil || len(x) == 0 {
		return false
	}
	y, err := parseDN(b)
	return err == nil && x.key() == y.key()
}

// String writes the name as RFC 4514 has it.
func (d dn) String() string {
	var b strings.Builder
	for i, r := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.attribute + "=" + escapeDN(r.value))
	}
	return b.String()
}

// upper writes the name as Active Directory does.
func (d dn) upper() string {
	big := make(dn, len(d))
	for i, r := range d {
		big[i] = rdn{strings.ToUpper(r.attribute), r.value}
	}
	return big.String()
}

// dottedName is the name in the dc attributes of a base: "school.example".
func dottedName(base string) string {
	d, _ := parseDN(base) // it is looked at by others
	var labels []string
	for _, r := range d {
		if r.attribute == "dc" {
			labels = append(labels, r.value)
		}
	}
	return strings.Join(labels, ".")
}

func escapeDN(s string) string {
	if !strings.ContainsAny(s, `,+"\<>;=#`+"\x00") && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		edge := c == ' ' && (i == 0 || i == len(s)-1)
		switch {
		case c == 0:
			b.WriteString(`\00`)
			continue
		case edge, strings.IndexByte(`,+"\<>;=`, c) >= 0, c == '#' && i == 0:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// key is the form in which names compare: without case and diacritics, as
// logins do.
func (d dn) key() string {
	var b strings.Builder
	for _, r := range d {
		b.WriteString(r.attribute + "=" + escapeDN(person.FoldName(r.value)) + ",")
	}
	return b.String()
}
