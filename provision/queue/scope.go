package queue

import (
	"slices"

	"schoolbridge/internal/person"
)

// Scope says whose questions somebody may see: all, or those that concern some
// schools.
type Scope struct {
	All     bool
	Schools []person.SchoolID
}

// Covers says that the scope has a school. What is at no known school is the
// operator's.
func (s Scope) Covers(school person.SchoolID) bool {
	return s.All || school != "" && slices.Contains(s.Schools, school)
}

// SchoolOf is the school of a registry record, "" for one that is not there.
func SchoolOf(value any) person.SchoolID {
	switch v := value.(type) {
	case person.Employment:
		return v.School
	case person.Enrolment:
		return v.School
	case person.Card:
		return v.School
	}
	return ""
}

// Shown says that the question concerns the scope: one of its schools, or of its
// records as they are now, is there. What somebody wrote to a school is that
// school's alone, whomever it names.
func (i *Item) Shown(s Scope) bool {
	if i.Kind == Support {
		return s.Covers(i.Case.School)
	}
	return s.All || slices.ContainsFunc(i.Schools, s.Covers) || slices.ContainsFunc(i.Rows, func(r Row) bool { return s.Covers(SchoolOf(r.Value)) })
}

// Decidable says that whoever has the scope may decide alone: every record that
// the question is about is at one of its schools. One that has left its registry is
// at none, and neither is a question without any record. What somebody wrote to a
// school is that school's to close.
func (i *Item) Decidable(s Scope) bool {
	switch {
	case s.All:
		return true
	case i.Kind == Support:
		return s.Covers(i.Case.School)
	}
	outside := func(school person.SchoolID) bool { return !s.Covers(school) }
	return len(i.Rows) > 0 && !slices.ContainsFunc(i.Schools, outside) &&
		!slices.ContainsFunc(i.Rows, func(r Row) bool { return outside(SchoolOf(r.Value)) })
}

// Undoes says that whoever has the scope may take a decision back: what was decided
// with a wider one is not his to change.
func (s Scope) Undoes(d *Decision) bool {
	return s.All || len(d.Within) > 0 && !slices.ContainsFunc(d.Within, func(school person.SchoolID) bool { return !s.Covers(school) })
}
