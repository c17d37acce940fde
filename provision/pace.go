package provision

import (
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/provision/match"
)

// pace says when an account is looked at again.
type pace struct {
	sweep       time.Duration // after a pass that found all as it should be
	first, last time.Duration // after the first problem, and at most
	zone        *time.Location
	grace       int // days for which people who leave keep the account
}

// next gives the failures in a row and the time of the next look after a
// pass. chance is in [0,1): accounts that failed together do not come back
// together.
func (p pace) next(job Job, pass Pass, chance float64) (failures int, due time.Time) {
	if pass.Again {
		return job.Row.Failures, job.Now
	}
	due = job.Now.Add(p.sweep)
	if problems := pass.Observed.Problems; !pass.Observed.Ready || len(problems) > 0 {
		failures = job.Row.Failures + 1
		if !waitsForTrigger(problems) {
			due = job.Now.Add(p.backOff(failures, chance))
		}
	}
	if at := p.boundary(job.Entry, job.Now); !at.IsZero() && at.Before(due) {
		due = at
	}
	return failures, due
}

// waitsForTrigger says that only a sign-in or an event mends the problems:
// both make the account due at once.
func waitsForTrigger(problems []match.Problem) bool {
	for _, p := range problems {
		if p.Code != match.PasswordNeeded && p.Code != match.ADPasswordStale {
			return false
		}
	}
	return len(problems) > 0
}

// backOff doubles from first to last, and takes up to half as much again.
func (p pace) backOff(failures int, chance float64) time.Duration {
	d := p.first
	for i := 1; i < failures && d < p.last; i++ {
		d *= 2
	}
	return min(d+time.Duration(chance*float64(d)/2), p.last)
}

// boundary is the next midnight at which an affiliation begins or ends, or its grace
// does; zero where none does.
func (p pace) boundary(e *directory.Entry, now time.Time) time.Time {
	var next time.Time
	if e == nil {
		return next
	}
	consider := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, a := range e.Affiliations {
		if a.Closed {
			continue
		}
		if !a.From.IsZero() {
			consider(a.From.Time(p.zone))
		}
		if !a.To.IsZero() {
			consider(a.To.AddDays(1).Time(p.zone))
			consider(a.To.AddDays(1 + p.grace).Time(p.zone))
		}
	}
	return next
}
