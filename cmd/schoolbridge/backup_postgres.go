package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"schoolbridge/config"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

// notCopied are the tables that grow old in no backup: waiting passwords, and the keys
// by which they and refused ones are known.
var notCopied = []string{"passwords", "day_keys", "tag_keys"}

// dumpPostgres copies the database with PostgreSQL's own programs, as it is at one moment,
// into a file that is not there yet. The file appears under its name when pg_restore
// has read it through and it is on the disk.
func dumpPostgres(ctx context.Context, c *config.Config, to string) error {
	address, err := config.ReadSecret(c.Store.URLFile)
	if err != nil {
		return err
	}
	place, password, err := postgres.Apart(string(address))
	switch {
	case errors.Is(err, postgres.ErrKeyPassword):
		return usageError("в адресе из %[1]s есть sslpassword, и пока работает pg_dump, его прочёл бы любой на этой машине: храните ключ клиента без пароля, с правами 0600 / the address in %[1]s has an sslpassword, which anybody on this machine would read while pg_dump runs: keep the client's key without a password, mode 0600", c.Store.URLFile)
	case err != nil:
		return usageError("адрес базы в %[1]s не читается: проверьте его командой schoolbridge config check / the address of the database in %[1]s cannot be read: try schoolbridge config check", c.Store.URLFile)
	}
	err = store.Appear(to, func(part string) error {
		args := []string{"--format=custom", "--no-password", "--file=" + part, "--dbname=" + place}
		for _, table := range notCopied {
			args = append(args, "--exclude-table-data="+table)
		}
		if err := withPassword(ctx, password, "pg_dump", args...); err != nil {
			return err
		}
		if err := withPassword(ctx, "", "pg_restore", "--file=/dev/null", part); err != nil {
			return fmt.Errorf("the copy is not good: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// withPassword runs one of PostgreSQL's programs, which reads the password from a file
// that is there as long as it runs.
func withPassword(ctx context.Context, password, program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return said.Errorf("программы %[1]s здесь нет: поставьте клиента PostgreSQL не старее сервера (apt install postgresql-client) / %[1]s is not here: install PostgreSQL's client, as new as the server at least (apt install postgresql-client)", program)
	}
	folder, err := os.MkdirTemp("", "schoolbridge-") // mode 0700
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	file := filepath.Join(folder, "pgpass")
	line := "*:*:*:*:" + strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password) + "\n"
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "PGPASSFILE="+file, "PGPASSWORD=", "PGCONNECT_TIMEOUT=30")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}
