//go:build linux

package stand

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watchOthers gives a function that says which share of the machine others have
// used since: while it is large, times are longer for both sides.
func watchOthers(t testing.TB) func() float64 {
	before, began := all(t)-own(), time.Now()
	return func() float64 {
		return (all(t) - own() - before).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU())
	}
}

// all is the time that the machine's cores have not been idle (proc(5)); what a
// hypervisor gave to others is among it.
func all(t testing.TB) (busy time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	Must(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(first)[1:9] {
		if i != 3 && i != 4 { // idle, waiting for the disk
			busy += ticks(t, field)
		}
	}
	return busy
}

// own is this process and its children that have ended.
func own() (used time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			used += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return used
}

// FirstLine is what a program says first, such as its version.
func FirstLine(name string, args ...string) string {
	said, _ := exec.Command(name, args...).CombinedOutput()
	line, _, _ := strings.Cut(string(said), "\n")
	return strings.TrimSpace(line)
}

// describe says what was measured, and where.
func describe(peer string, people, rounds int, others func() float64) []string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := strings.Cut(string(text), "model name\t: "); ok {
			model, _, _ = strings.Cut(after, "\n")
		}
	}
	cores := "servers on one core, the load on another"
	if !pinned {
		cores = "servers and load on the same cores"
	}
	return []string{
		fmt.Sprintf("%s, %d cores: %s. Others used %.0f %% of the machine meanwhile.", model, runtime.NumCPU(), cores, 100*others()),
		fmt.Sprintf("%s; schoolbridge %s, %s.", peer, FirstLine("git", "describe", "--always", "--dirty"), runtime.Version()),
		fmt.Sprintf("%d people, %d rounds in turn; medians (least–greatest). CPU time of the server for each, what it does later included;", people, rounds),
		"a rate with ~ is the limit of the load, or of others on the machine, not the server's. Every answer is checked: a row with one wrong or missing is failed.",
	}
}
