package store

import (
	"context"
	"fmt"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

// Owners tells of every object that has an owner by a row, and of every claim;
// holder is whom the claimed record is bound to, zero for nobody.
func (r *Repairs) Owners(ctx context.Context, row func(duplicates.GUID, identity.PersonID), claim func(id duplicates.GUID, record person.RecordRef, holder identity.PersonID)) error {
	err := r.db.read(ctx, func(t *tx) error {
		err := t.each("SELECT object, person FROM targets WHERE target = ? AND object IS NOT NULL", []any{r.target}, func(scan func(...any) error) error {
			var object, id []byte
			err := scan(&object, &id)
			row(guid(object), personID(id))
			return err
		})
		if err != nil {
			return err
		}
		// A card's binding is one parent's, and parents have no accounts.
		return t.each(`SELECT c.object, c.kind, c.key, b.person FROM claims c LEFT JOIN bindings b ON b.kind = c.kind AND b.key = c.key AND c.kind <> 3
			WHERE c.target = ?`, []any{r.target}, func(scan func(...any) error) error {
			var object, id []byte
			var ref person.RecordRef
			err := scan(&object, &ref.Kind, &ref.ID, &id)
			claim(guid(object), ref, personID(id))
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("read whose accounts are: %w", err)
	}
	return nil
}

func guid(b []byte) (g duplicates.GUID) {
	copy(g[:], b)
	return g
}

// factsPage is how many rows are open at once.
const factsPage = 1000

// Facts tells what the registries and the store know of people, page by page:
// the records of staff and pupils first, then those who have an account.
func (r *Repairs) Facts(ctx context.Context, f func(duplicates.Fact)) error {
	err := r.db.read(ctx, func(t *tx) error {
		for _, kind := range []person.RecordKind{person.RecordEmployment, person.RecordEnrolment} {
			if err := t.recordFacts(kind, f); err != nil {
				return err
			}
		}
		return t.loadEntries(func(e *directory.Entry) error {
			fact := duplicates.Fact{Person: e.Person, Last: e.Last, First: e.First, Middle: e.Middle, Mosru: []string{e.MosruLogin}}
			for _, n := range e.Names {
				if n.Kind == person.NameEZHD {
					fact.EZHD = append(fact.EZHD, n.Text)
				}
			}
			f(fact)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read what is known of people: %w", err)
	}
	return nil
}

func (t *tx) recordFacts(kind person.RecordKind, f func(duplicates.Fact)) error {
	table := registries[kind].table
	for after := ""; ; {
		var page []duplicates.Fact
		n := 0
		err := t.each("SELECT r.key, r.sealed, (SELECT b.person FROM bindings b WHERE b.kind = ? AND b.key = r.key ORDER BY b.person LIMIT 1) FROM "+table+
			" r WHERE r.key > ? AND r.gone = '' ORDER BY r.key LIMIT ?", []any{kind, after, factsPage}, func(scan func(...any) error) error {
			var key string
			var sealed, holder []byte
			if err := scan(&key, &sealed, &holder); err != nil {
				return err
			}
			value, err := t.db.keys.decode(kind, key, sealed)
			if err != nil {
				return err
			}
			after, n = key, n+1
			fact := factOf(value)
			fact.Person = personID(holder)
			page = append(page, fact)
			return nil
		})
		if err != nil {
			return err
		}
		for _, fact := range page {
			if fact.Person != (identity.PersonID{}) {
				p, err := t.profileOf(fact.Person)
				if err != nil {
					return err
				}
				fact.Mosru = []string{p.login()}
			}
			f(fact)
		}
		if n < factsPage {
			return nil
		}
	}
}

func factOf(value any) duplicates.Fact {
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch r := value.(type) {
	case person.Employment:
		last, first, middle := duplicates.SplitFIO(r.FIO)
		fact := duplicates.Fact{
			Record: person.RecordRef{Kind: person.RecordEmployment, ID: r.ID}, Last: last, First: first, Middle: middle, Birth: r.BirthDate, School: r.School,
			EZHD: one(r.EZHDLogin), Mails: one(r.Email), Phones: one(r.Phone),
		}
		if s, ok := person.ParseSNILS(r.SNILS); ok {
			fact.SNILS = s
		}
		return fact
	case person.Enrolment:
		fact := duplicates.Fact{
			Record: person.RecordRef{Kind: person.RecordEnrolment, ID: r.ID}, Last: r.Last, First: r.First, Middle: r.Middle, Birth: r.BirthDate, School: r.School, Class: r.Class,
			EZHD: one(r.EZHDLogin), Mails: one(r.Email), Phones: one(r.Phone),
		}
		if r.MergedTo != "" {
			fact.Record.ID = r.MergedTo
		}
		if s, ok := person.ParseSNILS(r.SNILS); ok {
			fact.SNILS = s
		}
		return fact
	}
	return duplicates.Fact{}
}
