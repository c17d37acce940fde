package web

import "fmt"

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
