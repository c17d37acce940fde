package login

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"schoolbridge/internal/person"
)

// Table is a way in which Russian names are written in Latin letters. Signs
// that are no letters (apostrophes, accents) are left out throughout.
type Table uint8

// The tables, those that passports have or had first.
const (
	ICAO     Table = iota // Doc 9303-3 section 6 B, passports since 2014
	GOST2006              // GOST R 52535.1-2006, passports from 2010 on
	MVD1997               // order 310 of the Ministry of the Interior, 1997, the English letters of its annex 7
	GOST2000              // GOST 7.79-2000, system B
	BGN                   // BGN/PCGN 1947
	tables
)

// letters are those of each table from а on; what depends on the letter before
// or after, and ё, is in Table.letter. ICAO's are person.AppendLatin's.
var letters = [tables][32]string{
	GOST2006: {"a", "b", "v", "g", "d", "e", "zh", "z", "i", "i", "k", "l", "m", "n", "o", "p",
		"r", "s", "t", "u", "f", "kh", "tc", "ch", "sh", "shch", "", "y", "", "e", "iu", "ia"},
	MVD1997: {"a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p",
		"r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"},
	GOST2000: {"a", "b", "v", "g", "d", "e", "zh", "z", "i", "j", "k", "l", "m", "n", "o", "p",
		"r", "s", "t", "u", "f", "x", "cz", "ch", "sh", "shh", "", "y", "", "e", "yu", "ya"},
	BGN: {"a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p",
		"r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"},
}

// others are letters of other alphabets that names in Russia have: as ICAO
// 9303-3 has them, where it does.
var others = map[rune]string{
	'є': "ie", 'і': "i", 'ї': "i", 'ґ': "g", 'ў': "u", 'ђ': "d", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'џ': "dz", 'ѕ': "dz",
	'ғ': "g", 'җ': "zh", 'ҙ': "z", 'қ': "k", 'ҡ': "k", 'ң': "n", 'ҥ': "n", 'ө': "o", 'ҫ': "s", 'ү': "u", 'ұ': "u", 'ҳ': "h", 'һ': "h",
	'ҷ': "ch", 'ҹ': "ch", 'ә': "a", 'ӕ': "ae", 'ӏ': "", 'ѣ': "e", 'ѳ': "f", 'ѵ': "i",
	'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ħ': "h", 'ı': "i", 'ŋ': "n", 'ſ': "s", 'ə': "a",
}

// Spell writes a name in the letters of a table: a-z in words with one space
// between them, a hyphen being one. "" where it has a letter that no table
// knows.
func (t Table) Spell(text string) string { return spell(plain(text), func(rune) Table { return t }) }

