package radiustest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	pipe io.Closer
	done chan struct{} // closed when it ended
}

// guarded becomes the server and leaves behind what ends it when the pipe
// closes that only the test holds.
const guarded = `(read -r _ <&3; kill $$) & exec "$@" 3<&-`

// stopTime is how long a server may take to end before it is killed.
const stopTime = 10 * time.Second

func run(dir string, args ...string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, "stdout.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command("sh", append([]string{"-c", guarded, "sh"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, log, log, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be ended by one id
	if err := cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, err
	}
	p := &process{cmd: cmd, pipe: ours, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ended says whether the server ends within d.
func (p *process) ended(d time.Duration) bool {
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

// stop ends the server, and kills what is left of its process group.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	if !p.ended(0) {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		p.ended(stopTime)
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
	_ = p.pipe.Close()
}
