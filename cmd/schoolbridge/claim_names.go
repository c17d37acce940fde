package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
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
	heading, err := k.listed(listed.add)
	if err != nil {
		return err
	}
	if err := listed.flush(); err != nil {
		return err
	}
	k.say(k.says.names, deleted.n, listed.n)
	if heading != "" {
		k.say(k.says.heading, printable(heading))
	}
	return nil
}

// listed reads the list of --taken, if there is one.
func (k *claiming) listed(f func(string) error) (heading string, err error) {
	if k.taken == "" {
		return "", nil
	}
	file, err := os.Open(k.taken)
	if err != nil {
		return "", usageError(k.says.noTaken, k.taken, err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	heading, err = readNames(file, f)
	var wrong *wrongName
	switch {
	case errors.As(err, &wrong):
		return "", usageError(k.says.wrongName, k.taken, wrong.line)
	case err != nil:
		return "", usageError(k.says.noTaken, k.taken, err)
	}
	return heading, nil
}

// Bounds of a list of names.
const (
	takenLine  = 4 << 10
	takenLines = 10_000_000
	takenName  = 256
)

var errNameList = errors.New("this is no list of names: one a line, or the first column of a CSV, in UTF-8")

// wrongName is a line of a list that holds no name of an account.
type wrongName struct{ line int }

func (w *wrongName) Error() string { return fmt.Sprintf("line %d is no name of an account", w.line) }

// headings are what the first column of a list may be called.
var headings = []string{"login", "логин", "name", "имя", "sam", "samaccountname", "username", "user name", "user", "account", "учётная запись", "учетная запись",
	"имя пользователя", "пользователь", "занятое имя", "занятые имена", "имя учётной записи", "имя учетной записи", "upn", "userprincipalname"}

// readNames reads a list of names: one a line, or the first column of a CSV. A
// heading in the first line is given apart. What is written in Cyrillic is somebody's
// name, and no account's: with such a line the list is not the one that was meant.
func readNames(r io.Reader, f func(string) error) (heading string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, takenLine), takenLine)
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimPrefix(lines.Text(), "\ufeff")
		if at := strings.IndexAny(line, ",;\t"); at >= 0 {
			line = line[:at]
		}
		name := strings.TrimSpace(strings.Trim(strings.TrimSpace(line), `"`))
		if n >= takenLines || len(name) > takenName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return "", errNameList
		}
		switch {
		case name == "":
			continue
		case n == 0 && slices.Contains(headings, strings.ToLower(name)):
			heading = name
			continue
		case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }):
			return "", &wrongName{n + 1}
		}
		if err := f(name); err != nil {
			return "", err
		}
	}
	if err := lines.Err(); err != nil {
		return "", errors.Join(errNameList, err)
	}
	return heading, nil
}
