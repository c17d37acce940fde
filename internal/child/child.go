// Package child runs a real server for one test: it ends with the test, and with
// this process whatever way that ends. What it prints goes to a file in its
// folder. Tests only.
//
//	Start ─► running ─┬─ Stop: SIGTERM, and what is left after a while SIGKILL
//	                  ├─ by itself
//	                  └─ this process is gone: a pipe closes that only it held ─► SIGTERM
//
// Limits: Linux. Start reading at Start.
package child

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is a running server.
type Process struct {
	Pid  int // of its process group too
	cmd  *exec.Cmd
	pipe io.Closer
	done chan struct{} // closed when it ended
}

// guarded becomes the server and leaves behind what ends it when the pipe
// closes that only the test holds.
const guarded = `(read -r _ <&3; kill $$) & exec "$@" 3<&-`

// StopTime is how long a server may take to end before it is killed.
const StopTime = 20 * time.Second

// log is the file that a server prints into.
const log = "stdout.log"

// Start runs a program in a folder.
func Start(dir string, args ...string) (*Process, error) {
	out, err := os.OpenFile(filepath.Join(dir, log), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command("sh", append([]string{"-c", guarded, "sh"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, out, out, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be ended by one id
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, err
	}
	p := &Process{Pid: cmd.Process.Pid, cmd: cmd, pipe: ours, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Log is what servers in a folder have printed.
func Log(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, log))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Ended waits for the end, or for d, and says whether it came.
func (p *Process) Ended(d time.Duration) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	select {
	case <-p.done:
		return true
	case <-time.After(d):
		return false
	}
}

// Stop ends the server, and kills what is left of its process group.
func (p *Process) Stop() {
	if !p.Ended(0) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		p.Ended(StopTime)
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	<-p.done
	_ = p.pipe.Close()
}

// Abandon does to the server what the end of this process does.
func (p *Process) Abandon() { _ = p.pipe.Close() }
