package registry

import (
	"encoding/xml"
	"errors"
	"io"

	"schoolbridge/internal/said"
)

// What the XML of a workbook may come to. A cell holds 32767 characters, a row
// 16384 cells, and some twenty elements stand in each other at the deepest.
const (
	maxXMLDepth    = 256
	maxXMLToken    = 1 << 20 // bytes of one tag, comment or text
	maxXMLCells    = 16384
	maxXMLElements = 8 << 20 // of the shared strings: the reader keeps an index of them in memory
)

var errDamaged = said.Errorf("файл XLSX повреждён или содержит недопустимый знак / the XLSX file is damaged or has a character that XML forbids")

// xmlBounds are those of one kind of part; 0 is none.
type xmlBounds struct{ elements, cells int }

// scanXML reads a part of a workbook through before the workbook's reader sees
// it, because that takes an error in the XML for the end of the sheet: a file
// that was cut off, or one control character, would silently lose the rest of
// the rows, and their people would be taken for leavers. Without bounds, it
// would also fill the memory with nested elements or one endless cell.
func scanXML(r io.Reader, bounds xmlBounds) error {
	in := &tokenReader{in: r, left: maxXMLToken}
	d := xml.NewDecoder(in)
	depth, elements, cells := 0, 0, 0
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && depth == 0 && elements > 0:
			return nil
		case err != nil && in.err != nil:
			return in.err // of the archive
		case err != nil:
			return errDamaged
		}
		in.left = maxXMLToken
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			elements++
			switch t.Name.Local {
			case "row":
				cells = 0
			case "c":
				cells++
			}
		case xml.EndElement:
			depth--
		}
		if depth > maxXMLDepth || over(cells, bounds.cells) || over(elements, bounds.elements) {
			return errDamaged
		}
	}
}

func over(n, bound int) bool { return bound > 0 && n > bound }

// tokenReader ends the input where one token does not.
type tokenReader struct {
	in   io.Reader
	left int
	err  error
}

func (r *tokenReader) Read(b []byte) (int, error) {
	if r.left <= 0 {
		r.err = errDamaged
		return 0, r.err
	}
	n, err := r.in.Read(b)
	r.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
