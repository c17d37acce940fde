package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// personErasure is the kind of the line that tells of a person's erasure.
const personErasure = "person_erasure"

// NoteLeavers notes since which day nobody needs people, and forgets it of those
// who came back. It goes over everybody: call it once a day.
func (a *Accounts) NoteLeavers(ctx context.Context, today person.Date) error {
	for after := []byte{}; after != nil; {
		var turned []leaver
		err := a.db.read(ctx, func(t *tx) (err error) {
			turned, after, err = t.turned(after, today)
			return err
		})
		if err == nil && len(turned) > 0 {
			err = a.db.write(ctx, func(t *tx) error { return t.noteIdle(turned, today) })
		}
		if err != nil {
			return fmt.Errorf("note who left: %w", err)
		}
	}
	return nil
}

// leaver is somebody, and whether it is noted that nobody needs them.
type leaver struct {
	id   identity.PersonID
	idle bool
}

// turned gives those of the next people after one of whom the note is wrong, and
// the last that was looked at; nil: there are no more.
func (t *tx) turned(after []byte, today person.Date) (turned []leaver, last []byte, err error) {
	var ids []identity.PersonID
	err = t.each("SELECT id, idle <> '' FROM people WHERE id > ? AND erased = 0 ORDER BY id LIMIT ?", []any{after, loadPage}, func(scan func(...any) error) error {
		var id []byte
		var l leaver
		err := scan(&id, &l.idle)
		l.id = personID(id)
		turned, ids = append(turned, l), append(ids, l.id)
		return err
	})
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	last = ids[len(ids)-1][:]
	needed, err := t.neededOf(ids, today, "PERSON > ? AND PERSON <= ?", after, last)
	return slices.DeleteFunc(turned, func(l leaver) bool { return l.idle != needed[l.id] }), last, err
}

// neededOf says which of the people whom a condition chooses, as entries has it,
// work or study somewhere that day or later, or are parents of a child whose card
// is there.
func (t *tx) neededOf(ids []identity.PersonID, today person.Date, condition string, args ...any) (map[identity.PersonID]bool, error) {
	people, needed := map[identity.PersonID]*directory.Entry{}, map[identity.PersonID]bool{}
	for _, id := range ids {
		people[id] = &directory.Entry{Person: id}
	}
	if err := t.affiliate(people, on(condition), args); err != nil {
		return nil, err
	}
	for id, e := range people {
		needed[id] = slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool { return !a.Closed && (a.To.IsZero() || !a.To.Before(today)) })
	}
	return needed, t.each(on(condition)(`SELECT DISTINCT b.person FROM bindings b JOIN cards c ON c.child = b.key WHERE +b.kind = 3 AND c.gone = '' AND CONDITION`, "b.person"), args,
		func(scan func(...any) error) error {
			var id []byte
			err := scan(&id)
			needed[personID(id)] = true
			return err
		})
}

func (t *tx) noteIdle(turned []leaver, today person.Date) error {
	for _, l := range turned {
		query, args := "UPDATE people SET idle = ? WHERE id = ? AND idle = ''", []any{today.String(), l.id[:]}
		if l.idle {
			query, args = "UPDATE people SET idle = '' WHERE id = ?", args[1:]
		}
		if err := t.exec(query, args...); err != nil {
			return err
		}
	}
	return nil
}

// rematchPatience is how many days somebody is kept for a Rematcher that does not
// answer.
const rematchPatience = 30

// erasable chooses people by two days: before one, and before that by rematchPatience.
const erasable = "erased = 0 AND idle <> '' AND idle < ? AND (rematch = 0 OR idle < ?)"

// EraseLeavers erases the personal data of those whom nobody needs since before
// that day, one transaction each, and says of how many. What stays cannot be read:
// digests of the city account and of all names, which are reserved for ever, the
// numbers, and which records and which object in a target are the person's, so
// that whoever comes back gets the same account. Accounts in targets are left
// switched off. Then it erases what else is as old: eraseOld.
func (a *Accounts) EraseLeavers(ctx context.Context, before person.Date, now time.Time) (n int, err error) {
	for more := true; more; {
		var ids []identity.PersonID
		err := a.db.read(ctx, func(t *tx) (err error) {
			ids, err = t.ids("SELECT id FROM people WHERE "+erasable+" LIMIT ?", before.String(), before.AddDays(-rematchPatience).String(), loadPage)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("find who left long ago: %w", err)
		}
		more = len(ids) == loadPage
		for _, id := range ids {
			erased := false
			err := a.db.write(ctx, func(t *tx) (err error) {
				erased, err = t.erasePerson(id, before, now)
				return err
			})
			if err != nil {
				return n, fmt.Errorf("erase person %s: %w", id, err)
			}
			if erased {
				n++
			}
		}
	}
	return n, a.db.eraseOld(ctx, before)
}

// erasePerson erases one person, unless somebody has needed them since: they may
// have come back after it was noted, and a row that may be theirs waits for Rematcher.
func (t *tx) erasePerson(id identity.PersonID, before person.Date, now time.Time) (bool, error) {
	needed, err := t.neededOf([]identity.PersonID{id}, before, "PERSON = ?", id[:])
	if err != nil {
		return false, err
	}
	if needed[id] {
		return false, t.exec("UPDATE people SET idle = '' WHERE id = ?", id[:])
	}
	profile, err := t.profileOf(id)
	if err != nil {
		return false, err
	}
	sealed, err := t.db.keys.sealJSON("people", id.String(), "sealed", sealedPerson{})
	if err != nil {
		return false, err
	}
	n, err := t.count("UPDATE people SET sealed = ?, erased = ?, rematch = 0 WHERE id = ? AND "+erasable,
		sealed, micros(now), id[:], before.String(), before.AddDays(-rematchPatience).String())
	if err != nil || n == 0 {
		return false, err
	}
	if err := t.raiseEpoch(id, now, never); err != nil {
		return false, err
	}
	rows, err := t.targetRows(id)
	if err != nil {
		return false, err
	}
	if err := t.eraseDuplicates(id); err != nil {
		return false, err
	}
	for _, r := range rows {
		if err := t.eraseTarget(id, r); err != nil {
			return false, err
		}
	}
	if err := t.eraseAnswers(id, profile.Subject, rows); err != nil {
		return false, err
	}
	t.touch(id)
	return true, t.eraseWritten(id, before, now)
}

// eraseWritten erases what the tables hold of a person by their id, and tells of
// it in the audit trail: after the last line that is erased, whatever clock wrote that.
func (t *tx) eraseWritten(id identity.PersonID, before person.Date, now time.Time) error {
	var last int64
	if err := t.row("SELECT COALESCE(MAX(at), 0) FROM audit WHERE person = ?", id[:]).Scan(&last); err != nil {
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
	for _, statement := range []string{
		"DELETE FROM verifiers WHERE person = ?",
		"DELETE FROM rights WHERE person = ?",
		"DELETE FROM factors WHERE person = ?",
		"DELETE FROM bindings WHERE person = ? AND +kind = 3", // of a parent: the child's card finds them again
		"DELETE FROM claims WHERE (kind, key) IN (SELECT kind, key FROM bindings WHERE person = ?)",
	} {
		if err := t.exec(statement, id[:]); err != nil {
			return err
		}
	}
	return t.auditJSON(moment(max(last, micros(now))), personErasure, id, map[string]any{"before": before.String()})
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
	o.Name, o.UPN, o.Display, o.Place, o.PasswordTag, o.Groups, o.Problems = "", "", "", "", nil, nil, slices.Clone(o.Problems)
	for i := range o.Problems {
		o.Problems[i].Arg = ""
	}
	return o
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
