package store

import (
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// decided fills in what people have decided of a profile's subject and what
// still stands by what it was made from.
func (t *tx) decided(p person.Profile, e *provision.Evidence) error {
	list, err := t.decisionsOf(p.Subject)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, d := range list {
		switch d.Verb {
		case queue.Bind:
			stands, err := t.bindStands(d, p)
			if err != nil {
				return err
			}
			if stands {
				e.Approved = append(e.Approved, provision.Approval{Decision: d.ID, Record: d.Records[0]})
			}
		case queue.Allocate:
			if e.Allotted.Decision == "" {
				e.Allotted = provision.Allotment{Decision: d.ID, Name: d.Name}
			}
		}
	}
	return nil
}

// decisionsOf gives the decisions that stand about a city account, the newest
// first.
func (t *tx) decisionsOf(subject identity.Subject) ([]queue.Decision, error) {
	digests, err := t.db.keys.every(domainSubject, string(subject))
	if err != nil {
		return nil, err
	}
	return t.decisions("undone = 0 AND digest IN ("+marks(len(digests))+")", bytesOf(digests)...)
}

// bindStands says that record and profile are whose they were.
func (t *tx) bindStands(d queue.Decision, p person.Profile) (bool, error) {
	seen, err := queue.ProfileSeen(p)
	if err != nil || seen != d.ProfileSeen {
		return false, err
	}
	rows, err := t.recordRows(d.Records, identity.PersonID{}, person.JoinFIO(p.Last, p.First, p.Middle))
	if err != nil || len(rows) == 0 || rows[0].Value == nil {
		return false, err
	}
	seen, err = queue.RecordSeen(rows[0].Value)
	return seen == d.RecordSeen, err
}

// holdDecisions refuses an activation that rests on what does not stand.
func (t *tx) holdDecisions(act person.Activation) error {
	if len(act.Decisions) == 0 {
		return nil
	}
	var e provision.Evidence
	if err := t.decided(act.Profile, &e); err != nil {
		return err
	}
	for _, id := range act.Decisions {
		stands := id == e.Allotted.Decision || slices.ContainsFunc(e.Approved, func(a provision.Approval) bool { return a.Decision == id })
		if !stands {
			return movedDecision{}
		}
	}
	return nil
}

// movedDecision is provision.ErrDecisionMoved and identity.ErrConflict.
type movedDecision struct{}

func (movedDecision) Error() string { return provision.ErrDecisionMoved.Error() }
func (movedDecision) Unwrap() []error {
	return []error{provision.ErrDecisionMoved, identity.ErrConflict}
}
