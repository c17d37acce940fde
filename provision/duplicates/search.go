package duplicates

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Known is what the store knows of accounts and people; its Repairs implement it.
type Known interface {
	// Owners tells of every account that is somebody's by a row, and of every claim.
	Owners(ctx context.Context, row func(GUID, identity.PersonID), claim func(id GUID, record person.RecordRef, holder identity.PersonID)) error
	// Resting gives the accounts that repairs have put to rest.
	Resting(ctx context.Context) (map[GUID]bool, error)
	// Name gives the name that is reserved for a person's account; identity.ErrNotFound.
	Name(ctx context.Context, id identity.PersonID) (string, error)
	// Facts tells of everybody.
	Facts(ctx context.Context, f func(Fact)) error
	// Schools gives those of whoever owns an account or whose record it is claimed
	// for, former ones too.
	Schools(ctx context.Context, account GUID) ([]person.SchoolID, error)
}

// Scanner reads every account of the directory.
type Scanner interface {
	Scan(ctx context.Context, f func(Account) error) error
}

// ErrScan says that it was the directory that could not be read, not the store.
var ErrScan = errors.New("the accounts of the directory cannot be read")

// Search reads the directory and the store, and finds. The zero values of the last
// two are sensible.
type Search struct {
	Directory Scanner
	Known     Known
	Read      func(accounts int) error // after each account; nil: nothing
}

// owner is whom the store has for an account.
type owner struct {
	person  identity.PersonID
	records []person.RecordRef
	holders []identity.PersonID
}

// Find reads everything once.
func (s *Search) Find(ctx context.Context) (Findings, error) {
	owners, err := s.owners(ctx)
	if err != nil {
		return Findings{}, err
	}
	resting, err := s.Known.Resting(ctx)
	if err != nil {
		return Findings{}, err
	}
	finder, read, rest := NewFinder(), 0, 0
	var ours error // not the directory's
	err = s.Directory.Scan(ctx, func(a Account) error {
		if read++; s.Read != nil {
			if ours = s.Read(read); ours != nil {
				return ours
			}
		}
		if k := owners[a.ID]; k != nil {
			a.Person, a.Records, a.Holders = k.person, k.records, k.holders
		}
		if a.Person != (identity.PersonID{}) && Dispossessed(a.Name) {
			if a.Right, ours = s.Known.Name(ctx, a.Person); errors.Is(ours, identity.ErrNotFound) {
				ours = nil
			} else if ours != nil {
				return ours
			}
		}
		if resting[a.ID] && AtRest(a) {
			rest++
			return nil
		}
		finder.Add(a)
		return nil
	})
	switch {
	case ours != nil:
		return Findings{}, ours
	case err != nil:
		return Findings{}, fmt.Errorf("%w: %w", ErrScan, err)
	}
	if err := s.Known.Facts(ctx, finder.Know); err != nil {
		return Findings{}, err
	}
	found := finder.Find()
	found.Resting = rest
	return found, s.place(ctx, &found)
}

// owners gathers what the store has on every account.
func (s *Search) owners(ctx context.Context) (map[GUID]*owner, error) {
	owners := map[GUID]*owner{}
	of := func(id GUID) *owner {
		if owners[id] == nil {
			owners[id] = &owner{}
		}
		return owners[id]
	}
	err := s.Known.Owners(ctx, func(id GUID, p identity.PersonID) { of(id).person = p },
		func(id GUID, record person.RecordRef, holder identity.PersonID) {
			k := of(id)
			k.records = append(k.records, record)
			if holder != (identity.PersonID{}) && !slices.Contains(k.holders, holder) {
				k.holders = append(k.holders, holder)
			}
		})
	return owners, err
}

// AtRest says of an account that a repair put to rest that it is so still: one
// that somebody is, or that can sign in, is looked at again.
func AtRest(a Account) bool { return !a.Enabled && a.Person == identity.PersonID{} }

// place notes at which schools whoever is behind the accounts is that were found.
// What the store has on an account outweighs who it may point to.
func (s *Search) place(ctx context.Context, found *Findings) error {
	one := func(a *Account) error {
		if a.Person == (identity.PersonID{}) && len(a.Records) == 0 {
			return nil
		}
		list, err := s.Known.Schools(ctx, a.ID)
		if list = schools(list); len(list) > 0 {
			a.Schools = list
		}
		return err
	}
	for i := range found.Groups {
		for j := range found.Groups[i].Members {
			if err := one(&found.Groups[i].Members[j]); err != nil {
				return err
			}
		}
	}
	for i := range found.Apart[:min(len(found.Apart), namesakesMost)] {
		if err := errors.Join(one(&found.Apart[i].A), one(&found.Apart[i].B)); err != nil {
			return err
		}
	}
	return nil
}
