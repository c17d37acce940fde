package table

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Wide is how many letters of a line a table for a terminal fills; cells that
// need more go on below.
const Wide = 116

const (
	gap      = 2   // letters between columns
	screen   = 500 // rows that are aligned with each other
	narrow   = 12  // words of so many letters are broken last
	headWide = 20  // from so many letters on a head is written in several lines
)

// aligned is text for a terminal. Columns are as wide as they need to be; where
// that is more than fits, the widest are made narrower, and their cells go on in
// lines below. Nothing is cut off.
type aligned struct {
	to   *bufio.Writer
	rows [][]string // not written yet, the header's first; a cell's Lines are apart by line feeds
}

func newAligned(w io.Writer, header []string) *aligned {
	return &aligned{to: bufio.NewWriter(w), rows: wrapped(header)}
}

// Row implements Writer.
func (a *aligned) Row(cells ...any) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		lines, ok := cell.(Lines)
		if !ok {
			s, _ := text(cell)
			lines = Lines{s}
		}
		for n, line := range lines {
			if n > 0 {
				row[i] += "\n"
			}
			row[i] += still(line)
		}
	}
	if a.rows = append(a.rows, row); len(a.rows) < screen {
		return nil
	}
	return a.flush()
}

// still takes what moves the cursor out of a text.
func still(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
}

// Close implements Writer.
func (a *aligned) Close() error { return a.flush() }

// flush writes the rows that were gathered.
func (a *aligned) flush() error {
	wide := widths(a.rows)
	for _, row := range a.rows {
		a.fold(row, wide)
	}
	a.rows = a.rows[:0]
	return a.to.Flush()
}

// line writes cells that fit, and no blanks at the end.
func (a *aligned) line(cells []string, wide []int) {
	blanks := 0
	for i, cell := range cells {
		if cell != "" {
			_, _ = a.to.WriteString(strings.Repeat(" ", blanks)) // Flush tells
			_, _ = a.to.WriteString(cell)
			blanks = 0
		}
		blanks += wide[i] - utf8.RuneCountInString(cell) + gap
	}
	_ = a.to.WriteByte('\n')
}

// fold writes a row, in several lines where a cell needs them.
func (a *aligned) fold(row []string, wide []int) {
	columns, most := make([][]string, len(row)), 1
	for i, cell := range row {
		for line := range strings.SplitSeq(cell, "\n") {
			columns[i] = append(columns[i], Fold(line, wide[i])...)
		}
		most = max(most, len(columns[i]))
	}
	for n := range most {
		line := make([]string, len(row))
		for i, c := range columns {
			if n < len(c) {
				line[i] = c[n]
			}
		}
		a.line(line, wide)
	}
}

// widths gives the columns' widths: those that rows need, or less where the sum
// is more than fits, the widest first. Words stay whole as long as that can be.
func widths(rows [][]string) []int {
	need, words := measured(rows)
	room := Wide - gap*(len(need)-1)
	var wide []int
	for _, whole := range []int{room / 2, 24, narrow, 1} {
		for limit := slices.Max(append(need, narrow)); limit > 0; limit-- {
			sum := 0
			wide = wide[:0]
			for i, n := range need {
				wide = append(wide, max(min(n, limit), min(words[i], whole)))
				sum += wide[i]
			}
			if sum <= room {
				return wide
			}
		}
	}
	return wide
}

// measured gives how wide the columns would be, and the widest words of each.
func measured(rows [][]string) (need, words []int) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(need) {
				need, words = append(need, 0), append(words, 0)
			}
			for line := range strings.SplitSeq(cell, "\n") {
				need[i] = max(need[i], utf8.RuneCountInString(line))
			}
			for word := range strings.FieldsFuncSeq(cell, between) {
				words[i] = max(words[i], utf8.RuneCountInString(word)+1) // with the sign that ends it
			}
			words[i] = min(words[i], need[i])
		}
	}
	return need, words
}

// between says where a line may end: a name of the directory has no blanks.
func between(r rune) bool { return r == ' ' || r == '\n' || strings.ContainsRune(signs, r) }

const signs = ",;/@"

// Fold gives the lines of a text that is to be no wider than so many letters:
// between words, else behind a sign, else anywhere.
func Fold(text string, wide int) []string {
	var lines []string
	rest := []rune(strings.TrimRight(text, " "))
	for len(rest) > wide && wide > 0 {
		cut := fit(rest, wide)
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
	}
	if len(rest) > 0 || len(lines) == 0 {
		lines = append(lines, string(rest))
	}
	return lines
}

// fit gives how much of a text is the first line.
func fit(text []rune, wide int) int {
	for i := wide; i > 0; i-- {
		if text[i] == ' ' {
			return i
		}
	}
	for i := wide; i > 0; i-- {
		if strings.ContainsRune(signs, text[i-1]) {
			return i
		}
	}
	return wide
}

// wrapped gives the lines of a header: a column of figures need not be as wide as
// its name.
func wrapped(header []string) [][]string {
	lines := [][]string{make([]string, len(header))}
	for i, head := range header {
		parts := []string{head}
		if utf8.RuneCountInString(head) >= headWide {
			parts = Fold(head, headWide*2/3)
		}
		for n, part := range parts {
			for len(lines) <= n {
				lines = append(lines, make([]string, len(header)))
			}
			lines[n][i] = part
		}
	}
	return lines
}
