package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"schoolbridge/config"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
	"schoolbridge/internal/store/sqlite"
)

func runConfig(_ context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("config", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 1 && words[0] == "reference":
		_, err := io.WriteString(std.out, config.Reference(*lang))
		return err
	case len(words) == 1 && words[0] == "check" && *file != "":
		c, err := loadConfig(std, *file, *lang, "")
		if err != nil {
			return err
		}
		if err := checkStoreURL(c); err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "%s: OK\n", *file)
		return err
	}
	return misused("config")
}

// checkStoreURL reads the address of the store and asks nobody.
func checkStoreURL(c *config.Config) error {
	if c.Store.URLFile == "" {
		return nil
	}
	address, err := config.ReadSecret(c.Store.URLFile)
	if err == nil {
		err = postgres.Check(string(address))
	}
	if err != nil {
		return usageError("store.url_file: в %[1]s нет адреса базы вида postgres://имя:пароль@узел/база: %[2]w / store.url_file: %[1]s holds no address of a database such as postgres://user:password@host/database: %[2]w", c.Store.URLFile, err)
	}
	return nil
}

// loadConfig reads a configuration and prints what is wrong with it; the error
// is silent then, for everything has been said. Warnings would stand before the
// answer of every command: only those about certain sections are printed, "" for all.
func loadConfig(std streams, file, lang string, warnings ...string) (*config.Config, error) {
	c, faults, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	for _, f := range faults {
		if !f.Warning || slices.ContainsFunc(warnings, func(s string) bool { return strings.HasPrefix(f.Path, s) }) {
			fmt.Fprintf(std.err, "%s: %s\n", file, f.Format(lang))
		}
	}
	if !config.Usable(faults) {
		return nil, &exitError{code: exitUsage}
	}
	return c, nil
}

// readConfig reads a configuration and tells what is wrong with it, or that it cannot be
// reached.
func readConfig(file string) (*config.Config, []config.Fault, error) {
	if file == "" {
		return nil, nil, usageError("укажите файл настроек: --config ФАЙЛ / name the configuration with --config FILE")
	}
	c, faults, err := config.Load(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, usageError("файла настроек %[1]s нет, проверьте --config / there is no configuration %[1]s, look at --config", file)
	case err != nil:
		return nil, nil, &exitError{exitUsage, err}
	}
	return c, faults, nil
}

// openSite reads a configuration and opens the store that it names, for commands
// that make neither. Who calls it closes the store.
func openSite(ctx context.Context, std streams, file, lang string) (*config.Config, *store.DB, error) {
	c, err := loadConfig(std, file, lang)
	if err != nil {
		return nil, nil, err
	}
	db, err := openMadeStore(ctx, c)
	return c, db, err
}

// openStore opens the store that a configuration names, beside a running
// daemon or without one. The first to open it makes it.
func openStore(ctx context.Context, c *config.Config, opts store.Options) (*store.DB, error) {
	opts.Replica = replicaName(c)
	if err := os.MkdirAll(string(c.State), 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if c.Store.URLFile != "" {
		db, err := openPostgres(ctx, c, opts)
		if err != nil {
			return nil, fmt.Errorf("store of %s: %w", c.Store.URLFile, err)
		}
		return db, nil
	}
	db, err := sqlite.OpenFiles(ctx, string(c.Store.Path), string(c.Store.KeysetFile), opts)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", c.Store.Path, err)
	}
	return db, nil
}

