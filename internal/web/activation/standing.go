package activation

import (
	"time"

	"schoolbridge/internal/web"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// roomName is under what a session keeps the standing.
const roomName = "activation"

// standing is what the last look at the records came to.
type standing struct {
	State    provision.State
	Problem  string
	Problems []match.Problem
	Roles    []match.Role
	// Since is when the account was given, if it was in this session: the page
	// asks the more often for its targets the fresher it is.
	Since time.Time
}

// take writes what an answer of the desk says into a record and its standing.
func take(r *web.Record, s *standing, a provision.Answer, now time.Time) error {
	if a.State == provision.StateActive && s.State != provision.StateActive && s.State != "" {
		s.Since = now
	}
	s.State, s.Problem, s.Problems, s.Roles = a.State, a.Problem, a.Problems, a.Roles
	if a.Profile.Subject != "" {
		r.Profile = a.Profile
	}
	if a.State == provision.StateActive {
		r.Person, r.Login = a.Person, a.Login
		if a.PC == "" && a.WiFi == "" {
			r.Login = "" // a parent
		}
	}
	return r.Set(roomName, s)
}
