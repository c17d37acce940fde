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

// ErrAtWork says that the database is open elsewhere, where nobody else may have it open.
var ErrAtWork = errors.New("another command of schoolbridge works on this database: wait for its end")

// alone and among are how somebody holds a database: to put another file in its place
// or to move it, and to work on it.
const (
	alone = syscall.LOCK_EX
	among = syscall.LOCK_SH
)

// hold holds a database that is open here, until release. Where no file can be made
// beside the database nobody can put another one there either.
func hold(path string, how int) (release func() error, err error) {
	f, err := os.OpenFile(path+".open", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return func() error { return nil }, nil
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		closing := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrAtWork
		}
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), closing)
	}
	return f.Close, nil
}

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