// replicaName names the chain of the audit trail that this machine's daemon and commands
// write: SQLite has one daemon. Where none is configured it is the one that the
// machine had when its daemon was first started: a container's changes each time, and
// its state folder stays.
func replicaName(c *config.Config) string {
	if c.Store.Replica != "" || c.Store.URLFile == "" {
		return string(c.Store.Replica)
	}
	if kept, err := os.ReadFile(replicaFile(c)); err == nil {
		if name := strings.TrimSpace(string(kept)); config.ReplicaFits(name) {
			return name
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return "" // a chain that several write is one, and waits
	}
	return host
}

func replicaFile(c *config.Config) string { return filepath.Join(string(c.State), "replica") }

// keepReplicaName lets the name of now last.
func keepReplicaName(c *config.Config) error {
	name := replicaName(c)
	if !config.ReplicaFits(name) {
		return errors.New("the machine has no name that would do")
	}
	file := replicaFile(c)
	if kept, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(kept)) == name {
		return nil
	}
	return os.WriteFile(file, []byte(name+"\n"), 0o600)
}

// openPostgres opens the database whose address is in a file. A new store is not begun
// while the one before it lies in the state folder: it would keep the move out.
func openPostgres(ctx context.Context, c *config.Config, opts store.Options) (*store.DB, error) {
	address, err := config.ReadSecret(c.Store.URLFile)
	if err != nil {
		return nil, err
	}
	before := filepath.Join(string(c.State), "schoolbridge.db")
	if info, err := os.Stat(before); err == nil && info.Mode().IsRegular() {
		switch used, err := postgres.InUse(ctx, string(address)); {
		case err != nil: // it may be empty, and answer a moment later
			return nil, err
		case !used:
			return nil, said.Errorf("база пуста, а прежнее хранилище лежит в %[1]s: перенесите его (schoolbridge store move --from %[1]s --to %[2]s); начать без него — уберите файл / "+
				"the database is empty, and the store before it is in %[1]s: move it (schoolbridge store move --from %[1]s --to %[2]s); to begin without it put the file away", before, c.Store.URLFile)
		}
	}
	return postgres.OpenFiles(ctx, string(address), string(c.Store.KeysetFile), opts)
}

// openMadeStore is openStore for commands that only read: they make nothing,
// least of all keys that then belong to whoever asked.
func openMadeStore(ctx context.Context, c *config.Config) (*store.DB, error) {
	if c.Store.URLFile != "" {
		if err := madePostgres(ctx, c); err != nil {
			return nil, err
		}
		return openStore(ctx, c, store.Options{})
	}
	if _, err := os.Stat(string(c.Store.Path)); err != nil {
		return nil, said.Errorf("хранилища %[1]s ещё нет: сначала запустите службу или загрузите реестры, и проверьте state и store.path: %[2]w / store %[1]s is not made yet: start the daemon or import registries first, and look at state and store.path in the configuration: %[2]w", c.Store.Path, err)
	}
	return openStore(ctx, c, store.Options{})
}

// errNoStore says that the database is empty.
var errNoStore = said.New("в базе хранилища ещё нет: его создаёт служба при запуске, а прежнее из SQLite переносит schoolbridge store move / the database has no store yet: the daemon makes it at its start, and schoolbridge store move brings the one that is in SQLite")

// madePostgres says that the keys are here and a store in the database. One that was
// made in passing would keep the move from SQLite out.
func madePostgres(ctx context.Context, c *config.Config) error {
	if _, err := os.Stat(string(c.Store.KeysetFile)); err != nil {
		return said.Errorf("ключей %[1]s здесь нет: скопируйте их с машины службы: %[2]w / the keys %[1]s are not here: copy them from the daemon's machine: %[2]w", c.Store.KeysetFile, err)
	}
	address, err := config.ReadSecret(c.Store.URLFile)
	if err != nil {
		return err
	}
	switch used, err := postgres.InUse(ctx, string(address)); {
	case err != nil:
		return said.Errorf("база PostgreSQL из %[1]s не открывается (что делать, скажет schoolbridge doctor): %[2]w / the PostgreSQL database of %[1]s does not open (schoolbridge doctor says what to do): %[2]w", c.Store.URLFile, err)
	case !used:
		return fmt.Errorf("%s: %w", c.Store.URLFile, errNoStore)
	}
	return nil
}
