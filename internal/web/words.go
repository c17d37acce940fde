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

// both is one text in both languages: Russian, English.
type both [2]string

func (b both) in(l Lang) string {
	if l == English {
		return b[1]
	}
	return b[0]
}

// text gives the words of a key, with args put in as fmt does. All keys are in
// words_*.go; a test holds the pages against them.
func (l Lang) text(key string, args ...any) (string, error) {
	words, ok := words[key]
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	if len(args) == 0 {
		return words.in(l), nil
	}
	return fmt.Sprintf(words.in(l), args...), nil
}

// words are the texts of all pages by key.
var words = join(wordsFrame, wordsEntry, wordsActivation, wordsHelp)

func join(parts ...map[string]both) map[string]both {
	all := map[string]both{}
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
