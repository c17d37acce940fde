package store

import (
	"context"
	"fmt"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

var _ auth.Owners = (*Accounts)(nil)

// ownerRows bounds the rows that one name may have: a family has a few. What
// more rows share (a number that stands for none, a school's own) is nobody's.
const ownerRows = 16

// Owner implements auth.Owners. Rows with one ФИО count as one person; rows of
// two are nobody's, because the name could be either's.
func (a *Accounts) Owner(ctx context.Context, name string) (id identity.PersonID, ok bool, err error) {
	err = a.db.read(ctx, func(t *tx) error {
		id, ok, err = t.owner(name)
		return err
	})
	if err != nil {
		return identity.PersonID{}, false, fmt.Errorf("find whose a name is: %w", err)
	}
	return id, ok, nil
}

func (t *tx) owner(name string) (id identity.PersonID, ok bool, err error) {
	g := &gathering{t: t, rows: map[person.RecordRef]any{}}
	all := typedLookups(name)
	if few, err := t.few(all); err != nil || !few {
		return id, false, err
	}
	if err := g.lookups(all); err != nil {
		return id, false, err
	}
	fio, bound := "", map[identity.PersonID]bool{}
	for ref, row := range g.rows {
		whose := fioOf(row)
		if whose == "" || fio != "" && fio != whose {
			return id, false, nil
		}
		fio = whose
		if ref.Kind == person.RecordCard {
			continue // its binding is the parent's, and the parent has no account
		}
		err := t.each("SELECT person FROM bindings WHERE kind = ? AND key = ?", []any{ref.Kind, string(ref.ID)}, func(scan func(...any) error) error {
			var holder []byte
			err := scan(&holder)
			id = personID(holder)
			bound[id] = true
			return err
		})
		if err != nil {
			return id, false, err
		}
	}
	if fio == "" || len(bound) > 1 {
		return identity.PersonID{}, false, nil
	}
	if len(bound) == 0 {
		digest, err := t.db.keys.current(domainFIO, fio)
		copy(id[:], digest.digest)
		return id, err == nil, err
	}
	return id, true, nil
}

// few says that not too many rows share the values.
func (t *tx) few(all []lookup) (bool, error) {
	rows := 0
	for _, l := range all {
		digests, err := t.db.keys.every(l.domain, l.text)
		if err != nil {
			return false, err
		}
		for _, d := range digests {
			err := t.each("SELECT record_key FROM lookups WHERE digest = ? AND kind = ? AND version = ? LIMIT ?",
				[]any{d.digest, int64(l.domain), d.version, ownerRows + 1}, func(scan func(...any) error) error {
					var key string
					rows++
					return scan(&key)
				})
			if err != nil {
				return false, err
			}
		}
	}
	return rows <= ownerRows, nil
}

// typedLookups are what a typed name may be in the registries.
func typedLookups(name string) []lookup {
	switch person.Classify(name) {
	case person.ShapeEmail:
		return contacts("", name)
	case person.ShapePhone:
		return contacts(name, "")
	case person.ShapeSNILS:
		return snilsLookups(name)
	}
	return identifiers("", "", person.FoldName(name))
}

func fioOf(row any) string {
	switch r := row.(type) {
	case person.Employment:
		return wholeFIO(r.FIO)
	case person.Enrolment:
		return fioKey(r.Last, r.First, r.Middle)
	case person.Card:
		return wholeFIO(r.ParentFIO)
	}
	return ""
}
