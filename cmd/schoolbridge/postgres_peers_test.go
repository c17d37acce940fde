//go:build peers

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/pgtest"
)

// TestOnPostgres: registries, activation, Wi-Fi and a restart with the store in
// PostgreSQL, and no file beside it.
func TestOnPostgres(t *testing.T) {
	server := pgtest.Own(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(server.URL(server.Database(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t, fmt.Sprintf("store: {url_file: %q}\n", file))
	if out, errs, code := s.command("config", "check", "--config", s.path("config.yaml")); code != 0 || !strings.Contains(out, "OK") {
		t.Errorf("config check: %d %s %s", code, out, errs)
	}
	s.opens("orlovami", hers, herPhone)
	s.stop()
	s.d, s.stop = s.stoppable(s.log)
	s.opens("orlovami", hers, herPhone)
	if ok, _ := s.pap("orlovami", "Staraya", stranger1); ok {
		t.Error("a wrong password opens")
	}
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != 0 {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
	if out, errs, code := s.command("doctor", "--config", s.path("config.yaml"), "--lang", "en"); code == exitUsage || !strings.Contains(out, file) {
		t.Errorf("doctor: %d %s %s", code, out, errs)
	}
	if _, errs, code := s.command("backup", "--config", s.path("config.yaml"), "--out", s.path("copy.db")); code != exitUsage || !strings.Contains(errs, "pg_dump") {
		t.Errorf("backup: %d %s", code, errs)
	}
	if _, err := os.Stat(s.path("state/schoolbridge.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file beside the database: %v", err)
	}

	const secret = "parol-kotoryy-nikomu"
	if err := os.WriteFile(file, []byte("postgres://bridge:"+secret+"@host:port/db"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := s.command("config", "check", "--config", s.path("config.yaml"))
	if code != exitUsage || !strings.Contains(errs, "store.url_file") || strings.Contains(out+errs, secret) {
		t.Errorf("no address: %d %s %s", code, out, errs)
	}
}
