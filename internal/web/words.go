package web

import (
	"fmt"
	"strings"
	"unicode"
)

// Lang is the language of a page.
type Lang string

// The languages. Russian comes first, and is what nobody has to choose.
const (
	Russian Lang = "ru"
	English Lang = "en"
)

var languages = []Lang{Russian, English}

// other is the language to switch to.
func (l Lang) other() Lang {
	if l == English {
		return Russian
	}
	return English
}

// Both is one text in both languages: Russian, English.
type Both [2]string

// In gives the text in one language.
func (b Both) In(l Lang) string {
	if l == English {
		return b[1]
	}
	return b[0]
}

// forms separates the forms of a text that stands beside a figure: of 1, of 2 and of 5
// in Russian, of 1 and of 2 in English.
const forms = "|"

// Beside gives the form of the text that fits a figure, written as people do. One
// without forms fits all.
func (b Both) Beside(l Lang, figure any) string {
	all := strings.Split(b.In(l), forms)
	return all[min(form(l, digits(figure)), len(all)-1)]
}

// form is which form a number wants, of which are the digits.
func form(l Lang, number string) int {
	if l == English {
		if number == "1" {
			return 0
		}
		return 1
	}
	number = "00" + number
	tens, ones := number[len(number)-2], number[len(number)-1]
	switch {
	case tens == '1' || ones == '0' || ones > '4':
		return 2
	case ones == '1':
		return 0
	}
	return 1
}

// digits are those of a figure without what stands between them.
func digits(figure any) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fmt.Sprint(figure))
}

// Words are texts by key, as "form.title"; webtest.Texts holds a room's pages
// against them.
type Words map[string]Both

// JoinWords joins texts that are kept apart; no key may be there twice.
func JoinWords(parts ...Words) Words {
	all := Words{}
	for _, part := range parts {
		for key, text := range part {
			if _, twice := all[key]; twice {
				panic("web: two texts " + key)
			}
			all[key] = text
		}
	}
	return all
}

// Beside gives the words of a key in the form that fits a figure.
func (f *Frame) Beside(l Lang, key string, figure any) (string, error) {
	words, ok := f.words[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	return words.Beside(l, figure), nil
}

// Text gives the words of a key, of any room, with args put in as fmt does.
func (f *Frame) Text(l Lang, key string, args ...any) (string, error) {
	words, ok := f.words[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	if len(args) == 0 {
		return words.In(l), nil
	}
	return fmt.Sprintf(words.In(l), args...), nil
}
