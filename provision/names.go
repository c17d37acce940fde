package provision

import (
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// NameSource says how it is known that a target has or had a name.
type NameSource uint8

// The sources.
const (
	NameLive    NameSource = iota + 1 // an object has it
	NameDeleted                       // an object in Deleted Objects had it
	NameListed                        // somebody handed in a list of names that were in use
)

// NameQuery asks which names a person cannot get in a target.
type NameQuery struct {
	Target  string
	Subject identity.Subject // the person's own names are in nobody's way
	// Given are names that mos.ru or the ЭЖД gave: taken where the target is
	// recorded to have had them (NameDeleted, NameListed). People's names and
	// those of live objects are told apart elsewhere.
	Given []string
	// Made are names that would be made: taken where they look like one that
	// another person here has or had, or the target (login.Look), and where they
	// are somebody else's login at mos.ru or in the ЭЖД.
	Made []string
	// Rows may be the person's: of their ЭЖД logins whoever decides judges.
	Rows []person.RecordRef
}
