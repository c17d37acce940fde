package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal runs a command line for somebody who types at a terminal, and gives what
// stands on it then.
func (s site) onTerminal(typed string, args ...string) (shown string, code int) {
	s.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		s.t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		s.t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer terminal.Close()
	if typed == "" {
		typed = "\x04" // the end of what is typed
	}
	if _, err := master.WriteString(typed); err != nil {
		s.t.Fatal(err)
	}
	var out bytes.Buffer
	code = dispatch(s.t.Context(), streams{terminal, &out, &out}, args)
	return out.String(), code
}

// TestRenameAsks: nothing is renamed before somebody has seen what will be and has
// typed the name once more; where nobody can be asked, nothing is without --yes.
func TestRenameAsks(t *testing.T) {
	s := newSite(t)
	s.directory()
	s.employ(sitePassword, "evann")
	if _, errs, code := s.command("provision", "apply", "--config", s.path("config.yaml")); code != exitDone {
		t.Fatal(errs)
	}
	who, to := "evann", "golub"
	line := []string{"provision", "rename", "--config", s.path("config.yaml"), "--lang", "en", "--person", who, "--to", to}
	out, errs, code := s.command(line...)
	for _, told := range []string{who + " → " + to, "the old name " + who + " stays", "the account in ad", "Teams login does not change: " + who + "@", "add --yes"} {
		if code != exitUsage || !strings.Contains(errs, told) {
			t.Errorf("nobody to ask: exit %d, no %q in: %s%s", code, told, out, errs)
		}
	}
	for _, typed := range []string{"", "yes\n", to + "x\n", to + "\n"} {
		out, code := s.onTerminal(typed, line...)
		if agreed := typed == to+"\n"; agreed != (code == exitDone) || !agreed && (code != exitFindings || !strings.Contains(out, "not confirmed")) || !strings.Contains(out, "type the new name") {
			t.Errorf("%q is typed: exit %d: %s", typed, code, out)
		}
		if code != exitDone {
			if x := s.explained(who); string(x.Login) != who {
				t.Errorf("%q is typed: called %s", typed, x.Login)
			}
		}
	}
}
