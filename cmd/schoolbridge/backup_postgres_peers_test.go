//go:build peers

package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/pgtest"
)

// TestBackupPostgres: one command copies a store in PostgreSQL that wants a password,
// which no other user of the machine can read meanwhile, and the daemon shows when.
func TestBackupPostgres(t *testing.T) {
	const secret = `pa:rol\ 2021` // what separates fields in a password file
	server := pgtest.Own(t)
	database := server.Database(t)
	if _, err := server.SQL("postgres", `CREATE ROLE bridge LOGIN SUPERUSER PASSWORD '`+secret+`'`); err != nil {
		t.Fatal(err)
	}
	rules := filepath.Join(server.Folder, "pg_hba.conf")
	before, err := os.ReadFile(rules)
	if err == nil {
		err = os.WriteFile(rules, append([]byte("host all bridge 127.0.0.1/32 scram-sha-256\n"), before...), 0o600)
	}
	if err == nil {
		_, err = server.SQL("postgres", "SELECT pg_reload_conf()")
	}
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("bridge", secret)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(address.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t, fmt.Sprintf("store: {url_file: %q}\n", file))
	if n := s.metric("schoolbridge_backup_last_success_timestamp_seconds"); n != 0 {
		t.Errorf("there was a backup at %v", n)
	}
	backup := func() (string, string, int) {
		return s.command("backup", "--config", s.path("config.yaml"), "--out", s.path("copy.pgdump"), "--lang", "en")
	}
	if out, errs, code := backup(); code != exitDone || !strings.Contains(out, "verified") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if info, err := os.Stat(s.path("copy.pgdump")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	list, err := exec.Command("pg_restore", "--list", s.path("copy.pgdump")).CombinedOutput()
	if err != nil || !strings.Contains(string(list), "TABLE DATA public people") || strings.Contains(string(list), "TABLE DATA public passwords") {
		t.Errorf("%v: %s", err, list)
	}
	if _, errs, code := backup(); code != exitFailed || !strings.Contains(errs, "is there already") {
		t.Errorf("a second one over the first: %d %s", code, errs)
	}
	// An address that config check takes in libpq's other form, and whose password is
	// not among the arguments either.
	host, port := address.Hostname(), address.Port()
	words := fmt.Sprintf(`host=%s port=%s dbname=%s user=bridge password='pa:rol\\ 2021' sslmode=disable`, host, port, database)
	if err := os.WriteFile(file, []byte(words+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := s.command("config", "check", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("config check: %d %s %s", code, out, errs)
	}
	if out, errs, code := s.command("backup", "--config", s.path("config.yaml"), "--out", s.path("words.pgdump"), "--lang", "en"); code != exitDone || !strings.Contains(out, "verified") {
		t.Errorf("%s: %d %s %s", "key=value", code, out, errs)
	}
	if err := os.WriteFile(file, []byte("postgres://bridge@127.0.0.1/base?sslpassword=rol"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := s.command("backup", "--config", s.path("config.yaml"), "--out", s.path("key.pgdump"), "--lang", "en"); code == exitDone || strings.Contains(errs, "rol") {
		t.Errorf("the password of a key: %d %s", code, errs)
	}
	if err := os.WriteFile(file, []byte(address.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.d, s.stop = s.stoppable(s.log)
	if !eventually(func() bool { return s.metric("schoolbridge_backup_last_success_timestamp_seconds") > 1.7e9 }) {
		t.Error("the daemon does not show the backup")
	}
	if err := os.Remove(s.path("copy.pgdump")); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, errs, code := backup(); code != exitFailed || strings.Contains(errs, secret) || strings.Contains(errs, url.QueryEscape(secret)) {
		t.Errorf("without a server: %d %s", code, errs)
	}
	for _, name := range []string{"copy.pgdump", "copy.pgdump.part"} {
		if _, err := os.Stat(s.path(name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}
