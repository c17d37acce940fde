package person

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// FoldName gives the form in which login names are compared and kept unique: as
// Active Directory compares them, without case, diacritics and width.
func FoldName(name string) string {
	name = strings.TrimFunc(name, blank)
	if simple(name) {
		return name
	}
	// Folding can bring new marks forth and the other way round (İ, ŉ); a few
	// rounds settle every name.
	for range 8 {
		next := foldOnce(name)
		if next == name {
			break
		}
		name = next
	}
	return name
}

func foldOnce(name string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || zeroWidth(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(strings.ToValidUTF8(name, "\uFFFD")))
	return strings.TrimFunc(norm.NFC.String(cases.Fold().String(bare)), blank)
}

// simple says that a name is its own folded form already.
func simple(name string) bool {
	for i := range len(name) {
		if c := name[i]; c > '~' || c < ' ' || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return true
}

// SAMLimit is how many characters Windows takes in a sAMAccountName.
const SAMLimit = 20

// nameLimit bounds a name as Active Directory's schema does.
const nameLimit = 256

// ErrNotADName says that Active Directory, or what syncs from it, would not
// take the name. Letters, digits, dot and hyphen are taken.
var ErrNotADName = errors.New("cannot be an Active Directory name: only a-z, 0-9, dot and hyphen may stand in it, no dot at either end")

// UsableADName says whether a login can name an account in Active Directory:
// only what the schema and every consumer of the name accept. Length above
// SAMLimit is another matter, and so are names that look like an e-mail
// address, a phone or a СНИЛС (see Classify).
func UsableADName(name string) error {
	if name == "" || len(name) > nameLimit || name[0] == '.' || name[len(name)-1] == '.' {
		return ErrNotADName
	}
	alnum := false
	for i := range len(name) {
		switch c := name[i] | 0x20; {
		case c >= 'a' && c <= 'z', name[i] >= '0' && name[i] <= '9':
			alnum = true
		case name[i] == '.', name[i] == '-':
		default:
			return ErrNotADName
		}
	}
	if !alnum {
		return ErrNotADName
	}
	return nil
}

// Shape is what a typed login looks like.
type Shape uint8

// The shapes. Anything that is none of the others is a login.
const (
	ShapeLogin Shape = iota + 1
	ShapeEmail
	ShapePhone
	ShapeSNILS
)

// Classify says what somebody typed in place of a login. A domain or realm
// (DOMAIN\, @realm) is taken off by the caller first: what still has an @ is
// an e-mail address.
func Classify(name string) Shape {
	if strings.Contains(name, "@") {
		return ShapeEmail
	}
	digits, other := 0, false
	for _, r := range name {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case dash(r), unicode.IsSpace(r), zeroWidth(r), r == '+', r == '(', r == ')', r == '.':
		default:
			other = true
		}
	}
	if other || digits == 0 {
		return ShapeLogin
	}
	if mobile(name) {
		return ShapePhone
	}
	if _, ok := ParseSNILS(name); ok {
		return ShapeSNILS
	}
	if digits >= phoneDigits && digits <= 15 {
		return ShapePhone
	}
	return ShapeLogin
}

// mobile says that a name is written as a phone cannot be mistaken: with +, or
// as 8 9… or 7 9… in eleven digits, where no СНИЛС has been given out.
func mobile(name string) bool {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, name)
	if strings.HasPrefix(strings.TrimFunc(name, blank), "+") {
		return len(digits) >= phoneDigits && len(digits) <= 15
	}
	return len(digits) == 11 && (strings.HasPrefix(digits, "79") || strings.HasPrefix(digits, "89"))
}
