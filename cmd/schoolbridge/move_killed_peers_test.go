//go:build peers

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// TestStoreMoveKilled: the program is killed again and again while it moves a store, each
// time further on. Until the end neither side opens, the same command goes on, and in the
// end every row is there once.
func TestStoreMoveKilled(t *testing.T) {
	const rows, kills = 40_000, 4 // lines whose only meaning is that there are many
	program, server := buildProgram(t), pgtest.Own(t)
	database := server.Database(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(server.URL(database)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.inStore(func(db *store.DB) error {
		entries := make([]identity.AuditEntry, rows)
		for i := range entries {
			entries[i] = identity.AuditEntry{At: time.Now(), Kind: "test", Payload: fmt.Appendf(nil, `{"line":%d}`, i)}
		}
		return db.Audit().Append(t.Context(), entries)
	})
	there := func() int {
		said, err := server.SQL(database, "SELECT COUNT(*) FROM audit WHERE kind = 'test'")
		if err != nil {
			return 0 // there is no table yet
		}
		n, err := strconv.Atoi(said)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	closed := func(config, says string) {
		t.Helper()
		s.write("config.yaml", config)
		if _, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml"), "--lang", "en"); code != exitFailed || !strings.Contains(errs, says) {
			t.Errorf("between two runs: %d %s", code, errs)
		}
	}
	move := func() *exec.Cmd {
		return exec.Command(program, "store", "move", "--from", s.path("state/schoolbridge.db"), "--to", file, "--lang", "en")
	}
	onDatabase := siteConfig + fmt.Sprintf("store: {url_file: %q}\n", file)
	for i := range kills {
		cmd := move()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		far := eventually(func() bool { return there() > i*rows/kills })
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); err == nil || !far {
			t.Fatalf("run %d: ended with %v at %d rows", i, err, there())
		}
		closed(siteConfig, "being moved")
		closed(onDatabase, "not yet whole")
	}
	before := there()
	out, err := move().CombinedOutput()
	if err != nil || !strings.Contains(string(out), "url_file") {
		t.Fatalf("the last run: %v %s", err, out)
	}
	if n := there(); n != rows || before == 0 {
		t.Errorf("%d rows, %d before the last run", n, before)
	}
	closed(siteConfig, "was moved")
	s.write("config.yaml", onDatabase)
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("the database: %d %s %s", code, out, errs)
	}
}
