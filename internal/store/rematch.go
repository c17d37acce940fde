package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

var _ provision.Rematches = (*Accounts)(nil)

// askRematch says of people with an account and the ФИО of a new row that it may
// be theirs. Rows that are bound to somebody say nothing new, and neither do cards:
// nobody gets an account by one.
func (t *tx) askRematch(kind person.RecordKind, rows []ofFIO) error {
	if kind != person.RecordEmployment && kind != person.RecordEnrolment {
		return nil
	}
	return batches(rows, inList, func(rows []ofFIO) error {
		args := []any{kind}
		for _, r := range rows {
			args = append(args, r.key)
		}
		bound := map[string]bool{}
		err := t.each("SELECT key FROM bindings WHERE kind = ? AND key IN ("+marks(len(rows))+")", args, func(scan func(...any) error) error {
			var key string
			err := scan(&key)
			bound[key] = true
			return err
		})
		if err != nil {
			return err
		}
		var digests []any
		for _, r := range rows {
			if !bound[r.key] {
				digests = append(digests, anys(r.digests)...)
			}
		}
		return batches(digests, inList, t.rematchAll)
	})
}

// rematchBound asks for the people whose records end: of two that were alike, one
// is left.
func (t *tx) rematchBound(kind person.RecordKind, keys []string) error {
	if kind != person.RecordEmployment && kind != person.RecordEnrolment {
		return nil
	}
	return batches(keys, inList, func(keys []string) error {
		t.woke = t.woke || len(keys) > 0
		return t.exec(`UPDATE people SET rematch = rematch + 1 WHERE erased = 0 AND id IN
			(SELECT person FROM bindings WHERE kind = ? AND key IN (`+marks(len(keys))+`))`, append([]any{kind}, anys(keys)...)...)
	})
}

// ofFIO is a row and the digests of the ФИО in it.
type ofFIO struct {
	key     string
	digests [][]byte
}

// rematchAll marks the people who are bound to any row with one of the digests.
func (t *tx) rematchAll(digests []any) error {
	// "+l.kind" is no index: the digest alone finds the few.
	ids, err := t.ids(`SELECT DISTINCT b.person FROM lookups l JOIN bindings b ON b.kind = l.record_kind AND b.key = l.record_key
		JOIN accounts a ON a.person = b.person WHERE l.digest IN (`+marks(len(digests))+`) AND +l.kind = ?`, append(digests, int64(domainFIO))...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := t.exec("UPDATE people SET rematch = rematch + 1 WHERE id = ? AND erased = 0", id[:]); err != nil {
			return err
		}
		t.woke = true
	}
	return nil
}

// closedKeys are the enrolments among the records that are over.
func closedKeys(kind person.RecordKind, records []record) (keys []string) {
	for _, r := range records {
		if kind == person.RecordEnrolment && r.clear[3] == closedStatus {
			keys = append(keys, r.key)
		}
	}
	return keys
}

// fioRows gives what askRematch needs of records on their way in.
func fioRows(records []record) []ofFIO {
	var list []ofFIO
	for _, r := range records {
		one := ofFIO{key: r.key}
		for _, l := range r.found {
			if l.domain == domainFIO {
				one.digests = append(one.digests, l.digest)
			}
		}
		list = append(list, one)
	}
	return list
}

// rematchStarted asks for the people whose unbound employment begins on one of
// the days: it could not be theirs before.
func (t *tx) rematchStarted(after, upTo person.Date) error {
	type started struct {
		key    string
		sealed []byte
	}
	var begun []started
	err := t.each(`SELECT key, sealed FROM employments WHERE starts > ? AND starts <= ? AND gone = ''
		AND NOT EXISTS (SELECT 1 FROM bindings b WHERE b.kind = 1 AND b.key = employments.key)`, []any{after.String(), upTo.String()},
		func(scan func(...any) error) error {
			var s started
			err := scan(&s.key, &s.sealed)
			s.sealed = bytes.Clone(s.sealed)
			begun = append(begun, s)
			return err
		})
	if err != nil {
		return err
	}
	var rows []ofFIO
	for _, s := range begun {
		value, err := t.db.keys.decode(person.RecordEmployment, s.key, s.sealed)
		if err != nil {
			return err
		}
		digests, err := t.db.keys.every(domainFIO, wholeFIO(value.(person.Employment).FIO))
		if err != nil {
			return err
		}
		one := ofFIO{key: s.key}
		for _, d := range digests {
			one.digests = append(one.digests, d.digest)
		}
		rows = append(rows, one)
	}
	return t.askRematch(person.RecordEmployment, rows)
}

