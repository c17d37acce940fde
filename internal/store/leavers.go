package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// personErasure is the kind of the line that tells of a person's erasure.
const personErasure = "person_erasure"

// NoteLeavers notes since which day nobody needs the people with an account who
// work and study nowhere today nor later, and forgets it of those who came back.
// It reads everybody: call it once a day.
func (a *Accounts) NoteLeavers(ctx context.Context, today person.Date) error {
	after := []byte{}
	for {
		var page []*directory.Entry
		err := a.db.read(ctx, func(t *tx) (err error) {
			var ids []identity.PersonID
			ids, err = t.ids("SELECT person FROM accounts WHERE person > ? ORDER BY person LIMIT ?", after, loadPage)
			if err != nil || len(ids) == 0 {
				after = nil
				return err
			}
			first := after
			after = ids[len(ids)-1][:]
			page, err = t.entries("PERSON > ? AND PERSON <= ?", first, after)
			return err
		})
		if err == nil && after != nil {
			err = a.db.write(ctx, func(t *tx) error { return t.noteIdle(page, today) })
		}
		if err != nil {
			return fmt.Errorf("note who left: %w", err)
		}
		if after == nil {
			return nil
		}
	}
}

func (t *tx) noteIdle(page []*directory.Entry, today person.Date) error {
	for _, e := range page {
		query, args := "UPDATE people SET idle = ? WHERE id = ? AND idle = ''", []any{today.String(), e.Person[:]}
		for _, a := range e.Affiliations {
			if !a.Closed && (a.To.IsZero() || !a.To.Before(today)) {
				query, args = "UPDATE people SET idle = '' WHERE id = ? AND idle <> ''", []any{e.Person[:]}
			}
		}
		if err := t.exec(query, args...); err != nil {
			return err
		}
	}
	return nil
}

// EraseLeavers erases the personal data of those whom nobody needs since before
// that day, one transaction each, and says of how many. What stays cannot be read:
// digests of the city account and of all names, which are reserved for ever, the
// numbers, and which records and which object in a target are the person's, so
// that whoever comes back gets the same account. Rows that a registry still has
// stay as long as it has them. Accounts in targets are left switched off.
func (a *Accounts) EraseLeavers(ctx context.Context, before person.Date, now time.Time) (n int, err error) {
	for {
		var ids []identity.PersonID
		err := a.db.read(ctx, func(t *tx) (err error) {
			ids, err = t.ids("SELECT id FROM people WHERE erased = 0 AND idle <> '' AND idle < ? LIMIT ?", before.String(), loadPage)
			return err
		})
		if err == nil { // what a name looks like is reserved too, and cannot be told later
			err = a.db.fillLooks(ctx, len(ids) > 0)
		}
		if err != nil {
			return n, fmt.Errorf("find who left long ago: %w", err)
		}
		for _, id := range ids {
			err := a.db.write(ctx, func(t *tx) error { return t.erasePerson(id, before, now) })
			if err != nil {
				return n, fmt.Errorf("erase person %s: %w", id, err)
			}
			n++
		}
		if len(ids) < loadPage {
			return n, nil
		}
	}
}

func (t *tx) erasePerson(id identity.PersonID, before person.Date, now time.Time) error {
	sealed, err := t.db.keys.sealJSON("people", id.String(), "sealed", sealedPerson{})
	if err != nil {
		return err
	}
	// Somebody may have come back since.
	erased, err := t.count("UPDATE people SET sealed = ?, erased = ?, rematch = 0 WHERE id = ? AND erased = 0 AND idle <> '' AND idle < ?",
		sealed, micros(now), id[:], before.String())
	if err != nil || erased == 0 {
		return err
	}
	if err := t.raiseEpoch(id, now, never); err != nil {
		return err
	}
	if err := t.eraseRecords(id); err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE names SET sealed = ?, kind = 4 WHERE person = ?", // person.NameRetired
		"UPDATE accounts SET sealed = ? WHERE person = ?",
		"UPDATE audit SET sealed = ? WHERE person = ? AND substr(kind, 1, 7) <> 'sign_in'", // those go after their own time
	} {
		if err := t.exec(statement, []byte{}, id[:]); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM verifiers WHERE person = ?", id[:]); err != nil {
		return err
	}
	rows, err := t.targetRows(id)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := t.eraseTarget(id, r); err != nil {
			return err
		}
	}
	t.touch(id)
	return t.auditJSON(now, personErasure, id, map[string]any{"before": before.String()})
}

