package wire

import (
	"bufio"
	"errors"
	"io"
	"sync/atomic"
)

// bufferSize is what a connection reads at once. Requests that fit are served
// where they lie.
const bufferSize = 4 << 10

// pduReader reads whole messages.
type pduReader struct {
	in      *bufio.Reader
	pending int    // bytes of the last message, still in the buffer
	large   []byte // memory of a message that does not fit into the buffer
	held    int64  // bytes taken from the budget for it
	budget  *atomic.Int64
}

var (
	errNoMessage = malformed("no LDAP message")
	// errBusy says that all memory for large requests is taken.
	errBusy = errors.New("too many large requests at once")
)

// read gives the content of the next message, of at most limit bytes. It is
// valid until the next call. The memory grows with what arrives, not with what
// a header promises, and is taken from a budget that all connections share.
func (r *pduReader) read(limit int) ([]byte, error) {
	r.release()
	head, err := r.header()
	if err != nil {
		return nil, err
	}
	n, size, err := length(head[1:])
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, ErrTooLarge
	}
	if total := 1 + size + n; total <= bufferSize {
		b, err := r.in.Peek(total)
		if err != nil {
			return nil, unexpected(err)
		}
		r.pending = total
		return b[1+size:], nil
	}
	_, _ = r.in.Discard(1 + size) // it was peeked at, so it is there
	return r.readLarge(n)
}

// header peeks at a message's tag and length.
func (r *pduReader) header() ([]byte, error) {
	head, err := r.in.Peek(2)
	if err != nil {
		if len(head) > 0 {
			err = unexpected(err)
		}
		return nil, err
	}
	if head[0] != TagSequence {
		return nil, errNoMessage
	}
	if head[1] <= 0x80 {
		return head, nil
	}
	more := int(head[1] & 0x7f)
	if more > 8 {
		return nil, errLongLength
	}
	if head, err = r.in.Peek(2 + more); err != nil {
		return nil, unexpected(err)
	}
	return head, nil
}

// step is how much of a large message is read at once.
const step = 16 << 10

func (r *pduReader) readLarge(n int) ([]byte, error) {
	b := r.large[:0]
	for len(b) < n {
		start := len(b)
		more := min(step, n-start)
		if r.budget.Add(-int64(more)) < 0 {
			r.budget.Add(int64(more))
			return nil, errBusy
		}
		r.held += int64(more)
		b = append(b, make([]byte, more)...)
		r.large = b
		if _, err := io.ReadFull(r.in, b[start:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return b, nil
}

// release gives back what the last message took.
func (r *pduReader) release() {
	if r.pending > 0 {
		_, _ = r.in.Discard(r.pending) // it was peeked at, so it is there
		r.pending = 0
	}
	if r.held > 0 {
		r.budget.Add(r.held)
		r.held, r.large = 0, nil
	}
}

// waiting is how many bytes are here behind the last message.
func (r *pduReader) waiting() int { return r.in.Buffered() - r.pending }

// whole says that the next message lies in the buffer to its end, so that
// reading it cannot wait.
func (r *pduReader) whole() bool {
	r.release()
	have := r.in.Buffered()
	if have < 2 {
		return false
	}
	head, _ := r.in.Peek(min(have, 10))
	n, size, err := length(head[1:])
	return err == nil && 1+size+n <= have
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
