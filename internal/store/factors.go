package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
)

// Factors keeps the second factors of administrators. What internal/factor decides
// of a code is read and written in one transaction, so that over all replicas a
// code counts once and every wrong one is counted.
type Factors struct{ db *DB }

// Factors gives the second factors.
func (db *DB) Factors() *Factors { return &Factors{db} }

// Kinds of lines in the audit trail.
const (
	AuditInvited       = "factor_invited"
	AuditEnrolled      = "factor_enrolled"
	AuditFactor        = "factor_taken"
	AuditFactorRefused = "factor_refused"
)

// Find gives somebody's factor; a zero one where there is none.
func (s *Factors) Find(ctx context.Context, id identity.PersonID) (f factor.Factor, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		f, err = t.factor(id)
		return err
	})
	if err != nil {
		return f, fmt.Errorf("read a second factor: %w", err)
	}
	return f, nil
}

func (t *tx) factor(id identity.PersonID) (f factor.Factor, err error) {
	var sealed []byte
	err = t.row("SELECT sealed FROM factors WHERE person = ?", id[:]).Scan(&sealed)
	if isNoRows(err) {
		return f, nil
	}
	if err == nil {
		err = t.db.keys.openJSON("factors", id.String(), "sealed", sealed, &f)
	}
	return f, err
}

// Invite forgets somebody's app and codes, and lets whoever has the code connect
// another one. line is added to what the audit trail says, here and below.
func (s *Factors) Invite(ctx context.Context, id identity.PersonID, code string, expires, now time.Time, line map[string]any) error {
	err := s.change(ctx, id, now, func(f *factor.Factor, hash factor.Hash) (string, map[string]any, error) {
		had := f.Enrolled()
		return AuditInvited, with(line, map[string]any{"expires": expires.UTC().Format(time.RFC3339), "replaced": had}), f.Invite(code, expires, hash)
	})
	if err != nil {
		return fmt.Errorf("invite to a second factor: %w", err)
	}
	return nil
}

// Enrol connects an app: factor.ErrWrong or *factor.Locked where a code is not
// right.
func (s *Factors) Enrol(ctx context.Context, id identity.PersonID, e factor.Enrolment, now time.Time, line map[string]any) error {
	err := s.change(ctx, id, now, func(f *factor.Factor, hash factor.Hash) (string, map[string]any, error) {
		return AuditEnrolled, line, f.Enrol(e, now, hash)
	})
	if err != nil {
		return fmt.Errorf("connect a second factor: %w", err)
	}
	return nil
}

// Take takes a code of the app or a recovery code: factor.ErrWrong or
// *factor.Locked where it is not right.
func (s *Factors) Take(ctx context.Context, id identity.PersonID, code string, now time.Time, line map[string]any) (how factor.How, err error) {
	err = s.change(ctx, id, now, func(f *factor.Factor, hash factor.Hash) (string, map[string]any, error) {
		var err error
		how, err = f.Take(code, now, hash)
		return AuditFactor, with(line, map[string]any{"how": how, "recovery_left": len(f.Recovery)}), err
	})
	if err != nil {
		return "", fmt.Errorf("take a second factor: %w", err)
	}
	return how, nil
}

// change reads, changes and writes a factor. What is wrong is counted and told
// too; while codes are not looked at, nothing is written, so that whoever goes on
// guessing fills no trail.
func (s *Factors) change(ctx context.Context, id identity.PersonID, now time.Time,
	f func(*factor.Factor, factor.Hash) (kind string, line map[string]any, err error)) error {
	var refused error
	err := s.db.write(ctx, func(t *tx) error {
		if err := t.present(id); err != nil {
			return err
		}
		row, err := t.factor(id)
		if err != nil {
			return err
		}
		kind, line, err := f(&row, s.hash(id))
		refused = nil
		if errors.Is(err, factor.ErrWrong) {
			refused = err
			kind, line = AuditFactorRefused, with(line, map[string]any{"for": kind, "failures": row.Failures})
		} else if err != nil {
			return err
		}
		sealed, err := s.db.keys.sealJSON("factors", id.String(), "sealed", row)
		if err != nil {
			return err
		}
		err = t.exec("INSERT INTO factors (person, at, sealed) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE SET at = excluded.at, sealed = excluded.sealed",
			id[:], micros(now), sealed)
		if err != nil {
			return err
		}
		return t.auditJSON(now, kind, id, line)
	})
	return errors.Join(err, refused)
}

// hash makes the digests of somebody's codes.
func (s *Factors) hash(id identity.PersonID) factor.Hash {
	return func(meaning, code string) ([][]byte, error) {
		every, err := s.db.keys.every(domainFactor, meaning+"\x00"+id.String()+"\x00"+code)
		if err != nil {
			return nil, err
		}
		digests := make([][]byte, len(every))
		for i, d := range every {
			digests[i] = d.digest
		}
		return digests, nil
	}
}
