package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
)

// Candidates are all rows that a decision about one profile may need. They
// are offered generously; the pure matcher decides. A row that left its
// registry comes as ended or closed.
type Candidates struct {
	Schools     []person.School // of these rows
	Employments []person.Employment
	Enrolments  []person.Enrolment
	Cards       []person.Card
	Bindings    []Binding // of these rows
	// Claims are those for these rows, in all targets.
	Claims []provision.Claim
	// Accounts are what the profile's subject has in targets.
	Accounts []provision.Account
}

// Binding says whose a record is.
type Binding struct {
	Record  person.RecordRef
	Person  identity.PersonID
	Subject identity.Subject
	// The bound person's name: on a card the binding concerns only the row
	// with this ФИО.
	Last, First, Middle string
}

// ErrTooMany says that a profile's values are shared by more rows than one
// person's can be, so that no decision is possible.
var ErrTooMany = errors.New("more registry rows share this profile's values than can be compared")

// candidateLimit bounds the rows of one decision: a million pupils have a few
// hundred namesakes at most.
const candidateLimit = 5000

// Candidates gives the rows that share the ФИО, the confirmed СНИЛС, a phone
// or an e-mail with the profile, the rows bound to its subject, those that somebody
// has decided to be its, the rows these were merged with, and every employment that
// has a СНИЛС of theirs.
func (a *Accounts) Candidates(ctx context.Context, p person.Profile) (Candidates, error) {
	all := append(contacts(p.Phone, p.Email), lookup{domainFIO, fioKey(p.Last, p.First, p.Middle)})
	if p.SNILSConfirmed {
		all = append(all, snilsLookups(p.SNILS)...)
	}
	return a.candidates(ctx, all, p.Subject, (*gathering).decided)
}

// RecordsByLogin gives the rows with an ЭЖД login, for explain.
func (a *Accounts) RecordsByLogin(ctx context.Context, login string) (Candidates, error) {
	return a.candidates(ctx, []lookup{{domainLogin, person.FoldName(login)}}, "")
}

// Records gives the rows that are bound to a person, for explain.
func (a *Accounts) Records(ctx context.Context, subject identity.Subject) (Candidates, error) {
	return a.candidates(ctx, nil, subject)
}

func (a *Accounts) candidates(ctx context.Context, all []lookup, subject identity.Subject, more ...func(*gathering, identity.Subject) error) (Candidates, error) {
	var c Candidates
	err := a.db.read(ctx, func(t *tx) error {
		g := &gathering{t: t, rows: map[person.RecordRef]any{}}
		if err := g.lookups(all); err != nil {
			return err
		}
		if subject != "" {
			if err := g.bound(subject); err != nil {
				return err
			}
		}
		for _, take := range more {
			if err := take(g, subject); err != nil {
				return err
			}
		}
		if err := g.sameSNILS(); err != nil {
			return err
		}
		if err := g.merged(); err != nil {
			return err
		}
		var err error
		c, err = g.result()
		return err
	})
	if err != nil {
		return Candidates{}, fmt.Errorf("find candidates: %w", err)
	}
	return c, nil
}

// gathering collects rows, each once. Cards are under their table's key.
type gathering struct {
	t     *tx
	rows  map[person.RecordRef]any
	holds []provision.Account // what the subject has in targets
	asks  identity.Subject
	me    identity.PersonID // whom the subject is bound to
	// at, where it is not nil, are the only schools whose rows are read.
	at []person.SchoolID
}

func (g *gathering) lookups(all []lookup) error {
	found := map[person.RecordKind][]string{}
	for _, l := range all {
		if l.text == "" {
			continue
		}
		digests, err := g.t.db.keys.every(l.domain, l.text)
		if err != nil {
			return err
		}
		for _, d := range digests {
			err := g.t.each("SELECT record_kind, record_key FROM lookups WHERE digest = ? AND kind = ? AND version = ?",
				[]any{d.digest, int64(l.domain), d.version}, func(scan func(...any) error) error {
					var kind person.RecordKind
					var key string
					err := scan(&kind, &key)
					found[kind] = append(found[kind], key)
					return err
				})
			if err != nil {
				return err
			}
		}
	}
	for kind, keys := range found {
		if err := g.take(kind, "key", keys); err != nil {
			return err
		}
	}
	return nil
}

// take reads rows by a column of their table.
func (g *gathering) take(kind person.RecordKind, column string, keys []string) error {
	slices.Sort(keys)
	table, within := registries[kind].table, ""
	if g.at != nil {
		within = " AND " + atSchools("", g.at)
	}
	return batches(slices.Compact(keys), inList, func(keys []string) error {
		return g.t.each("SELECT key, gone, sealed FROM "+table+" WHERE "+column+" IN ("+marks(len(keys))+")"+within, append(anys(keys), anys(g.at)...),
			func(scan func(...any) error) error {
				var key, gone string
				var sealed []byte
				if err := scan(&key, &gone, &sealed); err != nil {
					return err
				}
				value, err := g.t.db.keys.decode(kind, key, sealed)
				if err != nil {
					return err
				}
				if value = ended(value, gone); value != nil {
					g.rows[person.RecordRef{Kind: kind, ID: person.RecordID(key)}] = value
				}
				if len(g.rows) > candidateLimit {
					return ErrTooMany
				}
				return nil
			})
	})
}

