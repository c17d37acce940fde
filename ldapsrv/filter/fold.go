package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the form in which values compare under CaseIgnore: without case,
// with single spaces inside and none outside (RFC 4518, with NFKC in place of
// its tables). It returns value itself where nothing changes.
func Fold(value string) string {
	if plain(value) {
		return value
	}
	return string(appendNormal(nil, []byte(value), CaseIgnore))
}

// plain says that value is its own folded form.
func plain(value string) bool {
	for i := range len(value) {
		c := value[i]
		if c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' || c < ' ' || c == ' ' && (i == 0 || i == len(value)-1 || value[i-1] == ' ') {
			return false
		}
	}
	return true
}

// appendNormal appends the form in which a text compares under a rule. Latin and
// Russian letters, which is nearly all there is, go without tables and memory.
func appendNormal(b, value []byte, r Rule) []byte {
	start := len(b)
	fold := r != CaseExact
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == ' ':
			if len(b) > start && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
			i++
		case c > ' ' && c < utf8.RuneSelf-1:
			if fold && c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			b = append(b, c)
			i++
		case (c == 0xd0 || c == 0xd1) && i+1 < len(value):
			letter, ok := russian(c, value[i+1], r)
			if !ok {
				return appendSlowly(b[:start], value, r)
			}
			b = append(b, byte(0xc0|letter>>6), byte(0x80|letter&0x3f))
			i += 2
		default:
			return appendSlowly(b[:start], value, r)
		}
	}
	return trimSpace(b, start)
}

// russian gives a letter of two bytes as a rule compares it. What follows a
// letter might change it under NFKC only if it is no letter of these.
func russian(first, second byte, r Rule) (letter rune, ok bool) {
	letter = rune(first&0x1f)<<6 | rune(second&0x3f)
	switch {
	case second&0xc0 != 0x80:
		return 0, false
	case letter == 'ё', letter == 'Ё':
		if r == CaseExact {
			return letter, true
		}
		if r == Name {
			return 'е', true
		}
		return 'ё', true
	case letter < 'А' || letter > 'я':
		return 0, false
	case letter < 'а' && r != CaseExact:
		return letter + ('а' - 'А'), true
	}
	return letter, true
}

func trimSpace(b []byte, start int) []byte {
	if len(b) > start && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// appendSlowly is RFC 4518 section 2 for every letter that there is: spaces of
// all kinds are one, what cannot be seen is nothing.
func appendSlowly(b, value []byte, r Rule) []byte {
	text := norm.NFKC.String(strings.ToValidUTF8(string(value), "\uFFFD"))
	if r != CaseExact {
		text = norm.NFKC.String(cases.Fold().String(text))
	}
	start := len(b)
	for _, c := range text {
		switch {
		case unicode.IsSpace(c):
			if len(b) > start && b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		case unicode.Is(unicode.Cc, c), unicode.Is(unicode.Cf, c):
		case c == 'ё' && r == Name:
			b = append(b, "е"...)
		default:
			b = utf8.AppendRune(b, c)
		}
	}
	return trimSpace(b, start)
}
