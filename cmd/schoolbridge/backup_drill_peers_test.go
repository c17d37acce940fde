//go:build peers

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"schoolbridge/internal/pgtest"
)

// TestBackupDrillPostgres: a city's store is copied and put back as the documentation
// says, into another server's empty database.
func TestBackupDrillPostgres(t *testing.T) {
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		t.Run(page, func(t *testing.T) {
			here, there := pgtest.Own(t), pgtest.Own(t)
			f := newFaulty(t)
			from, to := here.URL(here.Database(t)), there.URL(there.Database(t))
			f.write("store-url", from+"\n")
			f.more = fmt.Sprintf("store: {url_file: %q, replica: radius-1}\n", f.path("store-url"))
			shell := func(command, address string) {
				t.Helper()
				for line := range strings.Lines(documented(t, page, "pg_dump")) {
					if !strings.Contains(line, command+" ") {
						continue
					}
					line = strings.NewReplacer("sudo -u postgres ", "", "/var/backups/schoolbridge/2026-09-01.pgdump", f.path("copy.pgdump"), "--dbname=schoolbridge", "--dbname="+address).Replace(line)
					if out, err := exec.Command("sh", "-euc", line).CombinedOutput(); err != nil {
						t.Fatalf("%s: %v: %s", line, err, out)
					}
					return
				}
				t.Fatalf("%s tells of no %s", page, command)
			}
			(&drill{f,
				func() { shell("pg_dump", from) },
				func() {
					shell("pg_restore", to)
					f.write("store-url", to+"\n")
				},
			}).run(t)
			for _, table := range []string{"passwords", "day_keys", "tag_keys"} {
				out, err := exec.Command("pg_restore", "--data-only", "--table="+table, "--file=-", f.path("copy.pgdump")).CombinedOutput()
				if err != nil || strings.Contains(string(out), "COPY public."+table) {
					t.Errorf("%s is in the backup: %v %s", table, err, out)
				}
			}
			if out, _, code := f.command("audit", "verify", "--config", f.path("config.yaml"), "--lang", "en"); code != exitDone || !strings.Contains(out, `head of chain "radius-1"`) {
				t.Errorf("%d %s", code, out)
			}
		})
	}
}
