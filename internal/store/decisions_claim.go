package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// Approved is a proposal that is to become a claim.
type Approved struct {
	Proposal  duplicates.Proposal
	Candidate int
	// Further lets the person have another account that is claimed: somebody
	// has looked at it.
	Further bool
}

// Claim makes claims of proposals, in order, and tells of each that could not
// be: queue.ErrTaken. One that is there already is told as done and written
// nothing. run names all of them together, for Drop.
func (q *Queue) Claim(ctx context.Context, target, run, by string, list []Approved, now time.Time, tell func(Approved, error) error) error {
	for some := range slices.Chunk(list, queueChunk) {
		results := make([]error, len(some))
		err := q.db.write(ctx, func(t *tx) error {
			for i, a := range some {
				results[i] = t.claim(target, run, by, a, now)
				if results[i] != nil && !errors.Is(results[i], queue.ErrTaken) && !errors.Is(results[i], queue.ErrMoved) {
					return results[i]
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("claim accounts: %w", err)
		}
		for i, a := range some {
			if err := tell(a, results[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) claim(target, run, by string, a Approved, now time.Time) error {
	object, c := objectOf(a.Proposal), a.Proposal.Candidates[a.Candidate]
	rows, err := t.recordRows(c.Records, identity.PersonID{}, "")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Value == nil {
			return queue.ErrMoved // the record has left its registry
		}
	}
	if !a.Further {
		if err := t.hasNone(target, object.ID, c.Records); err != nil {
			return err
		}
	}
	had, err := t.claimFor(target, object, c.Records)
	if err != nil || len(had) == len(c.Records) {
		return err
	}
	return t.keepDecision(queue.Decision{ID: newDecisionID(), Item: queue.Stem(queue.Account, object.ID[:]), Verb: queue.Claim, Run: run, Seen: a.Proposal.Seen, At: now, By: by,
		Records: c.Records, Target: target, Object: object, Had: had})
}

// hasNone refuses where the person of the records has another account of the
// target, by a claim or by a row.
func (t *tx) hasNone(target string, object [16]byte, records []person.RecordRef) error {
	claims, err := t.claimsOf(records)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(claims, func(c provision.Claim) bool { return c.Target == target && c.Object.ID != object }) {
		return queue.ErrTaken
	}
	for _, ref := range records {
		var n int
		err := t.row(`SELECT COUNT(*) FROM bindings b JOIN targets o ON o.person = b.person WHERE b.kind = ? AND b.key = ? AND o.target = ?
			AND o.object IS NOT NULL AND o.object <> ?`, ref.Kind, string(ref.ID), target, object[:]).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return queue.ErrTaken
		}
	}
	return nil
}

// Claimed gives the decisions by which an object is claimed.
func (q *Queue) Claimed(ctx context.Context, object [16]byte) ([]queue.Decision, error) {
	var list []queue.Decision
	err := q.db.read(ctx, func(t *tx) (err error) {
		list, err = t.decisions("object = ? AND undone = 0", object[:])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	return list, nil
}

// Refused gives the digests of the accounts of which somebody has said that they
// are nobody's of those who were proposed.
func (q *Queue) Refused(ctx context.Context) (map[string]bool, error) {
	refused := map[string]bool{}
	err := q.db.read(ctx, func(t *tx) error {
		clear(refused)
		list, err := t.decisions("verb = ? AND undone = 0", queue.Refuse)
		for _, d := range list {
			if strings.HasPrefix(d.Item, queue.Stem(queue.Account, nil)) {
				refused[d.Seen] = true
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was refused: %w", err)
	}
	return refused, nil
}
