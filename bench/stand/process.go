//go:build linux

package stand

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is a running server.
type Process struct {
	Name  string
	Pid   int
	Whole func() error // whether it has kept all that it has to keep; nil: nothing
}

// Label is what the table calls it.
func (s *Process) Label() string { return s.Name }

// Used is the server's CPU time, in hundredths of a second (proc(5)).
func (s *Process) Used(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	return ticks(t, fields[11]) + ticks(t, fields[12])
}

// ticks reads a time that the kernel gives in its unit for users, on Linux
// always a hundredth of a second.
func ticks(t testing.TB, field string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(field)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * 10 * time.Millisecond
}

// Gone says that the process has ended, though nobody has waited for it yet.
func (s *Process) Gone() bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid))
	return err != nil || strings.HasPrefix(string(text[strings.LastIndexByte(string(text), ')')+2:]), "Z")
}

// Resident is what the server has in memory, in MiB.
func (s *Process) Resident(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.Pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// Peak is the most that it had in memory so far, in MiB.
func (s *Process) Peak(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid))
	Must(t, err)
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		t.Fatal("/proc does not tell VmHWM")
	}
	n, err := strconv.Atoi(fields[0])
	Must(t, err)
	return n >> 10
}

// Family is the CPU time of a process and its children, with those that are gone.
func Family(t testing.TB, pid int) (all time.Duration) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	Must(t, err)
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
		switch {
		case file == fmt.Sprintf("/proc/%d/stat", pid):
			all += ticks(t, fields[13]) + ticks(t, fields[14])
		case fields[1] != strconv.Itoa(pid):
			continue
		}
		all += ticks(t, fields[11]) + ticks(t, fields[12])
	}
	return all
}

// Self is the CPU time of this process.
func Self(t testing.TB) time.Duration {
	t.Helper()
	return (&Process{Pid: os.Getpid()}).Used(t)
}

// Figure is what one measurement gives.
type Figure struct {
	Value   float64 `json:"value"`             // in the row's unit
	Rate    float64 `json:"rate,omitempty"`    // a second
	Busy    float64 `json:"busy,omitempty"`    // the share of its core that the server used meanwhile
	Median  float64 `json:"median,omitempty"`  // where Value is a higher percentile
	Rounds  float64 `json:"rounds,omitempty"`  // round trips of a sign-in
	Repeats uint64  `json:"repeats,omitempty"` // requests that were sent again
}

// Measure gives the CPU time, in microseconds, that the server needs for each of
// the n things that do asks of it, what it puts off until afterwards included.
func (s *Process) Measure(t testing.TB, n int, do func() error) (Figure, error) {
	t.Helper()
	done := func() {}
	if s.Name == Ours {
		done = s.Profiling()
	}
	before, began := s.Used(t), time.Now()
	err := do()
	took := time.Since(began)
	busy := s.Used(t) - before
	if err == nil && s.Whole != nil {
		err = s.Whole()
	}
	cpu := s.Settle(t) - before
	done()
	return Figure{
		Value: float64(cpu.Nanoseconds()) / 1000 / float64(n), Rate: float64(n) / took.Seconds(), Busy: busy.Seconds() / took.Seconds(),
	}, err
}

// Settle waits until the server has nothing to do any more, a minute at most,
// and gives its CPU time.
func (s *Process) Settle(t testing.TB) time.Duration {
	t.Helper()
	for last, n := s.Used(t), 0; ; n++ {
		time.Sleep(400 * time.Millisecond)
		now := s.Used(t)
		if now-last <= 10*time.Millisecond || n == 150 {
			return now
		}
		last = now
	}
}

// Profiling has a profile written of what our daemon does until the returned
// function is called, where the flag asks for one. Only a build with the tag profile
// knows these signals.
func (s *Process) Profiling() (stop func()) {
	if *profile == "" {
		return func() {}
	}
	_ = syscall.Kill(s.Pid, syscall.SIGUSR1)
	return func() { _ = syscall.Kill(s.Pid, syscall.SIGUSR2) }
}

// median of several.
func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	if n := len(list); n%2 == 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}
