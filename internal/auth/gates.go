package auth

import (
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// Gate names one condition that a person meets before mos.ru is asked.
type Gate string

// The gates, in the order in which they are asked.
const (
	GateActivated Gate = "activated" // bound to a city account
	GateState     Gate = "state"     // not suspended
	GateDates     Gate = "dates"     // employed or enrolled today
	GatePolicy    Gate = "policy"    // role, channel, school, device, hours
)

// Check is the answer of one gate.
type Check struct {
	Gate   Gate
	OK     bool
	Reason identity.Reason // "" if OK
	// Decision is GatePolicy's, with every question of the table.
	Decision policy.Decision
}

// Gates asks all gates of an entry, for explain: those behind a closed one
// too, so that the administrator sees everything that has to be mended.
func Gates(e *directory.Entry, table *policy.Table, channel identity.Channel, src identity.Source, now time.Time) []Check {
	day := person.DateOf(now.In(table.Zone()))
	check := func(g Gate, reason identity.Reason) Check { return Check{Gate: g, OK: reason == "", Reason: reason} }
	var buf [8]policy.Pair
	last := check(GatePolicy, "")
	last.Decision = table.Explain(activePairs(buf[:0], e, day), channel, &src, now)
	last.Reason = last.Decision.Reason
	last.OK = last.Reason == ""
	return []Check{check(GateActivated, activated(e)), check(GateState, state(e)), check(GateDates, dates(e, day)), last}
}

// pass is Gates for a sign-in: the first closed gate, or the grant.
func pass(e *directory.Entry, table *policy.Table, channel identity.Channel, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	if reason := activated(e); reason != "" {
		return identity.Grant{}, reason
	}
	if reason := state(e); reason != "" {
		return identity.Grant{}, reason
	}
	day := person.DateOf(now.In(table.Zone()))
	var buf [8]policy.Pair
	pairs := activePairs(buf[:0], e, day)
	if len(pairs) == 0 {
		return identity.Grant{}, dates(e, day)
	}
	return table.Decide(pairs, channel, src, now)
}

func activated(e *directory.Entry) identity.Reason {
	if e.Subject == "" || e.MosruLogin == "" {
		return identity.ReasonNotActivated
	}
	return ""
}

// state lets only a state pass that is known to be good.
func state(e *directory.Entry) identity.Reason {
	if e.State != directory.StateActive {
		return identity.ReasonSuspended
	}
	return ""
}

// dates tells one who has left from one who has not begun.
func dates(e *directory.Entry, day person.Date) identity.Reason {
	reason := identity.ReasonEnded
	for _, a := range e.Affiliations {
		if a.ActiveOn(day) {
			return ""
		}
		if !a.Closed && a.From.After(day) {
			reason = identity.ReasonNotStarted
		}
	}
	return reason
}

func activePairs(pairs []policy.Pair, e *directory.Entry, day person.Date) []policy.Pair {
	for i := range e.Affiliations {
		if a := &e.Affiliations[i]; a.ActiveOn(day) {
			pairs = append(pairs, policy.Pair{Role: policy.Role(a.Role), School: a.School})
		}
	}
	return pairs
}
