package registry

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"schoolbridge/internal/person"
)

// Names finds schools by what registries call them. The nil *Names knows no
// school and finds nothing wrong with that.
type Names struct {
	byID   map[string]person.SchoolID
	byName map[string]person.SchoolID // "": several schools have the name
}

// NewNames indexes the schools; nil for none.
func NewNames(schools []person.School) *Names {
	if len(schools) == 0 {
		return nil
	}
	n := &Names{make(map[string]person.SchoolID, len(schools)), make(map[string]person.SchoolID, len(schools))}
	for _, s := range schools {
		n.byID[string(s.ID)] = s.ID
		key := schoolKey(s.Name)
		if other, taken := n.byName[key]; taken && other != s.ID {
			n.byName[key] = ""
		} else if key != "" {
			n.byName[key] = s.ID
		}
	}
	return n
}

// Resolve gives the ЕКИС id of the school that text is the id or the name of.
// Text that is neither stays as it is (white space apart), known false.
func (n *Names) Resolve(text string) (id person.SchoolID, known bool) {
	text = spaced(text)
	if n == nil || text == "" {
		return person.SchoolID(text), true
	}
	if id, ok := n.byID[text]; ok {
		return id, true
	}
	if id := n.byName[schoolKey(text)]; id != "" {
		return id, true
	}
	return person.SchoolID(text), false
}

// schoolKey is what names of schools are compared by: case, white space, quotes
// and ё make no difference, nor does the space after №.
func schoolKey(name string) string {
	name = strings.Map(func(r rune) rune {
		switch r {
		case '"', '\'', '«', '»', '“', '”', '„', '‟', '‘', '’', '‚', '‹', '›', '`':
			return ' '
		case 'ё', 'Ё':
			return 'е'
		case '\u200b', '\ufeff', '\u00ad':
			return -1
		}
		return r
	}, norm.NFC.String(name))
	return strings.ReplaceAll(spaced(strings.ToLower(name)), "№ ", "№")
}
