package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Text is a message in both languages of the product.
type Text struct{ RU, EN string }

// In gives the English text for "en", else the Russian one.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.EN
	}
	return t.RU
}

// say formats both languages with the same arguments. An argument that is a
// Text itself goes into each in its language.
func say(ru, en string, args ...any) Text {
	in := func(lang string) []any {
		out := slices.Clone(args)
		for i, a := range out {
			if t, ok := a.(Text); ok {
				out[i] = t.In(lang)
			}
		}
		return out
	}
	return Text{fmt.Sprintf(ru, in("ru")...), fmt.Sprintf(en, in("en")...)}
}

// Fault is one mistake in a file, or a warning about it.
type Fault struct {
	Line, Column int    // from 1; 0 where the file as a whole is meant
	Path         string // as "radius.clients[2].range", counted from 0
	Message      Text   // what is wrong
	Remedy       Text   // what to do
	Warning      bool   // the file can be used all the same
}

// Format gives one line in the language: place, what is wrong, what to do.
func (f Fault) Format(lang string) string {
	var b strings.Builder
	if f.Line > 0 {
		b.WriteString(say("строка %d, столбец %d: ", "line %d, column %d: ", f.Line, f.Column).In(lang))
	}
	if f.Warning {
		b.WriteString(say("предупреждение: ", "warning: ").In(lang))
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message.In(lang))
	if remedy := f.Remedy.In(lang); remedy != "" {
		b.WriteString("; " + remedy)
	}
	return b.String()
}

// Usable says that there are warnings at most.
func Usable(faults []Fault) bool {
	return !slices.ContainsFunc(faults, func(f Fault) bool { return !f.Warning })
}

// maxFaults bounds what a hostile or wrong file makes us say.
const maxFaults = 200

// clip cuts a key of the file to a bearable length, without what would move a
// terminal's cursor.
func clip(s string) string {
	const limit = 60
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

// show quotes a piece of the file, cut to a bearable length.
func show(s string) string {
	return fmt.Sprintf("%q", clip(s))
}

// Nearest gives the candidate that a person most likely meant, or "".
func Nearest(word string, candidates []string) string {
	best, least := "", 1+min(2, len([]rune(word))/2)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c), least); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to change, add or drop between a and b; a
// neighbours' swap counts once. It stops at limit.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 || max(len(x), len(y))-min(len(x), len(y)) >= limit {
		return limit
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return min(rows[len(x)][len(y)], limit)
}
