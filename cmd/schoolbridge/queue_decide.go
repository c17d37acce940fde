package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/queue"
)

// decide takes an answer to a question.
func (q *queueDesk) decide(ctx context.Context) error {
	d := queue.Decision{Item: q.words[0], Verb: queue.Verb(q.words[1]), By: callerText(), Reason: q.reason}
	if _, seen := queue.Split(d.Item); seen == "" {
		return usageError(q.says.whole, d.Item, pasted(q.file), pasted(d.Item))
	}
	item, err := q.db.Queue().Item(ctx, d.Item)
	if err != nil {
		return q.refused(err)
	}
	if err := q.complete(ctx, &item, &d); err != nil {
		return q.refused(err)
	}
	done, err := q.db.Queue().Decide(ctx, d, q.now)
	if err != nil {
		return q.refused(err)
	}
	if q.json {
		return q.std.json(decisionOf(done))
	}
	said := q.says.done
	switch {
	case done.Verb == queue.Transfer:
		said = q.says.transferred
	case done.Verb == queue.Refuse:
		said = q.says.refused
	case done.Verb.Claims() && item.Kind == queue.Account:
		said = q.says.claimed
	}
	fmt.Fprintf(q.std.err, said+"\n", done.ID, done.Verb, q.file, done.ID)
	return nil
}

// refusedAnswer is why an answer is not taken, in words for whoever gives it.
type refusedAnswer struct{ error }

// complete reads what the verb is about.
func (q *queueDesk) complete(ctx context.Context, item *queue.Item, d *queue.Decision) error {
	what := word(q.words, 2)
	switch {
	case d.Verb == queue.Bind, d.Verb.Claims() && item.Kind == queue.Account:
		at, ok := meant(len(item.Rows), func(i int) []person.RecordRef { return []person.RecordRef{item.Rows[i].Record} }, what)
		if !ok {
			return queue.ErrUnfit
		}
		d.Records = []person.RecordRef{item.Rows[at].Record}
		if item.Kind == queue.Account {
			return q.unchanged(ctx, item)
		}
	case d.Verb == queue.Adopt:
		d.Target = targetAD
		o, err := q.adoptable(ctx, what)
		d.Object = o
		return err
	case d.Verb == queue.Allocate:
		d.Target, d.Name = targetAD, what
		return q.allocate(ctx, item, d)
	}
	return nil
}

// allocate looks whether a name is free; where none is given it is the first of
// those that are suggested.
func (q *queueDesk) allocate(ctx context.Context, item *queue.Item, d *queue.Decision) (err error) {
	if item.Profile == nil || !q.config.AD.On() || !item.Fits(queue.Allocate) {
		return queue.ErrUnfit
	}
	objects, err := q.objects(ctx, item)
	if err != nil {
		return err
	}
	for _, o := range objects {
		d.Passed = append(d.Passed, o.ID)
	}
	var free []string
	if d.Name == "" {
		free, err = q.suggest(ctx, item)
	} else {
		free, err = q.free(ctx, item, []string{d.Name}, 1)
	}
	switch {
	case err != nil:
		return err
	case len(free) > 0:
		d.Name = free[0]
		return nil
	case d.Name == "":
		return &exitError{exitFindings, refusedAnswer{errors.New(q.says.noName)}}
	}
	return queue.ErrTaken
}

// unchanged looks whether the directory has an account as it was when it came
// into the queue.
func (q *queueDesk) unchanged(ctx context.Context, item *queue.Item) error {
	if !q.config.AD.On() {
		return queue.ErrUnfit
	}
	target, release, err := q.openAD()
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	a, err := target.Mender(nil, "").Account(ctx, duplicates.GUID(item.Object.ID))
	switch {
	case errors.Is(err, duplicates.ErrGone):
		return refusedAnswer{fmt.Errorf(q.says.noAccount, printable(item.Name))}
	case err != nil:
		return err
	case a.Untouchable != "":
		return refusedAnswer{fmt.Errorf(q.says.untouchable, printable(item.Name), q.says.left[a.Untouchable])}
	case duplicates.AccountSeen(a) != item.Proposal.AccountSeen:
		return &exitError{exitFindings, refusedAnswer{fmt.Errorf(q.says.accountMoved, printable(item.Name))}}
	}
	return nil
}

// adoptable finds the account of a name that may be written.
func (q *queueDesk) adoptable(ctx context.Context, name string) (provision.Object, error) {
	if !q.config.AD.On() {
		return provision.Object{}, queue.ErrUnfit
	}
	target, release, err := q.openAD()
	if err != nil {
		return provision.Object{}, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	found, err := target.FindNames(ctx, []string{name})
	if err != nil {
		return provision.Object{}, err
	}
	at := slices.IndexFunc(found, func(o provision.Object) bool { return person.FoldName(o.Name) == person.FoldName(name) })
	if at < 0 {
		return provision.Object{}, refusedAnswer{fmt.Errorf(q.says.noAccount, name)}
	}
	whole, err := target.Mender(nil, "").Look(ctx, duplicates.GUID(found[at].ID))
	if err != nil {
		return provision.Object{}, err
	}
	if whole.Untouchable != "" {
		return provision.Object{}, refusedAnswer{fmt.Errorf(q.says.untouchable, name, q.says.left[whole.Untouchable])}
	}
	return found[at], nil
}

// refused says why an answer was not taken; what the caller can mend is the
// caller's fault.
func (q *queueDesk) refused(err error) error {
	for _, known := range append([]error{queue.ErrNoItem, queue.ErrMoved, queue.ErrUnfit, queue.ErrTaken, queue.ErrIncomplete, queue.ErrDecided, queue.ErrUsed, queue.ErrPassedOn, queue.ErrUndone, queue.ErrOther, queue.ErrAllotted, queue.ErrClaimed, identity.ErrNotFound}, queue.Bars...) {
		if errors.Is(err, known) {
			return &exitError{exitFindings, errors.New(q.says.refusal[known])}
		}
	}
	return err
}
