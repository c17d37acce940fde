package main

import (
	"errors"
	"flag"
)

// langFlag is --lang, the language of what a command prints for people: "ru"
// unless "en" is written, and nothing else. Messages that stand for themselves
// (usage, faults of registry files) are in both.
func langFlag(fs *flag.FlagSet) *string {
	lang := "ru"
	fs.Func("lang", "язык: ru (и без флага) или en / language `LANG`: ru (the default) or en", func(word string) error {
		if word != "ru" && word != "en" {
			return errors.New("ru, en")
		}
		lang = word
		return nil
	})
	return &lang
}