// eraseTarget leaves of an account what finds its object.
func (t *tx) eraseTarget(id identity.PersonID, r storedTarget) error {
	key := targetKey(id, r.target)
	name, err := t.db.keys.seal("targets", key, "name", []byte{})
	if err != nil {
		return err
	}
	observed, err := t.db.keys.sealJSON("targets", key, "observed", nameless(r.Observed))
	if err != nil {
		return err
	}
	return t.exec("UPDATE targets SET name = ?, observed = ?, renaming = 0, revision = revision + 1 WHERE person = ? AND target = ?", name, observed, id[:], r.target)
}

// nameless is what a pass saw, without what names the person.
func nameless(o provision.Observed) provision.Observed {
	o.Name, o.UPN, o.Display, o.Place, o.PasswordTag = "", "", "", "", nil
	for i := range o.Problems {
		o.Problems[i].Arg = ""
	}
	return o
}

// eraseRecords deletes the person's rows that their registries have no more, what
// they are found by, and what was claimed for them. That they are the person's
// stays.
func (t *tx) eraseRecords(id identity.PersonID) error {
	refs, err := t.boundTo(id)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		k := registries[ref.Kind]
		if ref.Kind == person.RecordCard {
			continue // the child's, and of both parents
		}
		var n int
		if err := t.row("SELECT COUNT(*) FROM "+k.table+" WHERE key = ? AND gone <> ''", string(ref.ID)).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := t.dropLookups(k, []string{string(ref.ID)}); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM "+k.table+" WHERE key = ?", string(ref.ID)); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM claims WHERE kind = ? AND key = ?", ref.Kind, string(ref.ID)); err != nil {
			return err
		}
	}
	return nil
}

// eraseEnded erases the rows that their registry lets go of only after the person
// was erased.
func (t *tx) eraseEnded(kind person.RecordKind, keys []string) error {
	if kind != person.RecordEmployment && kind != person.RecordEnrolment {
		return nil
	}
	ids, err := t.ids(`SELECT DISTINCT b.person FROM bindings b JOIN people p ON p.id = b.person
		WHERE p.erased > 0 AND b.kind = ? AND b.key IN (`+marks(len(keys))+")", append([]any{kind}, anys(keys)...)...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.eraseRecords(id); err != nil {
			return err
		}
	}
	return nil
}

// erasedSubject stands for the city account of somebody who was erased: it is
// another's than anybody's who asks.
func erasedSubject(s identity.Subject, id identity.PersonID) identity.Subject {
	if s == "" {
		return identity.Subject("erased:" + id.String())
	}
	return s
}

// refill gives the accounts in targets of somebody who was erased and came back a
// name again.
func (t *tx) refill(id identity.PersonID, login identity.Login) error {
	if login == "" {
		return nil
	}
	rows, err := t.targetRows(id)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Row.Name != "" {
			continue
		}
		name, err := t.db.keys.seal("targets", targetKey(id, r.target), "name", []byte(login))
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE targets SET name = ? WHERE person = ? AND target = ?", name, id[:], r.target); err != nil {
			return err
		}
	}
	return nil
}

// isErased says whether a person's data were erased.
func (t *tx) isErased(id identity.PersonID) (bool, error) {
	var erased int64
	err := notFound(t.row("SELECT erased FROM people WHERE id = ?", id[:]).Scan(&erased))
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	return erased > 0, err
}