// Gone gives the rows of staff and pupils that are not in their registry any more, and
// the day of the import that missed them, for explain. Those that never were are gone
// since no day.
func (a *Accounts) Gone(ctx context.Context, refs []person.RecordRef) (map[person.RecordRef]person.Date, error) {
	var since map[person.RecordRef]person.Date
	err := a.db.read(ctx, func(t *tx) error {
		since = map[person.RecordRef]person.Date{}
		for _, ref := range refs {
			var gone string
			err := t.row("SELECT gone FROM "+registries[ref.Kind].table+" WHERE key = ?", string(ref.ID)).Scan(&gone)
			switch {
			case isNoRows(err):
				since[ref] = person.Date{}
			case err != nil:
				return err
			case gone != "":
				if since[ref], err = person.ParseDate(gone); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("see whether rows have left their registry: %w", err)
	}
	return since, nil
}

// ended shows a row that left its registry as one that is over; a card is no
// more.
func ended(value any, gone string) any {
	if gone == "" {
		return value
	}
	switch r := value.(type) {
	case person.Employment:
		day, err := person.ParseDate(gone)
		if err != nil || day.IsZero() {
			return nil
		}
		if last := day.AddDays(-1); r.End.IsZero() || r.End.After(last) {
			r.End = last
		}
		return r
	case person.Enrolment:
		r.Status = closedStatus
		return r
	}
	return nil
}

func (g *gathering) bound(subject identity.Subject) error {
	id, err := g.t.personBySubject(subject)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	g.asks, g.me = subject, id
	if g.holds, err = g.t.accountsOf(id); err != nil {
		return err
	}
	refs, err := g.t.boundTo(id)
	if err != nil {
		return err
	}
	return g.records(refs)
}

// decided takes the records of which somebody has said that they are the subject's:
// nothing of them need be the profile's.
func (g *gathering) decided(subject identity.Subject) error {
	list, err := g.t.decisionsOf(subject)
	if err != nil {
		return err
	}
	var refs []person.RecordRef
	for _, d := range list {
		if d.Verb == queue.Bind {
			refs = append(refs, d.Records...)
		}
	}
	return g.records(refs)
}

// records takes the rows of records; of a card, those of both parents.
func (g *gathering) records(refs []person.RecordRef) error {
	for _, ref := range refs {
		column := "key"
		if ref.Kind == person.RecordCard {
			column = "child"
		}
		if err := g.take(ref.Kind, column, []string{string(ref.ID)}); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) sameSNILS() error {
	var all []lookup
	for _, row := range g.rows {
		if e, ok := row.(person.Employment); ok {
			all = append(all, snilsLookups(e.SNILS)...)
		}
	}
	return g.lookups(all)
}

// merged follows merged_to in both directions.
func (g *gathering) merged() error {
	for range mergeHops {
		var targets, keys []string
		for ref, row := range g.rows {
			e, ok := row.(person.Enrolment)
			if !ok {
				continue
			}
			keys = append(keys, string(ref.ID))
			if _, have := g.rows[person.RecordRef{Kind: ref.Kind, ID: e.MergedTo}]; e.MergedTo != "" && !have {
				targets = append(targets, string(e.MergedTo))
			}
		}
		before := len(g.rows)
		if err := g.take(person.RecordEnrolment, "key", targets); err != nil {
			return err
		}
		if err := g.take(person.RecordEnrolment, "merged_to <> '' AND merged_to", keys); err != nil {
			return err
		}
		if len(g.rows) == before {
			return nil
		}
	}
	return nil
}

func (g *gathering) result() (Candidates, error) {
	var c Candidates
	schools := map[string]bool{}
	refs := map[person.RecordRef]bool{}
	for _, key := range sortedRefs(g.rows) {
		ref := key
		switch r := g.rows[key].(type) {
		case person.Employment:
			c.Employments = append(c.Employments, r)
			schools[string(r.School)] = true
		case person.Enrolment:
			c.Enrolments = append(c.Enrolments, r)
			schools[string(r.School)] = true
		case person.Card:
			c.Cards = append(c.Cards, r)
			schools[string(r.School)] = true
			ref.ID = r.Child
		}
		refs[ref] = true
	}
	found, err := g.t.schoolsOf(slices.Sorted(maps.Keys(schools)))
	if err != nil {
		return c, err
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		c.Schools = append(c.Schools, found[id])
	}
	if c.Bindings, err = g.bindings(refs); err != nil {
		return c, err
	}
	c.Accounts = g.holds
	c.Claims, err = g.t.claimsOf(sortedRefs(refs))
	return c, err
}

func sortedRefs[T any](rows map[person.RecordRef]T) []person.RecordRef {
	refs := make([]person.RecordRef, 0, len(rows))
	for ref := range rows {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b person.RecordRef) int {
		if a.Kind != b.Kind {
			return int(a.Kind) - int(b.Kind)
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return refs
}

func (g *gathering) bindings(refs map[person.RecordRef]bool) ([]Binding, error) {
	var list []Binding
	for _, ref := range sortedRefs(refs) {
		err := g.t.each("SELECT person FROM bindings WHERE kind = ? AND key = ? ORDER BY person", []any{ref.Kind, string(ref.ID)},
			func(scan func(...any) error) error {
				var id []byte
				err := scan(&id)
				list = append(list, Binding{Record: ref, Person: personID(id)})
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	people := map[identity.PersonID]sealedPerson{}
	for i := range list {
		b := &list[i]
		p, ok := people[b.Person]
		if !ok {
			var err error
			if p, err = g.t.profileOf(b.Person); err != nil {
				return nil, err
			}
			people[b.Person] = p
		}
		subject := erasedSubject(p.Subject, b.Person)
		if b.Person == g.me && g.asks != "" {
			subject = g.asks
		}
		b.Subject, b.Last, b.First, b.Middle = subject, p.Last, p.First, p.Middle
	}
	return list, nil
}
