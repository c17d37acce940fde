package store

import (
	"errors"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/queue"
)

// A curator who gives a name to somebody who has never been activated (Allocate) makes a
// person who is nothing but that name. When the same human being comes with another city
// account meanwhile, that one has the records, and the name would stand in the way of the
// only way to one person. So whoever is nothing but a name becomes part of the one who
// has the records, when a curator says that they are the same.
//
//	S1 ─ a name only          S1 ─┐
//	S2 ─ the person    ──►    S2  └ the person, the name too; S2 is nobody's

// onlyNamed says that a person is nothing but a name which was given: no record, no
// account, nothing in a target, no right, and no password was ever learnt.
func (t *tx) onlyNamed(id identity.PersonID) (bool, error) {
	if id.IsZero() {
		return false, nil
	}
	for _, table := range []string{"bindings", "accounts", "targets", "passwords", "verifiers", "rights", "factors"} {
		var n int
		if err := t.row("SELECT COUNT(*) FROM "+table+" WHERE person = ?", id[:]).Scan(&n); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// foldNamed makes the one who is nothing but a name, and has the city account to which
// d.Person is moved, part of d.Person: the name stays reserved, by a person, and its
// decision ends, for whoever has an account needs none. It gives what mos.ru told of the
// city account meanwhile, which is remembered with the one who goes.
func (t *tx) foldNamed(d *queue.Decision, now time.Time) (told stray, err error) {
	own, err := t.personBySubject(d.Subject)
	if errors.Is(err, identity.ErrNotFound) {
		return told, nil
	}
	if err != nil {
		return told, err
	}
	named, err := t.onlyNamed(own)
	if err == nil && !named {
		err = queue.ErrOwnAccount
	}
	if err != nil {
		return told, err
	}
	list, err := t.decisionsOf(d.Subject)
	if err != nil {
		return told, err
	}
	for _, old := range list {
		if old.Verb != queue.Allocate || old.Person != own {
			continue
		}
		if err := t.undo(old, d.By, now); err != nil {
			return told, err
		}
	}
	if err := t.row("SELECT upstream, upstream_at FROM people WHERE id = ?", own[:]).Scan(&told.upstream, &told.upstreamAt); err != nil {
		return told, err
	}
	told.at = told.upstreamAt
	if err := t.exec("UPDATE names SET person = ? WHERE person = ?", d.Person[:], own[:]); err != nil {
		return told, err
	}
	return told, t.exec("DELETE FROM people WHERE id = ?", own[:])
}
