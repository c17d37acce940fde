package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// maxSecret bounds a secret file and maxFile any other that is named.
const (
	maxSecret = 64 << 10
	maxFile   = 16 << 20
)

// ReadSecret reads a secret without the line end that editors add. It is read
// when it is used, so that a reload takes a new one.
func ReadSecret(path SecretFile) ([]byte, error) {
	f, err := os.Open(string(path))
	if err != nil {
		return nil, fmt.Errorf("open a secret: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing is lost
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("read a secret: %w", err)
	}
	if len(b) > maxSecret {
		return nil, fmt.Errorf("read a secret: %s is larger than %d bytes", path, maxSecret)
	}
	if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
		return nil, fmt.Errorf("read a secret: %s is empty", path)
	}
	return b, nil
}

// place makes a path absolute and looks at the file that it names.
func (d *decoder) place(path string, f reflect.StructField, v reflect.Value) *problem {
	if v.Kind() != reflect.String || v.String() == "" {
		return nil
	}
	switch v.Interface().(type) {
	case Path:
		if f.Tag.Get("base") == "" {
			v.SetString(absolute(d.dir, v.String()))
		}
	case File:
		v.SetString(absolute(d.dir, v.String()))
		_, p := look(v.String(), maxFile)
		return p
	case SecretFile:
		v.SetString(absolute(d.dir, v.String()))
		info, p := look(v.String(), maxSecret)
		if p != nil {
			return p
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			d.warn(path, wrong(say("секрет %s могут читать другие (права %04o)", "others may read the secret %s (mode %04o)", v.String(), mode),
				say("chmod 0600 %s", "chmod 0600 %s", v.String())))
		}
		if b, err := ReadSecret(SecretFile(v.String())); err == nil && bytes.ContainsAny(b, "\r\n\x00") && !bytes.Contains(b, []byte("-----BEGIN ")) {
			return wrong(say("в секрете %s больше одной строки", "the secret %s has more than one line", v.String()), say("оставьте в файле только секрет", "leave only the secret in the file"))
		}
	}
	return nil
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// look tells whether a named file can serve: there, readable, with something
// in it and not too large.
func look(path string, most int64) (fs.FileInfo, *problem) {
	info, err := os.Stat(path) // before opening: opening a pipe would wait
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong(say("файла %s нет", "there is no file %s", path), say("создайте его или исправьте путь (он считается от папки файла настроек)", "make it or mend the path (it starts at the configuration's folder)"))
	case err != nil:
		return nil, unreadable(path, err)
	case !info.Mode().IsRegular():
		return nil, wrong(say("%s — не обычный файл", "%s is no regular file", path), say("укажите файл", "name a file"))
	case info.Size() > most:
		return nil, wrong(say("файл %s больше %d КиБ", "the file %s is larger than %d KiB", path, most>>10), say("это тот файл?", "is this the right file?"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, wrong(say("файл %s пуст", "the file %s is empty", path), say("запишите в него то, что здесь нужно", "put into it what is needed here"))
	}
	return info, nil
}

func unreadable(path string, err error) *problem {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return wrong(say("файл %s не прочитать: %v", "the file %s cannot be read: %v", path, err),
		say("дайте права пользователю, под которым работает служба", "give the daemon's user the right to read it"))
}
