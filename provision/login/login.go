// Package login makes the names of new accounts from people's names, for those
// whose mos.ru and ЭЖД logins cannot be one, and knows which names look alike.
// Pure: no I/O, no clock, and nothing random.
//
//	ФИО ─► passport letters ─► Pattern: surname, growing initials ─► Check ─► candidates, in order
//	                                                                            │
//	                      Look of every name that anybody has or had ─► taken? ─┴─► the first that is free, or nobody's: a person decides
//
// A candidate depends on the ФИО and the pattern alone. When letters run out,
// there is no name: nothing is ever counted up.
//
// Only names that are made here keep away from those that look like them. A name
// that mos.ru or the ЭЖД gave is as good as any that Active Directory can tell
// apart.
//
// Start reading at Pattern.Make; Spellings is for finding people under names
// that others made for them.
package login

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/person"
)

// DefaultPattern is surname and initials: Иванов Пётр Ильич is ivanovpi.
const DefaultPattern = "{last}{f}{m}"

const (
	// Most bounds the candidates for one person.
	Most = 64
	// surnameLeast is how much of a surname stays where a name has to be cut.
	surnameLeast = 6
	patternMost  = 64 // bytes
)

// Pattern says how a name is put together. The zero Pattern makes no names.
type Pattern struct{ parts []part }

// part is a field of the person, or a text that stands as it is.
type part struct {
	field field
	text  string
}

type field uint8

const (
	literal field = iota
	last
	first
	middle
	firstLetters  // one letter, then more
	middleLetters // one letter, then more
)

var fields = map[string]field{"last": last, "first": first, "middle": middle, "f": firstLetters, "m": middleLetters}

// ErrPattern is wrapped by what ParsePattern has to say.
var ErrPattern = errors.New("no pattern of a name")

// ParsePattern reads a pattern. Its fields are {last}, {first} and {middle}, and
// {f} and {m}, which are the initial of first name and patronymic, and more of
// their letters where that is taken; between them may stand a-z, dot and hyphen.
// {last} is needed, and {first} or {f}; none may stand twice.
func ParsePattern(text string) (Pattern, error) {
	if len(text) > patternMost {
		return Pattern{}, fmt.Errorf("%w: longer than %d bytes", ErrPattern, patternMost)
	}
	var p Pattern
	for rest := text; rest != ""; {
		if rest[0] != '{' {
			end := strings.IndexByte(rest, '{')
			if end < 0 {
				end = len(rest)
			}
			if strings.ContainsFunc(rest[:end], func(r rune) bool { return (r < 'a' || r > 'z') && r != '.' && r != '-' }) {
				return Pattern{}, fmt.Errorf("%w: only a-z, dot and hyphen may stand between the fields", ErrPattern)
			}
			p.parts, rest = append(p.parts, part{text: rest[:end]}), rest[end:]
			continue
		}
		name, after, closed := strings.Cut(rest[1:], "}")
		f, known := fields[name]
		if !closed || !known {
			return Pattern{}, fmt.Errorf("%w: the fields are {last}, {first}, {middle}, {f} and {m}", ErrPattern)
		}
		if p.has(f) {
			return Pattern{}, fmt.Errorf("%w: a field stands in it twice", ErrPattern)
		}
		p.parts, rest = append(p.parts, part{field: f}), after
	}
	if !p.has(last) || !p.has(first) && !p.has(firstLetters) {
		return Pattern{}, fmt.Errorf("%w: {last} is needed, and {first} or {f}", ErrPattern)
	}
	return p, nil
}

// IsZero says that the pattern makes no names.
func (p Pattern) IsZero() bool { return len(p.parts) == 0 }

func (p Pattern) has(f field) bool {
	return slices.ContainsFunc(p.parts, func(x part) bool { return x.field == f })
}

// Make gives the names that may be tried for a person, the best first: at most
// Most, each in passport letters (ICAO 9303-3), of at most person.SAMLimit
// characters, passed by Check, and none looking like another. nil where there is
// none: the ФИО has no surname or first name, is in letters without a Latin
// spelling, or spells what nobody should be called.
func (p Pattern) Make(lastName, firstName, middleName string) []string {
	if p.IsZero() {
		return nil
	}
	if person.JoinFIO("", "", middleName) == "" { // a placeholder
		middleName = ""
	}
	who := map[field]string{}
	for f, text := range map[field]string{last: lastName, first: firstName, middle: middleName} {
		letters, ok := passport(text)
		if !ok || letters == "" && f != middle {
			return nil
		}
		who[f] = letters
	}
	var names []string
	looks := map[string]bool{}
	for n := range growth(p.letters(firstLetters, who[first]), p.letters(middleLetters, who[middle])) {
		who[firstLetters], who[middleLetters] = who[first][:n.first], who[middle][:n.middle]
		name := p.write(who)
		look := Look(name)
		if name == "" || looks[look] || Check(name) != nil {
			continue
		}
		looks[look] = true
		if names = append(names, name); len(names) == Most {
			break
		}
	}
	return names
}

// letters is how many letters of a name may be shown by a growing field.
func (p Pattern) letters(f field, name string) int {
	if !p.has(f) {
		return 0
	}
	return min(len(name), person.SAMLimit)
}

type shown struct{ first, middle int }

// growth gives how much of first name and patronymic is shown: one letter of
// each, then one more in all, more of the first name before more of the
// patronymic.
func growth(firstMost, middleMost int) func(yield func(shown) bool) {
	return func(yield func(shown) bool) {
		firstLeast, middleLeast := min(1, firstMost), min(1, middleMost)
		for sum := firstLeast + middleLeast; sum <= firstMost+middleMost; sum++ {
			for f := min(firstMost, sum-middleLeast); f >= max(firstLeast, sum-middleMost); f-- {
				if !yield(shown{f, sum - f}) {
					return
				}
			}
		}
	}
}

// write puts a name together. A surname is cut where the whole is too long; ""
// where too little of it would be left.
func (p Pattern) write(who map[field]string) string {
	surname := who[last]
	for {
		name := p.join(who, surname)
		over := len(name) - person.SAMLimit
		if over <= 0 {
			return name
		}
		if len(surname)-over < surnameLeast {
			return ""
		}
		surname = surname[:len(surname)-over]
	}
}

// join leaves out separators beside what is empty.
func (p Pattern) join(who map[field]string, surname string) string {
	var b strings.Builder
	separator := byte(0)
	for _, x := range p.parts {
		text := x.text
		switch x.field {
		case literal:
		case last:
			text = surname
		default:
			text = who[x.field]
		}
		for i := range len(text) {
			if text[i] == '.' || text[i] == '-' {
				separator = text[i]
				continue
			}
			if separator != 0 && b.Len() > 0 {
				b.WriteByte(separator)
			}
			separator = 0
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
