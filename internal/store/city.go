package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// What mos.ru calls people is kept beside the names that they have here: a login
// of somebody who is a parent, waits for a curator or came too late for the name
// is nobody's name here, and is that account's at mos.ru all the same.

// cityLoginRenewed is how old it gets when mos.ru last told of a login whose account
// is the same: those who sign in every hour need not write every hour.
const cityLoginRenewed = 24 * time.Hour

// noteCityLogin keeps which city account mos.ru gave a login to last.
func (t *tx) noteCityLogin(subject identity.Subject, login string, at time.Time) error {
	folded := person.FoldName(login)
	if folded == "" || subject.Upstream() != "" {
		return nil
	}
	d, err := t.db.keys.current(domainName, folded)
	if err != nil {
		return err
	}
	s, err := t.subjectKey(subject)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO city_logins (digest, version, subject_digest, subject_version, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (digest, version) DO UPDATE SET subject_digest = excluded.subject_digest, subject_version = excluded.subject_version, at = excluded.at
		WHERE excluded.at >= city_logins.at AND (excluded.subject_digest <> city_logins.subject_digest OR excluded.at >= city_logins.at + ?)`,
		d.digest, d.version, s.digest, s.version, micros(at), cityLoginRenewed.Microseconds())
}

// told is that mos.ru told of somebody's login.
type told struct {
	subject identity.Subject
	login   string
	at      time.Time
}

// cityLoginsFilled is the mark in meta that fillCityLogins was there.
const cityLoginsFilled = "city_logins"

// fillCityLogins notes, at the first start of a version that does so, the logins at
// mos.ru that were kept before of people and of those who wait.
func (db *DB) fillCityLogins(ctx context.Context) error {
	var filled int
	err := db.read(ctx, func(t *tx) (err error) {
		filled, err = t.meta(cityLoginsFilled)
		return err
	})
	if err != nil || filled > 0 {
		return err
	}
	for after := []byte{}; err == nil && after != nil; {
		var some []told
		err = db.read(ctx, func(t *tx) (err error) {
			some, after, err = t.toldOfPeople(after)
			return err
		})
		if err == nil {
			err = db.noteTold(ctx, some)
		}
	}
	if err == nil {
		var waiting []told
		err = db.read(ctx, func(t *tx) error {
			return t.tries(func(try provision.Try) error {
				waiting = append(waiting, told{try.Subject, try.Login, try.At})
				return nil
			})
		})
		if err == nil {
			err = db.noteTold(ctx, waiting)
		}
	}
	if err == nil {
		err = db.write(ctx, func(t *tx) error { return t.setMeta(cityLoginsFilled, 1) })
	}
	if err != nil {
		return fmt.Errorf("fill in whose logins at mos.ru are: %w", err)
	}
	return nil
}

// toldOfPeople gives what is kept of the next people after one, and the last of
// them; nil: there are no more.
func (t *tx) toldOfPeople(after []byte) (some []told, last []byte, err error) {
	err = t.each("SELECT id, sealed FROM people WHERE id > ? ORDER BY id LIMIT ?", []any{after, namesChunk}, func(scan func(...any) error) error {
		var sealed []byte
		var p sealedPerson
		if err := scan(&last, &sealed); err != nil {
			return err
		}
		if err := t.db.keys.openJSON("people", personID(last).String(), "sealed", sealed, &p); err != nil {
			return err
		}
		some = append(some, told{p.Subject, p.login(), moment(p.Asked)})
		return nil
	})
	return some, last, err
}

func (db *DB) noteTold(ctx context.Context, list []told) error {
	return batches(list, namesChunk, func(some []told) error {
		return db.write(ctx, func(t *tx) error {
			for _, one := range some {
				if err := t.noteCityLogin(one.subject, one.login, one.at); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// subjectKey gives the digest under which somebody is bound to a city account, else
// that of today's key.
func (t *tx) subjectKey(subject identity.Subject) (keyed, error) {
	digests, err := t.db.keys.every(domainSubject, string(subject))
	if err != nil {
		return keyed{}, err
	}
	for _, d := range digests {
		if _, err := t.boundBy(d); !errors.Is(err, identity.ErrNotFound) {
			return d, err
		}
	}
	return t.db.keys.current(domainSubject, string(subject))
}

// cityLogin gives the city account that has a login; false where mos.ru has told
// of none.
func (t *tx) cityLogin(login string) (subject keyed, known bool, err error) {
	digests, err := t.db.keys.every(domainName, person.FoldName(login))
	if err != nil {
		return subject, false, err
	}
	var last int64
	for _, d := range digests {
		var s keyed
		var at int64
		err := t.row("SELECT subject_digest, subject_version, at FROM city_logins WHERE digest = ? AND version = ?", d.digest, d.version).Scan(&s.digest, &s.version, &at)
		switch {
		case err == nil && (!known || at > last): // of one under a former key, too
			subject, known, last = s, true, at
		case err != nil && !isNoRows(err):
			return subject, false, err
		}
	}
	return subject, known, nil
}

// boundBy gives whom a city account is bound to; identity.ErrNotFound: nobody.
func (t *tx) boundBy(subject keyed) (identity.PersonID, error) {
	var id []byte
	err := t.row("SELECT id FROM people WHERE subject_digest = ? AND subject_version = ?", subject.digest, subject.version).Scan(&id)
	return personID(id), notFound(err)
}

// elsewhere says that a name which id does not have is the login of somebody else at
// mos.ru or in the ЭЖД; holder is zero for who is no person here. own are the rows
// of whoever wants it, who may be no person yet.
func (t *tx) elsewhere(id identity.PersonID, name string, subject identity.Subject, own []person.RecordRef) (holder identity.PersonID, held bool, err error) {
	if had, _, _, err := t.holderOf(person.FoldName(name)); !errors.Is(err, identity.ErrNotFound) && (err != nil || had == id) {
		return holder, false, err
	}
	city, known, err := t.cityLogin(name)
	if err != nil {
		return holder, false, err
	}
	if known {
		mine, err := t.db.keys.every(domainSubject, string(subject))
		if err != nil {
			return holder, false, err
		}
		if !slices.ContainsFunc(mine, func(d keyed) bool { return slices.Equal(d.digest, city.digest) }) {
			holder, err := t.boundBy(city)
			if errors.Is(err, identity.ErrNotFound) {
				err = nil
			}
			return holder, true, err
		}
	}
	held, err = t.ezhdElsewhere(name, own)
	return holder, held, err
}

// elsewhereThan is elsewhere for a person, beside whose rows own are.
func (t *tx) elsewhereThan(id identity.PersonID, name string, own []person.RecordRef) (identity.PersonID, bool, error) {
	p, err := t.profileOf(id)
	if err != nil {
		return identity.PersonID{}, false, err
	}
	rows, err := t.boundTo(id)
	if err != nil {
		return identity.PersonID{}, false, err
	}
	return t.elsewhere(id, name, p.Subject, slices.Concat(rows, own))
}

// ezhdElsewhere says that another row than these has an ЭЖД login.
func (t *tx) ezhdElsewhere(login string, own []person.RecordRef) (held bool, err error) {
	digests, err := t.db.keys.every(domainLogin, person.FoldName(login))
	if err != nil {
		return false, err
	}
	for _, d := range digests {
		err := t.each("SELECT record_kind, record_key FROM lookups WHERE digest = ? AND kind = ? AND version = ? LIMIT ?",
			[]any{d.digest, int64(domainLogin), d.version, len(own) + 1}, func(scan func(...any) error) error {
				var ref person.RecordRef
				err := scan(&ref.Kind, &ref.ID)
				held = held || !slices.Contains(own, ref)
				return err
			})
		if err != nil {
			return false, err
		}
	}
	return held, nil
}

// CityOwner implements auth.Owners.
func (a *Accounts) CityOwner(ctx context.Context, login string) (id identity.PersonID, known bool, err error) {
	err = a.db.read(ctx, func(t *tx) error {
		var subject keyed
		if subject, known, err = t.cityLogin(login); err != nil || !known {
			return err
		}
		if id, err = t.boundBy(subject); errors.Is(err, identity.ErrNotFound) {
			id, err = identity.PersonID{}, nil
			copy(id[:], subject.digest)
		}
		return err
	})
	if err != nil {
		return identity.PersonID{}, false, fmt.Errorf("find whose a mos.ru login is: %w", err)
	}
	return id, known, nil
}
