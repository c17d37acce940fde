package ad

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// Limits of Active Directory's schema, in UTF-16 units.
const (
	rdnMost     = 64 // cn, ou
	nameMost    = 64 // givenName, sn
	displayMost = 256
)

// Limits of Entra ID, to which UPNs are synchronised.
const (
	upnLocalMost = 64
	upnMost      = 113
)

// clean makes one line of text: composed, without control, zero-width and
// broken characters, with single spaces and none at the ends.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(norm.NFC.String(s)), " ")
}

// units is the length as Active Directory counts it.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// cut shortens to at most so many units, at a character's border.
func cut(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += max(1, utf16.RuneLen(r)); n > most {
			return strings.TrimSpace(s[:i])
		}
	}
	return s
}

// rdnValue makes a text fit as the value of a relative name. One that is too
// long keeps its beginning and gets a digest of the whole, so that two schools
// whose long names begin alike stay apart.
func rdnValue(s string) string {
	s = clean(s)
	if units(s) <= rdnMost {
		return s
	}
	digest := sha256.Sum256([]byte(s))
	tail := "-" + hex.EncodeToString(digest[:4])
	return cut(s, rdnMost-len(tail)) + tail
}

// splitDN gives the relative names of a DN as they are written. Only an
// escaped comma is no border (RFC 4514 section 3).
func splitDN(dn string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, strings.TrimSpace(dn[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(dn[start:]))
}

// splitRDN gives type and unescaped value of a relative name; false for what
// is none, or has several values.
func splitRDN(rdn string) (kind, value string, ok bool) {
	kind, escaped, ok := strings.Cut(rdn, "=")
	kind = strings.TrimSpace(kind)
	if !ok || kind == "" {
		return "", "", false
	}
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		switch c := escaped[i]; {
		case c == '+':
			return "", "", false
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(escaped):
			return "", "", false
		default:
			if pair, err := hex.DecodeString(escaped[i+1 : min(i+3, len(escaped))]); err == nil && len(pair) == 1 {
				b.Write(pair)
				i += 2
			} else {
				b.WriteByte(escaped[i+1])
				i++
			}
		}
	}
	return kind, b.String(), true
}
