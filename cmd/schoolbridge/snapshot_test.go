package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStartFromSnapshot: a daemon that starts again goes on from the sealed copy of
// its directory, and with what happened while it was down.
func TestStartFromSnapshot(t *testing.T) {
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	s.opens("belovas", hers, stranger1)
	file := s.path("state/directory.snapshot")
	if !eventually(func() bool { _, err := os.Stat(file); return err == nil }) {
		t.Fatal("no snapshot is written")
	}
	s.stop()
	if raw, err := os.ReadFile(file); err != nil || strings.Contains(string(raw), "orlovami") {
		t.Errorf("a login is in the file as it is: %v", err)
	}
	if _, errs, code := s.command("account", "suspend", "--config", s.path("config.yaml"), "belovas", "--reason", "phone lost"); code != exitDone {
		t.Fatal(errs)
	}
	s.log.take()
	s.d, s.stop = s.stoppable(s.log)
	s.opens("orlovami", hers, herPhone)
	if ok, _ := s.pap("belovas", hers, stranger1); ok {
		t.Error("admitted though suspended")
	}
	if log := s.log.take(); !strings.Contains(log, "going on from the snapshot") {
		t.Errorf("everybody is read from the store:\n%s", log)
	}
}

// TestBuildsOfOneVersion: a container's next image has the version of the one before,
// and may make other entries of the same rows.
func TestBuildsOfOneVersion(t *testing.T) {
	dir := t.TempDir()
	one, other := filepath.Join(dir, "one"), filepath.Join(dir, "other")
	for _, file := range []string{one, other} {
		if err := os.WriteFile(file, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := buildOf("container", one)
	if buildOf("container", one) == buildOf("container", other) || buildOf("container", one) != again || buildOf("1", one) == buildOf("2", one) {
		t.Error("builds are not told apart")
	}
}
