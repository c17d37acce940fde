package store

import (
	"context"
	"fmt"
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

// rollMerged is whom a pupil's record is bound to by way of one that was merged
// into it. CROSS JOIN has SQLite take the few records first.
const rollMerged = `(SELECT mb.person FROM enrolments m CROSS JOIN bindings mb
	WHERE m.merged_to = r.key AND m.merged_to <> '' AND mb.kind = ? AND mb.key = m.key AND mb.parent_digest = ? LIMIT 1)`

// Rows gives the rows of a school that are in the registries, with whom they are
// bound to; records merged into another that is there are left out.
func (r *Rolls) Rows(ctx context.Context, school person.SchoolID) ([]census.Row, error) {
	var rows []census.Row
	err := r.db.read(ctx, func(t *tx) error {
		rows = rows[:0]
		for _, part := range []struct {
			kind       person.RecordKind
			merged, in string
		}{
			{person.RecordEmployment, "NULL", ""},
			{person.RecordEnrolment, rollMerged, " AND (r.merged_to = '' OR NOT EXISTS (SELECT 1 FROM enrolments o WHERE o.key = r.merged_to AND o.key <> r.key))"},
		} {
			var args []any
			if part.kind == person.RecordEnrolment {
				args = []any{part.kind, []byte{}}
			}
			query := fmt.Sprintf(`SELECT x.key, x.sealed, x.holder, a.person IS NOT NULL FROM
				(SELECT r.key AS key, r.sealed AS sealed, COALESCE(b.person, %s) AS holder FROM %s r
				LEFT JOIN bindings b ON b.kind = ? AND b.key = r.key AND b.parent_digest = ? WHERE r.school = ? AND r.gone = ''%s) x
				LEFT JOIN accounts a ON a.person = x.holder`, part.merged, registries[part.kind].table, part.in)
			page, err := t.rolled(query, append(args, part.kind, []byte{}, string(school)))
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

func (t *tx) rolled(query string, args []any) (page []surveyed, err error) {
	err = t.each(query, args, func(scan func(...any) error) error {
		var r surveyed
		var holder []byte
		err := scan(&r.row.Key, &r.sealed, &holder, &r.account)
		r.row.Person, r.row.Account = personID(holder), r.account
		page = append(page, r)
		return err
	})
	return page, err
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
