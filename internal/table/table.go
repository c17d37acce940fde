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
)

// Formats are those that New knows.
var Formats = []string{"table", "csv", WithBOM, "xlsx"}

// WithBOM is CSV for people: Excel in Russian Windows takes a file without a byte
// order mark for Windows-1251, and shows no Cyrillic. Programs read "csv".
const WithBOM = "csv-bom"

// Writer takes the rows of a table. A cell is a string, an int, a float64 with
// one decimal, Lines, or a fmt.Stringer.
type Writer interface {
	Row(cells ...any) error
	// Close writes what is left. It does not close what is written to.
	Close() error
}

// Lines are one cell: a line each on a terminal, apart by semicolons elsewhere, also
// in a pipe.
type Lines []string

// String gives the one line.
func (l Lines) String() string { return strings.Join(l, "; ") }

// New begins a table with its header. title names the sheet of a workbook.
func New(w io.Writer, format, title string, header []string) (Writer, error) {
	t := &comma{csv.NewWriter(w)}
	switch format {
	case "csv":
	case WithBOM:
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return nil, err
		}
	case "xlsx":
		return NewWorkbook(w, title, header)
	case "table":
		return newAligned(w, header), nil
	default:
		return nil, fmt.Errorf("there is no table format %q", format)
	}
	cells := make([]any, len(header))
	for i, h := range header {
		cells[i] = h
	}
	return t, t.Row(cells...)
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
	if harmless(text) {
		return text
	}
	text = formula.ReplaceAllString(text, "${1}'${2}")
	if breaks.MatchString(text) {
		return "'" + text
	}
	return text
}

// harmless says that Guard finds nothing in a text, as in nearly every one: expressions
// would take most of the time that a long list takes.
func harmless(text string) bool {
	begins := true
	for _, r := range text {
		switch r {
		case '\t', '\r', '\n':
			return false // it depends
		case ';':
			begins = true
		case '"', ' ', '\u00a0', '\ufeff':
		case '=', '+', '@', '＝', '＋', '－', '＠', '-':
			if begins {
				return false
			}
		default:
			begins = false
		}
	}
	return true
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
