package adtest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

//go:embed provision.py
var provisionScript string

// python is the interpreter that Samba's modules are installed for, whatever
// else comes first on the path.
const python = "/usr/bin/python3"

// prefix is of all that is left in the folder for temporary files.
const prefix = "schoolbridge-ad-"

// template gives the folder of a domain that was made but never started, and
// makes it where it is missing. Processes that do so at once make one each; the
// first is kept.
func template() (string, error) {
	version, err := exec.Command("samba", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("samba --version: %w (scripts/peers.sh installs it)", err)
	}
	// Under unshare everybody is root: whose root, the map tells.
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return "", err
	}
	made := sha256.Sum256([]byte(string(version) + string(users) + provisionScript + config("", "", "") + string(AdminPassword+ServicePassword)))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("%stemplate-%d-%x", prefix, os.Getuid(), made[:8]))
	switch ok, err := whole(dir); {
	case err != nil || ok:
		return dir, err
	}
	fresh, err := place()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := provision(fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	_, err = whole(dir)
	return dir, err
}

// whole says that the folder is there, and makes sure that it is ours: others
// may write where it lies.
func whole(dir string) (bool, error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Getuid() || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false, fmt.Errorf("%s is not ours: remove it", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "private", "sam.ldb")); err != nil {
		return false, fmt.Errorf("%s is incomplete: remove it: %w", dir, err)
	}
	return true, nil
}

// place makes an empty folder with a short name, for the sockets in it may have
// only 108 bytes. Those of processes that are gone are removed.
func place() (string, error) {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"run-*"))
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix+"run-"), "-")
		if n, err := strconv.Atoi(pid); err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			_ = os.RemoveAll(dir)
		}
	}
	return os.MkdirTemp("", fmt.Sprintf("%srun-%d-", prefix, os.Getpid()))
}

func provision(dir string) error {
	const anywhere = "127.0.0.1"
	if err := writeConfig(dir, anywhere, ""); err != nil {
		return err
	}
	cmd := exec.Command(python, "-c", provisionScript, configFile(dir), Realm, Domain, "dc1", anywhere)
	cmd.Stdin = strings.NewReader(string(AdminPassword) + "\n" + string(ServicePassword) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("provision: %w: %s", err, bytes.TrimSpace(out[max(0, len(out)-4096):]))
	}
	return nil
}
