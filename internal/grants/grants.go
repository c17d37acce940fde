// Package grants says what somebody may in administration at this moment: what was
// granted in the store, what groups of Active Directory give, and whether the
// person is here at all.
//
//	store ─────────────────── grants ─┐
//	Active Directory ─ groups ─ rules ┴─► rights.Rights, of whoever works here today
//
// Nobody who is suspended, or works at no school today, may anything: rights end
// with the work, whoever forgot to take them back. An administrator of schools holds
// that role at those of them where he works today: who has moved to another school
// leaves it behind. A curator's schools are not where he works. Groups are asked for when
// somebody comes, and again after some minutes; while the directory does not answer
// what it said last counts for a bounded time.
//
// Start reading at Holder.Of.
package grants

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
)

// Store keeps what people were granted.
type Store interface {
	Of(ctx context.Context, id identity.PersonID) ([]rights.Granted, error)
}

// People knows who is here; directory.Directory implements it.
type People interface {
	Get(id identity.PersonID) (*directory.Entry, bool)
	Schools() []person.School
}

// Groups gives the groups that an object of Active Directory is in, also by way of
// groups in groups.
type Groups interface {
	Groups(ctx context.Context, object [16]byte) ([]string, error)
}

// Rule gives the members of a group a role.
type Rule struct {
	// Group is the group's name, as Groups gives it, of a school where Each, else of
	// "".
	Group   func(school person.SchoolID) string
	Each    bool // every school has a group of its own
	Role    rights.Role
	Schools []person.SchoolID // where the role is held; where Each, of which schools only; none: all
}

// Options of a Holder. Store and People are required.
type Options struct {
	Store  Store
	People People
	Groups Groups // nil: there are none
	Rules  []Rule
	Zone   *time.Location // where a day begins; nil: UTC
	Logger *slog.Logger
	Now    func() time.Time
}

const (
	fresh  = 3 * time.Minute  // how long what the directory said counts without asking again
	last   = time.Hour        // and while it does not answer
	retry  = 30 * time.Second // when it is asked again that did not answer
	wait   = 2 * time.Second  // how long somebody waits for its answer
	tabled = 5000             // people remembered
)

// Holder knows who may what. Its methods are safe for concurrent use.
type Holder struct {
	o      Options
	flight singleflight.Group

	mu    sync.Mutex
	known *lru.Cache[identity.PersonID, membership]
}

// membership is what the directory said of somebody.
type membership struct {
	object [16]byte
	groups []string
	at     time.Time // when it said so; zero: never
	asked  time.Time // when it was asked last
}

// New makes a Holder.
func New(o Options) *Holder {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	known, _ := lru.New[identity.PersonID, membership](tabled) // fails on no size only
	return &Holder{o: o, known: known}
}

// Of gives what a person may now.
func (h *Holder) Of(ctx context.Context, id identity.PersonID) (rights.Rights, error) {
	e, here := h.o.People.Get(id)
	today := person.DateOf(h.o.Now().In(h.o.Zone))
	if !here || !Works(e, today) {
		return rights.Rights{}, nil
	}
	granted, err := h.o.Store.Of(ctx, id)
	if err != nil {
		return rights.Rights{}, err
	}
	held := make([]rights.Grant, 0, len(granted))
	for _, g := range granted {
		held = append(held, g.Grant)
	}
	return rights.Of(atWork(append(held, h.byGroups(ctx, e)...), e, today)...), nil
}

// atWork leaves out the role of a school's administrator where the person does not
// work that day.
func atWork(held []rights.Grant, e *directory.Entry, today person.Date) []rights.Grant {
	elsewhere := func(school person.SchoolID) bool {
		return !slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool {
			return a.Role == person.RoleStaff && a.School == school && a.ActiveOn(today)
		})
	}
	return slices.DeleteFunc(held, func(g rights.Grant) bool { return g.Role == rights.School && slices.ContainsFunc(g.Schools, elsewhere) })
}

// Listed says that somebody granted the person something.
func (h *Holder) Listed(ctx context.Context, id identity.PersonID) (bool, error) {
	granted, err := h.o.Store.Of(ctx, id)
	return len(granted) > 0, err
}

// Works says that somebody is at work at a school that day.
func Works(e *directory.Entry, today person.Date) bool {
	return e.State == directory.StateActive &&
		slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool { return a.Role == person.RoleStaff && a.ActiveOn(today) })
}

// byGroups is what groups give.
func (h *Holder) byGroups(ctx context.Context, e *directory.Entry) []rights.Grant {
	object := e.Object().GUID
	if h.o.Groups == nil || len(h.o.Rules) == 0 || object == [16]byte{} {
		return nil
	}
	in := map[string]bool{}
	for _, g := range h.groups(ctx, e.Person, object) {
		in[g] = true
	}
	if len(in) == 0 {
		return nil
	}
	var held []rights.Grant
	for _, r := range h.o.Rules {
		held = append(held, r.grants(in, h.o.People.Schools())...)
	}
	return held
}

// grants is what a rule gives to whoever is in these groups.
func (r Rule) grants(in map[string]bool, schools []person.School) []rights.Grant {
	if !r.Each {
		if name := r.Group(""); name == "" || !in[name] {
			return nil
		}
		return []rights.Grant{{Role: r.Role, Schools: r.Schools}}
	}
	var held []rights.Grant
	for _, s := range schools {
		if name := r.Group(s.ID); name != "" && in[name] && (len(r.Schools) == 0 || slices.Contains(r.Schools, s.ID)) {
			held = append(held, rights.Grant{Role: r.Role, Schools: []person.SchoolID{s.ID}})
		}
	}
	return held
}

// groups gives the groups of somebody, as fresh as they may be had.
func (h *Holder) groups(ctx context.Context, id identity.PersonID, object [16]byte) []string {
	now := h.o.Now()
	m := h.remembered(id, object)
	if now.Sub(m.at) >= fresh && now.Sub(m.asked) >= retry {
		// Whoever asks for the same waits with the first one, and none of them ends the
		// others' question by going away.
		asked, _, _ := h.flight.Do(id.String(), func() (any, error) { return h.ask(context.WithoutCancel(ctx), id, object, now), nil })
		m = asked.(membership)
	}
	if now.Sub(m.at) >= last {
		return nil
	}
	return m.groups
}

func (h *Holder) remembered(id identity.PersonID, object [16]byte) membership {
	h.mu.Lock()
	defer h.mu.Unlock()
	m, _ := h.known.Get(id)
	if m.object != object {
		return membership{object: object}
	}
	return m
}

// ask asks the directory.
func (h *Holder) ask(ctx context.Context, id identity.PersonID, object [16]byte, now time.Time) membership {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	m := h.remembered(id, object)
	m.asked = now
	switch groups, err := h.o.Groups.Groups(ctx, object); {
	case err != nil:
		h.o.Logger.Warn("administrators' groups cannot be read from Active Directory; what it said last counts for an hour", "person", id.String(), "error", err)
	default:
		m.groups, m.at = groups, now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.Add(id, m)
	return m
}
