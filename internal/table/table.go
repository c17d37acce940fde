// Package table writes tables that people open in a spreadsheet, read on a
// terminal or hand to a program: CSV, XLSX, aligned text. Rows are written as
// they come; nothing but the text of a screenful is kept.
//
// A spreadsheet takes a cell of CSV that begins with = + - @ for a formula, and a
// name in a registry can be made to begin so. Such a text is written behind an
// apostrophe, which a spreadsheet shows as text (Guard). One that takes the
// semicolon for the separator, as a Russian one does, makes cells of its own out
// of a text: none of them begins a formula either. A number of ours is no text.
// XLSX says itself what is text.
//
// Start reading at New; NewWorkbook is for several sheets.
package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// Formats are those that New knows.
var Formats = []string{"table", "csv", "xlsx"}

// Writer takes the rows of a table. A cell is a string, an int, a float64 with
// one decimal, or a fmt.Stringer.
type Writer interface {
	Row(cells ...any) error
	// Close writes what is left. It does not close what is written to.
	Close() error
}

// New begins a table with its header. title names the sheet of a workbook.
func New(w io.Writer, format, title string, header []string) (Writer, error) {
	var t Writer
	switch format {
	case "csv":
		t = &comma{csv.NewWriter(w)}
	case "xlsx":
		return NewWorkbook(w, title, header)
	case "table":
		t = &aligned{tab: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	default:
		return nil, fmt.Errorf("there is no table format %q", format)
	}
	lines := [][]string{header}
	if format == "table" {
		lines = wrapped(header)
	}
	for _, line := range lines {
		cells := make([]any, len(line))
		for i, h := range line {
			cells[i] = h
		}
		if err := t.Row(cells...); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// headWide is from how many letters on a head is written in several lines: a
// column of figures need not be as wide as its name.
const headWide = 20

// wrapped gives the lines of a header.
func wrapped(header []string) [][]string {
	var lines [][]string
	put := func(line, column int, text string) {
		for len(lines) <= line {
			lines = append(lines, make([]string, len(header)))
		}
		lines[line][column] = text
	}
	for i, head := range header {
		if utf8.RuneCountInString(head) < headWide {
			put(0, i, head)
			continue
		}
		line, text := 0, ""
		for _, word := range strings.Fields(head) {
			if text != "" && utf8.RuneCountInString(text+" "+word) >= headWide*2/3 {
				put(line, i, text)
				line, text = line+1, ""
			}
			text = strings.TrimSpace(text + " " + word)
		}
		put(line, i, text)
	}
	return lines
}

var (
	// formula is how one begins in a cell, or where a spreadsheet begins one.
	formula = regexp.MustCompile(`(^|[;\t\r\n])([" \x{a0}\x{feff}]*[=+@＝＋－＠-])`)
	breaks  = regexp.MustCompile(`^[ \x{a0}\x{feff}]*[\t\r\n]`)
)

// Guard makes a text that no spreadsheet takes for a formula. It is the text
// itself unless that begins with a tab or a line's end, or with one of = + - @,
// also written wide, with spaces before it, or behind a semicolon or a break.
func Guard(text string) string {
	text = formula.ReplaceAllString(text, "${1}'${2}")
	if breaks.MatchString(text) {
		return "'" + text
	}
	return text
}

// text gives a cell's text, and whether it is a number of ours.
func text(cell any) (s string, number bool) {
	switch v := cell.(type) {
	case string:
		return v, false
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', 1, 64), true
	}
	return fmt.Sprint(cell), false
}

// comma is CSV (RFC 4180 but for the ends of lines) in UTF-8.
type comma struct{ csv *csv.Writer }

// Row implements Writer.
func (c *comma) Row(cells ...any) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		s, number := text(cell)
		if !number {
			s = Guard(s)
		}
		row[i] = s
	}
	return c.csv.Write(row)
}

// Close implements Writer.
func (c *comma) Close() error {
	c.csv.Flush()
	return c.csv.Error()
}

// screenful is how many rows are aligned with each other.
const screenful = 500

// aligned is text for a terminal.
type aligned struct {
	tab  *tabwriter.Writer
	rows int
}

// Row implements Writer.
func (a *aligned) Row(cells ...any) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		s, _ := text(cell)
		row[i] = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // nothing moves the cursor
				return ' '
			}
			return r
		}, s)
	}
	if _, err := fmt.Fprintln(a.tab, strings.Join(row, "\t")); err != nil {
		return err
	}
	if a.rows++; a.rows%screenful == 0 {
		return a.tab.Flush()
	}
	return nil
}

// Close implements Writer.
func (a *aligned) Close() error { return a.tab.Flush() }
