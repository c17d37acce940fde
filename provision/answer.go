package provision

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// State is what somebody's activation came to.
type State string

// The states.
const (
	StateActive      State = "active"      // the account is there, or a parent's role
	StateRefused     State = "refused"     // the password, or data that the person or the school mends
	StateManual      State = "manual"      // a curator decides
	StatePassword    State = "password"    // all fits, and the password is wanted: see Desk.Arrive
	StateUnavailable State = "unavailable" // cannot be told now: come later
)

// Progress is how far an account is in a target.
type Progress string

// The progress of a target.
const (
	Ready   Progress = "ready"
	Pending Progress = "pending"
	Stuck   Progress = "problem" // waits for somebody; the answer's problems say for what
)

// Answer is what a person is told after an activation, and about it later.
type Answer struct {
	State State
	Login identity.Login // "" unless active
	Roles []match.Role
	// PC, WiFi and Teams are the logins there; "" where there is none (a
	// parent) or none is known yet.
	PC, WiFi, Teams string
	Targets         map[string]Progress // "wifi", "ad"
	Problems        []match.Problem     // reported beside
	// Person and Profile are of whoever was proved; zero otherwise, and Person
	// where nothing is bound.
	Person  identity.PersonID
	Profile person.Profile
	// Problem is why the state is not active: a problem's code or a reason of
	// package identity.
	Problem string
	// NotBefore is the moment before which the answer must not leave.
	NotBefore time.Time
}

// Place is one where login and password serve.
type Place struct {
	ID    string // web, wifi, pc, teams
	Login string
	State Progress
	Named string // the networks, of wifi
}

// Places are where the account serves of somebody whom the city, or another system,
// calls so, in the order in which people look.
func (a Answer) Places(who person.Profile, networks []string) []Place {
	ad, connected := a.Targets["ad"]
	if !connected {
		ad = Ready
	}
	city := cmp.Or(who.Login, string(a.Login)) // they may differ
	if who.Subject.Upstream() != "" {
		city = ""
	}
	all := []Place{
		{ID: "web", Login: city, State: Ready},
		{ID: "wifi", Login: a.WiFi, State: a.Targets["wifi"], Named: strings.Join(networks, ", ")},
		{ID: "pc", Login: a.PC, State: ad},
		{ID: "teams", Login: a.Teams, State: ad},
	}
	return slices.DeleteFunc(all, func(p Place) bool { return p.Login == "" })
}
