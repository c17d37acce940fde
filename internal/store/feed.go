package store

import (
	"context"
	"crypto/rand"
	"slices"

	"schoolbridge/internal/identity"
)

// Kinds of feed rows. They are stored; never renumber them.
const (
	feedPerson  = 1
	feedSchools = 2
)

// touch says that what the directory shows of a person changes with this
// transaction, and with it how the person's accounts should look.
func (t *tx) touch(id identity.PersonID) {
	if t.seen[id] {
		return
	}
	if t.seen == nil {
		t.seen = map[identity.PersonID]bool{}
	}
	t.seen[id] = true
	t.touched = append(t.touched, id)
}

// publish says that the directory shows something new of a person, which
// changes nothing of how the person's accounts should look.
func (t *tx) publish(id identity.PersonID) {
	if t.published[id] {
		return
	}
	if t.published == nil {
		t.published = map[identity.PersonID]bool{}
	}
	t.published[id] = true
	t.shown = append(t.shown, id)
}

// writeFeed takes the next numbers from the head row. It comes last: the
// row's lock is held until commit, so whoever has the higher number commits
// later, and a reader that sees a number has seen all before it.
func (t *tx) writeFeed() (bool, error) {
	t.shown = slices.DeleteFunc(t.shown, func(id identity.PersonID) bool { return t.seen[id] })
	n := int64(len(t.touched) + len(t.shown))
	if t.schools {
		n++
	}
	if n == 0 {
		return false, nil
	}
	var seq int64
	if err := t.row("UPDATE feed_head SET seq = seq + ? WHERE id = 1 RETURNING seq", n).Scan(&seq); err != nil {
		return false, err
	}
	seq -= n
	last := make([]byte, 16)
	add := func(kind int, person []byte) error {
		seq++
		_, _ = rand.Read(last) // never fails
		return t.exec("INSERT INTO feed (seq, row_id, kind, person) VALUES (?, ?, ?, ?)", seq, last, kind, person)
	}
	if t.schools {
		if err := add(feedSchools, []byte{}); err != nil {
			return false, err
		}
	}
	now := micros(t.db.now())
	for _, id := range t.touched {
		if err := add(feedPerson, id[:]); err != nil {
			return false, err
		}
		if err := t.exec("UPDATE people SET seq = ?, modified = ? WHERE id = ?", seq, now, id[:]); err != nil {
			return false, err
		}
		if err := t.triggerTargets(id, t.db.now()); err != nil {
			return false, err
		}
	}
	for _, id := range t.shown {
		if err := add(feedPerson, id[:]); err != nil {
			return false, err
		}
		if err := t.exec("UPDATE people SET seq = ?, modified = ? WHERE id = ?", seq, now, id[:]); err != nil {
			return false, err
		}
	}
	return true, t.exec("UPDATE feed_head SET row_id = ? WHERE id = 1", last)
}

// PruneFeed forgets all but the last keep rows of the change feed. Readers
// that are further behind load anew.
func (db *DB) PruneFeed(ctx context.Context, keep int) error {
	return db.write(ctx, func(t *tx) error {
		// The row at the new end stays: a reader just there compares it.
		err := t.exec("UPDATE feed_head SET pruned = seq - ? WHERE id = 1 AND seq - ? > pruned", keep, keep)
		if err != nil {
			return err
		}
		return t.exec("DELETE FROM feed WHERE seq < (SELECT pruned FROM feed_head WHERE id = 1)")
	})
}

func (db *DB) notify() {
	db.mu.Lock()
	defer db.mu.Unlock()
	close(db.wake)
	db.wake = make(chan struct{})
}

// woken gives a channel that closes at the next commit of this process.
func (db *DB) woken() <-chan struct{} {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.wake
}
