package main

import (
	"context"
	"errors"
	"slices"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision/queue"
)

// elsewhere stands in the place of a school that the reader may not see.
var elsewhere = map[explain.Lang]string{explain.Russian: "другая школа", explain.English: "another school"}

// within parts the rows of a person into those that the reader may see and the
// others.
func (t *telling) within(rows []row) (seen, masked []row) {
	for _, r := range rows {
		if school := queue.SchoolOf(r.value); t.view.Scope.All() || school != "" && t.view.Scope.Covers(school) {
			seen = append(seen, r)
		} else {
			masked = append(masked, r)
		}
	}
	return seen, masked
}

// mask says of records at other schools that there are some, as the queue does.
func (t *telling) mask(rows []row) {
	for _, r := range rows {
		t.story.Sides = append(t.story.Sides, console.Side{Source: trail.RegistryName(t.lang, r.ref.Kind), Values: map[string]string{"school": elsewhere[t.lang]}})
	}
}

// narrow leaves of what was gathered about a person what the reader's schools have
// to do with: of the roles their own, of the Wi-Fi theirs and what serves every
// school; and of somebody who has left them nothing that goes on. here says that
// she has not.
func (t *telling) narrow(ctx context.Context, id identity.PersonID, seen []row) (here bool, err error) {
	if t.view.Scope.All() {
		return true, nil
	}
	r := &t.story.Report
	r.Others = nil // some are of other schools' records
	if r.Next != nil {
		r.Next.Reasons = nil // they name records; the comparison on the page masks them
	}
	for i := range r.Tries {
		r.Tries[i].Reasons = []string{} // so do these
	}
	known := map[string]bool{}
	for _, school := range t.view.Scope.Schools() {
		known[t.school(school)] = true
	}
	for i := range r.Roles {
		if !known[r.Roles[i].School] {
			r.Roles[i].School, r.Roles[i].Class = elsewhere[t.lang], ""
		}
	}
	foreign := map[string]bool{}
	for _, nas := range t.config.RADIUS.Clients {
		foreign[nas.Name] = nas.School != "" && !t.view.Scope.Covers(person.SchoolID(nas.School))
	}
	r.Channels = slices.DeleteFunc(r.Channels, func(c explain.Channel) bool { return foreign[c.Where] })
	if here, err = t.here(ctx, id, seen); err == nil && !here {
		r.SignIns, r.Sessions, r.Targets, r.Decisions = nil, nil, nil, nil
		for _, try := range r.Tries { // that it was decided is why nothing waits; why it was is said among others
			for _, d := range []*explain.Decided{try.Refused, try.Moved} {
				if d != nil {
					d.Reason = ""
				}
			}
		}
	}
	return here, err
}

// here says that somebody is at one of the reader's schools today.
func (t *telling) here(ctx context.Context, id identity.PersonID, seen []row) (bool, error) {
	today := person.DateOf(t.now.In(t.table.Zone()))
	entry, err := t.db.Directory().Entry(ctx, id)
	switch {
	case err == nil:
		for _, a := range entry.Affiliations {
			if t.view.Scope.Covers(a.School) && a.ActiveOn(today) {
				return true, nil
			}
		}
		return slices.ContainsFunc(seen, func(r row) bool { return r.ref.Kind == person.RecordCard }), nil
	case !errors.Is(err, identity.ErrNotFound):
		return false, err
	}
	return slices.ContainsFunc(seen, func(r row) bool { return lasts(r.value, today) }), nil
}

// lasts says that a record of the registries is not over.
func lasts(value any, today person.Date) bool {
	switch v := value.(type) {
	case person.Employment:
		return v.End.IsZero() || !v.End.Before(today)
	case person.Enrolment:
		return v.Status != "closed"
	}
	return true
}
