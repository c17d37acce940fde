package store

import (
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
)

// problems gives the accounts in targets with problems, of which further
// accounts that are claimed as the person's are one.
func (t *tx) problems(f func(census.Target)) error {
	further, err := t.allDuplicates()
	if err != nil {
		return err
	}
	after := []byte{}
	for {
		var page [][]byte
		err := t.each("SELECT DISTINCT person FROM targets WHERE person > ? ORDER BY person LIMIT ?", []any{after, loadPage}, func(scan func(...any) error) error {
			var id []byte
			err := scan(&id)
			page = append(page, id)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		last := page[len(page)-1]
		err = t.each("SELECT person, target, name, observed FROM targets WHERE person > ? AND person <= ? ORDER BY person, target", []any{after, last},
			func(scan func(...any) error) error {
				var id, name, observed []byte
				var c census.Target
				if err := scan(&id, &c.Target, &name, &observed); err != nil {
					return err
				}
				c.Person = personID(id)
				key := targetKey(c.Person, c.Target)
				var o provision.Observed
				if err := t.db.keys.openJSON("targets", key, "observed", observed, &o); err != nil {
					return err
				}
				c.Problems, c.Login, c.At = append(o.Problems, further[duplicateOf{c.Person, c.Target}]...), o.Name, o.At
				if len(c.Problems) == 0 {
					return nil
				}
				if c.Login == "" {
					text, err := t.db.keys.open("targets", key, "name", name)
					if err != nil {
						return err
					}
					c.Login = string(text)
				}
				f(c)
				return nil
			})
		if err != nil {
			return err
		}
		after = last
	}
}

type duplicateOf struct {
	person identity.PersonID
	target string
}

// allDuplicates is duplicatesOf for everybody: claims on objects that are
// nobody's account, of people who have another one.
func (t *tx) allDuplicates() (map[duplicateOf][]match.Problem, error) {
	all := map[duplicateOf][]match.Problem{}
	target, object := "", []byte{}
	kind, key := int64(0), ""
	for {
		n := 0
		err := t.each(`SELECT c.target, c.object, c.kind, c.key, c.sealed, b.person, o.object FROM claims c
			LEFT JOIN bindings b ON b.kind = c.kind AND b.key = c.key LEFT JOIN targets o ON o.person = b.person AND o.target = c.target
			WHERE (c.target, c.object, c.kind, c.key) > (?, ?, ?, ?) AND NOT EXISTS (SELECT 1 FROM targets t WHERE t.target = c.target AND t.object = c.object)
			ORDER BY c.target, c.object, c.kind, c.key LIMIT ?`, []any{target, object, kind, key, loadPage}, func(scan func(...any) error) error {
			var sealed, holder, own []byte
			if err := scan(&target, &object, &kind, &key, &sealed, &holder, &own); err != nil {
				return err
			}
			n++
			if len(own) == 0 {
				return nil
			}
			var other [16]byte
			copy(other[:], object)
			var o sealedObject
			ref := person.RecordRef{Kind: person.RecordKind(kind), ID: person.RecordID(key)}
			if err := t.db.keys.openJSON("claims", claimKey(target, other, ref), "sealed", sealed, &o); err != nil {
				return err
			}
			at, p := duplicateOf{personID(holder), target}, match.Problem{Code: match.ADDuplicate, Arg: o.Name}
			if !slices.Contains(all[at], p) { // one account may be claimed for several records
				all[at] = append(all[at], p)
			}
			return nil
		})
		if err != nil || n < loadPage {
			return all, err
		}
	}
}
