package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// keepDecision writes a decision and its line of the audit trail. Of an object it
// keeps what finds it and what it is called.
func (t *tx) keepDecision(d queue.Decision) error {
	d.Object = provision.Object{ID: d.Object.ID, Name: d.Object.Name}
	sealed, err := t.db.keys.sealJSON("decisions", d.ID, "sealed", d)
	if err != nil {
		return err
	}
	var digest, object, kind, key any
	version := uint32(0)
	if d.Subject != "" {
		k, err := t.db.keys.current(domainSubject, string(d.Subject))
		if err != nil {
			return err
		}
		digest, version = k.digest, k.version
	}
	if d.Object.ID != [16]byte{} {
		object = d.Object.ID[:]
	}
	switch d.Verb {
	case queue.Bind:
		kind, key = d.Records[0].Kind, string(d.Records[0].ID)
	case queue.Transfer:
		kind, key = transferKind, d.Person.String()
	}
	err = t.exec("INSERT INTO decisions (id, item, run, verb, digest, version, object, kind, key, at, undone, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
		d.ID, d.Item, d.Run, d.Verb, digest, version, object, kind, key, micros(d.At), sealed)
	if err != nil {
		return err
	}
	if err := t.requeueAnswered(d); err != nil {
		return err
	}
	return t.auditJSON(d.At, "decision", d.Person, with(byLine(d), decisionLine(d)))
}

// byLine says in the audit trail who decides, and from where.
func byLine(d queue.Decision) map[string]any { return with(d.Line, map[string]any{"by": d.By}) }

// decisionLine says in the audit trail what was decided.
func decisionLine(d queue.Decision) map[string]any {
	line := map[string]any{"id": d.ID, "item": d.Item, "verb": d.Verb}
	if d.Reason != "" {
		line["reason"] = d.Reason
	}
	if len(d.Records) > 0 {
		line["records"] = d.Records
	}
	if d.Object.ID != [16]byte{} {
		line["target"], line["object"] = d.Target, hex.EncodeToString(d.Object.ID[:])
	}
	if d.Name != "" {
		line["name"] = d.Name
	}
	if d.Verb == queue.Transfer {
		line["subject"] = d.Subject
		if d.Origin != nil {
			line["subject_before"] = d.Origin.Profile.Subject
		}
	}
	return line
}

func (t *tx) openDecision(id string, undone int64, sealed []byte) (queue.Decision, error) {
	var d queue.Decision
	err := t.db.keys.openJSON("decisions", id, "sealed", sealed, &d)
	d.Undone = moment(undone)
	return d, err
}

// decisions reads those that a condition chooses, the newest first.
func (t *tx) decisions(condition string, args ...any) ([]queue.Decision, error) {
	list, err := t.someDecisions(condition, args...)
	slices.SortStableFunc(list, func(a, b queue.Decision) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

func (t *tx) someDecisions(condition string, args ...any) ([]queue.Decision, error) {
	var list []queue.Decision
	err := t.each("SELECT id, undone, sealed FROM decisions WHERE "+condition, args, func(scan func(...any) error) error {
		var id string
		var undone int64
		var sealed []byte
		if err := scan(&id, &undone, &sealed); err != nil {
			return err
		}
		d, err := t.openDecision(id, undone, sealed)
		list = append(list, d)
		return err
	})
	return list, err
}

// Decision gives one of them, whether it stands or not: identity.ErrNotFound.
func (q *Queue) Decision(ctx context.Context, id string) (d queue.Decision, err error) {
	err = q.db.read(ctx, func(t *tx) error {
		list, err := t.someDecisions("id = ?", id)
		if err == nil && len(list) == 0 {
			err = identity.ErrNotFound
		}
		if err == nil {
			d = list[0]
		}
		return err
	})
	if err != nil {
		return d, fmt.Errorf("read decision %s: %w", id, err)
	}
	return d, nil
}

// Decisions gives the last n decisions, the newest first; with all also those
// that were taken back.
func (q *Queue) Decisions(ctx context.Context, all bool, n int) ([]queue.Decision, error) {
	var list []queue.Decision
	err := q.db.read(ctx, func(t *tx) (err error) {
		condition := "at > 0"
		if !all {
			condition += " AND undone = 0"
		}
		list, err = t.someDecisions(condition+" ORDER BY at DESC LIMIT ?", n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return list, nil
}
