package store

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// One object of a target may be asked about twice: by whoever reads the directory,
// and by a person in whose way it stands. What is here keeps the two questions, and
// the answers to them, at one account for one person.

// accountable are the records of a question that may have an account: the person's,
// without the cards of children.
func accountable(item *queue.Item) []person.RecordRef {
	return withoutCards(item.Records())
}

func withoutCards(records []person.RecordRef) []person.RecordRef {
	return slices.DeleteFunc(slices.Clone(records), func(r person.RecordRef) bool { return r.Kind == person.RecordCard })
}

// holdersOf are the people to whom records are bound, but for the cards of children.
func (t *tx) holdersOf(records []person.RecordRef) (ids []identity.PersonID, err error) {
	for _, ref := range withoutCards(records) {
		var holder []byte
		err := t.row("SELECT person FROM bindings WHERE kind = ? AND key = ? LIMIT 1", ref.Kind, string(ref.ID)).Scan(&holder)
		if err != nil && !isNoRows(err) {
			return nil, err
		}
		if id := personID(holder); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// otherObject gives the name of the object that the person of the records has beside
// this one, or is to have: by a claim or by a row.
func (t *tx) otherObject(target string, object provision.Object, records []person.RecordRef) (string, error) {
	name, err := t.otherClaim(target, object, records)
	if err == nil && name == "" {
		name, err = t.otherAccount(target, object, records)
	}
	return name, err
}

func (t *tx) otherClaim(target string, object provision.Object, records []person.RecordRef) (string, error) {
	claims, err := t.claimsOf(records)
	at := slices.IndexFunc(claims, func(c provision.Claim) bool { return c.Target == target && c.Object.ID != object.ID })
	if err != nil || at < 0 {
		return "", err
	}
	return cmp.Or(claims[at].Object.Name, target), nil
}

// otherAccount is otherObject by rows alone. One that is to be made under this one's
// name is none: this one stands in its way.
func (t *tx) otherAccount(target string, object provision.Object, records []person.RecordRef) (string, error) {
	holders, err := t.holdersOf(records)
	if err != nil {
		return "", err
	}
	for _, id := range holders {
		row, ok, err := t.targetRow(id, target)
		if err != nil {
			return "", err
		}
		if ok && !row.wants(object) && (len(row.Object) == 0 || !slices.Equal(row.Object, object.ID[:])) {
			return cmp.Or(row.Observed.Name, row.Name), nil
		}
	}
	return "", nil
}

func (t *tx) targetRow(id identity.PersonID, target string) (storedTarget, bool, error) {
	rows, err := t.targetRows(id)
	at := slices.IndexFunc(rows, func(r storedTarget) bool { return r.target == target })
	if err != nil || at < 0 {
		return storedTarget{}, false, err
	}
	return rows[at], true, nil
}

// wants says that the account is to be made under the name of an object.
func (r *storedTarget) wants(object provision.Object) bool {
	return len(r.Object) == 0 && person.FoldName(r.Name) == person.FoldName(object.Name)
}

// becomesOwn gives an object that was claimed to whoever has one of the records and
// waits for an account of its name.
func (t *tx) becomesOwn(target string, object provision.Object, records []person.RecordRef, now time.Time) (identity.PersonID, error) {
	holders, err := t.holdersOf(records)
	for i := 0; err == nil && i < len(holders); i++ {
		row, ok, err := t.targetRow(holders[i], target)
		if err != nil {
			return identity.PersonID{}, err
		}
		if ok && row.wants(object) {
			_, err := t.giveTarget(holders[i], &person.TargetAccount{Target: target, Name: row.Name, Object: object.ID}, now)
			t.touch(holders[i])
			return holders[i], err
		}
	}
	return identity.PersonID{}, err
}

// allotted are the records of those who were given a name and have not been
// activated with it: a claim for one of them would make nothing of the name.
func (t *tx) allotted(target string) (map[person.RecordRef]bool, error) {
	list, err := t.someDecisions("verb = ? AND undone = 0", queue.Allocate)
	if err != nil {
		return nil, err
	}
	records := map[person.RecordRef]bool{}
	for _, d := range list {
		if d.Target != target || len(d.Records) == 0 {
			continue
		}
		_, activated, err := t.targetRow(d.Person, target)
		if err != nil {
			return nil, err
		}
		if activated {
			continue
		}
		for _, r := range d.Records {
			records[r] = true
		}
	}
	return records, nil
}

// notClaimed refuses a name for somebody who has an object by a claim.
func (t *tx) notClaimed(target string, id identity.PersonID, records []person.RecordRef) error {
	claims, err := t.claimsOf(records)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if c.Target != target {
			continue
		}
		holder, err := t.holderOfObject(target, c.Object.ID)
		switch {
		case errors.Is(err, identity.ErrNotFound), err == nil && holder == id:
			return queue.ErrClaimed
		case err != nil:
			return err
		}
	}
	return nil
}

// passOver answers what is asked about the objects that stood in the way of a name:
// whoever was given it has another one. Where somebody else may have the object, the
// question stays.
func (t *tx) passOver(d queue.Decision) error {
	if d.Verb != queue.Allocate {
		return nil
	}
	for _, object := range d.Passed {
		item, err := t.question(queue.Stem(queue.Account, object[:]))
		if errors.Is(err, queue.ErrNoItem) {
			continue
		}
		if err != nil {
			return err
		}
		others := false
		for _, c := range item.Proposal.Candidates {
			others = others || !slices.ContainsFunc(c.Records, func(r person.RecordRef) bool { return slices.Contains(d.Records, r) })
		}
		if others || !item.Open() || item.Target != d.Target || item.Object.ID != object {
			continue
		}
		if item.Decided != nil {
			if err := t.close(*item.Decided, byLine(d), d.At); err != nil {
				return err
			}
		}
		stem, _ := queue.Split(item.ID)
		err = t.keepDecision(queue.Decision{ID: newDecisionID(), Item: stem, Verb: queue.Refuse, Run: d.ID, Seen: item.Seen, At: d.At, By: d.By, Line: d.Line, Reason: d.Reason, Within: d.Within})
		if err != nil {
			return err
		}
	}
	return nil
}

// requeueAnswered notes anew the questions that a decision answers, or does not
// any more: that of the object, and those of the people with the records.
func (t *tx) requeueAnswered(d queue.Decision) error {
	if err := t.requeueKnown(d.Item); err != nil || d.Object.ID == [16]byte{} {
		return err
	}
	if err := t.requeue(queue.Stem(queue.Account, d.Object.ID[:])); err != nil {
		return err
	}
	stems, err := t.triesOf(d.Records)
	for i := 0; err == nil && i < len(stems); i++ {
		err = t.requeueKnown(stems[i])
	}
	return err
}

// triesOf gives the stems of the activations that speak of records.
func (t *tx) triesOf(records []person.RecordRef) (stems []string, err error) {
	for _, ref := range records {
		err := t.each("SELECT digest FROM try_records WHERE kind = ? AND key = ? ORDER BY digest LIMIT ?", []any{ref.Kind, string(ref.ID), foundRows}, func(scan func(...any) error) error {
			var digest []byte
			err := scan(&digest)
			if stem := queue.Stem(queue.Activation, digest); !slices.Contains(stems, stem) {
				stems = append(stems, stem)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return stems, nil
}

// answeredElsewhere gives the decision by which an object became the person's of an
// activation that asks for one, since it asked; nil: there is none.
func (t *tx) answeredElsewhere(item *queue.Item) (*queue.Decision, error) {
	if item.Fits(queue.Bind) || !item.Fits(queue.Adopt) {
		return nil, nil
	}
	claims, err := t.claimsOf(accountable(item))
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		list, err := t.decisions("object = ? AND undone = 0", c.Object.ID[:])
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if d.Target == c.Target && slices.Contains(d.Records, c.Record) && !item.At.After(d.At) {
				d.Seen = item.Seen // it answers the question as it is
				return &d, nil
			}
		}
	}
	return nil, nil
}

// same gives the stems of the open questions of people in whose way the object of a
// question stands.
func (t *tx) same(item *queue.Item) ([]string, error) {
	var refs []person.RecordRef
	for _, r := range item.Rows {
		refs = append(refs, r.Record)
	}
	stems, err := t.triesOf(refs)
	if err != nil {
		return nil, err
	}
	holders, err := t.holdersOf(refs)
	for _, id := range holders {
		stems = append(stems, queue.Stem(queue.Target, id[:]))
	}
	return slices.DeleteFunc(stems, func(stem string) bool {
		if err != nil {
			return true
		}
		var other queue.Item
		if other, err = t.question(stem); errors.Is(err, queue.ErrNoItem) {
			err = nil
			return true
		}
		return err != nil || !other.Open() || !inWayOf(item.Object, &other)
	}), err
}

// inWayOf says that an object has a name that somebody's account is to have, or a
// login of the person's records.
func inWayOf(o *provision.Object, other *queue.Item) bool {
	codes := []match.Code{match.ADUnowned, match.ADNameTaken, match.LoginNotUsable}
	if !slices.ContainsFunc(other.Problems, func(p match.Problem) bool { return slices.Contains(codes, p.Code) }) {
		return false
	}
	names := []string{other.Name}
	for _, r := range other.Rows {
		switch v := r.Value.(type) {
		case person.Employment:
			names = append(names, v.EZHDLogin)
		case person.Enrolment:
			names = append(names, v.EZHDLogin)
		}
	}
	return slices.ContainsFunc(names, o.Has)
}
