//go:build linux

package telemetry

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestPrioritized(t *testing.T) {
	var out bytes.Buffer
	log, err := Prioritized(&out, "json", "debug")
	if err != nil {
		t.Fatal(err)
	}
	log.Error("one", "text", "two\nlines <0>")
	log.With("a", 1).Warn("two")
	log.WithGroup("g").Info("three", "b", 2)
	log.Debug("four")
	got := regexp.MustCompile(`"time":"[^"]*",`).ReplaceAllString(out.String(), "")
	want := `<3>{"level":"ERROR","msg":"one","text":"two\nlines <0>"}
<4>{"level":"WARN","msg":"two","a":1}
<6>{"level":"INFO","msg":"three","g":{"b":2}}
<7>{"level":"DEBUG","msg":"four"}
`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := Prioritized(&out, "xml", "debug"); err == nil {
		t.Error("a format that there is not")
	}
}

// Two who write at once have each their own priority.
func TestPrioritizedAtOnce(t *testing.T) {
	var out bytes.Buffer
	log, err := Prioritized(&out, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for range 100 {
		work.Go(func() { log.Error("x") })
		work.Go(func() { log.With("a", 1).Info("x") })
	}
	work.Wait()
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "<3>") != strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "<6>") != strings.Contains(line, "level=INFO") {
			t.Fatal(line)
		}
	}
}

func TestIsJournal(t *testing.T) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(os.Stderr.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]bool{fmt.Sprintf("%d:%d", stat.Dev, stat.Ino): true, fmt.Sprintf("%d:%d", stat.Dev, stat.Ino+1): false, "": false, "x": false} {
		t.Setenv("JOURNAL_STREAM", stream)
		if IsJournal(os.Stderr) != want || IsJournal(&bytes.Buffer{}) {
			t.Errorf("%q: want %v", stream, want)
		}
	}
}