// Spellings gives the ways in which a name, or a whole ФИО, may have been
// written in Latin letters, each once and at most so many: first by every table,
// then mixed, each letter by the same table throughout. nil where Spell has none.
func Spellings(text string, most int) []string {
	var list []string
	add := func(s string) {
		if s != "" && len(list) < most && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	text = plain(text)
	for t := range tables {
		add(spell(text, func(rune) Table { return t }))
	}
	choices := choose(text)
	wheel := make([]int, len(choices))
	for tries := 0; len(list) > 0 && len(list) < most && tries < 4*most; tries++ {
		add(spell(text, func(r rune) Table {
			for i, c := range choices {
				if c.letter == r {
					return c.tables[wheel[i]]
				}
			}
			return ICAO
		}))
		i := 0
		for ; i < len(wheel); i++ {
			if wheel[i]++; wheel[i] < len(choices[i].tables) {
				break
			}
			wheel[i] = 0
		}
		if i == len(wheel) {
			break // all were tried
		}
	}
	return list
}

// choice is a letter that tables write differently, with one table for each way.
type choice struct {
	letter rune
	tables []Table
}

func choose(text string) []choice {
	var list []choice
	seen := map[rune]bool{}
	runes := []rune(text)
	for _, letter := range runes {
		if seen[letter] {
			continue
		}
		seen[letter] = true
		c := choice{letter: letter}
		ways := map[string]bool{}
		for t := range tables {
			var way strings.Builder
			for i, r := range runes {
				if r == letter {
					latin, _ := t.letter(around(runes, i))
					way.WriteString(latin + "|")
				}
			}
			if !ways[way.String()] {
				ways[way.String()] = true
				c.tables = append(c.tables, t)
			}
		}
		if len(c.tables) > 1 {
			list = append(list, c)
		}
	}
	return list
}

// plain gives lower-case words of composed letters with single spaces between
// them; Latin look-alikes in a Cyrillic word are Cyrillic.
func plain(text string) string {
	// The normal form of a ФИО is all that, but for its ё.
	const mark = '\ue000' // of private use: no letter
	text = strings.NewReplacer("ё", "е"+string(mark), "Ё", "е"+string(mark), string(mark), "").Replace(norm.NFC.String(text))
	normal, _ := person.NormalFIO(text)
	return strings.ReplaceAll(normal, "е"+string(mark), "ё")
}

func spell(text string, by func(rune) Table) string {
	var b strings.Builder
	runes := []rune(text)
	for i, r := range runes {
		latin, ok := by(r).letter(around(runes, i))
		if !ok {
			return ""
		}
		b.WriteString(latin)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// around gives a letter and its neighbours; 0 and spaces are none.
func around(runes []rune, i int) (before, r, after rune) {
	if i > 0 {
		before = runes[i-1]
	}
	if i+1 < len(runes) {
		after = runes[i+1]
	}
	return before, runes[i], after
}

// letter writes one letter of a text that plain made; false for one without a
// Latin spelling.
func (t Table) letter(before, r, after rune) (string, bool) {
	if (r < 'а' || r > 'я') && r != 'ё' {
		return foreign(r)
	}
	open := before == 0 || before == ' ' || strings.ContainsRune("аеёиоуыэюяъь", before)
	switch {
	case t == ICAO:
		return string(person.AppendLatin(nil, string(r))), true
	case t == MVD1997 && r == 'ё' && open:
		return "yo", true
	case t == MVD1997 && r == 'ё' && strings.ContainsRune("чшщж", before):
		return "e", true
	case t == MVD1997 && r == 'ё', t == MVD1997 && r == 'е' && open:
		return "ye", true
	case t == MVD1997 && r == 'и' && before == 'ь':
		return "yi", true
	case t == BGN && (r == 'е' || r == 'ё') && (open || before == 'й'):
		return "ye", true
	case t == GOST2000 && r == 'ё':
		return "yo", true
	case t == GOST2000 && r == 'ц' && after != 0 && strings.ContainsRune("еёийыэюя", after):
		return "c", true
	case r == 'ё':
		return "e", true
	}
	return letters[t][r-'а'], true
}

// foreign writes what is no Russian letter. Signs count as nothing.
func foreign(r rune) (string, bool) {
	if r >= 'a' && r <= 'z' || r == ' ' {
		return string(r), true
	}
	if latin, ok := others[r]; ok {
		return latin, true
	}
	if !unicode.IsLetter(r) {
		return "", r != unicode.ReplacementChar
	}
	bare := person.FoldName(string(r))
	if bare == string(r) {
		return "", false
	}
	var b strings.Builder
	for _, r := range bare {
		latin, ok := string(person.AppendLatin(nil, string(r))), true
		if r < 'а' || r > 'я' {
			latin, ok = foreign(r)
		}
		if !ok {
			return "", false
		}
		b.WriteString(latin)
	}
	return b.String(), true
}

// passport gives a name in the letters of passports, without spaces; false where
// it cannot be written in them.
func passport(text string) (string, bool) {
	spelled := ICAO.Spell(text)
	return strings.ReplaceAll(spelled, " ", ""), spelled != "" || !strings.ContainsFunc(text, unicode.IsLetter)
}
