//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another daemon works on the database.
var ErrLocked = errors.New("another schoolbridge daemon works on this database: stop it first")

// Lock makes this process the database's one daemon, until release or the
// process's end. Commands do not take it.
func Lock(path string) (release func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closing := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(fmt.Errorf("lock store %s: %w", path, err), closing)
	}
	return f.Close, nil // closing gives the lock back; the file stays
}
