package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/queue"
)

// eraseOld erases what nobody needs since before a day and what is no person's
// own: rows that have left the registries, and of those who are not here any more
// what people decided, were asked, and repaired. Rows that a registry still has stay
// as long as it has them.
func (db *DB) eraseOld(ctx context.Context, before person.Date) error {
	for _, kind := range []person.RecordKind{person.RecordEmployment, person.RecordEnrolment, person.RecordCard, person.RecordSignIns} {
		if err := db.eraseGone(ctx, registries[kind], before); err != nil {
			return fmt.Errorf("erase rows of %s: %w", registries[kind].table, err)
		}
	}
	at := micros(before.Time(time.UTC))
	if err := db.eraseDecisions(ctx, at); err != nil {
		return fmt.Errorf("erase old decisions: %w", err)
	}
	if _, err := db.eraseAll(ctx, "DELETE FROM doubts WHERE (target, object) IN (SELECT target, object FROM doubts WHERE at < ? ORDER BY at LIMIT ?)", at); err != nil {
		return fmt.Errorf("erase old questions: %w", err)
	}
	if err := db.eraseCityLogins(ctx, at); err != nil {
		return fmt.Errorf("erase whose logins at mos.ru were: %w", err)
	}
	if err := db.eraseRepairs(ctx, at); err != nil {
		return fmt.Errorf("erase old repairs: %w", err)
	}
	return nil
}

// erasedRows bounds the rows that one transaction erases: others want to write too.
const erasedRows = 1000

