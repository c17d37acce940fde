package main

import (
	"context"
	"errors"
	"slices"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/web/console"
)

// others leaves of the accounts beside the person's own those that the reader may know of,
// and of the people behind them those of the reader's schools.
func (t *telling) others(ctx context.Context) error {
	r := &t.story.Report
	if r.There = slices.DeleteFunc(r.There, func(a explain.There) bool { return a.State == explain.ThereOwn }); len(r.There) == 0 {
		return nil
	}
	names := t.namer(ctx, nil)
	for i := range r.There {
		a := &r.There[i]
		a.For = slices.DeleteFunc(a.For, func(f explain.ThereFor) bool {
			return !t.view.Scope.All() && slices.ContainsFunc(f.Records, func(word string) bool {
				ref, ok := recordRef(word)
				return !ok || names.name(ref) == ""
			})
		})
		for _, f := range a.For {
			for _, word := range f.Records {
				if word != t.story.Record {
					t.story.Others = append(t.story.Others, word)
				}
			}
		}
	}
	if !t.view.Scope.All() {
		r.There = slices.DeleteFunc(r.There, func(a explain.There) bool {
			return len(a.For) == 0 && (!a.InWay || a.State != explain.ThereNobodys) // which the queue shows beside the person
		})
	}
	return names.err
}

// questions are those of the queue that wait because of somebody whom something keeps out.
func (t *telling) questions(ctx context.Context) error {
	r := &t.story.Report
	if r.Broken == nil {
		return nil
	}
	var subject identity.Subject
	if len(r.Tries) > 0 {
		subject = identity.Subject(r.Tries[0].Subject)
	}
	stems, err := t.db.Queue().About(t.story.Person, subject)
	if err != nil {
		return err
	}
	for _, stem := range stems {
		item, err := caseDesk{t.d}.item(ctx, t.view.Scope, stem)
		switch {
		case err == nil && item.Open():
			t.story.Questions = append(t.story.Questions, console.CaseLink{Stem: stem, Kind: item.Kind})
		case err != nil && !errors.Is(err, identity.ErrNotFound):
			return err
		}
	}
	return nil
}
