package teams

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// killedDir tells the test below that it is the process to be killed.
const killedDir = "SCHOOLBRIDGE_TEST_EXPORT"

// TestExportUntilKilled exports two sets in turn, for ever, where TestKill9 asks
// for it.
func TestExportUntilKilled(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		return
	}
	o := options(t)
	o.AcceptRemovals = 10_000
	for i := 0; ; i++ {
		if _, err := Export(t.Context(), dir, many(1000+1000*(i%2)), o); err != nil {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println("done")
	}
}

// Whenever an export is killed, there is a whole set in the folder, the old one or
// the new one, and the next export goes on.
func TestKill9(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	for round := range 12 {
		child := exec.Command(os.Args[0], "-test.run=^TestExportUntilKilled$")
		child.Env = append(os.Environ(), killedDir+"="+dir)
		said, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(said)
		for range 1 + round%3 {
			if !lines.Scan() || lines.Text() != "done" {
				t.Fatalf("%q", lines.Text())
			}
		}
		// The child is in the midst of the next one: how far is chance, and as many
		// stats as there are rounds make it differ.
		for range 50 * round {
			_, _ = os.Stat(dir)
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		if err := Check(dir); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if n := strings.Count(text(t, dir, "users.csv"), "\n"); n != 1001 && n != 2001 {
			t.Errorf("round %d: %d lines", round, n)
		}
	}
	if _, err := Export(t.Context(), dir, many(2000), options(t)); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 2 {
		t.Errorf("%v is left, %v", left, err)
	}
}
