package person

import (
	"slices"
	"strings"
	"unicode"
)

// Phone is how a telephone number is compared: its last ten digits.
type Phone string

// Email is how an e-mail address is compared: trimmed and lower-case.
type Email string

const phoneDigits = 10

// Phones gives the numbers of a field that may hold several, split by comma or
// semicolon, each once. Fewer than ten digits after +7, or one repeated digit,
// is no contact.
func Phones(field string) []Phone {
	return each(field, func(part string) Phone {
		digits := make([]byte, 0, len(part))
		for i := range len(part) {
			if c := part[i]; c >= '0' && c <= '9' {
				digits = append(digits, c)
			}
		}
		// After +7 there is no doubt which digits are the country's.
		if strings.HasPrefix(strings.TrimFunc(part, blank), "+") && len(digits) > 0 && digits[0] == '7' {
			digits = digits[1:]
		}
		if len(digits) < phoneDigits {
			return ""
		}
		digits = digits[len(digits)-phoneDigits:]
		if !slices.ContainsFunc(digits, func(c byte) bool { return c != digits[0] }) {
			return ""
		}
		return Phone(digits)
	})
}

// Emails gives the addresses of a field that may hold several, split by comma
// or semicolon, each once. Look-alike letters are never folded: they are other
// mailboxes.
func Emails(field string) []Email {
	return each(field, func(part string) Email {
		return Email(strings.ToLower(strings.TrimFunc(part, blank)))
	})
}

// blank says that a character shows nothing.
func blank(r rune) bool { return unicode.IsSpace(r) || zeroWidth(r) }

// each reads the parts of a field; what read leaves empty is left out.
func each[T ~string](field string, read func(string) T) []T {
	var all []T
	for part := range strings.FieldsFuncSeq(field, func(r rune) bool { return r == ',' || r == ';' }) {
		if v := read(part); v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