// Rematches implements provision.Rematches.
func (a *Accounts) Rematches(ctx context.Context, after identity.PersonID, limit int) ([]provision.Rematch, error) {
	var list []provision.Rematch
	err := a.db.read(ctx, func(t *tx) error {
		list = nil
		ids, err := t.ids("SELECT id FROM people WHERE rematch > 0 AND id > ? ORDER BY id LIMIT ?", after[:], limit)
		if err != nil {
			return err
		}
		for _, id := range ids {
			r := provision.Rematch{Person: id}
			if err := t.row("SELECT rematch FROM people WHERE id = ?", id[:]).Scan(&r.Asked); err != nil {
				return err
			}
			p, err := t.profileOf(id)
			if err != nil {
				return err
			}
			r.Profile, r.At = p.profile(), moment(p.Asked)
			list = append(list, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find people to match anew: %w", err)
	}
	return list, nil
}

// Profile gives what mos.ru, or where else the person is at home, said of somebody
// last, and when; a zero time where that is not known.
func (a *Accounts) Profile(ctx context.Context, id identity.PersonID) (p person.Profile, told time.Time, err error) {
	err = a.db.read(ctx, func(t *tx) error {
		kept, err := t.profileOf(id)
		if p = kept.profile(); kept.Asked != 0 {
			told = moment(kept.Asked)
		}
		return err
	})
	if err != nil {
		return person.Profile{}, time.Time{}, fmt.Errorf("read a profile: %w", err)
	}
	return p, told, nil
}

// Rematched implements provision.Rematches. The person's accounts have waited for it, and
// nobody is woken: after an import these are many, and workers look every few seconds.
func (a *Accounts) Rematched(ctx context.Context, id identity.PersonID, asked uint64) error {
	err := a.db.write(ctx, func(t *tx) error {
		return t.exec("UPDATE people SET rematch = 0 WHERE id = ? AND rematch = ?", id[:], asked)
	})
	if err != nil {
		return fmt.Errorf("note that somebody was matched anew: %w", err)
	}
	return nil
}

// asksRematch refuses what a Rematcher found by a question that does not stand any more:
// another replica has answered it, or whom it is about works under another city account
// since, so that this one would become a second person.
func (t *tx) asksRematch(subject identity.Subject) error {
	id, err := t.personBySubject(subject)
	if errors.Is(err, identity.ErrNotFound) {
		return provision.ErrNotAsked
	}
	if err != nil {
		return err
	}
	var asked uint64
	if err := t.row("SELECT rematch FROM people WHERE id = ?", id[:]).Scan(&asked); err != nil {
		return err
	}
	if asked == 0 {
		return provision.ErrNotAsked
	}
	return nil
}

// sealProfile is people.sealed for a profile that mos.ru, or where else the subject is
// at home, gave when it was asked.
func sealProfile(p person.Profile, asked time.Time) sealedPerson {
	s := sealedPerson{
		Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Mail: p.Email,
		SNILS: p.SNILS, SNILSConfirmed: p.SNILSConfirmed, Phone: p.Phone, Birth: p.BirthDate.String(), Trusted: p.Trusted,
		PhoneVerified: p.PhoneVerified, EmailVerified: p.EmailVerified, Asked: micros(asked),
	}
	if p.Subject.Upstream() != "" {
		s.Login, s.Elsewhere = "", p.Login
	}
	return s
}

// profile is what was said of the person then.
func (s sealedPerson) profile() person.Profile {
	birth, _ := person.ParseDate(s.Birth)
	return person.Profile{
		Subject: s.Subject, Login: s.login(), Last: s.Last, First: s.First, Middle: s.Middle, Email: s.Mail,
		SNILS: s.SNILS, SNILSConfirmed: s.SNILSConfirmed, Phone: s.Phone, BirthDate: birth, Trusted: s.Trusted,
		PhoneVerified: s.PhoneVerified, EmailVerified: s.EmailVerified,
	}
}
