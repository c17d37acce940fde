package wire

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
)

// bufferSize is what a connection reads at once. Requests that fit are served
// where they lie.
const bufferSize = 4 << 10

// buffers lends the memory for requests: a connection holds some only while
// there is something in it.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// firstSize is what a connection without a socket of its own to wait on (TLS)
// keeps ready while it is silent; most requests fit.
const firstSize = 512

// pduReader reads whole messages.
//
//	silent: no buffer ─ wait ─► buffer: [r … pending ▏ next messages … w] ─ release, all read ─► wait gives it back
type pduReader struct {
	in     io.Reader
	socket syscall.RawConn // of in, where memory can be borrowed when bytes are there; or nil
	first  []byte          // where there is no socket
	try    func(fd uintptr) bool
	tried  error

	buf     *[bufferSize]byte // nil: nothing is there
	r, w    int               // what is there and not discarded
	pending int               // bytes of the last message, still in the buffer
	large   []byte            // memory of a message that does not fit into the buffer
	held    int64             // bytes taken from the budget for it
	budget  budget
}

// budget is the memory for large messages.
type budget interface {
	take(bytes int64) bool
	give(bytes int64)
}

var (
	errNoMessage = malformed("no LDAP message")
	// errBusy says that all memory for large requests is taken.
	errBusy = errors.New("too many large requests at once")
)

func newReader(in io.Reader, b budget) *pduReader {
	r := &pduReader{in: in, budget: b}
	if s, ok := in.(syscall.Conn); ok && socketReads {
		if raw, err := s.SyscallConn(); err == nil {
			r.socket, r.try = raw, r.readSocket
		}
	}
	return r
}

// split gives a reader of what follows the last message, which stays where it
// is until free.
func (r *pduReader) split() *pduReader {
	next := newReader(r.in, r.budget)
	if behind := r.buf; behind != nil && r.waiting() > 0 {
		next.borrow()
		next.w = copy(next.buf[:], behind[r.r+r.pending:r.w])
	}
	r.w = r.r + r.pending
	return next
}

func (r *pduReader) borrow() {
	if r.buf == nil {
		r.buf = buffers.Get().(*[bufferSize]byte)
		r.r, r.w = 0, 0
	}
}

// free gives all memory back.
func (r *pduReader) free() {
	r.release()
	if r.buf != nil {
		buffers.Put(r.buf)
		r.buf, r.r, r.w = nil, 0, 0
	}
}

// wait gives the buffer back, in which nothing is left, and waits for bytes.
func (r *pduReader) wait() error {
	r.free()
	if r.socket != nil {
		r.tried = nil
		if err := r.socket.Read(r.try); err != nil {
			return err
		}
		return r.tried
	}
	if r.first == nil {
		r.first = make([]byte, firstSize)
	}
	n, err := r.in.Read(r.first)
	if n == 0 {
		return err // nil where a record was empty: the caller asks again
	}
	r.borrow()
	r.w = copy(r.buf[:], r.first[:n])
	return nil
}

// fill reads more behind what is there.
func (r *pduReader) fill() error {
	r.borrow()
	if r.r > 0 && r.w == bufferSize {
		r.w = copy(r.buf[:], r.buf[r.r:r.w])
		r.r = 0
	}
	n, err := r.in.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	return err
}

// peek gives the next n bytes, of bufferSize at most, or what came before an
// error.
func (r *pduReader) peek(n int) ([]byte, error) {
	if r.buf != nil && r.r+n > bufferSize {
		r.w = copy(r.buf[:], r.buf[r.r:r.w])
		r.r = 0
	}
	for r.w-r.r < n {
		if err := r.fill(); err != nil {
			return r.there(), err
		}
	}
	return r.buf[r.r : r.r+n], nil
}

// there is what can be had without reading.
func (r *pduReader) there() []byte {
	if r.buf == nil {
		return nil
	}
	return r.buf[r.r:r.w]
}

// read gives the content of the next message, of at most limit bytes. It is
// valid until the next call. The memory grows with what arrives, not with what
// a header promises, and is taken from a budget that connections share.
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
		b, err := r.peek(total)
		if err != nil {
			return nil, unexpected(err)
		}
		r.pending = total
		return b[1+size:], nil
	}
	r.r += 1 + size // it was peeked at, so it is there
	return r.readLarge(n)
}

// header peeks at a message's tag and length.
func (r *pduReader) header() ([]byte, error) {
	head, err := r.peek(2)
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
	if head, err = r.peek(2 + more); err != nil {
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
		if !r.budget.take(int64(more)) {
			return nil, errBusy
		}
		r.held += int64(more)
		b = append(b, make([]byte, more)...)
		r.large = b
		from := copy(b[start:], r.there())
		r.r += from
		if _, err := io.ReadFull(r.in, b[start+from:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return b, nil
}

// release gives back what the last message took.
func (r *pduReader) release() {
	r.r += r.pending
	r.pending = 0
	if r.held > 0 {
		r.budget.give(r.held)
		r.held, r.large = 0, nil
	}
}

// waiting is how many bytes are here behind the last message.
func (r *pduReader) waiting() int { return r.w - r.r - r.pending }

// whole says that the next message lies in the buffer to its end, so that
// reading it cannot wait.
func (r *pduReader) whole() bool {
	r.release()
	head := r.there()
	if len(head) < 2 {
		return false
	}
	n, size, err := length(head[1:min(len(head), 10)])
	return err == nil && 1+size+n <= len(head)
}

// take moves the bytes that are there into memory of their own.
func (r *pduReader) take() []byte {
	b := bytes.Clone(r.there())
	r.r = r.w
	return b
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
