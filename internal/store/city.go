package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
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
