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

// Workbook is an XLSX: sheets, and further ones where the rows of one are used up.
type Workbook struct {
	to     io.Writer
	book   *excelize.File
	title  string
	header []any
	stream *excelize.StreamWriter
	parts  int // sheets of this title
	row    int
	most   int // rows of a sheet
	bold   int
}

// NewWorkbook begins a workbook with its first sheet.
func NewWorkbook(w io.Writer, title string, header []string) (*Workbook, error) {
	b := &Workbook{to: w, book: excelize.NewFile(), most: maxRows}
	var err error
	if b.bold, err = b.book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return nil, err
	}
	return b, b.Sheet(title, header)
}

// Sheet begins a further sheet; rows go there from now on.
func (b *Workbook) Sheet(title string, header []string) error {
	b.title, b.header, b.parts = title, nil, 0
	for _, h := range header {
		b.header = append(b.header, excelize.Cell{StyleID: b.bold, Value: h})
	}
	return b.sheet()
}

// sheet begins a sheet with its header.
func (b *Workbook) sheet() error {
	if b.stream != nil {
		if err := b.stream.Flush(); err != nil {
			return err
		}
	}
	name := b.title
	if b.parts++; b.parts > 1 {
		name = fmt.Sprintf("%s %d", b.title, b.parts)
	}
	var err error
	if b.stream == nil {
		err = b.book.SetSheetName("Sheet1", name)
	} else {
		_, err = b.book.NewSheet(name)
	}
	if err != nil {
		return err
	}
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

func (b *Workbook) write(cells []any) error {
	b.row++
	return b.stream.SetRow(fmt.Sprintf("A%d", b.row), cells)
}

// Row implements Writer.
func (b *Workbook) Row(cells ...any) error {
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
func (b *Workbook) Close() error {
	err := b.stream.Flush()
	if err == nil {
		_, err = b.book.WriteTo(b.to)
	}
	return errors.Join(err, b.book.Close())
}

// Abandon gives a table up that cannot be finished: nothing more is written, and
// what a workbook had put aside goes.
func Abandon(w Writer) {
	if b, ok := w.(*Workbook); ok {
		_ = b.book.Close() // there is nothing left to lose
	}
}
