package person

import (
	"unicode"
	"unicode/utf8"
)

// latinLetters is the transliteration of passports (ICAO 9303-3 section 6, table
// B), by letter from а on; ё stands apart.
var latinLetters = [...]string{
	"a", "b", "v", "g", "d", "e", "zh", "z", "i", "i", "k", "l", "m", "n", "o", "p",
	"r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "ie", "y", "", "e", "iu", "ia",
}

// AppendLatin appends a Russian text in the letters that passports have (ICAO
// 9303): "Щукина Юлия" is "Shchukina Iuliia". Other letters stay.
func AppendLatin(b []byte, text string) []byte {
	for _, r := range text {
		lower := unicode.ToLower(r)
		var latin string
		switch {
		case lower >= 'а' && lower <= 'я':
			latin = latinLetters[lower-'а']
		case lower == 'ё':
			latin = "e"
		default:
			b = utf8.AppendRune(b, r)
			continue
		}
		start := len(b)
		if b = append(b, latin...); r != lower && latin != "" {
			b[start] -= 'a' - 'A'
		}
	}
	return b
}
