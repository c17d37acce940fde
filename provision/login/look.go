package login

import (
	"strings"
	"unicode"

	"schoolbridge/internal/person"
)

// Look gives what a name looks like: two names that people would take for one
// have the same Look. Case, diacritics and width, all that is neither letter nor
// digit, and digits at the end are left out, and Cyrillic letters that look like
// Latin ones count as these. Look of a Look is itself.
func Look(name string) string {
	// Leaving something out can bring together what composes: a few rounds
	// settle every name.
	for range 8 {
		next := lookOnce(name)
		if next == name {
			break
		}
		name = next
	}
	return name
}

// Alike says that people would take one name for the other.
func Alike(a, b string) bool { return Look(a) == Look(b) }

func lookOnce(name string) string {
	name = strings.Map(func(r rune) rune {
		switch latin, ok := doubles[r]; {
		case ok:
			return latin
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return r
		}
		return -1
	}, person.FoldName(name))
	if bare := strings.TrimRightFunc(name, unicode.IsDigit); bare != "" {
		return bare
	}
	return name // digits alone are all that there is to see
}

// doubles are the Cyrillic letters that look like Latin ones, in either case.
var doubles = map[rune]rune{
	'а': 'a', 'в': 'b', 'е': 'e', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'р': 'p', 'с': 'c', 'т': 't', 'у': 'y', 'х': 'x',
	'і': 'i', 'ј': 'j', 'ѕ': 's', 'һ': 'h', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w', 'ү': 'y', 'ь': 'b', 'ӏ': 'i',
}
