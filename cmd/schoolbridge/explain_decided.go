package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// decisionsShown bounds the decisions that one report tells of.
const decisionsShown = 10

// decided tells what people have decided about somebody: the person, if there is one,
// and these city accounts.
func (e *explainer) decided(ctx context.Context, id identity.PersonID, r *explain.Report, subjects ...identity.Subject) error {
	list, err := e.db.Queue().Told(ctx, id, subjects...)
	if err != nil {
		return err
	}
	for _, d := range list[:min(len(list), decisionsShown)] {
		shown, err := e.decision(ctx, d)
		if err != nil {
			return err
		}
		r.Decisions = append(r.Decisions, shown)
	}
	return nil
}

// decision puts one into words. Records may be another school's, so that a reader who
// does not see all people is told none.
func (e *explainer) decision(ctx context.Context, d queue.Decision) (explain.Decided, error) {
	o := decisionOf(d)
	shown := explain.Decided{ID: d.ID, Verb: d.Verb, At: d.At, Reason: d.Reason, Undone: d.Undone, What: o.Name}
	if e.sees == nil {
		shown.What = strings.TrimSpace(strings.Join(o.Records, " ") + " " + o.Name)
	}
	account := ""
	if id, err := identity.ParsePersonID(d.By); err == nil && (e.sees == nil || e.sees(ctx, id)) {
		holder, err := e.db.Accounts().Get(ctx, id)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return shown, err
		}
		account = cmp.Or(string(holder.Login), id.String())
	}
	var schools []string
	for _, s := range d.Within {
		if e.sees != nil { // which may be another school than the reader's
			schools = []string{""}
			break
		}
		schools = append(schools, e.school(s))
	}
	shown.By = explain.ByIn(e.lang, d.By, account, schools)
	return shown, nil
}

// movedFrom says that a person was moved away from a city account; nil: nobody was.
func (e *explainer) movedFrom(ctx context.Context, subject identity.Subject) (*explain.Moved, error) {
	if subject == "" {
		return nil, nil
	}
	d, err := e.db.Queue().MovedFrom(ctx, subject)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &explain.Moved{}
	if m.Decided, err = e.decision(ctx, d); err != nil {
		return nil, err
	}
	if e.sees != nil && !e.sees(ctx, d.Person) {
		m.Reason = "" // of whom nothing is told
		return m, nil
	}
	holder, err := e.db.Accounts().Get(ctx, d.Person)
	if errors.Is(err, identity.ErrNotFound) { // erased since
		return m, nil
	}
	m.Works = holder.MosruLogin
	return m, err
}

// answered tells what a curator has said to what a city account asks, and whether a
// person was moved away from it.
func (e *explainer) answered(ctx context.Context, try provision.Try, now match.Verdict, shown *explain.Try) error {
	if !shown.Own {
		m, err := e.movedFrom(ctx, try.Subject)
		if err != nil {
			return err
		}
		if m != nil {
			shown.Moved = &m.Decided
		}
	}
	if now.Decision != match.Manual {
		return nil
	}
	item, err := questionOf(ctx, e.db, try.Subject)
	if err != nil || item == nil {
		return err
	}
	if h := item.Holder; h != nil && h.Profile.Login != "" && slices.ContainsFunc(now.Problems, multiple) && (e.sees == nil || e.sees(ctx, h.Person)) {
		shown.Works = []string{h.Profile.Login}
	}
	if saidNo(item) {
		said, err := e.decision(ctx, *item.Decided)
		if err != nil {
			return err
		}
		shown.Refused = &said
	}
	return nil
}

func multiple(p match.Problem) bool { return p.Code == match.MultipleMosruAccounts }

// saidNo says that a curator has refused what was asked, and that this stands.
func saidNo(item *queue.Item) bool {
	return item != nil && item.Decided != nil && !item.Open() && item.Decided.Verb == queue.Refuse
}

// questionOf is the one about a city account's activation; nil: there is none.
func questionOf(ctx context.Context, db *store.DB, subject identity.Subject) (*queue.Item, error) {
	stems, err := db.Queue().About(identity.PersonID{}, subject)
	if err != nil {
		return nil, err
	}
	for _, stem := range stems {
		item, err := db.Queue().Item(ctx, stem)
		if errors.Is(err, queue.ErrNoItem) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &item, nil
	}
	return nil, nil
}

// gone explains a city account from which a person was moved away, of whom nothing else
// is known by it; nil: nobody was.
func (e *explainer) gone(ctx context.Context, subject identity.Subject, r *explain.Report) (*somebody, error) {
	m, err := e.movedFrom(ctx, subject)
	if err != nil || m == nil {
		return nil, err
	}
	r.Moved, r.Account = m, identity.ReasonNotActivated
	if err := e.decided(ctx, identity.PersonID{}, r, subject); err != nil {
		return nil, err
	}
	return &somebody{}, nil
}
