package registry

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"schoolbridge/internal/said"
)

// What a row may come to. An export has rows of some hundred bytes.
const (
	maxRowBytes  = 64 << 10
	maxRowLines  = 16 // of one quoted field
	maxRowFields = 256
)

var (
	errRowLong   = said.Errorf("строка длиннее 64 КиБ / the row is longer than 64 KiB")
	errRowFields = said.Errorf("в строке больше 256 полей / the row has more than 256 fields")
	errQuote     = said.Errorf("кавычка не закрыта / a quote is not closed")
	errText      = said.Errorf("в строке нечитаемые символы / the row has unreadable characters")
)

// table gives the rows of a file one after the other.
type table interface {
	// next gives a row and the number of the line that it begins on. A row that
	// cannot be read is an error of badRow; the one after it can be asked for.
	// io.EOF follows the last. The fields are valid until the next call.
	next() (line int, fields []string, err error)
	// offset is how many bytes of the file are read.
	offset() int64
	close() error
}

// badRow is a row that cannot be read while others can.
type badRow struct{ error }

func (e badRow) Unwrap() error { return e.error }

// csvTable splits text into rows. Unlike encoding/csv it bounds a row, and goes
// on after a broken one: a quote that is never closed costs one row and not the
// rest of the file. Quotes inside a field that does not begin with one stand
// for themselves (ООО "Ромашка"), and so do those around a part of a field.
type csvTable struct {
	in     *bufio.Reader
	sep    byte
	enc    encoding
	line   int    // number of the physical line that nextLine gave last
	ahead  []byte // lines read in search of a closing quote, to be read again
	lost   bool   // an over-long line ended that search; it comes after ahead
	read   int64
	row    []byte
	raw    [][]byte
	fields []string
}

func newCSV(r io.Reader, enc encoding, sep byte) *csvTable {
	t := &csvTable{in: bufio.NewReaderSize(r, maxRowBytes), enc: enc, sep: sep}
	if start, _ := t.in.Peek(len(utf8BOM)); bytes.Equal(start, utf8BOM) {
		n, _ := t.in.Discard(len(utf8BOM))
		t.read = int64(n)
	}
	return t
}

func (t *csvTable) offset() int64 { return t.read }

func (t *csvTable) close() error { return nil }

// nextLine gives a physical line with its line end, valid until the next call.
func (t *csvTable) nextLine() ([]byte, error) {
	if len(t.ahead) > 0 {
		end := bytes.IndexByte(t.ahead, '\n') + 1
		if end == 0 {
			end = len(t.ahead)
		}
		line := t.ahead[:end]
		t.ahead = t.ahead[end:]
		t.line++
		return line, nil
	}
	if t.lost {
		t.lost = false
		t.line++
		return nil, badRow{errRowLong}
	}
	line, err := t.in.ReadSlice('\n')
	t.read += int64(len(line))
	if len(line) > 0 {
		t.line++
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = t.in.ReadSlice('\n')
			t.read += int64(len(line))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, badRow{errRowLong}
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, nil
	}
	return line, err
}

func (t *csvTable) next() (int, []string, error) {
	for {
		start, err := t.nextRow()
		if err != nil {
			return start, nil, err
		}
		if t.enc == encodingCP1251 && strayUTF8(t.row) {
			return start, nil, badRow{errMixed}
		}
		blank := true
		t.fields = t.fields[:0]
		for _, raw := range t.raw {
			text, ok := t.enc.text(raw)
			if !ok {
				return start, nil, badRow{errText}
			}
			text = trim(text)
			blank = blank && text == ""
			t.fields = append(t.fields, text)
		}
		if !blank {
			return start, t.fields, nil
		}
	}
}

// nextRow splits the next row into t.raw. It begins on the line given.
func (t *csvTable) nextRow() (int, error) {
	line, err := t.nextLine()
	start := t.line
	if err != nil {
		return start, err
	}
	t.row = append(t.row[:0], line...)
	first := len(t.row)
	for lines := 1; ; lines++ {
		end := t.split()
		switch {
		case end == nil:
			return start, nil
		case !errors.Is(end, errQuote):
			t.again(first, start)
			return start, badRow{end}
		case lines == maxRowLines:
			t.again(first, start)
			return start, badRow{errQuote}
		}
		line, err := t.nextLine()
		if err == nil && len(t.row)+len(line) > maxRowBytes {
			t.row = append(t.row, line...)
			t.again(first, start)
			return start, badRow{errQuote}
		}
		if err != nil {
			// The end of the file, or an over-long line: what was read ahead
			// is read again, and then comes the same error, or none.
			var bad badRow
			if errors.Is(err, io.EOF) || errors.As(err, &bad) {
				t.again(first, start)
				if bad.error != nil {
					t.lost = true
				}
				return start, badRow{errQuote}
			}
			return start, err
		}
		t.row = append(t.row, line...)
	}
}

// again puts all but the first line of the row back.
func (t *csvTable) again(first, start int) {
	if rest := t.row[first:]; len(rest) > 0 {
		t.ahead = append(bytes.Clone(rest), t.ahead...)
	}
	t.line = start
}

// split cuts t.row into t.raw. It gives errQuote if the row ends inside quotes.
func (t *csvTable) split() error {
	t.raw = t.raw[:0]
	rest := bytes.TrimSuffix(bytes.TrimSuffix(t.row, []byte("\n")), []byte("\r"))
	for {
		if len(t.raw) == maxRowFields {
			return errRowFields
		}
		field, after, err := t.field(rest)
		if err != nil {
			return err
		}
		t.raw = append(t.raw, field)
		if after < 0 {
			return nil
		}
		rest = rest[after:]
	}
}

// field reads one field; after is where the next one begins, -1 if none does.
func (t *csvTable) field(rest []byte) (field []byte, after int, err error) {
	if len(rest) > 0 && rest[0] == '"' {
		field, end, closed := quoted(rest)
		switch {
		case !closed:
			return nil, 0, errQuote
		case end == len(rest):
			return field, -1, nil
		case rest[end] == t.sep:
			return field, end + 1, nil
		}
		// "Школа" № 49: the quotes belong to the text.
	}
	end := bytes.IndexByte(rest, t.sep)
	if end < 0 {
		field, after = rest, -1
	} else {
		field, after = rest[:end], end+1
	}
	if bytes.IndexByte(field, '\n') >= 0 {
		return nil, 0, said.Errorf("кавычки стоят не на месте / misplaced quotes")
	}
	return field, after, nil
}

// quoted reads a field in quotes and gives where it ends.
func quoted(rest []byte) (field []byte, end int, closed bool) {
	for i := 1; i < len(rest); i++ {
		if rest[i] != '"' {
			continue
		}
		if i+1 < len(rest) && rest[i+1] == '"' {
			i++
			continue
		}
		field = rest[1:i]
		if bytes.IndexByte(field, '"') >= 0 {
			field = bytes.ReplaceAll(field, []byte(`""`), []byte(`"`))
		}
		return field, i + 1, true
	}
	return nil, 0, false
}
