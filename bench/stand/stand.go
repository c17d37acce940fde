//go:build linux

// Package stand is what measurements of a server beside another one share: the
// cores that each side has, a process whose CPU time and memory are read from
// /proc, people who are imported and activated as a school would have them, our
// daemon as it is built for production, and the table. It is for the tests below
// bench/ alone, and knows no protocol.
//
// Limits: Linux. Start reading at Table and Process.Measure.
package stand

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

// The flags of every table.
var (
	Real    = flag.Bool("table", false, "make the table with its real sizes; without it, TestTable only shows that all of it works")
	Quick   = flag.Bool("quick", false, "smaller sizes and fewer rounds: a look, no verdict")
	only    = flag.String("rows", "", "only rows whose name matches this `expression`")
	rounds  = flag.Int("rounds", 0, "how often both sides are measured in turn; 5, with -quick 1")
	world   = flag.String("world", "", "keep the people, and what is made of them, in this `folder`; a later run with as many takes them from there")
	out     = flag.String("out", "", "write the table as JSON to this `file` too")
	profile = flag.String("serverprofile", "", "write a CPU profile of our server to this `file`, while it is measured; of the last measurement, where there are several")
)

// Beside is another build of our program, which is then the peer: before a change
// and after it, in turn, on the same machine.
var Beside = flag.String("beside", "", "measure this other build of our `program` in the peer's place")

// Main is a package's TestMain.
func Main(m *testing.M) {
	flag.Parse()
	if *Real || flag.Lookup("test.bench").Value.String() != "" {
		pinned = separate()
	}
	os.Exit(m.Run())
}

// pinned says that servers and load have a core each.
var pinned bool

// The cores, where there are two.
const (
	serverCore = "0"
	loadCore   = "1"
)

// separate moves this process to the load's core: its threads, and with them
// those that they start.
func separate() bool {
	if runtime.NumCPU() < 2 {
		fmt.Fprintln(os.Stderr, "there is one core for both sides: what they cost includes that they are in each other's way")
		return false
	}
	for range 2 { // a thread may begin meanwhile
		if out, err := exec.Command("taskset", "-a", "-c", "-p", loadCore, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "taskset: %v: %s; the load has no core of its own\n", err, out)
			return false
		}
	}
	return true
}

// OnItsCore is how a server's command begins.
func OnItsCore() []string {
	if !pinned {
		return nil
	}
	return []string{"/usr/bin/taskset", "-c", serverCore}
}
