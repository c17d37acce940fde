//go:build unix

package wire

import (
	"errors"
	"io"
	"syscall"
)

// socketReads says that memory can be borrowed when a socket has bytes.
const socketReads = true

// readSocket reads what a socket has; false where that is nothing yet. It costs
// no more than an ordinary read, which tries, waits and tries again too.
func (r *pduReader) readSocket(fd uintptr) bool {
	r.borrow()
	n, err := syscall.Read(int(fd), r.buf[:])
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), r.buf[:])
	}
	switch {
	case n > 0:
		r.w = n
		return true
	case err == nil:
		err = io.EOF
	}
	r.free()
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	r.tried = err
	return true
}
