package main

import (
	"context"
	"slices"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web/console"
)

// auditShown bounds the changes that a story tells of, readersShown those who read
// about the person.
const (
	auditShown   = 20
	readersShown = 10
)

// trail are the last lines about the person: what happened, and who looked.
// Sign-ins have a list of their own.
func (t *telling) trail(ctx context.Context, id identity.PersonID) (err error) {
	readings := trail.Kinds(trail.Readings)
	kinds := slices.DeleteFunc(trail.Kinds(""), func(kind string) bool {
		return identity.AuditEntry{Kind: kind}.SignIn() || slices.Contains(readings, kind)
	})
	if t.story.Audit, err = t.lines(ctx, id, auditShown, kinds); err == nil {
		t.story.Readers, err = t.lines(ctx, id, readersShown, readings)
	}
	return err
}

func (t *telling) lines(ctx context.Context, id identity.PersonID, limit int, kinds []string) (list []console.AuditLine, err error) {
	entries, err := t.db.Audit().Recent(ctx, id, limit, kinds...)
	if err != nil {
		return nil, err
	}
	w := newWitness(t.d, t.view)
	for _, e := range entries {
		line, err := w.line(ctx, e)
		if err != nil {
			return nil, err
		}
		line.Whom = console.AuditActor{} // the page is about nobody else
		list = append(list, line)
	}
	return list, nil
}

// finish diagnoses and draws.
func (t *telling) finish(ctx context.Context, k explain.Known) error {
	if err := t.others(ctx); err != nil {
		return err
	}
	k.Loc = t.table.Zone()
	t.story.Report.Diagnose(t.lang, t.now)
	t.story.Path = t.story.Report.Path(t.lang, k)
	return t.questions(ctx)
}
