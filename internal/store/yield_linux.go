package store

import (
	"os"
	"runtime"
	"sync"
	"syscall"
)

// yield lets others of this process run, also those for whom a packet has come that
// nobody has told them of: with one processor, Go does not look for such while
// anything could run, and who only steps back could. So it waits for a byte of its
// own, which Go finds where it finds theirs.
func yield() { turn()() }

var turn = sync.OnceValue(func() func() {
	in, out, err := os.Pipe()
	if err != nil {
		return runtime.Gosched
	}
	wait, err := in.SyscallConn()
	if err != nil {
		return runtime.Gosched
	}
	return func() { poll(wait, out) }
})

// poll sends a byte through a pipe of which wait is the other end, once it is
// certain that it has to be waited for.
func poll(wait syscall.RawConn, out *os.File) {
	sent := false
	_ = wait.Read(func(in uintptr) (done bool) {
		var b [1]byte
		if sent {
			_, _ = syscall.Read(int(in), b[:])
			return true
		}
		sent = true
		_, err := out.Write(b[:])
		return err != nil
	})
}
