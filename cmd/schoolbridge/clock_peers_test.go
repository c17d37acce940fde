//go:build peers && amd64

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
)

// clock is the wall clock of a program that runs, which a test may set, while the
// machine's goes on: the program asks the kernel's page in its own memory (vdso(7)) what
// time it is, and that page is its own copy from before its first instruction on.
type clock struct {
	memory string // of the process
	at     int64  // where the page keeps by how much the clock is wrong
}

// wrongClock stands in the place of __vdso_clock_gettime(clock, into): it asks the kernel
// by a call, and adds to the time of CLOCK_REALTIME, which is 0, so many seconds.
var wrongClock = []byte{
	0xb8, 0xe4, 0, 0, 0, // mov $228, %eax    clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test %edi, %edi
	0x75, 0x0a, // jne the end
	0x48, 0x8b, 0x15, 6, 0, 0, 0, // mov the seconds below, %rdx
	0x48, 0x01, 0x16, // add %rdx, (%rsi)
	0xc3,       // ret
	0x90, 0x90, // the seconds are aligned
	0, 0, 0, 0, 0, 0, 0, 0,
}

// startWithClock starts a program with a clock of its own.
func startWithClock(cmd *exec.Cmd) (*clock, error) {
	runtime.LockOSThread() // who traces is a thread
	defer runtime.UnlockOSThread()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		return nil, fmt.Errorf("it does not stop at its first instruction: %v, %w", status, err)
	}
	c, err := takeClock(pid)
	return c, errors.Join(err, syscall.PtraceDetach(pid))
}

func takeClock(pid int) (*clock, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	var from, to uint64
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "[vdso]") {
			area, _, _ := strings.Cut(line, " ")
			begin, end, _ := strings.Cut(area, "-")
			from, _ = strconv.ParseUint(begin, 16, 64)
			to, _ = strconv.ParseUint(end, 16, 64)
		}
	}
	if to <= from {
		return nil, errors.New("the process has no vdso")
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	page := make([]byte, to-from)
	if _, err := memory.ReadAt(page, int64(from)); err != nil {
		return nil, err
	}
	object, err := elf.NewFile(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	symbols, err := object.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "__vdso_clock_gettime" })
	if i < 0 || symbols[i].Size < uint64(len(wrongClock)) {
		return nil, fmt.Errorf("no room for another clock: %+v", symbols)
	}
	at := int64(from + symbols[i].Value)
	if _, err := memory.WriteAt(wrongClock, at); err != nil {
		return nil, err
	}
	return &clock{memory.Name(), at + int64(len(wrongClock)) - 8}, nil
}

// set makes the clock wrong by so much.
func (c *clock) set(wrong time.Duration) error {
	memory, err := os.OpenFile(c.memory, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	_, err = memory.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(wrong/time.Second)), c.at)
	return err
}

// TestClockJumps: the clock of a running daemon is put an hour forward, ten minutes back
// and right again, as NTP or an administrator does it after a long time without. Nobody
// who may come in is kept out by it for longer than mos.ru's own answers are out of time,
// nobody comes in who may not, a suspension holds at once, and the trail is whole.
func TestClockJumps(t *testing.T) {
	web := freeport.TCP(t)
	s := newTroubled(t, "web: {listen: '"+web+"'}\nldap: {base: 'dc=school,dc=test', listen: ['"+freeport.TCP(t)+"']}\n")
	s.stop()
	p := &process{Cmd: exec.Command(buildProgram(t), "serve", "--config", s.path("config.yaml")), done: make(chan struct{})}
	p.Stdout, p.Stderr = &p.log, &p.log
	c, err := startWithClock(p.Cmd)
	if p.Process != nil {
		go func() { _ = p.Wait(); close(p.done) }()
		t.Cleanup(p.kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := func() bool {
		res, err := http.Get("http://" + web + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if !eventually(func() bool { return ready() || p.ended() }) || p.ended() {
		t.Fatal(p.log.String())
	}
	s.opens("orlovami", hers, herPhone)
	switched := func(verb string) {
		t.Helper()
		if _, errs, code := s.command("account", verb, "--config", s.path("config.yaml"), "evann", "--reason", "phone lost"); code != exitDone {
			t.Fatal(errs)
		}
	}
	for i, wrong := range []time.Duration{time.Hour, -10 * time.Minute, 0} {
		t.Run(wrong.String(), func(t *testing.T) {
			s.t = t
			if err := c.set(wrong); err != nil {
				t.Fatal(err)
			}
			if !ready() {
				t.Error("/readyz is 503 right after it")
			}
			if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
				t.Error("a wrong password is accepted")
			}
			// What mos.ru signs is out of time for a daemon whose clock is wrong: whoever is
			// not remembered hears "later", and nobody "no".
			for login, device := range map[string]string{"orlovami": herPhone, "evann": herLaptop} {
				switch ok, later := s.pap(login, hers, device); {
				case !ok && !later:
					t.Errorf("%s is refused", login)
				case !ok && wrong == 0:
					t.Errorf("%s hears \"later\"", login)
				}
			}
			switched(verbSuspend)
			if !eventually(func() bool { ok, later := s.pap("evann", hers, herLaptop); return !ok && !later }) {
				t.Error("a suspension is not noticed")
			}
			switched(verbResume)
			if !eventually(func() bool { ok, later := s.pap("evann", hers, herLaptop); return ok || later }) {
				t.Error("the end of a suspension is not noticed")
			}
			if wrong == 0 && !s.joins("http://"+web, i) {
				t.Error("an activation hears \"later\"")
			}
			if !ready() {
				t.Error("/readyz is 503")
			}
		})
	}
	s.t = t
	_ = p.Process.Signal(syscall.SIGTERM)
	<-p.done
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
	if t.Failed() {
		t.Log(p.log.String())
	}
}
