package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Tags of the universal types that LDAP uses (X.690 section 8).
const (
	TagBoolean    = 0x01
	TagInteger    = 0x02
	TagOctets     = 0x04
	TagNull       = 0x05
	TagEnumerated = 0x0a
	TagSequence   = 0x30
	TagSet        = 0x31
)

// ErrBER says that bytes are not what RFC 4511 section 5.1 allows.
var ErrBER = errors.New("malformed BER")

// ErrTooLarge says that a PDU announces more bytes than are taken.
var ErrTooLarge = errors.New("PDU larger than the limit")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrBER, what) }

// Element is one value with its tag. Value shares memory with what was parsed.
type Element struct {
	Tag   byte
	Value []byte
}

// Next takes the first element off b. Only the definite form of lengths and
// tags of one byte are taken (RFC 4511 section 5.1).
func Next(b []byte) (e Element, rest []byte, err error) {
	if len(b) < 2 {
		return e, nil, malformed("an element is cut off")
	}
	if b[0]&0x1f == 0x1f {
		return e, nil, malformed("a tag of several bytes")
	}
	n, header, err := length(b[1:])
	if err != nil {
		return e, nil, err
	}
	if n > len(b)-1-header {
		return e, nil, malformed("an element is longer than what holds it")
	}
	end := 1 + header + n
	return Element{b[0], b[1+header : end : end]}, b[end:], nil
}

// Expect takes the first element off b, which must have the tag.
func Expect(b []byte, tag byte) (value, rest []byte, err error) {
	e, rest, err := Next(b)
	if err != nil {
		return nil, nil, err
	}
	if e.Tag != tag {
		return nil, nil, malformed(fmt.Sprintf("tag %#x where %#x belongs", e.Tag, tag))
	}
	return e.Value, rest, nil
}

// length reads a length and says how many bytes it took. Lengths of more than
// four bytes are refused unread.
func length(b []byte) (n, header int, err error) {
	if len(b) == 0 {
		return 0, 0, malformed("a length is cut off")
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	count := int(b[0] & 0x7f)
	if count == 0 {
		return 0, 0, malformed("an indefinite length")
	}
	if count > 4 {
		return 0, 0, malformed("a length of more than four bytes")
	}
	if len(b) < 1+count {
		return 0, 0, malformed("a length is cut off")
	}
	for _, c := range b[1 : 1+count] {
		n = n<<8 | int(c)
	}
	if n > 1<<30 {
		return 0, 0, ErrTooLarge
	}
	return n, 1 + count, nil
}

// Int reads the value of an integer or enumeration of at most four bytes.
func Int(value []byte) (int32, error) {
	if len(value) == 0 || len(value) > 4 {
		return 0, malformed("an integer of no or too many bytes")
	}
	n := int32(int8(value[0]))
	for _, c := range value[1:] {
		n = n<<8 | int32(c)
	}
	return n, nil
}

// Bool reads the value of a boolean.
func Bool(value []byte) (bool, error) {
	if len(value) != 1 {
		return false, malformed("a boolean that is not one byte")
	}
	return value[0] != 0, nil
}

// readPDU reads one whole message of at most limit bytes of content. The
// memory grows with what arrives, not with what a header promises.
func readPDU(r *bufio.Reader, limit int, into []byte) ([]byte, error) {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return nil, err
	}
	if head[0] != TagSequence {
		return nil, malformed("no LDAP message")
	}
	extra := 0
	if head[1] > 0x80 {
		extra = int(head[1] & 0x7f)
		if extra > 4 {
			return nil, malformed("a length of more than four bytes")
		}
		if _, err := io.ReadFull(r, head[2:2+extra]); err != nil {
			return nil, unexpected(err)
		}
	}
	n, _, err := length(head[1 : 2+extra])
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, ErrTooLarge
	}
	const step = 16 << 10
	b := into[:0]
	for len(b) < n {
		start := len(b)
		b = append(b, make([]byte, min(step, n-start))...)
		if _, err := io.ReadFull(r, b[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return b, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// AppendTLV appends an element.
func AppendTLV[T string | []byte](b []byte, tag byte, value T) []byte {
	b = append(b, tag)
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x100:
		b = append(b, 0x81, byte(n))
	case n < 0x10000:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, value...)
}

// AppendInt appends an integer or enumeration in its shortest form.
func AppendInt(b []byte, tag byte, n int32) []byte {
	size := 1
	for size < 4 && (n>>(8*size-1) != 0 && n>>(8*size-1) != -1) {
		size++
	}
	b = append(b, tag, byte(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// Begin opens a constructed element whose length is not known yet; End closes
// it. The length takes the long form of four bytes, which BER allows.
func Begin(b []byte, tag byte) (out []byte, at int) {
	b = append(b, tag, 0x84, 0, 0, 0, 0)
	return b, len(b)
}

// End writes the length of what was appended since Begin.
func End(b []byte, at int) []byte {
	n := len(b) - at
	b[at-4], b[at-3], b[at-2], b[at-1] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return b
}
