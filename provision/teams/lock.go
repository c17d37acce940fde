//go:build unix

package teams

import (
	"os"
	"syscall"

	"schoolbridge/internal/said"
)

// lock refuses while another export into the folder runs. The file beside it
// stays.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, said.Errorf("в эту папку уже идёт выгрузка: %[1]s: %[2]w / another export into this folder is running: %[1]s: %[2]w", dir, err)
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}
