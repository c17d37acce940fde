package store

import (
	"context"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
)

// Target is how one account should look, and was last seen to look, in one
// system. Desired and Observed are JSON that only the target's worker reads.
type Target struct {
	Person   identity.PersonID
	Target   string // "ad", "teams"
	Desired  []byte // nil: nothing asked for yet
	Observed []byte // nil: never seen
	Stamp    string // what guards the object in the target
	Revision uint64 // raised by every change of the row; 0: no row
	Updated  time.Time
}

// Targets keeps desired and observed state. Every change names the revision
// it was decided on; identity.ErrConflict where the row has moved since.
type Targets struct{ db *DB }

// Targets gives the desired and observed states.
func (db *DB) Targets() *Targets { return &Targets{db} }

const targetColumns = "person, target, desired, observed, stamp, revision, updated"

// Get gives one row; identity.ErrNotFound where there is none.
func (s *Targets) Get(ctx context.Context, id identity.PersonID, target string) (Target, error) {
	list, err := s.query(ctx, "WHERE target = ? AND person = ?", target, id[:])
	if err == nil && len(list) == 0 {
		err = identity.ErrNotFound
	}
	if err != nil {
		return Target{}, fmt.Errorf("read target: %w", err)
	}
	return list[0], nil
}

// List gives up to limit rows of a target after a person, in order of ids.
func (s *Targets) List(ctx context.Context, target string, after identity.PersonID, limit int) ([]Target, error) {
	list, err := s.query(ctx, "WHERE target = ? AND person > ? ORDER BY person LIMIT ?", target, after[:], limit)
	if err != nil {
		return nil, fmt.Errorf("list targets: %w", err)
	}
	return list, nil
}

func (s *Targets) query(ctx context.Context, where string, args ...any) ([]Target, error) {
	var list []Target
	err := s.db.read(ctx, func(t *tx) error {
		return t.each("SELECT "+targetColumns+" FROM targets "+where, args, func(scan func(...any) error) error {
			var row Target
			var id, desired, observed []byte
			var updated int64
			err := scan(&id, &row.Target, &desired, &observed, &row.Stamp, &row.Revision, &updated)
			if err != nil {
				return err
			}
			row.Person, row.Updated = personID(id), moment(updated)
			if row.Desired, err = s.open(row, "desired", desired); err != nil {
				return err
			}
			row.Observed, err = s.open(row, "observed", observed)
			list = append(list, row)
			return err
		})
	})
	return list, err
}

func (s *Targets) open(row Target, column string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	return s.db.keys.open("targets", row.Target+"/"+row.Person.String(), column, sealed)
}

// SetDesired says how the account should look and gives the new revision.
// Revision 0 makes the row.
func (s *Targets) SetDesired(ctx context.Context, id identity.PersonID, target string, desired []byte, revision uint64) (uint64, error) {
	sealed, err := s.db.keys.seal("targets", target+"/"+id.String(), "desired", desired)
	if err != nil {
		return 0, fmt.Errorf("set desired state: %w", err)
	}
	if revision == 0 {
		return s.swap(ctx, 1, `INSERT INTO targets (person, target, desired, observed, stamp, revision, updated)
			VALUES (?, ?, ?, ?, '', 1, ?) ON CONFLICT DO NOTHING`, id[:], target, sealed, []byte{}, micros(s.db.now()))
	}
	return s.swap(ctx, revision+1, "UPDATE targets SET desired = ?, revision = revision + 1, updated = ? WHERE target = ? AND person = ? AND revision = ?",
		sealed, micros(s.db.now()), target, id[:], revision)
}

// SetObserved says how the account looked when it was last read, and the
// stamp that guards it.
func (s *Targets) SetObserved(ctx context.Context, id identity.PersonID, target string, observed []byte, stamp string, revision uint64) (uint64, error) {
	sealed, err := s.db.keys.seal("targets", target+"/"+id.String(), "observed", observed)
	if err != nil {
		return 0, fmt.Errorf("set observed state: %w", err)
	}
	return s.swap(ctx, revision+1,
		"UPDATE targets SET observed = ?, stamp = ?, revision = revision + 1, updated = ? WHERE target = ? AND person = ? AND revision = ?",
		sealed, stamp, micros(s.db.now()), target, id[:], revision)
}

func (s *Targets) swap(ctx context.Context, next uint64, query string, args ...any) (uint64, error) {
	err := s.db.write(ctx, func(t *tx) error {
		n, err := t.count(query, args...)
		if err == nil && n == 0 {
			err = identity.ErrConflict
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("set target: %w", err)
	}
	return next, nil
}
