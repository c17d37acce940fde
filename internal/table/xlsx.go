package table

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// What a workbook can hold (ECMA-376, and Excel's published limits).
const (
	maxRows = 1 << 20
	maxCell = 32767
)

// workbook is an XLSX: a sheet, and further ones where its rows are used up.
type workbook struct {
	to     io.Writer
	book   *excelize.File
	title  string
	header []any
	stream *excelize.StreamWriter
	sheets int
	row    int
	most   int // rows of a sheet
	bold   int
}

func newWorkbook(w io.Writer, title string, header []string) (*workbook, error) {
	b := &workbook{to: w, book: excelize.NewFile(), title: title, most: maxRows}
	var err error
	if b.bold, err = b.book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return nil, err
	}
	for _, h := range header {
		b.header = append(b.header, excelize.Cell{StyleID: b.bold, Value: h})
	}
	return b, b.sheet()
}

// sheet begins a sheet with its header.
func (b *workbook) sheet() error {
	if b.stream != nil {
		if err := b.stream.Flush(); err != nil {
			return err
		}
	}
	b.sheets++
	name := b.title
	if b.sheets == 1 {
		if err := b.book.SetSheetName("Sheet1", name); err != nil {
			return err
		}
	} else {
		name = fmt.Sprintf("%s %d", b.title, b.sheets)
		if _, err := b.book.NewSheet(name); err != nil {
			return err
		}
	}
	var err error
	if b.stream, err = b.book.NewStreamWriter(name); err != nil {
		return err
	}
	if err := b.stream.SetColWidth(1, len(b.header), 22); err != nil {
		return err
	}
	if err := b.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	b.row = 0
	return b.write(b.header)
}

func (b *workbook) write(cells []any) error {
	b.row++
	return b.stream.SetRow(fmt.Sprintf("A%d", b.row), cells)
}

// Row implements Writer.
func (b *workbook) Row(cells ...any) error {
	if b.row == b.most {
		if err := b.sheet(); err != nil {
			return err
		}
	}
	row := make([]any, len(cells))
	for i, cell := range cells {
		if s, number := text(cell); number {
			row[i] = cell
		} else {
			row[i] = clean(s)
		}
	}
	return b.write(row)
}

// clean leaves out what XML cannot carry (XML 1.0 section 2.2) and what is too
// long for a cell.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if utf8.RuneCountInString(s) > maxCell/2 { // a character may count twice there
		s = string([]rune(s)[:maxCell/2])
	}
	return s
}

// Close implements Writer.
func (b *workbook) Close() error {
	err := b.stream.Flush()
	if err == nil {
		_, err = b.book.WriteTo(b.to)
	}
	return errors.Join(err, b.book.Close())
}
