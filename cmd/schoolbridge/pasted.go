package main

import (
	"strings"
	"unicode"
)

// pasted is a word of a command line that is offered for copying: what a registry
// or a directory calls somebody must run nothing in the shell that it is pasted
// into.
func pasted(word string) string {
	strange := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._:@/,+", r) }
	if word != "" && !strings.ContainsFunc(word, strange) {
		return word
	}
	return "'" + strings.ReplaceAll(printable(word), "'", `'\''`) + "'"
}
