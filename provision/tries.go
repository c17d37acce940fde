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
	// About are the records of each problem, in the order of Problems; nil where a
	// version kept the try that did not note them.
	About   [][]person.RecordRef `json:",omitempty"`
	Records []person.RecordRef
	Schools []person.SchoolID // of Records, as they were then
	At      time.Time         // when mos.ru was asked
	// Profile is what mos.ru said, for whoever decides and so that explain can decide
	// again on what the registries hold by then; zero where Decision is Match.
	Profile person.Profile
}

// RecordsOf are the records that the n-th of the problems is about; all that the try
// speaks of where that is not known, or the problem is about none.
func (t *Try) RecordsOf(n int) []person.RecordRef {
	if n < len(t.About) && len(t.About[n]) > 0 {
		return t.About[n]
	}
	return t.Records
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
	for _, problem := range v.Problems {
		t.About = append(t.About, v.About(problem))
	}
	if v.Decision != match.Match {
		t.Profile = p
	}
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
