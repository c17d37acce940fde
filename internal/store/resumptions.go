package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"schoolbridge/internal/identity"
)

// Resumptions keeps on what TLS sessions on the Wi-Fi may be taken up again, for
// every replica and beyond a restart, and the secrets under which their tickets
// are sealed. Both die: a stolen database opens no ticket of last week.
type Resumptions struct{ db *DB }

// Resumptions gives the resumptions.
func (db *DB) Resumptions() *Resumptions { return &Resumptions{db} }

// Resumption is one session that may be taken up again.
type Resumption struct {
	Handle  [16]byte // the ticket holds it; random behind the time, so that neighbours are written together
	Expires time.Time
	Method  uint8 // EAP type
	Name    string
	Voucher identity.Voucher
}

// sealedResumption is resumptions.sealed.
type sealedResumption struct {
	Method uint8
	Name   string `json:",omitempty"`
	Person identity.PersonID
	Epoch  uint64
	At     time.Time
	Hash   uint64 `json:",omitempty"`
}

// Save keeps sessions; those that are there are replaced.
func (r *Resumptions) Save(ctx context.Context, list []Resumption) error {
	list = slices.SortedFunc(slices.Values(list), func(a, b Resumption) int { return bytes.Compare(a.Handle[:], b.Handle[:]) })
	sealed := make([][]byte, len(list))
	for i, s := range list {
		var err error
		v := s.Voucher
		sealed[i], err = r.db.keys.sealJSON("resumptions", hex.EncodeToString(s.Handle[:]), "sealed",
			sealedResumption{s.Method, s.Name, v.Person, v.Epoch, v.At, v.Hash})
		if err != nil {
			return fmt.Errorf("keep resumptions: %w", err)
		}
	}
	err := r.db.write(ctx, func(t *tx) error {
		for i, s := range list {
			err := t.exec(`INSERT INTO resumptions (handle, expires, sealed) VALUES (?, ?, ?)
				ON CONFLICT (handle) DO UPDATE SET expires = excluded.expires, sealed = excluded.sealed`, s.Handle[:], micros(s.Expires), sealed[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep resumptions: %w", err)
	}
	return nil
}

// Find gives a session that has not expired; identity.ErrNotFound otherwise.
func (r *Resumptions) Find(ctx context.Context, handle [16]byte, now time.Time) (Resumption, error) {
	found := Resumption{Handle: handle}
	var expires int64
	var sealed []byte
	err := r.db.read(ctx, func(t *tx) error {
		return t.row("SELECT expires, sealed FROM resumptions WHERE handle = ?", handle[:]).Scan(&expires, &sealed)
	})
	if err = notFound(err); err == nil && expires <= micros(now) {
		err = identity.ErrNotFound
	}
	var s sealedResumption
	if err == nil {
		err = r.db.keys.openJSON("resumptions", hex.EncodeToString(handle[:]), "sealed", sealed, &s)
	}
	if err != nil {
		return Resumption{}, fmt.Errorf("find a resumption: %w", err)
	}
	found.Expires, found.Method, found.Name = moment(expires), s.Method, s.Name
	found.Voucher = identity.Voucher{Person: s.Person, Epoch: s.Epoch, At: s.At, Hash: s.Hash}
	return found, nil
}

// pruneResumptions is how many one transaction of Prune forgets.
const pruneResumptions = 2000

// Prune forgets sessions that have expired.
func (r *Resumptions) Prune(ctx context.Context, now time.Time) error {
	for n := int64(pruneResumptions); n == pruneResumptions; {
		err := r.db.write(ctx, func(t *tx) (err error) {
			n, err = t.count("DELETE FROM resumptions WHERE handle IN (SELECT handle FROM resumptions WHERE expires <= ? LIMIT ?)", micros(now), pruneResumptions)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget resumptions: %w", err)
		}
	}
	return nil
}

// TicketSecret is one secret for tickets.
type TicketSecret struct {
	Made   time.Time // also its name: no two are made at once
	Secret [32]byte
}

// Secrets gives the secrets of tickets, the newest first. It makes a new one
// where the newest is as old as every, and destroys those that are older than
// twice that: a ticket's life is every at most.
func (r *Resumptions) Secrets(ctx context.Context, now time.Time, every time.Duration) ([]TicketSecret, error) {
	var list []TicketSecret
	read := func(t *tx) (err error) {
		list, err = t.ticketSecrets(now.Add(-2 * every))
		return err
	}
	err := r.db.read(ctx, read)
	if err == nil && !current(list, now, every) {
		err = r.db.write(ctx, func(t *tx) error {
			if err := read(t); err != nil || current(list, now, every) {
				return err // another replica was faster
			}
			return t.renewTicketSecrets(&list, now, every)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets of tickets: %w", err)
	}
	return list, nil
}

// current says that the newest secret serves. One from a clock far ahead does
// not: it would never end.
func current(list []TicketSecret, now time.Time, every time.Duration) bool {
	return len(list) > 0 && now.Sub(list[0].Made) < every && list[0].Made.Sub(now) < every
}

func (t *tx) ticketSecrets(after time.Time) ([]TicketSecret, error) {
	var list []TicketSecret
	err := t.each("SELECT made, sealed FROM ticket_secrets WHERE made > ? ORDER BY made DESC", []any{micros(after)}, func(scan func(...any) error) error {
		var made int64
		var sealed []byte
		if err := scan(&made, &sealed); err != nil {
			return err
		}
		secret, err := t.db.keys.open("ticket_secrets", strconv.FormatInt(made, 10), "sealed", sealed)
		if err == nil && len(secret) != 32 {
			err = ErrSealed
		}
		if err != nil {
			return err
		}
		list = append(list, TicketSecret{moment(made), [32]byte(secret)})
		return nil
	})
	return list, err
}

func (t *tx) renewTicketSecrets(list *[]TicketSecret, now time.Time, every time.Duration) error {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	made := micros(now)
	sealed, err := t.db.keys.seal("ticket_secrets", strconv.FormatInt(made, 10), "sealed", fresh)
	if err != nil {
		return err
	}
	// Those from a clock ahead go too.
	err = t.exec("DELETE FROM ticket_secrets WHERE made <= ? OR made >= ?", micros(now.Add(-2*every)), micros(now.Add(every)))
	if err == nil {
		err = t.exec("INSERT INTO ticket_secrets (made, sealed) VALUES (?, ?)", made, sealed)
	}
	if err != nil {
		return err
	}
	*list, err = t.ticketSecrets(now.Add(-2 * every))
	return err
}
