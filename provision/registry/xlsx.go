package registry

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"schoolbridge/internal/said"
)

// What a workbook may come to. archive/zip holds each part to the size that its
// directory declares, so adding those up is enough.
const (
	maxUnpacked    = 2 << 30
	maxInMemory    = 16 << 20 // a larger sheet is unpacked into a temporary file
	maxStrings     = 256 << 20
	maxOther       = 32 << 20 // styles, themes, pictures: all of it is held in memory
	maxZipEntries  = 4096
	maxExpansion   = 200 // times; sheets compress about tenfold
	maxSheets      = 16
	smallExpansion = 16 << 20 // below this the ratio does not matter
)

// checkZip refuses what would unpack to too much, before anything unpacks it.
func checkZip(f *os.File, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return said.Errorf("файл не читается как XLSX: %[1]w / not an XLSX file: %[1]w", err)
	}
	if len(z.File) > maxZipEntries {
		return said.Errorf("в архиве XLSX слишком много частей / too many parts in the XLSX archive")
	}
	var total, other uint64
	for _, part := range z.File {
		n := part.UncompressedSize64
		name := partName(part)
		if n > maxUnpacked || (name == partStrings && n > maxStrings) {
			return errUnpacked
		}
		total += n
		if name != partStrings && !strings.HasPrefix(name, partSheets) {
			other += n
		}
	}
	if total > maxUnpacked || other > maxOther || (total > smallExpansion && total > maxExpansion*uint64(size)) {
		return errUnpacked
	}
	for _, part := range z.File {
		if name := partName(part); strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".rels") {
			if err := scanPart(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// The parts that the reader unpacks to a temporary file where they are large.
const (
	partStrings = "xl/sharedstrings.xml"
	partSheets  = "xl/worksheets/sheet"
)

// partName is how the reader looks for a part.
func partName(part *zip.File) string {
	return strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/"))
}

func scanPart(part *zip.File) error {
	r, err := part.Open()
	if err != nil {
		return said.Errorf("файл не читается как XLSX: %[1]w / not an XLSX file: %[1]w", err)
	}
	defer func() { _ = r.Close() }() // opened for reading: nothing is lost
	var bounds xmlBounds
	switch name := partName(part); {
	case name == partStrings:
		bounds.elements = maxXMLElements
	case strings.HasPrefix(name, partSheets):
		bounds.cells = maxXMLCells
	}
	if err := scanXML(r, bounds); errors.Is(err, errDamaged) || errors.Is(err, zip.ErrChecksum) {
		return fmt.Errorf("%w: %.60q", errDamaged, part.Name)
	} else if err != nil {
		return said.Errorf("файл не читается как XLSX: %[1]w / not an XLSX file: %[1]w", err)
	}
	return nil
}

var errUnpacked = said.Errorf("XLSX распаковывается в слишком большой объём / the XLSX unpacks to too much")

// workbook is an opened XLSX.
type workbook struct {
	book   *excelize.File
	sheets []string
	date   dateSystem
	size   int64
}

func openWorkbook(f *os.File, size int64) (w *workbook, err error) {
	// The reader is not ours; what it does with a hostile file stays in the file.
	defer recovered(&err)
	if err := checkZip(f, size); err != nil {
		return nil, err
	}
	book, err := excelize.OpenReader(io.NewSectionReader(f, 0, size), excelize.Options{
		RawCellValue: true, UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxInMemory,
	})
	if err != nil {
		return nil, said.Errorf("файл не читается как XLSX: %[1]w / not an XLSX file: %[1]w", err)
	}
	w = &workbook{book: book, sheets: book.GetSheetList(), size: size, date: date1900}
	if props, err := book.GetWorkbookProps(); err == nil && props.Date1904 != nil && *props.Date1904 {
		w.date = date1904
	}
	if len(w.sheets) > maxSheets {
		w.sheets = w.sheets[:maxSheets]
	}
	return w, nil
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = errDamaged
	}
}

// Close removes the temporary files too.
func (w *workbook) Close() error { return w.book.Close() }

// sheet opens the rows of one sheet.
func (w *workbook) sheet(name string) (t *sheetTable, err error) {
	defer recovered(&err)
	rows, err := w.book.Rows(name)
	if err != nil {
		return nil, said.Errorf("лист не прочитан: %[1]w / read sheet: %[1]w", err)
	}
	return &sheetTable{rows: rows, size: w.size}, nil
}

// sheetTable gives the rows of a sheet. Its line numbers are those that the
// spreadsheet shows.
type sheetTable struct {
	rows   *excelize.Rows
	size   int64
	line   int
	done   bool
	fields []string
}

func (t *sheetTable) offset() int64 {
	if t.done {
		return t.size
	}
	return 0
}

func (t *sheetTable) close() error { return t.rows.Close() }

func (t *sheetTable) next() (line int, fields []string, err error) {
	defer recovered(&err)
	for t.rows.Next() {
		t.line++
		cells, err := t.rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return t.line, nil, said.Errorf("строка %[1]d не прочитана: %[2]w / read row %[1]d: %[2]w", t.line, err)
		}
		size, blank := 0, true
		t.fields = t.fields[:0]
		for _, cell := range cells {
			cell = trim(plainNumber(cell))
			size += len(cell)
			blank = blank && cell == ""
			t.fields = append(t.fields, cell)
		}
		for len(t.fields) > 0 && t.fields[len(t.fields)-1] == "" {
			t.fields = t.fields[:len(t.fields)-1]
		}
		switch {
		case blank:
			continue
		case size > maxRowBytes:
			return t.line, nil, badRow{errRowLong}
		case len(t.fields) > maxRowFields:
			return t.line, nil, badRow{errRowFields}
		}
		for _, cell := range t.fields {
			if !utf8.ValidString(cell) || strings.IndexByte(cell, 0) >= 0 {
				return t.line, nil, badRow{errText}
			}
		}
		return t.line, t.fields, nil
	}
	t.done = true
	if err := t.rows.Error(); err != nil {
		return t.line, nil, said.Errorf("лист не прочитан: %[1]w / read sheet: %[1]w", err)
	}
	return t.line, nil, io.EOF
}

var exponent = regexp.MustCompile(`^[0-9](\.[0-9]+)?E\+?[0-9]{1,2}$`)

// plainNumber undoes 7.9991234567E10: a spreadsheet's way to keep a telephone
// number or an identifier that somebody typed as a number.
func plainNumber(s string) string {
	if len(s) < 4 || len(s) > 24 || !exponent.MatchString(s) {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || f < 1e9 || f > 1<<53 {
		return s
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
