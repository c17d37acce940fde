package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// namesKept keeps names of the directory, some at a time.
type namesKept struct {
	ctx    context.Context
	keep   *store.Names
	source provision.NameSource
	some   []string
	n      int
}

const namesAtOnce = 1000

func (n *namesKept) add(name string) error {
	if name == "" {
		return nil
	}
	n.n++
	n.some = append(n.some, name)
	if len(n.some) < namesAtOnce {
		return nil
	}
	return n.flush()
}

func (n *namesKept) flush() error {
	err := n.keep.Record(n.ctx, targetAD, n.source, n.some)
	n.some = n.some[:0]
	return err
}

// namesOfOld keeps the names of deleted accounts, and those of a list.
func (k *claiming) namesOfOld(ctx context.Context) error {
	deleted := &namesKept{ctx: ctx, keep: k.db.Names(), source: provision.NameDeleted}
	err := k.mender.ScanNames(ctx, deleted.add)
	switch {
	case errors.Is(err, ldapclient.ErrNotFound), errors.Is(err, ldapclient.ErrRefused):
		k.say("%s", k.says.noDeleted)
	case err != nil:
		return k.unusable(err)
	}
	if err == nil && deleted.n == 0 { // Samba shows nothing to whom it does not let read
		k.say("%s", k.says.noDeleted)
	}
	if err := deleted.flush(); err != nil {
		return err
	}
	listed := &namesKept{ctx: ctx, keep: k.db.Names(), source: provision.NameListed}
	if k.taken != "" {
		f, err := os.Open(k.taken)
		if err != nil {
			return usageError(k.says.noTaken, k.taken, err)
		}
		defer func() { _ = f.Close() }() // opened for reading
		if err := readNames(f, listed.add); err != nil {
			return usageError(k.says.noTaken, k.taken, err)
		}
		if err := listed.flush(); err != nil {
			return err
		}
	}
	k.say(k.says.names, deleted.n, listed.n)
	return nil
}

// Bounds of a list of names.
const (
	takenLine  = 4 << 10
	takenLines = 10_000_000
	takenName  = 256
)

var errNameList = errors.New("this is no list of names: one a line, or the first column of a CSV, in UTF-8")

// readNames reads a list of names: one a line, or the first column of a CSV.
func readNames(r io.Reader, f func(string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, takenLine), takenLine)
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if at := strings.IndexAny(line, ",;\t"); at >= 0 {
			line = line[:at]
		}
		name := strings.TrimSpace(strings.Trim(strings.TrimSpace(line), `"`))
		if n >= takenLines || len(name) > takenName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return errNameList
		}
		if name == "" {
			continue
		}
		if err := f(name); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return errors.Join(errNameList, err)
	}
	return nil
}
