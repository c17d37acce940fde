package store

import (
	"context"
	"fmt"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// All gives everybody who has an account in a target, in the order of their ids.
func (s *Targets) All(ctx context.Context, target string) ([]identity.PersonID, error) {
	return s.people(ctx, "SELECT person FROM targets WHERE target = ? ORDER BY person", target)
}

// At gives those of them who have a record of the school, whatever its state:
// who left there is still the school's business. It reads through all records.
func (s *Targets) At(ctx context.Context, target string, school person.SchoolID) ([]identity.PersonID, error) {
	return s.people(ctx, `SELECT t.person FROM targets t WHERE t.target = ? AND (
		EXISTS (SELECT 1 FROM bindings b JOIN employments e ON e.key = b.key WHERE b.person = t.person AND b.kind = 1 AND e.school = ?)
		OR EXISTS (SELECT 1 FROM bindings b JOIN enrolments e ON e.key = b.key WHERE b.person = t.person AND b.kind = 2 AND e.school = ?))
		ORDER BY t.person`, target, string(school), string(school))
}

func (s *Targets) people(ctx context.Context, query string, args ...any) ([]identity.PersonID, error) {
	var ids []identity.PersonID
	err := s.db.read(ctx, func(t *tx) (err error) {
		ids, err = t.ids(query, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find accounts: %w", err)
	}
	return ids, nil
}

// ids reads one column of people.
func (t *tx) ids(query string, args ...any) ([]identity.PersonID, error) {
	var ids []identity.PersonID
	err := t.each(query, args, func(scan func(...any) error) error {
		var id []byte
		err := scan(&id)
		ids = append(ids, personID(id))
		return err
	})
	return ids, err
}
