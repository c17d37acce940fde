package table

import (
	"bufio"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	gap      = 2   // letters between columns
	screen   = 500 // rows that are aligned with each other
	headWide = 20  // from so many letters on a head is written in several lines
	usual    = 80  // letters of a line of a terminal that does not say
)

// Width is how many letters a line has where w leads: those of a terminal, or what
// a method Width() int of w says. 0, as of a pipe or a file: as many as there are.
func Width(w io.Writer) int {
	if s, ok := w.(interface{ Width() int }); ok {
		return s.Width()
	}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if wide, _, err := term.GetSize(int(f.Fd())); err == nil && wide > 0 {
		return wide
	}
	return usual
}

// aligned is text for people. Columns are as wide as they need to be. Where that is
// more than a terminal has, the widest are made narrower, and their cells go on in
// lines below, between words: what has no blank in it (an id, a code, a login) stays
// whole, for it is copied. Where not even that fits, a row is written below itself,
// a line or more for each cell. Nothing is cut off; in a pipe a row is a line.
type aligned struct {
	to    *bufio.Writer
	room  int // letters of a line; 0: no matter
	heads []string
	rows  [][]string // not written yet, the header's first; a cell's Lines are apart by line feeds
	below bool       // rows are written below themselves
	began bool       // a row was, so that the next one stands apart
}

func newAligned(w io.Writer, header []string) *aligned {
	a := &aligned{to: bufio.NewWriter(w), room: Width(w), heads: header}
	if a.rows = [][]string{header}; a.room > 0 {
		a.rows = wrapped(header)
	}
	return a
}

// Row implements Writer.
func (a *aligned) Row(cells ...any) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		lines, ok := cell.(Lines)
		if !ok || a.room == 0 {
			s, _ := text(cell)
			lines = Lines{s}
		}
		for n, line := range lines {
			if n > 0 {
				row[i] += "\n"
			}
			row[i] += glued.ReplaceAllString(still(line), "$1"+glue+"$2")
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

// glued are texts with a blank that are copied as one: a date with its time, a
// СНИЛС. glue stands for the blank until they are written.
var glued = regexp.MustCompile(`\b(\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}|\d{3}-\d{3}-\d{3}) (\d\d)`)

const glue = "\ue000"

func (a *aligned) write(text string) {
	_, _ = a.to.WriteString(strings.ReplaceAll(text, glue, " ")) // Flush tells
}

// flush writes the rows that were gathered.
func (a *aligned) flush() error {
	wide, fits := widths(a.rows, a.room)
	if !fits && !a.below {
		a.below = true
		if !a.began {
			a.rows = a.rows[len(wrapped(a.heads)):]
		}
	}
	for _, row := range a.rows {
		if a.below {
			a.stack(row)
		} else {
			a.fold(row, wide)
		}
		a.began = true
	}
	a.rows = a.rows[:0]
	return a.to.Flush()
}

// stack writes the cells of a row below each other, each behind its head.
func (a *aligned) stack(row []string) {
	if a.began {
		a.write("\n")
	}
	wide := 0
	for _, head := range a.heads {
		wide = max(wide, utf8.RuneCountInString(head)+1) // with the colon
	}
	for i, cell := range row {
		if cell == "" {
			continue
		}
		head := a.heads[i] + ":"
		for part := range strings.SplitSeq(cell, "\n") {
			for _, line := range Fold(part, max(a.room-wide-gap, 1)) {
				a.write(head + strings.Repeat(" ", wide-utf8.RuneCountInString(head)+gap) + line + "\n")
				head = ""
			}
		}
	}
}

// line writes cells that fit, and no blanks at the end.
func (a *aligned) line(cells []string, wide []int) {
	blanks := 0
	for i, cell := range cells {
		if cell != "" {
			a.write(strings.Repeat(" ", blanks) + cell)
			blanks = 0
		}
		blanks += wide[i] - utf8.RuneCountInString(cell) + gap
	}
	a.write("\n")
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
// is more than fits, the widest first, and none less than its words. false: they do
// not fit so.
func widths(rows [][]string, room int) (wide []int, fits bool) {
	need, words := measured(rows)
	if room == 0 {
		return need, true
	}
	room -= gap * (len(need) - 1)
	for limit := slices.Max(append(need, 1)); limit > 0; limit-- {
		sum := 0
		wide = wide[:0]
		for i, n := range need {
			wide = append(wide, max(min(n, limit), words[i]))
			sum += wide[i]
		}
		if sum <= room {
			return wide, true
		}
	}
	return wide, false
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
				for part := range strings.FieldsSeq(line) {
					for piece := range pieces(part) {
						words[i] = max(words[i], utf8.RuneCountInString(piece))
					}
				}
			}
		}
	}
	return need, words
}

// signs are behind what a line may end too: a name of the directory has no blanks.
const signs = ",;"

// pieces gives the parts of a word, each with the sign that ends it.
func pieces(word string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for word != "" {
			end := strings.IndexAny(word, signs) + 1
			if end == 0 {
				end = len(word)
			}
			if !yield(word[:end]) {
				return
			}
			word = word[end:]
		}
	}
}

// Fold gives the lines of a text that is to be no wider than so many letters:
// between words, else behind a comma or semicolon. What has neither stays whole and
// is wider. 0: one line.
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
	for i := wide + 1; i < len(text); i++ {
		if text[i] == ' ' || strings.ContainsRune(signs, text[i-1]) {
			return i
		}
	}
	return len(text)
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
