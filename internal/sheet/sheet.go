// Package sheet reads small tables that people keep in a spreadsheet and save
// as CSV: comma, semicolon or tab, UTF-8 or Windows-1251, a header row. Rows
// keep the number of their line. Pure; the caller bounds the file.
//
// It is for lists that an administrator writes by hand and that are refused
// whole where one row is wrong. Exports of other systems, with their size and
// dirt, are provision/registry's.
//
// Start reading at Parse.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// MaxRows bounds a table.
const MaxRows = 100_000

// Error is what is wrong with a table and what to do, in both languages.
type Error struct {
	Line   int // from 1
	RU, EN string
}

// Error gives the English text with the line.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.EN) }

// Row is one row below the header: its cells by the column's canonical name,
// without spaces around them.
type Row struct {
	Line  int
	Cells map[string]string
}

// Parse reads a table. columns maps every name that a header may have, in
// lower case, to its canonical one; other columns are refused, for a misspelled
// one would be missed in silence. Blank rows and rows that begin with # are
// passed over.
func Parse(data []byte, columns map[string]string) ([]Row, error) {
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(strings.NewReader(text))
	in.Comma, in.Comment, in.FieldsPerRecord, in.ReuseRecord = separator(text), '#', -1, true
	header, err := in.Read()
	if err != nil {
		return nil, broken(err, 1)
	}
	names, fault := named(header, columns)
	if fault != nil {
		fault.Line, _ = in.FieldPos(0)
		return nil, fault
	}
	var rows []Row
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, broken(err, len(rows)+2)
		}
		line, _ := in.FieldPos(0)
		row := Row{Line: line, Cells: make(map[string]string, len(names))}
		for i, cell := range cells {
			cell = strings.TrimSpace(cell)
			switch {
			case cell == "":
			case i >= len(names) || names[i] == "":
				return nil, &Error{line, "ячеек больше, чем столбцов; проверьте разделители и кавычки", "more cells than columns; look at separators and quotes"}
			default:
				row.Cells[names[i]] = cell
			}
		}
		if len(row.Cells) == 0 {
			continue
		}
		if len(rows) == MaxRows {
			return nil, &Error{line, fmt.Sprintf("строк больше %d; разделите файл", MaxRows), fmt.Sprintf("more than %d rows; split the file", MaxRows)}
		}
		rows = append(rows, row)
	}
}

// decode makes text of the bytes: UTF-8 where they are that, else Windows-1251,
// as Excel writes CSV.
func decode(data []byte) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, 0) >= 0 {
		return "", &Error{1, "это не текст: сохраните таблицу как CSV", "this is no text: save the table as CSV"}
	}
	if utf8.Valid(data) {
		return string(data), nil
	}
	text, err := charmap.Windows1251.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return "", &Error{1, "кодировка не UTF-8 и не Windows-1251: сохраните файл в UTF-8", "the encoding is neither UTF-8 nor Windows-1251: save the file as UTF-8"}
	}
	return string(text), nil
}

// separator is the one of the three that the first line with a cell has most of.
func separator(text string) rune {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		best := ','
		for _, c := range []rune{';', '\t'} {
			if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
				best = c
			}
		}
		return best
	}
	return ','
}

func named(header []string, columns map[string]string) ([]string, *Error) {
	names := make([]string, len(header))
	for i, cell := range header {
		cell = strings.ToLower(strings.TrimSpace(cell))
		name, ok := columns[cell]
		switch {
		case cell == "" && i == len(header)-1: // a separator at the end of every line
		case !ok:
			var known []string
			for _, c := range columns {
				known = append(known, c)
			}
			slices.Sort(known)
			list := strings.Join(slices.Compact(known), ", ")
			return nil, &Error{1, fmt.Sprintf("столбец %.60q не известен; бывают: %s", cell, list), fmt.Sprintf("the column %.60q is not known; there are: %s", cell, list)}
		case slices.Contains(names, name):
			return nil, &Error{1, fmt.Sprintf("столбец %s есть дважды; оставьте один", name), fmt.Sprintf("the column %s is there twice; keep one", name)}
		}
		names[i] = name
	}
	return names, nil
}

func broken(err error, line int) error {
	var where *csv.ParseError
	if errors.As(err, &where) {
		line = where.Line
	}
	if errors.Is(err, io.EOF) {
		return &Error{1, "таблица пуста; первая строка — названия столбцов", "the table is empty; its first row names the columns"}
	}
	return &Error{line, "кавычки расставлены неверно; удвойте кавычку внутри ячейки или уберите её", "the quotes do not pair; double a quote inside a cell, or remove it"}
}
