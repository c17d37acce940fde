package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// There is what is known here of an account of a target, whoever's it is.
type There struct {
	Object  provision.Object
	Person  identity.PersonID   // whose it is by a row; zero: nobody's
	Records []person.RecordRef  // for which it is claimed
	Holders []identity.PersonID // to whom these are bound
	// Decisions are the answers that stand: by which it is claimed, or to whose it is.
	Decisions []queue.Decision
	Question  *queue.Item // whose it is; nil: that is not asked
	Group     string      // of the search for duplicates, in which it is; "": in none
}

// There tells of accounts of a target.
func (a *Accounts) There(ctx context.Context, target string, objects []provision.Object) ([]There, error) {
	var list []There
	err := a.db.read(ctx, func(t *tx) error {
		list = nil
		for _, o := range objects {
			one, err := t.there(target, o)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is known of accounts: %w", err)
	}
	return list, nil
}

func (t *tx) there(target string, o provision.Object) (There, error) {
	one := There{Object: o}
	id, err := t.holderOfObject(target, o.ID)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return one, err
	}
	one.Person = id
	claims, err := t.claimsOn(target, o.ID)
	if err != nil {
		return one, err
	}
	for _, c := range claims {
		one.Records = append(one.Records, c.Record)
	}
	if one.Holders, err = t.holdersOf(one.Records); err != nil {
		return one, err
	}
	stem := queue.Stem(queue.Account, o.ID[:])
	if one.Decisions, err = t.decisions("id IN (SELECT id FROM decisions WHERE object = ? AND undone = 0 UNION SELECT id FROM decisions WHERE item = ? AND undone = 0)", o.ID[:], stem); err != nil {
		return one, err
	}
	switch item, err := t.question(stem); {
	case err == nil && item.Target == target && item.Object.ID == o.ID:
		one.Question = &item
	case err != nil && !errors.Is(err, queue.ErrNoItem):
		return one, err
	}
	d := t.db.Duplicates(target)
	h, err := d.hunt(t)
	if err != nil || h.plan == "" {
		return one, err
	}
	err = t.row("SELECT m.id FROM duplicate_members m JOIN duplicate_groups g ON g.target = m.target AND g.plan = m.plan AND g.id = m.id WHERE m.target = ? AND m.object = ? AND m.plan = ? AND g.level > ? ORDER BY m.id LIMIT 1",
		target, o.ID[:], h.plan, duplicates.Different).Scan(&one.Group)
	if isNoRows(err) {
		err = nil
	}
	return one, err
}

// Old gives the accounts of a target that are claimed or asked about, and that have a
// name ("": none is meant) or may be somebody's who has one of the records. Names are
// sealed: it goes over all of them.
func (a *Accounts) Old(ctx context.Context, target, name string, records []person.RecordRef) ([]provision.Object, error) {
	var list []provision.Object
	err := a.db.read(ctx, func(t *tx) error {
		list = nil
		seen := map[[16]byte]bool{}
		keep := func(o provision.Object) {
			if !seen[o.ID] && len(list) < foundRows {
				seen[o.ID], list = true, append(list, o)
			}
		}
		claims, err := t.claimsOf(records)
		if err != nil {
			return err
		}
		for _, c := range claims {
			if c.Target == target {
				keep(c.Object)
			}
		}
		if name != "" {
			if err := t.claimsNamed(target, name, keep); err != nil {
				return err
			}
		}
		return t.proposals(target, func(p duplicates.Proposal) {
			o := objectOf(p)
			if o.Has(name) || slices.ContainsFunc(p.Candidates, func(c duplicates.Candidate) bool { return among(c.Records, records) }) {
				keep(o)
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for accounts that were there before: %w", err)
	}
	return list, nil
}

func among(some, all []person.RecordRef) bool {
	return slices.ContainsFunc(some, func(r person.RecordRef) bool { return slices.Contains(all, r) })
}

// claimsNamed gives the claimed objects that have a name, page by page.
func (t *tx) claimsNamed(target, name string, f func(provision.Object)) error {
	object, ref := []byte{}, person.RecordRef{}
	for {
		n := 0
		err := t.each("SELECT object, kind, key, sealed FROM claims WHERE target = ? AND (object, kind, key) > (?, ?, ?) ORDER BY object, kind, key LIMIT ?",
			[]any{target, object, ref.Kind, string(ref.ID), censusPage}, func(scan func(...any) error) error {
				var sealed []byte
				if err := scan(&object, &ref.Kind, &ref.ID, &sealed); err != nil {
					return err
				}
				n++
				o := provision.Object{ID: guid(object)}
				var s sealedObject
				if err := t.db.keys.openJSON("claims", claimKey(target, o.ID, ref), "sealed", sealed, &s); err != nil {
					return err
				}
				if o.Name, o.UPN, o.Display, o.Enabled = s.Name, s.UPN, s.Display, s.Enabled; o.Has(name) {
					f(o)
				}
				return nil
			})
		if err != nil || n < censusPage {
			return err
		}
	}
}

// proposals gives what was found out of the accounts of which a person has to say, or
// has said, whose they are, page by page.
func (t *tx) proposals(target string, f func(duplicates.Proposal)) error {
	for object := []byte{}; ; {
		n := 0
		err := t.each("SELECT object, sealed FROM doubts WHERE target = ? AND object > ? ORDER BY object LIMIT ?", []any{target, object, censusPage}, func(scan func(...any) error) error {
			var sealed []byte
			if err := scan(&object, &sealed); err != nil {
				return err
			}
			n++
			var p duplicates.Proposal
			err := t.db.keys.openJSON("doubts", doubtKey(target, object), "sealed", sealed, &p)
			if err == nil {
				f(p)
			}
			return err
		})
		if err != nil || n < censusPage {
			return err
		}
	}
}
