package wire

import (
	"errors"
	"fmt"
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

// The faults that hostile bytes bring about most are made once.
var (
	errCutOff     = malformed("an element is cut off")
	errLongTag    = malformed("a tag of several bytes")
	errOverflow   = malformed("an element is longer than what holds it")
	errIndefinite = malformed("an indefinite length")
	errLongLength = malformed("a length of more than eight bytes")
	errTag        = malformed("an element of another type than belongs there")
	errInteger    = malformed("an integer of no or too many bytes")
	errBoolean    = malformed("a boolean that is not one byte")
)

// Element is one value with its tag. Value shares memory with what was parsed.
type Element struct {
	Tag   byte
	Value []byte
}

// Next takes the first element off b. Only the definite form of lengths and
// tags of one byte are taken (RFC 4511 section 5.1); a length may have more
// bytes than it needs, as BER allows and Microsoft's clients send.
func Next(b []byte) (e Element, rest []byte, err error) {
	if len(b) < 2 {
		return e, nil, errCutOff
	}
	if b[0]&0x1f == 0x1f {
		return e, nil, errLongTag
	}
	n, header, err := length(b[1:])
	if err != nil {
		return e, nil, err
	}
	if n > len(b)-1-header {
		return e, nil, errOverflow
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
		return nil, nil, errTag
	}
	return e.Value, rest, nil
}

// maxLength is more than any PDU may have, and fits every int.
const maxLength = 1 << 30

// length reads a length and says how many bytes it took.
func length(b []byte) (n, header int, err error) {
	if len(b) == 0 {
		return 0, 0, errCutOff
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, nil
	}
	count := int(b[0] & 0x7f)
	switch {
	case count == 0:
		return 0, 0, errIndefinite
	case count > 8:
		return 0, 0, errLongLength
	case len(b) < 1+count:
		return 0, 0, errCutOff
	}
	for _, c := range b[1 : 1+count] {
		if n > maxLength>>8 {
			return 0, 0, ErrTooLarge
		}
		n = n<<8 | int(c)
	}
	return n, 1 + count, nil
}

// Int reads the value of an integer or enumeration of at most four bytes.
func Int(value []byte) (int32, error) {
	if len(value) == 0 || len(value) > 4 {
		return 0, errInteger
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
		return false, errBoolean
	}
	return value[0] != 0, nil
}

// AppendTLV appends an element.
func AppendTLV[T string | []byte](b []byte, tag byte, value T) []byte {
	b = append(b, tag)
	b = appendLength(b, len(value))
	return append(b, value...)
}

func appendLength(b []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(b, byte(n))
	case n < 0x100:
		return append(b, 0x81, byte(n))
	case n < 0x10000:
		return append(b, 0x82, byte(n>>8), byte(n))
	}
	return append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// AppendInt appends an integer or enumeration in its shortest form.
func AppendInt(b []byte, tag byte, n int32) []byte {
	size := 1
	for size < 4 && n>>(8*size-1) != 0 && n>>(8*size-1) != -1 {
		size++
	}
	b = append(b, tag, byte(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// Begin opens a constructed element whose length is not known yet; End closes
// it. Elements are closed in the reverse order of their opening.
func Begin(b []byte, tag byte) (out []byte, at int) {
	b = append(b, tag, 0)
	return b, len(b)
}

// End writes the length of what was appended since Begin, moving it where the
// length takes more than one byte.
func End(b []byte, at int) []byte {
	n := len(b) - at
	if n < 0x80 {
		b[at-1] = byte(n)
		return b
	}
	var head [5]byte
	more := appendLength(head[:0], n)
	b = append(b, more[1:]...) // room; the bytes are overwritten
	copy(b[at-1+len(more):], b[at:at+n])
	copy(b[at-1:], more)
	return b
}
