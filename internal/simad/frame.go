package simad

import (
	"bufio"
	"errors"
	"io"

	ber "github.com/go-asn1-ber/asn1-ber"
)

var errFrame = errors.New("no LDAP message, or a larger one than is taken")

// readMessage reads one whole LDAP message of at most limit bytes. RFC 4511
// section 5.1 allows only definite lengths.
func readMessage(r *bufio.Reader, limit int) ([]byte, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0] != 0x30 {
		return nil, errFrame
	}
	if n := int(head[1]); n&0x80 != 0 {
		if head, err = r.Peek(2 + n&0x7f); err != nil {
			return nil, err
		}
	}
	size, content := header(head)
	if content == 0 || content+size > limit {
		return nil, errFrame
	}
	message := make([]byte, content+size)
	_, err = io.ReadFull(r, message)
	return message, err
}

// header reads a tag and a length, and gives the length and where the content
// begins; 0: this is no header.
func header(b []byte) (size, content int) {
	if len(b) < 2 {
		return 0, 0
	}
	if b[1] < 0x80 {
		return int(b[1]), 2
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return 0, 0
	}
	for _, c := range b[2 : 2+n] {
		size = size<<8 | int(c)
	}
	if size > 1<<30 {
		return 0, 0
	}
	return size, 2 + n
}

// mostLevels is how deep a message from outside may nest: a search with a filter
// of some twenty levels. The decoder copies a message once a level.
const mostLevels = 32

// nested says that a message is well-formed and nests at most so many levels.
func nested(b []byte, levels int) bool {
	for len(b) > 0 {
		size, content := header(b)
		if content == 0 || content+size > len(b) || b[0]&0x1f == 0x1f { // LDAP has no long tags
			return false
		}
		if constructed := b[0]&0x20 != 0; constructed && (levels == 0 || !nested(b[content:content+size], levels-1)) {
			return false
		}
		b = b[content+size:]
	}
	return true
}

// operation gives a whole message's operation and where its tag lies.
func operation(message []byte) (ber.Tag, int) {
	_, at := header(message)
	size, content := header(message[at:]) // the message id
	at += content + size
	if content == 0 || at >= len(message) {
		return opUnbind, 0 // nothing that ends well
	}
	return ber.Tag(message[at] & 0x1f), at
}
