package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Accounts gives people their accounts and finds who holds what.
type Accounts struct{ db *DB }

// Accounts gives the accounts.
func (db *DB) Accounts() *Accounts { return &Accounts{db} }

// Holder is one person as the store knows them, with or without an account.
type Holder struct {
	Person     identity.PersonID
	Subject    identity.Subject
	MosruLogin string
	Last       string
	First      string
	Middle     string
	Mail       string
	State      directory.State // what Suspended and Closed come to
	Suspended  bool            // here, until Resume
	Closed     bool            // by the upstream: Resume does not open that
	Epoch      uint64
	Created    time.Time
	Names      []person.Name
	Records    []person.RecordRef // bound ones
	Login      identity.Login     // "" where there is no account
	UIDNumber  uint32
	UUID       [16]byte
}

// Find gives the person with any name, in whatever case; identity.ErrNotFound
// where nobody has had it.
func (a *Accounts) Find(ctx context.Context, name string) (Holder, error) {
	return a.holder(ctx, func(t *tx) (identity.PersonID, error) {
		id, _, _, err := t.holderOf(person.FoldName(name))
		return id, err
	})
}

// Get gives a person.
func (a *Accounts) Get(ctx context.Context, id identity.PersonID) (Holder, error) {
	return a.holder(ctx, func(*tx) (identity.PersonID, error) { return id, nil })
}

// BySubject gives the person that a city account is bound to.
func (a *Accounts) BySubject(ctx context.Context, subject identity.Subject) (Holder, error) {
	return a.holder(ctx, func(t *tx) (identity.PersonID, error) { return t.personBySubject(subject) })
}

func (a *Accounts) holder(ctx context.Context, find func(*tx) (identity.PersonID, error)) (Holder, error) {
	var h Holder
	err := a.db.read(ctx, func(t *tx) error {
		id, err := find(t)
		if err != nil {
			return err
		}
		h, err = t.holder(id)
		return err
	})
	if err != nil {
		return Holder{}, fmt.Errorf("find person: %w", err)
	}
	return h, nil
}

func (t *tx) holder(id identity.PersonID) (Holder, error) {
	h := Holder{Person: id}
	var created int64
	var upstream int
	if err := t.row("SELECT state, upstream, epoch, created FROM people WHERE id = ?", id[:]).Scan(&h.State, &upstream, &h.Epoch, &created); err != nil {
		return h, notFound(err)
	}
	h.Suspended, h.Closed = h.State == directory.StateSuspended, upstream != upstreamOpen
	h.State = shown(h.State, upstream)
	h.Created = moment(created)
	p, err := t.profileOf(id)
	if err != nil {
		return h, err
	}
	h.Subject, h.MosruLogin, h.Last, h.First, h.Middle, h.Mail = p.Subject, p.login(), p.Last, p.First, p.Middle, p.Mail
	err = t.eachName("SELECT person, kind, digest, sealed FROM names WHERE person = ? ORDER BY kind, digest", []any{id[:]},
		func(_ identity.PersonID, n person.Name) { h.Names = append(h.Names, n) })
	if err != nil {
		return h, err
	}
	if h.Records, err = t.boundTo(id); err != nil {
		return h, err
	}
	var done person.Activated
	_, err = t.giveAccount(id, "", time.Time{}, &done) // without a login it only looks
	h.Login, h.UIDNumber, h.UUID = done.Login, done.UIDNumber, done.UUID
	return h, err
}

func (t *tx) boundTo(id identity.PersonID) ([]person.RecordRef, error) {
	var refs []person.RecordRef
	err := t.each("SELECT kind, key FROM bindings WHERE person = ? ORDER BY kind, key", []any{id[:]},
		func(scan func(...any) error) error {
			var r person.RecordRef
			err := scan(&r.Kind, &r.ID)
			refs = append(refs, r)
			return err
		})
	return refs, err
}

// Suspend switches an account off until Resume. reason goes to the audit
// trail only.
func (a *Accounts) Suspend(ctx context.Context, id identity.PersonID, now time.Time, reason string) error {
	return a.setState(ctx, id, directory.StateSuspended, now, reason)
}

// Resume switches a suspended account on.
func (a *Accounts) Resume(ctx context.Context, id identity.PersonID, now time.Time, reason string) error {
	return a.setState(ctx, id, directory.StateActive, now, reason)
}

func (a *Accounts) setState(ctx context.Context, id identity.PersonID, state directory.State, now time.Time, reason string) error {
	err := a.db.write(ctx, func(t *tx) error {
		var old directory.State
		if err := t.row("SELECT state FROM people WHERE id = ?", id[:]).Scan(&old); err != nil {
			return notFound(err)
		}
		if old == state {
			return nil
		}
		// A suspension ends confirmations too: the epoch moves.
		if err := t.exec("UPDATE people SET state = ? WHERE id = ?", state, id[:]); err != nil {
			return err
		}
		if err := t.raiseEpoch(id, now, always); err != nil {
			return err
		}
		if err := t.exec("UPDATE verifiers SET epoch = epoch + 1 WHERE person = ?", id[:]); err != nil {
			return err
		}
		t.touch(id)
		return t.auditJSON(now, "state", id, map[string]any{"suspended": state == directory.StateSuspended, "reason": reason})
	})
	if err != nil {
		return fmt.Errorf("set account state: %w", err)
	}
	return nil
}

// Remove takes the account, the bindings, the kept verifier and a waiting
// password away; accounts in targets are switched off by their workers. The
// person's names stay reserved for ever and the account's numbers are never
// given again.
func (a *Accounts) Remove(ctx context.Context, id identity.PersonID, now time.Time, reason string) error {
	err := a.db.write(ctx, func(t *tx) error {
		if err := t.raiseEpoch(id, now, never); err != nil {
			return err
		}
		if err := t.exec("UPDATE names SET kind = ? WHERE person = ?", person.NameRetired, id[:]); err != nil {
			return err
		}
		for _, statement := range []string{
			"UPDATE people SET rematch = 0 WHERE id = ?", // no row brings it back
			"DELETE FROM verifiers WHERE person = ?",
			"DELETE FROM bindings WHERE person = ?",
		} {
			if err := t.exec(statement, id[:]); err != nil {
				return err
			}
		}
		n, err := t.count("DELETE FROM accounts WHERE person = ?", id[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return identity.ErrNotFound
		}
		t.touch(id)
		return t.auditJSON(now, "removal", id, map[string]any{"reason": reason})
	})
	if err != nil {
		return fmt.Errorf("remove account: %w", err)
	}
	return nil
}
