package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/teams"
)

// Teams reads who has a Teams login in a target.
type Teams struct {
	db     *DB
	target string
}

// Teams gives the reader of a target's Teams logins.
func (db *DB) Teams(target string) *Teams { return &Teams{db, target} }

var _ teams.Source = (*Teams)(nil)

// People implements teams.Source, in one snapshot.
func (s *Teams) People(ctx context.Context, today person.Date, school func(person.School) error, each func(teams.Person) error) error {
	err := s.db.read(ctx, func(t *tx) error {
		schools, err := t.allSchools()
		if err != nil {
			return err
		}
		for _, one := range schools {
			if err := school(one); err != nil {
				return err
			}
		}
		page := &teamsPage{t: t, target: s.target, today: today, each: each}
		return t.entryPages(page.emit)
	})
	if err != nil {
		return fmt.Errorf("read who is in Teams: %w", err)
	}
	return nil
}

type teamsPage struct {
	t      *tx
	target string
	today  person.Date
	each   func(teams.Person) error
}

// emit gives the people of a page, those after one id up to another.
func (p *teamsPage) emit(entries []*directory.Entry, after, last []byte) error {
	logins, err := p.logins(after, last)
	if err != nil || len(logins) == 0 {
		return err
	}
	positions, err := p.positions(after, last)
	if err != nil {
		return err
	}
	for _, e := range entries {
		upn := logins[e.Person]
		if upn == "" {
			continue
		}
		one := teams.Person{ID: e.Person, UPN: upn, Last: e.Last, First: e.First}
		for _, a := range e.Affiliations {
			if (a.Role == person.RoleStaff || a.Role == person.RolePupil) && a.ActiveOn(p.today) {
				one.Places = append(one.Places, teams.Place{Role: a.Role, School: a.School, Class: a.Class, Position: positions[string(a.Record.ID)]})
			}
		}
		slices.SortStableFunc(one.Places, func(a, b teams.Place) int { return cmp.Compare(a.Role, b.Role) })
		if err := p.each(one); err != nil {
			return err
		}
	}
	return nil
}

// logins are the Teams logins that were seen in the target. "target || ”" is no index: by
// that one everybody's row would be read for each page.
func (p *teamsPage) logins(after, last []byte) (map[identity.PersonID]string, error) {
	found := map[identity.PersonID]string{}
	err := p.t.each("SELECT person, observed FROM targets WHERE person > ? AND person <= ? AND target || '' = ?", []any{after, last, p.target},
		func(scan func(...any) error) error {
			var id, observed []byte
			if err := scan(&id, &observed); err != nil {
				return err
			}
			var o provision.Observed
			who := personID(id)
			err := p.t.db.keys.openJSON("targets", targetKey(who, p.target), "observed", observed, &o)
			found[who] = o.UPN
			return err
		})
	return found, err
}

// positions are those of employments, by record.
func (p *teamsPage) positions(after, last []byte) (map[string]string, error) {
	found := map[string]string{}
	err := p.t.each("SELECT e.key, e.sealed FROM bindings b JOIN employments e ON e.key = b.key WHERE +b.kind = 1 AND b.person > ? AND b.person <= ?", []any{after, last},
		func(scan func(...any) error) error {
			var key string
			var sealed []byte
			if err := scan(&key, &sealed); err != nil {
				return err
			}
			row, err := p.t.db.keys.decode(person.RecordEmployment, key, sealed)
			if e, ok := row.(person.Employment); ok {
				found[key] = e.Position
			}
			return err
		})
	return found, err
}
