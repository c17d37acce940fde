package registry

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"schoolbridge/internal/said"
)

// encoding says how the bytes of a text file become text.
type encoding uint8

const (
	encodingUTF8 encoding = iota
	encodingCP1251
)

var utf8BOM = []byte("\xef\xbb\xbf")

// errUTF16 is the one common encoding that is not read.
var errUTF16 = said.Errorf("кодировка UTF-16: сохраните файл в UTF-8 / the file is UTF-16: save it as UTF-8")

// errBinary says that a file is not text.
var errBinary = said.Errorf("это не текстовый файл / this is not a text file")

// errReturns says that all of a file would be one row.
var errReturns = said.Errorf("строки кончаются одним CR: сохраните файл с концами строк CRLF или LF / the lines end with CR alone: save the file with CRLF or LF")

// errMixed says that a row is in another encoding than its file.
var errMixed = said.Errorf("строка в UTF-8, а файл в Windows-1251 / the row is UTF-8 in a Windows-1251 file")

// detectEncoding reads all of a file. A file that is valid UTF-8 is that; so is
// one where broken bytes are rare beside whole Cyrillic letters (its broken
// rows are then reported). Anything else is Windows-1251, in whose texts the
// byte pairs of UTF-8 hardly ever come up.
func detectEncoding(r io.Reader) (encoding, error) {
	buf := make([]byte, 64<<10)
	kept, whole, broken, begun := 0, 0, 0, false
	for {
		n, err := io.ReadFull(r, buf[kept:])
		text := buf[:kept+n]
		last := err != nil
		if last && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		if !begun {
			begun = true
			if err := notText(text); err != nil {
				return 0, err
			}
			if bytes.HasPrefix(text, utf8BOM) {
				return encodingUTF8, nil
			}
		}
		w, b, rest := countUTF8(text, last)
		whole, broken = whole+w, broken+b
		kept = copy(buf, rest)
		if last {
			break
		}
	}
	if broken == 0 || whole > 10*broken {
		return encodingUTF8, nil
	}
	return encodingCP1251, nil
}

// notText looks at the beginning of a file for what is no text of ours.
func notText(start []byte) error {
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errUTF16
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return errBinary
	case bytes.IndexByte(start, '\n') < 0 && bytes.IndexByte(start, '\r') >= 0:
		return errReturns
	}
	// Without its mark, UTF-16 shows by the zero halves of digits and separators.
	var zeros [2]int
	for i, c := range start {
		if c == 0 {
			zeros[i%2]++
		}
	}
	many := len(start) / 10
	switch {
	case max(zeros[0], zeros[1]) > many && min(zeros[0], zeros[1]) <= many/10:
		return errUTF16
	case zeros[0]+zeros[1] > many:
		return errBinary
	}
	return nil
}

// strayUTF8 says that a row is whole UTF-8 with several characters beyond
// ASCII. Russian words in Windows-1251 never come out so.
func strayUTF8(row []byte) bool {
	if !utf8.Valid(row) {
		return false
	}
	long := 0
	for _, c := range row {
		if c >= utf8.RuneSelf {
			long++
		}
	}
	return long >= 8
}

// countUTF8 counts the whole and the broken characters beyond ASCII. Unless the
// text is the last, an unfinished character at its end is given back as rest.
func countUTF8(text []byte, last bool) (whole, broken int, rest []byte) {
	for len(text) > 0 {
		if text[0] < utf8.RuneSelf {
			text = text[1:]
			continue
		}
		if !last && !utf8.FullRune(text) {
			return whole, broken, text
		}
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			broken++
		} else {
			whole++
		}
		text = text[size:]
	}
	return whole, broken, nil
}

// text decodes one field; false if the bytes are no text.
func (e encoding) text(b []byte) (string, bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return "", false
	}
	if e == encodingUTF8 {
		return string(b), utf8.Valid(b)
	}
	ascii := true
	for _, c := range b {
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return string(b), true
	}
	out := make([]byte, 0, 2*len(b)+2)
	for _, c := range b {
		r := charmap.Windows1251.DecodeByte(c)
		if r == utf8.RuneError {
			return "", false
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out), true
}
