package duplicates

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// sounds takes the spellings of ICAO 9303, GOST R 52535.1, MVD 310-1997, GOST
// 7.79 B, BGN/PCGN and of habit together. It is coarse: that two names sound
// alike is evidence, never proof.
var sounds = strings.NewReplacer(
	"shch", "W", "sch", "W", "shh", "W", "sh", "W", "zh", "Z", "kh", "h", "tch", "C", "ch", "C", "ts", "c", "tz", "c", "cz", "c", "x", "ks", "ph", "f", "w", "v", "q", "k",
	"yu", "u", "iu", "u", "ju", "u", "ya", "a", "ia", "a", "ja", "a", "yo", "e", "io", "e", "jo", "e", "ye", "e", "ie", "e", "je", "e",
	"iy", "i", "yi", "i", "ii", "i", "yy", "i", "ij", "i", "y", "i", "j", "i",
)

// sound gives the form in which a name's spellings are one; "" for no letters.
func sound(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == 'ъ' || r == 'ь' {
			return -1
		}
		return r
	}, norm.NFC.String(strings.ToLower(name)))
	latin := person.AppendLatin(make([]byte, 0, 32), name)
	letters := latin[:0]
	for _, c := range latin {
		if c >= 'a' && c <= 'z' {
			letters = append(letters, c)
		}
	}
	coarse := sounds.Replace(string(letters))
	out := make([]byte, 0, len(coarse))
	for i := 0; i < len(coarse); i++ {
		c := coarse[i]
		if n := len(out); n > 0 && out[n-1] == c {
			continue
		}
		if c == 'i' && i+1 < len(coarse) && strings.IndexByte("aeou", coarse[i+1]) >= 0 {
			continue // Мария is mariia, mariya and maria
		}
		out = append(out, c)
	}
	return string(out)
}

// fio is a person's name, each part as it sounds, and the whole as matching
// compares it where it is in Cyrillic. What a part has only the first letter of
// is an initial.
type fio struct {
	last, first, middle string
	whole               string // normal form; "": some part is missing or not in Cyrillic
}

// known says that there is something to compare.
func (f fio) known() bool { return f.last != "" && f.first != "" }

// full says that nothing is missing or cut.
func (f fio) full() bool { return len(f.last) > 1 && len(f.first) > 1 && len(f.middle) > 1 }

func newFIO(last, first, middle string) fio {
	f := fio{last: sound(last), first: sound(first), middle: sound(middle)}
	if normal, _ := person.NormalFIO(person.JoinFIO(last, first, middle)); f.full() && !strings.ContainsFunc(normal, latin) {
		f.whole = normal
	}
	return f
}

func latin(r rune) bool { return r < unicode.MaxASCII && unicode.IsLetter(r) }

// nameOf reads a person's name out of the account's fields, or of its display
// name.
func nameOf(a *Account) fio {
	if a.Last != "" && a.First != "" {
		first, middle := a.First, a.Middle
		if middle == "" { // many write both into givenName
			first, middle, _ = strings.Cut(strings.TrimSpace(first), " ")
		}
		if middle == "" {
			if shown := displayed(a.Display); shown.last == sound(a.Last) && shown.first == sound(first) {
				return shown
			}
		}
		return newFIO(a.Last, first, middle)
	}
	return displayed(a.Display)
}

// SplitFIO takes a ФИО apart: the surname comes first, and what is left behind
// the first name is the patronymic.
func SplitFIO(text string) (last, first, middle string) {
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return "", "", ""
	case len(words) == 1:
		return words[0], "", ""
	}
	return words[0], words[1], strings.Join(words[2:], " ")
}

// displayed reads "Фамилия Имя Отчество", "Имя Отчество Фамилия" and
// "Фамилия И. О.".
func displayed(display string) fio {
	words := strings.FieldsFunc(display, func(r rune) bool { return unicode.IsSpace(r) || r == '.' || r == ',' })
	for i, w := range words { // "(дубль)", "1"
		if !strings.ContainsFunc(w, unicode.IsLetter) || strings.ContainsAny(w, "()[]0123456789") {
			words = words[:i]
			break
		}
	}
	switch {
	case len(words) == 3 && patronymic(words[1]) && !patronymic(words[2]):
		return newFIO(words[2], words[0], words[1])
	case len(words) == 3:
		return newFIO(words[0], words[1], words[2])
	case len(words) == 2:
		return newFIO(words[0], words[1], "")
	}
	return fio{}
}

// patronymic knows the endings in both scripts.
func patronymic(word string) bool {
	s := sound(word)
	for _, ending := range []string{"ovic", "evic", "ovich", "ovna", "evna", "icna", "inicna"} {
		if strings.HasSuffix(strings.ReplaceAll(s, "C", "c"), ending) {
			return true
		}
	}
	return false
}

// likeness is what comparing two names comes to.
type likeness uint8

const (
	unlike   likeness = iota // two names
	initials                 // initials equal, surname another: two names, unless an identifier says otherwise
	unknown                  // too little to compare
	surname                  // first name equal, patronymic not another, surname another
	partly                   // as far as there is something to compare
	sounding                 // all three sound alike
	exactly                  // letter by letter
)

// compare holds two names against each other.
func (f fio) compare(g fio) likeness {
	if !f.known() || !g.known() {
		return unknown
	}
	first, middle := partOf(f.first, g.first), partOf(f.middle, g.middle)
	if first == unlike || middle == unlike {
		return f.swapped(g)
	}
	if f.last != g.last {
		switch swapped := f.swapped(g); {
		case swapped != unlike:
			return swapped
		case first == sounding:
			return surname
		case middle == partly || middle == sounding:
			return initials
		}
		return unlike
	}
	switch {
	case f.whole != "" && f.whole == g.whole:
		return exactly
	case f.full() && g.full():
		return sounding
	}
	return partly
}

// swapped: with two words nobody knows which is the surname.
func (f fio) swapped(g fio) likeness {
	if (f.middle == "" || g.middle == "") && f.last == g.first && f.first == g.last {
		return partly
	}
	return unlike
}

// partOf compares one part, which may be missing or an initial.
func partOf(a, b string) likeness {
	switch {
	case a == b && a != "":
		return sounding
	case a == "" || b == "":
		return unknown
	case len(a) == 1 && a[0] == b[0], len(b) == 1 && a[0] == b[0]:
		return partly
	}
	return unlike
}

// baseName is what look-alike names have in common: what login.Look leaves, and
// the tables of transliteration folded. "": too short to say anything.
func baseName(name string) string {
	base := sound(login.Look(name))
	if len(base) < 3 {
		return ""
	}
	return base
}
