package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/said"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

// Kinds of the audit trail's lines.
const (
	auditBackup  = "backup"
	auditRestore = "restore"
)

// runBackup copies the store beside the running daemon, or verifies a copy.
func runBackup(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("backup", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	out := fs.String("out", "", "куда записать копию: файл, которого ещё нет / the `FILE` for the copy, which is not there yet")
	keysetFile := fs.String("keyset", "", "файл ключей копии, если он не в настройках / the keyset `FILE` of the copy where it is not the configuration's")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	verify := len(words) == 2 && words[0] == "verify"
	if !verify && (len(words) > 0 || *out == "" || *keysetFile != "") || verify && *out != "" {
		return misused("backup")
	}
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	keys, err := backupKeys(c, *keysetFile)
	if err != nil {
		return err
	}
	if verify {
		if err := onFiles(c); err != nil {
			return err
		}
		if err := thereIs(words[1]); err != nil {
			return err
		}
		if err := sqlite.Verify(ctx, words[1], keys); err != nil {
			return unfit(std, *lang, err)
		}
		return told(std, *lang, "копия %s цела, ключи подходят\n", "the backup %s is whole, and the keys fit\n", words[1])
	}
	if _, err := os.Lstat(*out); err == nil {
		return said.Errorf("файл %[1]s уже есть, копия записывается только в новый: назовите другой / %[1]s is there already, and a backup is written to a new file only: name another one", *out)
	}
	if err := folderFor(*out); err != nil {
		return err
	}
	began := time.Now() // the copy is of a moment after it
	if err := auditStore(ctx, c, auditBackup, map[string]any{"to": filepath.Base(*out)}); err != nil {
		return err
	}
	if c.Store.URLFile != "" {
		err = dumpPostgres(ctx, c, *out)
	} else {
		err = sqlite.Backup(ctx, string(c.Store.Path), *out, keys)
	}
	if err != nil {
		return unfit(std, *lang, err)
	}
	if err := noteBackup(ctx, c, began); err != nil {
		return err
	}
	return told(std, *lang, "копия записана и проверена: %s. Файл ключей в неё не входит: храните его отдельно\n",
		"the backup is written and verified: %s. The keyset is not in it: keep it elsewhere\n", *out)
}

// runRestore puts a backup in the place of the store, while no daemon works on it.
func runRestore(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("restore", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return misused("restore")
	}
	c, err := loadConfig(std, *file, *lang)
	if err != nil {
		return err
	}
	keys, err := backupKeys(c, "")
	if err != nil {
		return err
	}
	if err := onFiles(c); err != nil {
		return err
	}
	if err := thereIs(words[0]); err != nil {
		return err
	}
	path := string(c.Store.Path)
	release, err := sqlite.Lock(path)
	if errors.Is(err, sqlite.ErrLocked) {
		return said.New("служба работает с этим хранилищем: остановите её (systemctl stop schoolbridge), потом повторите / the daemon works on this store: stop it (systemctl stop schoolbridge) and repeat")
	}
	if err != nil {
		return err
	}
	aside := path + "." + time.Now().UTC().Format("20060102-150405") + ".before-restore"
	kept, err := sqlite.Restore(ctx, words[0], path, keys, aside)
	if err == nil {
		err = auditStore(ctx, c, auditRestore, map[string]any{"from": filepath.Base(words[0])})
	}
	if err = errors.Join(err, release()); err != nil {
		return unfit(std, *lang, err)
	}
	if kept != "" {
		if err := told(std, *lang, "прежнее хранилище отложено: %s; удалите его, когда оно не понадобится\n", "the store that was there is kept: %s; remove it when nobody needs it\n", kept); err != nil {
			return err
		}
	}
	return told(std, *lang, "хранилище %s восстановлено и проверено; запустите службу\n", "the store %s is restored and verified; start the daemon\n", path)
}

// backupKeys reads the keyset of the configuration, or another one.
func backupKeys(c *config.Config, file string) (*store.Keyset, error) {
	if file == "" {
		file = string(c.Store.KeysetFile)
	}
	keys, err := store.OpenKeyset(file)
	if errors.Is(err, store.ErrNoKeyset) {
		return nil, said.Errorf("файла ключей %[1]s нет: верните его из отдельной копии: %[2]w / the keyset %[1]s is missing: put it back from its own backup: %[2]w", file, err)
	}
	return keys, err
}

// thereIs says that a backup is not where it was named.
func thereIs(backup string) error {
	if _, err := os.Stat(backup); errors.Is(err, fs.ErrNotExist) {
		return usageError("копии %[1]s нет: проверьте имя / there is no backup %[1]s: look at the name", backup)
	}
	return nil
}

// folderFor says that there is no folder for a backup, before anything is written of it
// anywhere; it is not made, for where it is missing a disk may not be mounted.
func folderFor(backup string) error {
	folder := filepath.Dir(backup)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usageError("папки %[1]s для копии нет: проверьте имя и подключён ли диск; новую создаст install -d -m 0700 -o schoolbridge -g schoolbridge %[1]s / there is no folder %[1]s for the backup: look at the name, and whether a disk is mounted; install -d -m 0700 -o schoolbridge -g schoolbridge %[1]s makes a new one", folder)
	case err == nil && !info.IsDir():
		return usageError("%[1]s — не папка, копию туда не записать: назовите другое место / %[1]s is no folder, so no backup goes there: name another place", folder)
	}
	return err
}

// unfit says that a copy is not good, which is a finding, or what failed.
func unfit(std streams, lang string, err error) error {
	if errors.Is(err, sqlite.ErrDamaged) || errors.Is(err, store.ErrWrongKeyset) || store.IsBroken(err) {
		complain(std, lang, err)
		return errFindings
	}
	return err
}

// onFiles says what looks at copies of a store that another program keeps, and puts
// them back.
func onFiles(c *config.Config) error {
	if c.Store.URLFile == "" {
		return nil
	}
	return usageError("копию хранилища в PostgreSQL (%[1]s) читает и возвращает pg_restore, а файл ключей хранят отдельно; команды — в docs/administrator, раздел «Резервная копия» / a copy of the store in PostgreSQL (%[1]s) is read and put back by pg_restore, and the keyset is kept apart; docs/administrator, Backup, has the commands", c.Store.URLFile)
}

// auditStore notes who took a copy of everything, or put one back.
func auditStore(ctx context.Context, c *config.Config, kind string, line map[string]any) error {
	db, err := openMadeStore(ctx, c)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(byCaller(line))
	if err == nil {
		err = db.Audit().Append(ctx, []identity.AuditEntry{{At: time.Now(), Kind: kind, Payload: payload}})
	}
	return errors.Join(err, db.Close())
}

// noteBackup notes in the store that there is a good copy of that moment.
func noteBackup(ctx context.Context, c *config.Config, at time.Time) error {
	db, err := openMadeStore(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(db.NoteBackup(ctx, at), db.Close())
}

func told(std streams, lang, ru, en string, args ...any) error {
	if lang == string(explain.English) {
		ru = en
	}
	_, err := fmt.Fprintf(std.out, ru, args...)
	return err
}
