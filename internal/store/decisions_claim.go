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
// be: queue.ErrTaken, queue.ErrMoved, queue.ErrAllotted. One that is there already is told as done and written
// nothing. run names all of them together, for Drop.
func (q *Queue) Claim(ctx context.Context, target, run, by string, list []Approved, now time.Time, tell func(Approved, error) error) error {
	for some := range slices.Chunk(list, queueChunk) {
		results := make([]error, len(some))
		err := q.db.write(ctx, func(t *tx) error {
			allotted, err := t.allotted(target)
			for i := 0; err == nil && i < len(some); i++ {
				results[i] = t.claim(target, run, by, some[i], allotted, now)
				if results[i] != nil && !errors.Is(results[i], queue.ErrTaken) && !errors.Is(results[i], queue.ErrMoved) && !errors.Is(results[i], queue.ErrAllotted) {
					return results[i]
				}
			}
			return err
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

func (t *tx) claim(target, run, by string, a Approved, allotted map[person.RecordRef]bool, now time.Time) error {
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
		other, err := t.otherObject(target, object, c.Records)
		if err == nil && other != "" {
			err = queue.ErrTaken
		}
		if err != nil {
			return err
		}
	}
	if slices.ContainsFunc(c.Records, func(r person.RecordRef) bool { return allotted[r] }) {
		return queue.ErrAllotted
	}
	had, err := t.claimFor(target, object, c.Records)
	if err != nil || len(had) == len(c.Records) {
		return err
	}
	d := queue.Decision{ID: newDecisionID(), Item: queue.Stem(queue.Account, object.ID[:]), Verb: queue.Claim, Run: run, Seen: a.Proposal.Seen, At: now, By: by,
		Records: c.Records, Target: target, Object: object, Had: had, Evidence: c.Reasons}
	if d.Person, err = t.becomesOwn(target, object, c.Records, now); err != nil {
		return err
	}
	return t.keepDecision(d)
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