// eraseAll repeats a statement that erases, of what is older than a moment, at most
// so many rows, and says how many there were.
func (db *DB) eraseAll(ctx context.Context, statement string, before int64) (all int64, err error) {
	for n := int64(erasedRows); n == erasedRows; all += n {
		err := db.write(ctx, func(t *tx) (err error) {
			n, err = t.count(statement, before, erasedRows)
			return err
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// eraseCityLogins erases whose logins at mos.ru were, of those who are not here.
func (db *DB) eraseCityLogins(ctx context.Context, before int64) error {
	const unbound = "at < ? AND NOT EXISTS (SELECT 1 FROM people p WHERE p.subject_digest = city_logins.subject_digest AND p.subject_version = city_logins.subject_version)"
	at, last := int64(math.MinInt64), keyed{digest: []byte{}}
	for n := erasedRows; n == erasedRows; {
		var found []keyed
		err := db.read(ctx, func(t *tx) error { // it passes by all who are here and have not signed in since
			return t.each("SELECT at, digest, version FROM city_logins WHERE "+unbound+" AND (at, digest, version) > (?, ?, ?) ORDER BY at, digest, version LIMIT ?",
				[]any{before, at, last.digest, last.version, erasedRows}, func(scan func(...any) error) error {
					var d keyed
					err := scan(&at, &d.digest, &d.version)
					found = append(found, d)
					return err
				})
		})
		if n = len(found); err != nil || n == 0 {
			return err
		}
		last = found[n-1]
		err = db.write(ctx, func(t *tx) error {
			for _, d := range found {
				if err := t.exec("DELETE FROM city_logins WHERE digest = ? AND version = ? AND "+unbound, d.digest, d.version, before); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eraseGone erases rows that left their registry: those of people who are erased,
// and, since before a day, those of nobody. A row into which one that is there was
// merged says what that one is, and stays with it.
func (db *DB) eraseGone(ctx context.Context, k *registry, before person.Date) error {
	bound, into := fmt.Sprintf("b.kind = %d AND b.key = r.key", k.kind), ""
	switch k.kind {
	case person.RecordCard:
		bound = "b.kind = 3 AND b.key = r.child"
	case person.RecordEnrolment:
		into = " AND NOT EXISTS (SELECT 1 FROM enrolments o WHERE o.merged_to <> '' AND o.merged_to = r.key AND o.key <> r.key)"
	}
	from := " FROM " + k.table + " r WHERE r.gone <> ''" + into + " AND (r.gone < ? OR EXISTS (SELECT 1 FROM bindings b WHERE " + bound + "))" +
		" AND NOT EXISTS (SELECT 1 FROM bindings b JOIN people p ON p.id = b.person WHERE " + bound + " AND p.erased = 0)"
	gone, key := "", ""
	for n := inList; n == inList; {
		var keys []string
		err := db.read(ctx, func(t *tx) error { // it may pass by many that stay
			return t.each("SELECT r.gone, r.key"+from+" AND (r.gone, r.key) > (?, ?) ORDER BY r.gone, r.key LIMIT ?", []any{before.String(), gone, key, inList},
				func(scan func(...any) error) error {
					err := scan(&gone, &key)
					keys = append(keys, key)
					return err
				})
		})
		if n = len(keys); err != nil || n == 0 {
			return err
		}
		err = db.write(ctx, func(t *tx) error {
			var still []string
			err := t.each("SELECT r.key"+from+" AND r.key IN ("+marks(n)+")", append([]any{before.String()}, anys(keys)...), func(scan func(...any) error) error {
				var key string
				err := scan(&key)
				still = append(still, key)
				return err
			})
			if err != nil {
				return err
			}
			return t.deleteRows(k, still)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteRows deletes rows of a registry, what they are found by, and what was
// claimed for them. Whose they are stays.
func (t *tx) deleteRows(k *registry, keys []string) error {
	if err := t.dropLookups(k, keys); err != nil {
		return err
	}
	return batches(keys, inList, func(keys []string) error {
		in := " IN (" + marks(len(keys)) + ")"
		if err := t.exec("DELETE FROM claims WHERE kind = ? AND key"+in, append([]any{k.kind}, anys(keys)...)...); err != nil {
			return err
		}
		return t.exec("DELETE FROM "+k.table+" WHERE key"+in, anys(keys)...)
	})
}

// eraseAnswers erases what people were asked of somebody, and what they decided.
func (t *tx) eraseAnswers(id identity.PersonID, subject identity.Subject, rows []storedTarget) error {
	stems := []any{queue.Stem(queue.Target, id[:])}
	if subject != "" {
		digests, err := t.db.keys.every(domainSubject, string(subject))
		if err != nil {
			return err
		}
		for _, d := range digests {
			stems = append(stems, queue.Stem(queue.Activation, d.digest))
		}
		if err := t.dropTry(subject, math.MaxInt64); err != nil {
			return err
		}
		// Those that came with the person from another city account, too.
		if err := t.exec("DELETE FROM decisions WHERE digest IN ("+marks(len(digests))+")", bytesOf(digests)...); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if len(r.Object) == 0 {
			continue
		}
		stems = append(stems, queue.Stem(queue.Account, r.Object))
		if err := t.exec("DELETE FROM doubts WHERE target = ? AND object = ?", r.target, r.Object); err != nil {
			return err
		}
	}
	if err := t.exec("DELETE FROM questions WHERE stem IN ("+marks(len(stems))+")", stems...); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM decisions WHERE kind = ? AND key = ? AND undone = 0", transferKind, id.String()); err != nil {
		return err
	}
	return t.exec("DELETE FROM decisions WHERE item IN ("+marks(len(stems))+")", stems...)
}

// eraseDecisions erases what people decided before a moment of whom is not here.
func (db *DB) eraseDecisions(ctx context.Context, before int64) error {
	var last queue.Decision
	for n := queueChunk; n == queueChunk; {
		var page []queue.Decision
		err := db.write(ctx, func(t *tx) (err error) {
			page, err = t.someDecisions("(at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT ?", micros(last.At), last.ID, before, queueChunk)
			for i := 0; err == nil && i < len(page); i++ {
				err = t.eraseDecision(page[i])
			}
			return err
		})
		if n = len(page); err != nil {
			return err
		}
		if n > 0 {
			last = page[n-1]
		}
	}
	return nil
}

func (t *tx) eraseDecision(d queue.Decision) error {
	if here, err := t.concerns(d); err != nil || here {
		return err
	}
	return t.exec("DELETE FROM decisions WHERE id = ?", d.ID)
}

// concerns says that a decision is about somebody who is here.
func (t *tx) concerns(d queue.Decision) (bool, error) {
	ids := []identity.PersonID{d.Person}
	if d.Subject != "" {
		id, err := t.personBySubject(d.Subject)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return false, err
		}
		ids = append(ids, id)
	}
	if d.Object.ID != [16]byte{} {
		id, err := t.holderOfObject(d.Target, d.Object.ID)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return false, err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		if id == (identity.PersonID{}) {
			continue
		}
		if erased, err := t.isErased(id); err != nil || !erased {
			return err == nil, err
		}
	}
	return false, nil
}
