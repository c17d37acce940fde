package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/login"
	"schoolbridge/provision/queue"
)

// Decide answers the question that d.Item names by its id, in one transaction
// with a look at whether it is still the question that was shown: queue.ErrNoItem,
// ErrMoved, ErrUnfit, ErrTaken, ErrIncomplete. Nothing is written then. Of d are
// read Item, Verb, By, Reason, and what the verb needs: one record of Records,
// Object, Name, Target.
func (q *Queue) Decide(ctx context.Context, d queue.Decision, now time.Time) (queue.Decision, error) {
	id := d.Item
	var done queue.Decision
	err := q.db.write(ctx, func(t *tx) error {
		item, err := t.question(id)
		if err != nil {
			return err
		}
		done = d
		done.ID, done.At, done.Seen = newDecisionID(), now, item.Seen
		done.Item, _ = queue.Split(item.ID)
		if d.Verb == queue.Transfer && item.Holder != nil && item.Holder.Bar != nil {
			return item.Holder.Bar
		}
		if !item.Fits(d.Verb) {
			if item.Kind == queue.Account && d.Verb == queue.Adopt {
				return queue.ErrOther
			}
			return queue.ErrUnfit
		}
		if item.Kind == queue.Activation {
			done.Subject = item.Profile.Subject
			if item.Person, err = t.personBySubject(done.Subject); err != nil && !errors.Is(err, identity.ErrNotFound) {
				return err
			}
		}
		if item.Target != "" {
			done.Target = item.Target
		}
		if done.Person = item.Person; item.Case != nil { // whoever was signed in
			done.Person = item.Case.Person
		}
		if err := t.replace(&item, done, now); err != nil {
			return err
		}
		if err := t.decide(&item, &done, now); err != nil {
			return err
		}
		if err := t.keepDecision(done); err != nil {
			return err
		}
		return t.passOver(done)
	})
	if err != nil {
		return queue.Decision{}, fmt.Errorf("decide on %s: %w", id, err)
	}
	return done, nil
}

// replace makes room for another answer: one that stands has to be taken back
// first, but for further records of one person, and for what has moved.
func (t *tx) replace(item *queue.Item, d queue.Decision, now time.Time) error {
	last := item.Decided
	if last == nil {
		return nil
	}
	further := last.Verb == queue.Bind && d.Verb == queue.Bind && !slices.Equal(last.Records, d.Records)
	if !item.Moved() && !further {
		return queue.ErrDecided
	}
	list, err := t.decisions("item = ? AND undone = 0", d.Item)
	if item.Kind == queue.Activation { // under whatever key
		list, err = t.decisionsOf(d.Subject)
	}
	if err != nil {
		return err
	}
	for _, old := range list {
		if err := t.giveWay(item, old, d, now); err != nil {
			return err
		}
	}
	return nil
}

// giveWay ends a decision that stands where d comes in its place. A refusal comes
// in the place of all: nothing of them is left that an activation would use, but for
// records that the question does not show, and for a transfer, which has been used. One
// object or name comes in the place of another object, and an object in the place of a
// name.
func (t *tx) giveWay(item *queue.Item, old, d queue.Decision, now time.Time) error {
	if old.Verb == queue.Transfer {
		return nil
	}
	if old.Verb == queue.Bind {
		if _, shown := item.Row(old.Records[0]); !shown {
			return nil
		}
	}
	another := old.Verb.Claims() && d.Verb != queue.Bind || old.Verb == queue.Allocate && d.Verb.Claims()
	switch {
	case old.Verb == queue.Refuse, old.Verb == queue.Allocate && d.Verb == queue.Allocate, old.Verb == queue.Bind && d.Verb == queue.Bind && slices.Equal(old.Records, d.Records):
		return t.close(old, d.By, now)
	case d.Verb == queue.Refuse, another:
		err := t.undo(old, d.By, now)
		switch {
		case errors.Is(err, queue.ErrUsed) && d.Verb == queue.Refuse:
			return nil // it is the person's account, of which nothing is decided any more
		case errors.Is(err, queue.ErrUsed), errors.Is(err, queue.ErrPassedOn):
			return queue.ErrDecided
		}
		return err
	}
	return nil
}

