package teams

import (
	"errors"
	"os"
	"path/filepath"
)

// Swap puts the fresh folder in the place of dir. Where the system can exchange
// two folders, there is a whole set in the place at every moment, and the fresh
// folder's name holds the old one afterwards. Where it cannot, the old one steps
// aside first, and an export that was killed between the two steps leaves it to
// the next one to put it back.
func Swap(fresh, dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
		if err := os.Rename(fresh, dir); err != nil {
			return err
		}
		return syncDir(filepath.Dir(dir))
	}
	err := exchange(fresh, dir)
	if errors.Is(err, errors.ErrUnsupported) {
		err = stepAside(fresh, dir)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func stepAside(fresh, dir string) error {
	if err := os.Rename(dir, dir+oldSuffix); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(dir+oldSuffix, dir))
	}
	return os.RemoveAll(dir + oldSuffix)
}

// syncDir makes what happened to a folder's names durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
