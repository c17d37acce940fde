package person

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NormalFIO gives the form in which a whole ФИО is compared, and whether Latin
// look-alikes inside a Cyrillic word had to be read as Cyrillic. Equal names
// have equal forms; the empty form equals nobody's.
//
// The form is composed (NFC), lower-case, with ё as е, every run of white
// space and dashes as one space, zero-width characters and a placeholder
// patronymic left out. Marks stay: й is not и.
func NormalFIO(text string) (normal string, mixedScript bool) {
	if normal, ok := usualFIO(text); ok {
		return normal, false
	}
	if plain(text) {
		return fioPass(text)
	}
	normal, mixedScript = fioPass(compose(text))
	// Reading a look-alike as Cyrillic or ё as е can let a following mark
	// compose; what exotic text comes to is settled by going over it again.
	for range 8 {
		next, mixed := fioPass(compose(normal))
		mixedScript = mixedScript || mixed
		if next == normal {
			break
		}
		normal = next
	}
	return normal, mixedScript
}

// JoinFIO writes the three parts as one text for NormalFIO. A placeholder
// patronymic is left out.
func JoinFIO(last, first, middle string) string {
	m, usual := usualFIO(middle)
	if !usual {
		m, _ = fioPass(compose(middle))
	}
	if m == "" || isPlaceholder(m) {
		middle = ""
	}
	parts := make([]string, 0, 3)
	for _, p := range []string{last, first, middle} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

// plain says that composing and removing zero-width characters would change
// nothing: the usual case, where the work can be saved.
func plain(s string) bool {
	for _, r := range s {
		if r < utf8.RuneSelf || (r >= 'Ѐ' && r <= 'я') || (r >= 'ѐ' && r <= 'џ') {
			continue
		}
		return false
	}
	return true
}

// compose removes what has no width and composes the rest. Removing comes
// first: a joiner between и and its breve must not keep them apart.
func compose(s string) string {
	s = strings.Map(func(r rune) rune {
		if zeroWidth(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return norm.NFC.String(s)
}

// zeroWidth says that a character is invisible: joiners, the byte order mark,
// the soft hyphen, direction marks (all of them Unicode's format characters).
func zeroWidth(r rune) bool { return r == 0x034F || unicode.Is(unicode.Cf, r) }

// dash says that a character is some kind of dash.
func dash(r rune) bool {
	switch r {
	case '-', '−', '⁃', '˗', '⁻', '₋', '➖':
		return true
	}
	return r >= utf8.RuneSelf && unicode.Is(unicode.Pd, r)
}

// lookAlikes are the Latin letters that look like Cyrillic ones. Case matters:
// B looks like В and H like Н, b and h look like nothing.
var lookAlikes = func() (table ['z' + 1]rune) {
	const latin, cyrillic = "ABCEHKMOPTXYacekmoptxy", "АВСЕНКМОРТХУасекмортху"
	for i, r := range []rune(cyrillic) {
		table[latin[i]] = r
	}
	return table
}()

// usualFIO is fioPass for what nearly all names are written in, a fraction of its
// work: Russian letters, blanks and hyphens. A list of a school makes it thousands of
// times.
func usualFIO(s string) (normal string, ok bool) {
	var room [128]byte
	b := room[:0]
	words, last := 0, 0 // last is where the last word begins
	for inside, rest := false, s; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		switch {
		case r == ' ' || r == '-':
			inside = false
			continue
		case r >= 'А' && r <= 'Я':
			r += 'а' - 'А'
		case r == 'ё' || r == 'Ё':
			r = 'е'
		case r < 'а' || r > 'я':
			return "", false
		}
		if !inside {
			if inside = true; words > 0 {
				b = append(b, ' ')
			}
			words, last = words+1, len(b)
		}
		b = utf8.AppendRune(b, r)
	}
	if words >= 3 && isPlaceholder(string(b[last:])) {
		return "", false
	}
	return string(b), true
}

// fioPass makes one pass over composed text.
func fioPass(s string) (string, bool) {
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || dash(r) })
	mixed := false
	for i, w := range words {
		var folded bool
		words[i], folded = fioWord(w)
		mixed = mixed || folded
	}
	for len(words) >= 3 && isPlaceholder(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " "), mixed
}

func fioWord(w string) (string, bool) {
	cyrillic := strings.ContainsFunc(w, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
	mixed := false
	var b strings.Builder
	b.Grow(len(w))
	for _, r := range w {
		if cyrillic && r <= 'z' && lookAlikes[r] != 0 {
			r, mixed = lookAlikes[r], true
		}
		if r = unicode.ToLower(r); r == 'ё' {
			r = 'е'
		}
		b.WriteRune(r)
	}
	return b.String(), mixed
}

// isPlaceholder says that a word of the normal form stands for "no patronymic".
// A lone dash is already white space there.
func isPlaceholder(word string) bool { return word == "нет" || word == "отсутствует" }
