// Package said has errors for people in two languages, Russian and English, of which
// whoever shows them chooses one. Pure.
//
// Start reading at Errorf and In.
package said

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Error is an error in both languages. Error gives both, for logs.
type Error struct {
	russian, english string
	causes           []error
}

// Errorf is fmt.Errorf with a format in both languages, "по-русски / in English".
// Each half stands for itself: what both tell is named by its number, as in "%[1]s".
// A format in one language stays in it.
func Errorf(format string, args ...any) error {
	russian, english, ok := halves(format)
	if !ok {
		return fmt.Errorf(format, args...)
	}
	e := &Error{}
	for i, half := range []string{russian, english} {
		text := half
		if strings.Contains(half, "%") {
			err := fmt.Errorf(half, args...)
			text = err.Error()
			if i == 0 {
				e.causes = causesOf(err)
			}
		}
		*[]*string{&e.russian, &e.english}[i] = text
	}
	return e
}

// halves divides a text where Russian ends and English begins.
func halves(text string) (russian, english string, ok bool) {
	russian, english, ok = strings.Cut(text, " / ")
	return russian, english, ok && inRussian(russian) && !inRussian(english)
}

// inRussian says that a text has Russian words; names such as ФИО and ЕКИС stand in
// English texts too.
func inRussian(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) && unicode.IsLower(r) })
}

func causesOf(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	}
	return nil
}

func (e *Error) Error() string   { return e.russian + " / " + e.english }
func (e *Error) Unwrap() []error { return e.causes }

// In says an error in a language, English where lang is "en", whatever it is wrapped in.
func In(err error, lang string) string {
	text := err.Error()
	walk(err, func(e *Error) {
		one := e.russian
		if lang == "en" {
			one = e.english
		}
		text = strings.ReplaceAll(text, e.Error(), one)
	})
	return text
}

// walk calls f with the errors in two languages, the outer ones before the inner.
func walk(err error, f func(*Error)) {
	if e, ok := err.(*Error); ok {
		f(e)
	}
	for _, cause := range causesOf(err) {
		if cause != nil {
			walk(cause, f)
		}
	}
}

// New is Errorf without arguments.
func New(text string) error {
	russian, english, ok := halves(text)
	if !ok {
		return errors.New(text)
	}
	return &Error{russian: russian, english: english}
}

// Text chooses of "по-русски / in English" one; what is in one language stays.
func Text(both, lang string) string {
	russian, english, ok := halves(both)
	switch {
	case !ok:
		return both
	case lang == "en":
		return english
	}
	return russian
}
