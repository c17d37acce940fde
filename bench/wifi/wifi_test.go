// Package wifi measures what Wi-Fi costs the server: the daemon as it is built
// for production, beside FreeRADIUS with a configuration that does nothing more
// than it must. README.md in the folder above says how to run it and to read it.
//
//	make bench-wifi                                     the table, both sides
//	go test -run '^$' -bench . ./bench/wifi             ours alone
//
// The daemon has a store with all people in it, a simulated mos.ru whose events
// it receives, a policy, the audit trail, the metrics and the journal. A server
// has one core, the load the other one; what counts is the server's CPU time,
// read from /proc, for each thing that was asked and answered rightly. Every
// answer is checked: authenticators, keys, proofs; one wrong or missing answer
// and there is no figure.
//
// Limits: Linux. Start reading at rows, then plain.run and tunnel.run.
package wifi

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

var (
	real    = flag.Bool("table", false, "make the table with its real sizes; without it, TestTable only shows that all of it works")
	quick   = flag.Bool("quick", false, "smaller sizes and fewer rounds: a look, no verdict")
	only    = flag.String("rows", "", "only rows whose name matches this `expression`")
	rounds  = flag.Int("rounds", 0, "how often both sides are measured in turn; 5, with -quick 1")
	out     = flag.String("out", "", "write the table as JSON to this `file` too")
	profile = flag.String("serverprofile", "", "write a CPU profile of our server to this `file`, while it is measured; of the last measurement, where there are several")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *real || flag.Lookup("test.bench").Value.String() != "" {
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

// onItsCore is how a server's command begins.
func onItsCore() []string {
	if !pinned {
		return nil
	}
	return []string{"/usr/bin/taskset", "-c", serverCore}
}
