package provision

import (
	"context"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Try is what the last activation of a city account came to, where there is
// something to repair: it is for the curators' list and the statistics.
type Try struct {
	Subject             identity.Subject
	Login               string // the mos.ru login
	Last, First, Middle string
	Decision            match.Decision // Match: only told beside
	Problems            []match.Problem
	Records             []person.RecordRef
	Schools             []person.SchoolID // of Records, as they were then
	At                  time.Time         // when mos.ru was asked
}

// Tries keeps the last try of each city account. An activation that finds
// nothing to repair makes the store forget it, and so does time.
type Tries interface {
	// KeepTry replaces what is kept of the subject, unless that is newer or an
	// activation has come since.
	KeepTry(ctx context.Context, t Try) error
}

// noteTime bounds the keeping of a try.
const noteTime = 5 * time.Second

// note keeps what is to be repaired, also of somebody who does not wait for the
// answer. That it could not be kept stops nobody.
func (a *activation) note(ctx context.Context, v match.Verdict) {
	if a.o.Tries == nil || len(v.Problems) == 0 {
		return
	}
	p := a.Profile
	t := Try{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle,
		Decision: v.Decision, Problems: v.Problems, Records: v.Records, Schools: schoolsOf(v.Records, a.rows), At: a.Asked}
	if t.At.IsZero() {
		t.At = a.now
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := a.o.Tries.KeepTry(ctx, t); err != nil {
		a.o.Logger.Error("what is to be repaired after an activation cannot be kept", "error", err)
	}
}

func schoolsOf(records []person.RecordRef, r match.Registry) []person.SchoolID {
	var ids []person.SchoolID
	add := func(kind person.RecordKind, id person.RecordID, school person.SchoolID) {
		if school != "" && slices.Contains(records, person.RecordRef{Kind: kind, ID: id}) && !slices.Contains(ids, school) {
			ids = append(ids, school)
		}
	}
	for _, e := range r.Employments {
		add(person.RecordEmployment, e.ID, e.School)
	}
	for _, e := range r.Enrolments {
		add(person.RecordEnrolment, e.ID, e.School)
	}
	for _, c := range r.Cards {
		add(person.RecordCard, c.Child, c.School)
	}
	return ids
}
