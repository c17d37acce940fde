package adtest

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a running samba with its children.
type process struct {
	cmd  *exec.Cmd
	pipe io.Closer     // samba -i ends when this closes, and so when we are gone
	done chan struct{} // closed when it ended
}

// stopTime is how long the controller may take to end before it is killed.
const stopTime = 20 * time.Second

func run(dir string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, "stdout.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("samba", "-i", "--no-process-group", "--debug-stdout", "-M", "prefork", "-s", configFile(dir))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be ended by one id
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, pipe: pipe, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) ended() bool { return p.wait(0) }

// wait waits for the end, or for d, and says whether it came.
func (p *process) wait(d time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(d):
		return false
	}
}

// stop ends the controller, and kills what is left of its process group.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	if !p.ended() {
		_ = syscall.Kill(-group, syscall.SIGTERM)
		p.wait(stopTime)
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
	_ = p.pipe.Close()
}