// close ends a decision, and those that came with it, and says so in the audit trail.
func (t *tx) close(d queue.Decision, by string, now time.Time) error {
	if err := t.exec("UPDATE decisions SET undone = ? WHERE id = ?", micros(now), d.ID); err != nil {
		return err
	}
	line := decisionLine(d)
	line["by"] = by
	if err := t.requeueAnswered(d); err != nil {
		return err
	}
	if err := t.auditJSON(now, "decision_undone", d.Person, line); err != nil || d.Verb != queue.Allocate {
		return err
	}
	list, err := t.decisions("run = ? AND run <> '' AND undone = 0", d.ID)
	for i := 0; err == nil && i < len(list); i++ {
		err = t.close(list[i], by, now)
	}
	return err
}

func newDecisionID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return "d" + hex.EncodeToString(b[:])
}

func (t *tx) decide(item *queue.Item, d *queue.Decision, now time.Time) error {
	switch d.Verb {
	case queue.Bind:
		return t.decideBind(item, d)
	case queue.Adopt, queue.Further:
		return t.decideAdopt(item, d, now)
	case queue.Allocate:
		return t.decideName(item, d, now)
	case queue.Transfer:
		return t.decideTransfer(item, d, now)
	case queue.Refuse:
		return t.decideRefuse(item, d)
	}
	return queue.ErrUnfit
}

// decideRefuse keeps what the question is made from now: a record that was freed
// for this answer is nobody's any more.
func (t *tx) decideRefuse(item *queue.Item, d *queue.Decision) error {
	if item.Kind != queue.Activation {
		return nil
	}
	again, err := t.question(d.Item)
	d.Seen = again.Seen
	return err
}

// decideBind looks at the record that is to be the person's. What binds is the
// next activation.
func (t *tx) decideBind(item *queue.Item, d *queue.Decision) (err error) {
	if len(d.Records) != 1 {
		return queue.ErrUnfit
	}
	row, ok := item.Row(d.Records[0])
	switch {
	case !ok || row.Value == nil:
		return queue.ErrUnfit
	case row.Bound && !row.Own:
		return queue.ErrTaken
	case !queue.Complete(row.Value):
		return queue.ErrIncomplete
	}
	d.WasBound = row.Own
	if d.RecordSeen, err = queue.RecordSeen(row.Value); err != nil {
		return err
	}
	if d.ProfileSeen, err = queue.ProfileSeen(*item.Profile); err != nil {
		return err
	}
	return t.bindOnce(item, d)
}

// bindOnce refuses to bind what is decided to be another city account's, and a
// second pupil's record to one person: one who is two pupils is nobody.
func (t *tx) bindOnce(item *queue.Item, d *queue.Decision) error {
	ref := d.Records[0]
	list, err := t.someDecisions("kind = ? AND key = ? AND undone = 0", ref.Kind, string(ref.ID))
	if err != nil {
		return err
	}
	for _, old := range list {
		if old.Subject != d.Subject && old.RecordSeen == d.RecordSeen {
			return queue.ErrTaken
		}
	}
	if ref.Kind != person.RecordEnrolment {
		return nil
	}
	if list, err = t.decisionsOf(d.Subject); err != nil {
		return err
	}
	for _, old := range list {
		if old.Verb != queue.Bind || old.Records[0] == ref || old.Records[0].Kind != ref.Kind {
			continue
		}
		stands, err := t.bindStands(old, *item.Profile)
		if err != nil {
			return err
		}
		if stands {
			return queue.ErrDecided
		}
	}
	return nil
}

