package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/queue"
)

// toldMost bounds the lines of the trail in which a person's decisions are looked for.
const toldMost = 50

// Told gives what people have decided about somebody, the newest first, taken back or
// not: about the city account, also before there was a person, and about the person,
// under whatever city account that was. What only came with another decision is left out.
func (q *Queue) Told(ctx context.Context, id identity.PersonID, subjects ...identity.Subject) ([]queue.Decision, error) {
	noted, err := q.noted(ctx, id)
	if err != nil {
		return nil, err
	}
	var list []queue.Decision
	err = q.db.read(ctx, func(t *tx) error {
		list = nil
		for _, one := range noted {
			found, err := t.someDecisions("id = ?", one)
			if err != nil {
				return err
			}
			list = append(list, found...)
		}
		asked := slices.Clone(subjects)
		if !id.IsZero() {
			moved, err := t.transfersOf(id)
			if err != nil {
				return err
			}
			for _, m := range moved {
				if m.Origin != nil {
					asked = append(asked, m.Origin.Profile.Subject)
				}
			}
			list = append(list, moved...)
		}
		for _, subject := range asked {
			if subject == "" {
				continue
			}
			digests, err := t.db.keys.every(domainSubject, string(subject))
			if err != nil {
				return err
			}
			found, err := t.someDecisions("digest IN ("+marks(len(digests))+")", bytesOf(digests)...)
			if err != nil {
				return err
			}
			list = append(list, found...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was decided about somebody: %w", err)
	}
	return newestOnce(list), nil
}

// Answers gives the decisions on a question, whether it is still there or not, the
// newest first.
func (q *Queue) Answers(ctx context.Context, stem string) (list []queue.Decision, err error) {
	err = q.db.read(ctx, func(t *tx) error {
		list, err = t.decisions("item = ?", stem)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read decisions on %s: %w", stem, err)
	}
	return list, nil
}

// newestOnce orders decisions, each once, without those that came with one of them.
func newestOnce(list []queue.Decision) []queue.Decision {
	byID := map[string]bool{}
	for _, d := range list {
		byID[d.ID] = true
	}
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(d queue.Decision) bool {
		twice := seen[d.ID]
		seen[d.ID] = true
		return twice || byID[d.Run]
	})
	slices.SortStableFunc(list, func(a, b queue.Decision) int { return b.At.Compare(a.At) })
	return list
}

// noted are the ids of decisions that the trail names a person in: of a transfer that
// was taken back nothing else tells whom it moved.
func (q *Queue) noted(ctx context.Context, id identity.PersonID) (ids []string, err error) {
	if id.IsZero() {
		return nil, nil
	}
	entries, err := q.db.Audit().Recent(ctx, id, toldMost, "decision", "decision_undone")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		var line struct{ ID string }
		if e.Payload == nil {
			continue
		}
		if err := json.Unmarshal(e.Payload, &line); err != nil {
			return nil, fmt.Errorf("read the audit trail: %w", err)
		}
		if line.ID != "" && !slices.Contains(ids, line.ID) {
			ids = append(ids, line.ID)
		}
	}
	return ids, nil
}

// MovedFrom gives the transfer that stands by which a person was moved away from a city
// account; identity.ErrNotFound where none was. Transfers are few, and what they moved
// is sealed: it looks through them.
func (q *Queue) MovedFrom(ctx context.Context, subject identity.Subject) (moved queue.Decision, err error) {
	err = q.db.read(ctx, func(t *tx) error {
		list, err := t.decisions("verb = ? AND undone = 0", queue.Transfer)
		if err != nil {
			return err
		}
		for _, one := range list {
			if one.Origin != nil && one.Origin.Profile.Subject == subject {
				moved = one
				return nil
			}
		}
		return identity.ErrNotFound
	})
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		err = fmt.Errorf("look for a transfer: %w", err)
	}
	return moved, err
}
