package child

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// up waits until a server has said that it is there.
func up(t *testing.T, dir string, p *Process) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(Log(dir), "up\n"); p.Ended(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(Log(dir))
		}
	}
}

func start(t *testing.T, script string) (string, *Process) {
	t.Helper()
	dir := t.TempDir()
	p, err := Start(dir, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) })
	return dir, p
}

func TestChild(t *testing.T) {
	dir, p := start(t, `pwd; echo up; exec sleep 600`)
	up(t, dir, p)
	if p.Ended(0) || !strings.HasPrefix(Log(dir), dir) {
		t.Errorf("%s", Log(dir))
	}
	p.Stop()
	if !p.Ended(0) {
		t.Error("it outlives Stop")
	}
	p.Stop() // again does no harm
}

// TestAbandoned: a server does not outlive whoever started it.
func TestAbandoned(t *testing.T) {
	dir, p := start(t, `echo up; exec sleep 600`)
	up(t, dir, p)
	p.Abandon()
	if !p.Ended(StopTime) {
		t.Error("it outlives the process that started it")
	}
	p.Stop()
}

func TestByItself(t *testing.T) {
	_, p := start(t, `exit 3`)
	if !p.Ended(StopTime) {
		t.Error("it does not end")
	}
	p.Stop()
	if _, err := Start(filepath.Join(t.TempDir(), "missing"), "true"); !os.IsNotExist(err) {
		t.Error(err)
	}
}
