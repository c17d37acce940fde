package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web/console"
)

// witness tells lines of the audit trail to somebody who may see some people.
type witness struct {
	d    *daemon
	view console.View
	seen map[identity.PersonID]console.AuditActor
}

func newWitness(d *daemon, view console.View) *witness {
	return &witness{d, view, map[identity.PersonID]console.AuditActor{}}
}

// line puts an entry into words, with who did it and about whom.
func (w *witness) line(ctx context.Context, e identity.AuditEntry) (console.AuditLine, error) {
	told, err := trail.Tell(explain.Lang(w.view.Lang), e, w.school)
	if err != nil {
		return console.AuditLine{}, err
	}
	l := console.AuditLine{At: e.At, What: told.What, Details: told.Details, Tone: told.Tone, From: told.From, Here: told.Here}
	if l.Whom, err = w.person(ctx, e.Person); err != nil {
		return l, err
	}
	if l.By, err = w.actor(ctx, e, told.Said); l.By.Kind == console.ActorHidden { // nor where that is
		l.From = ""
	}
	return l, err
}

func (w *witness) school(id string) string {
	if s, ok := w.d.people.School(person.SchoolID(id)); ok && s.Name != "" {
		return s.Name
	}
	return id
}

// actor is who did what an entry tells of, and says.
func (w *witness) actor(ctx context.Context, e identity.AuditEntry, said trail.Data) (console.AuditActor, error) {
	by := e.ActorIn(said)
	switch id, err := identity.ParsePersonID(by); {
	case e.SignIn() && !e.Person.IsZero() || err == nil && id == e.Person:
		return console.AuditActor{Kind: console.ActorSelf}, nil
	case err == nil:
		return w.person(ctx, id)
	case strings.HasPrefix(by, "uid "):
		return console.AuditActor{Kind: console.ActorCommand, Name: by}, nil
	case by == "":
		return console.AuditActor{}, nil
	case by == console.GlassName, strings.HasPrefix(e.Kind, "break_glass"):
		return console.AuditActor{Kind: console.ActorGlass}, nil
	}
	return console.AuditActor{Kind: console.ActorCommand, Name: by}, nil
}

// person names somebody whom the reader may see.
func (w *witness) person(ctx context.Context, id identity.PersonID) (a console.AuditActor, err error) {
	if id.IsZero() {
		return a, nil
	}
	if a, ok := w.seen[id]; ok {
		return a, nil
	}
	defer func() { w.seen[id] = a }()
	if entry, ok := w.d.people.Get(id); ok && w.view.Scope.All() { // memory tells
		return console.AuditActor{Kind: console.ActorPerson, Handle: id.String(), Name: cmp.Or(person.JoinFIO(entry.Last, entry.First, entry.Middle), string(entry.Login))}, nil
	}
	switch err := w.d.db.People().Covers(ctx, w.view.Scope, id); {
	case errors.Is(err, identity.ErrNotFound) && w.view.Scope.All():
		return console.AuditActor{Kind: console.ActorGone, Name: id.String()}, nil
	case errors.Is(err, identity.ErrNotFound):
		return console.AuditActor{Kind: console.ActorHidden}, nil
	case err != nil:
		return a, err
	}
	holder, err := w.d.db.Accounts().Get(ctx, id)
	name := cmp.Or(person.JoinFIO(holder.Last, holder.First, holder.Middle), string(holder.Login), id.String())
	return console.AuditActor{Kind: console.ActorPerson, Handle: id.String(), Name: name}, err
}

// trailLook is how many lines, or blocks of sign-ins, are looked through for a page
// of the trail.
const trailLook = 2000

// trailDesk is the audit trail as a whole, for those who may read all of it.
type trailDesk struct{ stories }

var _ console.Audit = trailDesk{}

const sealedTrail = "trail"

// Lines implements console.Audit.
func (t trailDesk) Lines(ctx context.Context, view console.View, ask console.TrailAsk) (console.TrailPage, error) {
	q := store.AuditAsk{From: ask.From, To: ask.To, Person: ask.Whom, Actor: ask.Actor, Limit: ask.N, Look: trailLook}
	if ask.Group != "" {
		q.Kinds = trail.Kinds(ask.Group)
	}
	if ask.Group == trail.SignIns && ask.Actor != "" { // they are of whom they are about
		id, err := identity.ParsePersonID(ask.Actor)
		if err != nil || !ask.Whom.IsZero() && ask.Whom != id {
			return console.TrailPage{}, nil
		}
		q.Person, q.Actor = id, ""
	}
	if ask.After != "" {
		if err := t.unsealed(sealedTrail, ask.After, &q.After); err != nil {
			return console.TrailPage{}, err
		}
	}
	if ask.School != "" {
		q.Keep = func(e identity.AuditEntry) bool { return t.concerns(e, ask.School) }
	}
	found, err := t.d.db.Audit().Browse(ctx, q)
	if err != nil {
		return console.TrailPage{}, err
	}
	page := console.TrailPage{}
	if found.Next != nil {
		page.Next, page.Until = t.sealed(sealedTrail, found.Next), found.Next.At
	}
	w := newWitness(t.d, view)
	for _, e := range found.Entries {
		line, err := w.line(ctx, e)
		if err == nil && e.Person.IsZero() && slices.Contains(askedKinds, e.Kind) {
			line.Whom, err = t.asked(ctx, view, e)
		}
		if err != nil {
			return console.TrailPage{}, err
		}
		page.Lines = append(page.Lines, line)
	}
	// Blocks of replicas overlap a little.
	slices.SortStableFunc(page.Lines, func(a, b console.AuditLine) int { return b.At.Compare(a.At) })
	return page, nil
}

// askedKinds are the kinds of lines about a question of the queue.
var askedKinds = []string{"decision", "decision_undone", "support_case"}

// asked names whom a question is about who is nobody's account yet, as long as the
// question is there.
func (t trailDesk) asked(ctx context.Context, view console.View, e identity.AuditEntry) (a console.AuditActor, err error) {
	data, err := trail.Read(e)
	stem, _ := data["item"].(string)
	if err != nil || stem == "" {
		return a, err
	}
	desk := caseDesk{t.d}
	item, err := desk.item(ctx, view.Scope, stem)
	if errors.Is(err, identity.ErrNotFound) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	a = console.AuditActor{Kind: console.ActorPerson, Name: whoseWithin(&item, view.Scope)}
	a.Handle, err = desk.handle(ctx, t.stories, &item, view.Scope)
	return a, err
}

// concerns says that an entry is about a school, or about somebody who has, had or
// will have a place there.
func (t trailDesk) concerns(e identity.AuditEntry, school person.SchoolID) bool {
	if entry, ok := t.d.people.Get(e.Person); ok && slices.ContainsFunc(entry.Affiliations, func(a directory.Affiliation) bool { return a.School == school }) {
		return true
	}
	data, err := trail.Read(e)
	if err != nil {
		return false
	}
	many, _ := data["schools"].([]any)
	return data["school"] == string(school) || slices.Contains(many, any(string(school)))
}