// decideAdopt claims an object for the records in question: an account's
// candidate that was named, else those of the activation, or of the person.
func (t *tx) decideAdopt(item *queue.Item, d *queue.Decision, now time.Time) error {
	records := d.Records
	switch item.Kind {
	case queue.Account:
		at := slices.IndexFunc(item.Proposal.Candidates, func(c duplicates.Candidate) bool {
			return len(records) == 1 && slices.Contains(c.Records, records[0])
		})
		if at < 0 {
			return queue.ErrUnfit
		}
		records, d.Object, d.Evidence = item.Proposal.Candidates[at].Records, *item.Object, item.Proposal.Candidates[at].Reasons
		adopts := queue.Adopt
		for _, ref := range records {
			row, ok := item.Row(ref)
			if !ok || row.Value == nil {
				return queue.ErrMoved // the record has left its registry
			}
			if row.Has != "" {
				adopts = queue.Further
			}
		}
		switch {
		case adopts == queue.Further && d.Verb == queue.Adopt:
			return queue.ErrOther
		case adopts != d.Verb:
			return queue.ErrUnfit
		}
	default:
		records = accountable(item)
		if len(records) == 0 || d.Object.ID == [16]byte{} || d.Target == "" {
			return queue.ErrUnfit
		}
		other, err := t.otherClaim(d.Target, d.Object, records)
		if err == nil && other == "" && item.Kind == queue.Activation {
			other, err = t.otherAccount(d.Target, d.Object, records)
		}
		if err == nil && other != "" {
			err = queue.ErrOther
		}
		if err != nil {
			return err
		}
	}
	allotted, err := t.allotted(d.Target)
	if err == nil && slices.ContainsFunc(records, func(r person.RecordRef) bool { return allotted[r] }) {
		err = queue.ErrAllotted
	}
	if err != nil {
		return err
	}
	d.Records = records
	had, err := t.claimFor(d.Target, d.Object, records)
	if err != nil {
		return err
	}
	d.Had = had
	if item.Kind == queue.Account {
		d.Person, err = t.becomesOwn(d.Target, d.Object, records, now)
		return err
	}
	if item.Kind != queue.Target {
		return nil
	}
	want := &person.TargetAccount{Target: d.Target, Name: d.Object.Name, Object: d.Object.ID}
	changed, err := t.giveTarget(item.Person, want, now)
	if err == nil && !changed {
		err = queue.ErrUnfit // the account is another one by now
	}
	t.touch(item.Person)
	return err
}

// claimFor claims an object for the records of one person, unless it is somebody
// else's by a row or by a claim, and gives those that had it before.
func (t *tx) claimFor(target string, object provision.Object, records []person.RecordRef) (had []person.RecordRef, err error) {
	holder, err := t.holderOfObject(target, object.ID)
	if err == nil {
		own := false
		for _, ref := range records {
			var n int
			if err := t.row("SELECT COUNT(*) FROM bindings WHERE kind = ? AND key = ? AND person = ?", ref.Kind, string(ref.ID), holder[:]).Scan(&n); err != nil {
				return nil, err
			}
			own = own || n > 0
		}
		if !own {
			return nil, queue.ErrTaken
		}
	} else if !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	there, err := t.claimsOn(target, object.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range there {
		if !slices.Contains(records, c.Record) {
			return nil, queue.ErrTaken
		}
		had = append(had, c.Record)
	}
	var claims []provision.Claim
	for _, ref := range records {
		claims = append(claims, provision.Claim{Target: target, Object: object, Record: ref})
	}
	return had, t.putClaims(claims)
}

// decideName reserves a name for the person, who may be one from now on: it
// looks like nobody else's.
func (t *tx) decideName(item *queue.Item, d *queue.Decision, now time.Time) error {
	if person.UsableADName(d.Name) != nil || len(d.Name) > person.SAMLimit || login.OfSystem(d.Name) || d.Target == "" {
		return queue.ErrUnfit
	}
	d.Records = accountable(item)
	if err := t.notClaimed(d.Target, item.Person, d.Records); err != nil {
		return err
	}
	id := item.Person
	if item.Kind == queue.Activation {
		var err error
		if id, _, err = t.holdPerson(*item.Profile, item.At, now); err != nil {
			return err
		}
	}
	d.Person = id
	_, err := t.giveMade(id, &person.TargetAccount{Target: d.Target, Name: d.Name}, item.Records())
	var conflict *Conflict
	if errors.As(err, &conflict) {
		return queue.ErrTaken
	}
	if err != nil || item.Kind != queue.Target {
		return err
	}
	name, err := t.db.keys.seal("targets", targetKey(id, d.Target), "name", []byte(d.Name))
	if err != nil {
		return err
	}
	n, err := t.count("UPDATE targets SET name = ? WHERE person = ? AND target = ? AND object IS NULL", name, id[:], d.Target)
	if err == nil && n == 0 {
		return queue.ErrUnfit
	}
	t.touch(id)
	return err
}
