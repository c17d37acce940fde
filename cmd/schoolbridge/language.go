package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"schoolbridge/internal/said"
)

// langFlag is --lang, the language of what a command prints for people: "ru"
// unless "en" is written, and nothing else.
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

// askedLang is the language of a command line that may not be understood: of help,
// of how a command is written, and of errors.
func askedLang(args []string) string {
	for i, word := range args {
		name, value, together := strings.Cut(word, "=")
		if name != "--lang" && name != "-lang" {
			continue
		}
		if !together && i+1 < len(args) {
			value = args[i+1]
		}
		if value == "en" {
			return value
		}
	}
	return "ru"
}

// printFlags says what a command's flags are for.
func printFlags(w io.Writer, fs *flag.FlagSet, lang string) {
	fs.VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f) // the name stands in one of the languages
		if name != "" {
			name = " " + name
		}
		fmt.Fprintf(w, "  -%s%s\n    \t%s", f.Name, name, said.Text(usage, lang))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			fmt.Fprintf(w, " (%s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}
