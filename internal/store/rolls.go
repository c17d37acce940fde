package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/census"
)

// Rolls reads one school at a time: who of its records has an account, and until
// when the school wants its people to have one.
type Rolls struct{ db *DB }

// Rolls gives the reader.
func (db *DB) Rolls() *Rolls { return &Rolls{db} }

// Rows gives the rows of a school that are in the registries, with whom they are
// bound to; records merged into another that is there are left out. held is whose
// records are, as far as it is known in memory: of people with an account. Each row
// lies elsewhere, so what is known need not be read.
func (r *Rolls) Rows(ctx context.Context, school person.SchoolID, held map[person.RecordRef]identity.PersonID) ([]census.Row, error) {
	var rows []census.Row
	err := r.db.read(ctx, func(t *tx) error {
		rows = rows[:0]
		for _, part := range []struct {
			kind person.RecordKind
			in   string
		}{
			{person.RecordEmployment, ""},
			{person.RecordEnrolment, " AND (r.merged_to = '' OR NOT EXISTS (SELECT 1 FROM enrolments o WHERE o.key = r.merged_to AND o.key <> r.key))"},
		} {
			page, err := t.rolled("SELECT r.key, r.sealed FROM "+registries[part.kind].table+" r WHERE r.school = ? AND r.gone = ''"+part.in, school)
			if err == nil {
				err = t.holders(part.kind, page, held)
			}
			if err == nil {
				err = t.openAll(part.kind, page)
			}
			if err != nil {
				return err
			}
			for _, p := range page {
				rows = append(rows, p.row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the roll of a school: %w", err)
	}
	return rows, nil
}

func (t *tx) rolled(query string, school person.SchoolID) (page []surveyed, err error) {
	err = t.each(query, []any{string(school)}, func(scan func(...any) error) error {
		var r surveyed
		err := scan(&r.row.Key, &r.sealed)
		page = append(page, r)
		return err
	})
	return page, err
}

// boundRecords is whom records are bound to, and mergedRecords by way of one that was
// merged into them. CROSS JOIN has SQLite take the few records first.
const (
	boundRecords = `SELECT b.key, b.person, a.person IS NOT NULL FROM bindings b LEFT JOIN accounts a ON a.person = b.person
		WHERE b.kind = ? AND b.parent_digest = ? AND b.key IN `
	mergedRecords = `SELECT m.merged_to, b.person, a.person IS NOT NULL FROM enrolments m CROSS JOIN bindings b LEFT JOIN accounts a ON a.person = b.person
		WHERE b.key = m.key AND b.kind = ? AND b.parent_digest = ? AND m.merged_to <> '' AND m.merged_to IN `
)

// holders finds whom the rows of a page are bound to.
func (t *tx) holders(kind person.RecordKind, page []surveyed, held map[person.RecordRef]identity.PersonID) error {
	at := map[string]*census.Row{} // those that are bound to nobody yet
	for i := range page {
		row := &page[i].row
		if row.Person = held[person.RecordRef{Kind: kind, ID: person.RecordID(row.Key)}]; row.Person.IsZero() {
			at[row.Key] = row
		} else {
			row.Account = true
		}
	}
	queries := []string{boundRecords}
	if kind == person.RecordEnrolment {
		queries = append(queries, mergedRecords)
	}
	for _, query := range queries {
		err := batches(slices.Sorted(maps.Keys(at)), inList, func(keys []string) error {
			return t.each(query+"("+marks(len(keys))+")", append([]any{kind, []byte{}}, anys(keys)...), func(scan func(...any) error) error {
				var key string
				var holder []byte
				var account bool
				err := scan(&key, &holder, &account)
				if row := at[key]; row != nil {
					row.Person, row.Account = personID(holder), account
					delete(at, key)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Deadlines gives until when a school wants its people to have activated, as it
// wrote itself; zero where it did not.
func (r *Rolls) Deadlines(ctx context.Context, school person.SchoolID) (census.Deadlines, error) {
	var d census.Deadlines
	err := r.db.read(ctx, func(t *tx) error {
		d = census.Deadlines{}
		return t.each("SELECT staff, pupils, parents FROM school_deadlines WHERE school = ?", []any{string(school)}, func(scan func(...any) error) error {
			var text [3]string
			if err := scan(&text[0], &text[1], &text[2]); err != nil {
				return err
			}
			for i := range text {
				d[i], _ = person.ParseDate(text[i]) // written by SetDeadlines: a date, or nothing
			}
			return nil
		})
	})
	if err != nil {
		return d, fmt.Errorf("read a school's deadlines: %w", err)
	}
	return d, nil
}

// SetDeadlines writes them. line is added to what the audit trail says.
func (r *Rolls) SetDeadlines(ctx context.Context, school person.SchoolID, d census.Deadlines, now time.Time, line map[string]any) error {
	err := r.db.write(ctx, func(t *tx) error {
		err := t.exec(`INSERT INTO school_deadlines (school, staff, pupils, parents) VALUES (?, ?, ?, ?)
			ON CONFLICT (school) DO UPDATE SET staff = excluded.staff, pupils = excluded.pupils, parents = excluded.parents`,
			string(school), d[0].String(), d[1].String(), d[2].String())
		if err != nil {
			return err
		}
		return t.auditJSON(now, "school_deadlines", identity.PersonID{}, with(line, map[string]any{"school": school, "staff": d[0], "pupils": d[1], "parents": d[2]}))
	})
	if err != nil {
		return fmt.Errorf("write a school's deadlines: %w", err)
	}
	return nil
}
