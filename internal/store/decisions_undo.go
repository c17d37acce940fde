package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// Undo takes a decision back: identity.ErrNotFound, queue.ErrUndone, and
// queue.ErrUsed where it has become an account. line is who does it, and from where,
// for the audit trail.
func (q *Queue) Undo(ctx context.Context, id string, line map[string]any, now time.Time) (queue.Decision, error) {
	var d queue.Decision
	err := q.db.write(ctx, func(t *tx) error {
		list, err := t.someDecisions("id = ?", id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return identity.ErrNotFound
		}
		d = list[0]
		return t.undo(d, line, now)
	})
	if err != nil {
		return d, fmt.Errorf("take decision %s back: %w", id, err)
	}
	return d, nil
}

func (t *tx) undo(d queue.Decision, line map[string]any, now time.Time) (err error) {
	if !d.Undone.IsZero() {
		return queue.ErrUndone
	}
	switch d.Verb {
	case queue.Bind:
		err = t.undoBind(d)
	case queue.Adopt, queue.Claim, queue.Further:
		err = t.undoClaim(d)
	case queue.Allocate:
		err = t.undoName(d)
	case queue.Transfer:
		err = t.undoTransfer(d, now)
	}
	if err != nil {
		return err
	}
	return t.close(d, line, now)
}

// Drop takes back what stands of a run of claims, some at a time, and tells of
// each: queue.ErrUsed and queue.ErrPassedOn of those that stay.
func (q *Queue) Drop(ctx context.Context, run, by string, now time.Time, tell func(queue.Decision, error) error) error {
	for after := ""; ; {
		var list []queue.Decision
		var results []error
		err := q.db.write(ctx, func(t *tx) (err error) {
			list, err = t.someDecisions("run = ? AND run <> '' AND undone = 0 AND id > ? ORDER BY id LIMIT ?", run, after, queueChunk)
			if err != nil {
				return err
			}
			results = make([]error, len(list))
			for i, d := range list {
				results[i] = t.undo(d, map[string]any{"by": by}, now)
				if err := results[i]; err != nil && !errors.Is(err, queue.ErrUsed) && !errors.Is(err, queue.ErrPassedOn) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("take claims back: %w", err)
		}
		for i, d := range list {
			after = d.ID
			if err := tell(d, results[i]); err != nil {
				return err
			}
		}
		if len(list) < queueChunk {
			return nil
		}
	}
}

// undoBind frees the record, unless it was the person's before.
func (t *tx) undoBind(d queue.Decision) error {
	id, err := t.personBySubject(d.Subject)
	if errors.Is(err, identity.ErrNotFound) || d.WasBound {
		return nil // no activation has used it
	}
	if err != nil {
		return err
	}
	n, err := t.count("DELETE FROM bindings WHERE kind = ? AND key = ? AND person = ?", d.Records[0].Kind, string(d.Records[0].ID), id[:])
	if n > 0 {
		t.touch(id)
	}
	return err
}

// undoClaim drops the claims that the decision made. What went on to another
// account when duplicates were put to rest is taken back there.
func (t *tx) undoClaim(d queue.Decision) error {
	if _, err := t.holderOfObject(d.Target, d.Object.ID); err == nil {
		return queue.ErrUsed
	} else if !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	there, err := t.claimsOf(d.Records)
	if err != nil {
		return err
	}
	var claims []provision.Claim
	elsewhere := false
	for _, c := range there {
		switch here := c.Target == d.Target && c.Object.ID == d.Object.ID; {
		case here && !slices.Contains(d.Had, c.Record):
			claims = append(claims, c)
		case !here && c.Target == d.Target:
			elsewhere = true
		}
	}
	if len(claims) == 0 && elsewhere && len(d.Had) < len(d.Records) {
		return queue.ErrPassedOn
	}
	return t.dropClaims(claims)
}

// undoName retires the name if it was made for the decision: it stays reserved, by
// what it looks like too, for a name is never given twice. One that the person had
// otherwise, as the login at mos.ru, stays what it was.
func (t *tx) undoName(d queue.Decision) error {
	rows, err := t.targetRows(d.Person)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.target == d.Target && person.FoldName(r.Name) == person.FoldName(d.Name) {
			return queue.ErrUsed
		}
	}
	digests, err := t.db.keys.every(domainName, person.FoldName(d.Name))
	if err != nil {
		return err
	}
	return t.exec("UPDATE names SET kind = ?, made = 0 WHERE person = ? AND kind = ? AND made = 1 AND digest IN ("+marks(len(digests))+")",
		append([]any{person.NameRetired, d.Person[:], person.NameAD}, bytesOf(digests)...)...)
}
