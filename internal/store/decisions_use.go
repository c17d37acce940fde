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

// holdClaims refuses an activation that was decided without a claim on an object, or
// by one that was taken back. Whoever has an account keeps it, whatever is claimed.
func (t *tx) holdClaims(id identity.PersonID, act person.Activation) error {
	want := act.Target
	if want == nil {
		return nil
	}
	if row, ok, err := t.targetRow(id, want.Target); err != nil || ok && len(row.Object) > 0 {
		return err
	}
	if want.Object != [16]byte{} {
		claims, err := t.claimsOn(want.Target, want.Object)
		if err == nil && len(claims) == 0 && slices.Contains(act.Claimed, want.Object) {
			err = movedDecision{}
		}
		return err
	}
	claims, err := t.claimsOf(withoutCards(act.Records))
	if err != nil {
		return err
	}
	for _, c := range claims {
		if c.Target == want.Target && !slices.Contains(act.Claimed, c.Object.ID) {
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
