package store

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
	exports "schoolbridge/provision/registry"
)

// Census reads what lists and statistics are made of.
type Census struct{ db *DB }

// Census gives the reader.
func (db *DB) Census() *Census { return &Census{db} }

var _ census.Names = (*Census)(nil)

// censusPage is how many rows are opened at once.
const censusPage = 4096

// Survey adds all that there is to a count and closes it, in one snapshot.
// Parents and the problems of accounts in targets are left out unless asked for.
func (s *Census) Survey(ctx context.Context, c *census.Count, parents, targets bool) error {
	err := s.db.read(ctx, func(t *tx) error {
		schools, err := t.allSchools()
		if err != nil {
			return err
		}
		for _, school := range schools {
			c.AddSchool(school)
		}
		if err := t.merges(c.AddMerge); err != nil {
			return err
		}
		answered, err := t.answersToTries()
		if err != nil {
			return err
		}
		if err := t.tries(func(try provision.Try) error { return t.addTry(c, try, answered[try.Subject]) }); err != nil {
			return err
		}
		if targets {
			if err := t.problems(c.AddTarget); err != nil {
				return err
			}
		}
		kinds := []person.RecordKind{person.RecordSignIns, person.RecordEmployment, person.RecordEnrolment}
		if parents {
			kinds = append(kinds, person.RecordCard)
		}
		for _, kind := range kinds {
			if err := t.survey(kind, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("survey the registries: %w", err)
	}
	c.Close()
	return nil
}

// answersToTries gives the decisions that bind a record, or moved a person to a city
// account, by that account.
func (t *tx) answersToTries() (map[identity.Subject][]queue.Decision, error) {
	list, err := t.someDecisions("verb IN (?, ?) AND undone = 0", queue.Bind, queue.Transfer)
	answered := map[identity.Subject][]queue.Decision{}
	for _, d := range list {
		answered[d.Subject] = append(answered[d.Subject], d)
	}
	return answered, err
}

// addTry adds a try, and which of its problems a curator has answered since: the next
// activation meets them no more. A try for a second city account is over once the person
// was moved to it.
func (t *tx) addTry(c *census.Count, try provision.Try, answered []queue.Decision) error {
	var bound []person.RecordRef
	for _, d := range answered {
		if d.At.Before(try.At) {
			continue
		}
		if d.Verb == queue.Transfer {
			if slices.ContainsFunc(try.Problems, func(p match.Problem) bool { return p.Code == match.MultipleMosruAccounts }) {
				return nil
			}
			continue
		}
		stands, err := t.bindStands(d, try.Profile)
		if err != nil {
			return err
		}
		if stands {
			bound = append(bound, d.Records...)
		}
	}
	var decided []int
	for n, p := range try.Problems {
		records := try.RecordsOf(n)
		if queue.Bindable(p.Code) && len(records) > 0 && !slices.ContainsFunc(records, func(r person.RecordRef) bool { return !slices.Contains(bound, r) }) {
			decided = append(decided, n)
		}
	}
	c.AddTry(try, decided...)
	return nil
}

// merges gives the pupils' records that were merged into one that is there.
func (t *tx) merges(f func(from, into person.RecordID)) error {
	return t.each(`SELECT merged.key, merged.merged_to FROM enrolments merged JOIN enrolments o ON o.key = merged.merged_to
		WHERE merged.merged_to <> '' AND merged.gone = '' AND o.key <> merged.key`, nil,
		func(scan func(...any) error) error {
			var from, into string
			err := scan(&from, &into)
			f(person.RecordID(from), person.RecordID(into))
			return err
		})
}

// surveyed is a row on its way into a count.
type surveyed struct {
	sealed  []byte
	account bool
	child   string // of a card
	row     census.Row
}

// survey gives every row of a registry that has not left it.
func (t *tx) survey(kind person.RecordKind, c *census.Count) error {
	bound := "NULL, 0, ''"
	from := registries[kind].table + " r"
	switch kind {
	case person.RecordCard:
		bound = "NULL, 0, r.child"
	case person.RecordEmployment, person.RecordEnrolment:
		bound = "b.person, a.person IS NOT NULL, ''"
		from += fmt.Sprintf(" LEFT JOIN bindings b ON b.kind = %d AND b.key = r.key AND b.parent_digest = ? LEFT JOIN accounts a ON a.person = b.person", kind)
	}
	query := "SELECT r.key, r.sealed, " + bound + " FROM " + from + " WHERE r.key > ? AND r.gone = '' ORDER BY r.key LIMIT ?"
	for after := ""; ; {
		args := []any{after, censusPage}
		if kind == person.RecordEmployment || kind == person.RecordEnrolment {
			args = append([]any{[]byte{}}, args...)
		}
		var page []surveyed
		err := t.each(query, args, func(scan func(...any) error) error {
			var r surveyed
			var holder []byte
			err := scan(&r.row.Key, &r.sealed, &holder, &r.account, &r.child)
			r.row.Person, r.row.Account = personID(holder), r.account
			page = append(page, r)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].row.Key
		if err := t.openAll(kind, page); err != nil {
			return err
		}
		if kind == person.RecordCard {
			if err := t.parents(page); err != nil {
				return err
			}
		}
		for i := range page {
			if r, ok := page[i].row.Value.(exports.LoginRow); ok {
				c.AddSignIns(r)
			} else {
				c.AddRow(page[i].row)
			}
		}
	}
}

// openAll opens the rows on half of the processors: it costs more than the
// reading, and the other half is for those who sign in meanwhile.
func (t *tx) openAll(kind person.RecordKind, page []surveyed) error {
	workers := max(1, runtime.GOMAXPROCS(0)/2)
	share := (len(page) + workers - 1) / workers
	group, _ := errgroup.WithContext(t.ctx)
	for start := 0; start < len(page); start += share {
		group.Go(func() (err error) {
			for i := start; i < min(start+share, len(page)) && err == nil; i++ {
				page[i].row.Value, err = t.db.keys.decode(kind, page[i].row.Key, page[i].sealed)
			}
			return err
		})
	}
	return group.Wait()
}

// parents finds whose the rows of cards are: a binding concerns the row of a
// card with the bound person's ФИО.
func (t *tx) parents(page []surveyed) error {
	type holder struct {
		digest []byte
		person identity.PersonID
	}
	holders := map[string][]holder{}
	var children []string
	for _, r := range page {
		children = append(children, r.child)
	}
	err := batches(children, inList, func(children []string) error {
		return t.each("SELECT key, parent_digest, person FROM bindings WHERE kind = 3 AND key IN ("+marks(len(children))+")", anys(children),
			func(scan func(...any) error) error {
				var child string
				var h holder
				var id []byte
				err := scan(&child, &h.digest, &id)
				h.person = personID(id)
				holders[child] = append(holders[child], h)
				return err
			})
	})
	if err != nil {
		return err
	}
	for i := range page {
		if len(holders[page[i].child]) == 0 {
			continue
		}
		digests, err := t.db.keys.every(domainParent, fioOf(page[i].row.Value))
		if err != nil {
			return err
		}
		for _, h := range holders[page[i].child] {
			for _, d := range digests {
				if bytes.Equal(d.digest, h.digest) {
					page[i].row.Person = h.person
				}
			}
		}
	}
	return nil
}

// Rows implements census.Names.
func (s *Census) Rows(ctx context.Context, kind person.RecordKind, keys []string) (map[string]any, error) {
	k, err := registryOf(kind)
	if err != nil {
		return nil, err
	}
	rows := map[string]any{}
	err = s.db.read(ctx, func(t *tx) error {
		clear(rows)
		return batches(keys, inList, func(keys []string) error {
			return t.each("SELECT key, sealed FROM "+k.table+" WHERE key IN ("+marks(len(keys))+")", anys(keys), func(scan func(...any) error) error {
				var key string
				var sealed []byte
				if err := scan(&key, &sealed); err != nil {
					return err
				}
				row, err := t.db.keys.decode(kind, key, sealed)
				rows[key] = row
				return err
			})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", k.table, err)
	}
	return rows, nil
}
