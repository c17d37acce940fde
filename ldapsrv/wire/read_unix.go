//go:build unix

package wire

import (
	"errors"
	"io"
	"net"
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

// unread says that a socket has bytes that nobody has read.
func unread(c net.Conn) (has bool) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		has = err == nil && n > 0
	})
	return has && err == nil
}
