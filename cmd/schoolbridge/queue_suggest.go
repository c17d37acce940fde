package main

import (
	"context"
	"slices"

	"schoolbridge/provision"
	"schoolbridge/provision/login"
	"schoolbridge/provision/queue"
)

// suggestedMost bounds the names that are suggested.
const suggestedMost = 3

// suggest gives names made from the ФИО that look like nobody's, here and in the
// directory.
func (q *queueDesk) suggest(ctx context.Context, item *queue.Item) ([]string, error) {
	pattern, err := login.ParsePattern(string(q.config.AD.Names.Pattern))
	if err != nil || item.Profile == nil || !q.config.AD.On() {
		return nil, err
	}
	p := item.Profile
	return q.free(ctx, item, pattern.Make(p.Last, p.First, p.Middle), suggestedMost)
}

// free gives the first names that look like nobody's, here and in the directory.
func (q *queueDesk) free(ctx context.Context, item *queue.Item, names []string, most int) ([]string, error) {
	taken, err := q.db.Accounts().Taken(ctx, provision.NameQuery{Target: targetAD, Subject: item.Profile.Subject, Made: names, Rows: item.Records()})
	if err != nil {
		return nil, err
	}
	target, release, err := q.openAD()
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, q.config.AD.Timeout)
	defer cancel()
	var free []string
	for _, name := range names {
		if slices.Contains(taken, name) || len(free) == most {
			continue
		}
		alike, err := target.FindAlike(ctx, []string{name})
		if err != nil {
			return free, err
		}
		if !slices.ContainsFunc(alike, func(o provision.Object) bool { return o.Alike(name) }) {
			free = append(free, name)
		}
	}
	return free, nil
}
