package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

var _ provision.Tries = (*Accounts)(nil)

// KeepTry implements provision.Tries.
func (a *Accounts) KeepTry(ctx context.Context, try provision.Try) error {
	err := a.db.write(ctx, func(t *tx) error {
		late, err := t.overtaken(try)
		if err != nil || late {
			return err
		}
		if err := t.dropTry(try.Subject, micros(try.At)); err != nil {
			return err
		}
		if err := t.noteCityLogin(try.Subject, try.Login, try.At); err != nil {
			return err
		}
		d, err := t.db.keys.current(domainSubject, string(try.Subject))
		if err != nil {
			return err
		}
		sealed, err := t.db.keys.sealJSON("tries", hex.EncodeToString(d.digest), "sealed", try)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO tries (digest, version, at, sealed) VALUES (?, ?, ?, ?)", d.digest, d.version, micros(try.At), sealed); err != nil {
			return err
		}
		if err := t.putTryRecords(d, try.Records); err != nil || try.Decision != match.Manual {
			return err
		}
		return t.requeue(queue.Stem(queue.Activation, d.digest))
	})
	if err != nil {
		return fmt.Errorf("keep a try to activate: %w", err)
	}
	return nil
}

// overtaken says that something newer is known: a later try, or a binding or a
// transfer that was made since this one began, of which it does not tell.
func (t *tx) overtaken(try provision.Try) (bool, error) {
	digests, err := t.db.keys.every(domainSubject, string(try.Subject))
	if err != nil {
		return false, err
	}
	for _, d := range digests {
		var n int
		if err := t.row("SELECT COUNT(*) FROM tries WHERE digest = ? AND version = ? AND at > ?", d.digest, d.version, micros(try.At)).Scan(&n); err != nil || n > 0 {
			return n > 0, err
		}
		if try.Decision == match.Match {
			continue // the binding is its own
		}
		if late, err := t.lateForTransfer(try.Problems, d.digest, micros(try.At)); err != nil || late {
			return late, err
		}
		err := t.row("SELECT COUNT(*) FROM people p JOIN bindings b ON b.person = p.id WHERE p.subject_digest = ? AND p.subject_version = ? AND b.at >= ?",
			d.digest, d.version, micros(try.At)).Scan(&n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// dropTry forgets what is kept of a city account, unless mos.ru was asked later.
func (t *tx) dropTry(subject identity.Subject, upTo int64) error {
	digests, err := t.db.keys.every(domainSubject, string(subject))
	if err != nil {
		return err
	}
	for _, d := range digests {
		n, err := t.count("DELETE FROM tries WHERE digest = ? AND version = ? AND at <= ?", d.digest, d.version, upTo)
		if err == nil && n > 0 {
			err = t.exec("DELETE FROM try_records WHERE digest = ? AND version = ?", d.digest, d.version)
		}
		if err == nil && n > 0 {
			err = t.forgetQuestion(queue.Stem(queue.Activation, d.digest))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EraseTries forgets the tries from before a moment and says how many there
// were.
func (a *Accounts) EraseTries(ctx context.Context, before time.Time) (int64, error) {
	const old = "(SELECT digest, version FROM tries WHERE at < ? ORDER BY at LIMIT ?)"
	all := int64(0)
	for n := int64(erasedRows); n == erasedRows; all += n {
		err := a.db.write(ctx, func(t *tx) (err error) {
			if err := t.exec("DELETE FROM try_records WHERE (digest, version) IN "+old, micros(before), erasedRows); err != nil {
				return err
			}
			n, err = t.count("DELETE FROM tries WHERE (digest, version) IN "+old, micros(before), erasedRows)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("erase tries to activate: %w", err)
		}
	}
	return all, nil
}

// tries gives every try that is kept, some at a time.
func (t *tx) tries(f func(provision.Try) error) error {
	return t.triesFrom(nil, func(_ []byte, try provision.Try) error { return f(try) })
}

// triesFrom gives those whose city accounts' digests begin with a prefix, each
// with its digest.
func (t *tx) triesFrom(prefix []byte, f func(digest []byte, try provision.Try) error) error {
	after, version, end := append([]byte{}, prefix...), int64(0), behind(prefix)
	for {
		n := 0
		err := t.each("SELECT digest, version, sealed FROM tries WHERE (digest, version) > (?, ?) AND digest <= ? ORDER BY digest, version LIMIT ?",
			[]any{after, version, end, loadPage}, func(scan func(...any) error) error {
				var sealed []byte
				var try provision.Try
				if err := scan(&after, &version, &sealed); err != nil {
					return err
				}
				n++
				if err := t.db.keys.openJSON("tries", hex.EncodeToString(after), "sealed", sealed, &try); err != nil {
					return err
				}
				return f(bytes.Clone(after), try)
			})
		if err != nil || n < loadPage {
			return err
		}
	}
}

// tryOf gives what is kept of the city account with a digest.
func (t *tx) tryOf(d keyed) (try provision.Try, ok bool, err error) {
	var sealed []byte
	err = t.row("SELECT sealed FROM tries WHERE digest = ? AND version = ?", d.digest, d.version).Scan(&sealed)
	if isNoRows(err) {
		return try, false, nil
	}
	if err == nil {
		err = t.db.keys.openJSON("tries", hex.EncodeToString(d.digest), "sealed", sealed, &try)
	}
	return try, err == nil, err
}
