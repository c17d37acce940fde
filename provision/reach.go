package provision

import (
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Reach is over whom a system beside mos.ru may decide. Whoever administers a
// school's own directory can write anybody's СНИЛС into it; so it proves people of
// its schools and roles, and of no others, whatever they match.
type Reach struct {
	Roles   []person.Role
	Schools []person.SchoolID // nil: any
}

// covers says that all records of a match are within the reach: somebody who
// works at a second school is not for the first one to prove. What a record was
// merged into counts with it.
func (r Reach) covers(records []person.RecordRef, in match.Registry) bool {
	wanted, found := map[person.RecordRef]bool{}, map[person.RecordRef]bool{}
	for _, ref := range records {
		wanted[ref] = true
	}
	for more := true; more; {
		more = false
		for _, e := range in.Enrolments {
			next := person.RecordRef{Kind: person.RecordEnrolment, ID: e.MergedTo}
			if e.MergedTo != "" && wanted[person.RecordRef{Kind: person.RecordEnrolment, ID: e.ID}] && !wanted[next] {
				wanted[next], more = true, true
			}
		}
	}
	covered := true
	judge := func(kind person.RecordKind, id person.RecordID, role person.Role, school person.SchoolID) {
		ref := person.RecordRef{Kind: kind, ID: id}
		if wanted[ref] {
			found[ref] = true
			covered = covered && slices.Contains(r.Roles, role) && (r.Schools == nil || slices.Contains(r.Schools, school))
		}
	}
	for _, e := range in.Employments {
		judge(person.RecordEmployment, e.ID, person.RoleStaff, e.School)
	}
	for _, e := range in.Enrolments {
		judge(person.RecordEnrolment, e.ID, person.RolePupil, e.School)
	}
	for _, c := range in.Cards {
		judge(person.RecordCard, c.Child, person.RoleParent, c.School)
	}
	return covered && len(found) == len(wanted)
}

// outOfReach turns a match into a refusal that a person has to look into.
func outOfReach(v match.Verdict) match.Verdict {
	v.Decision = match.Manual
	v.Roles = nil
	v.Provision = match.Provision{}
	v.Problems = append([]match.Problem{{Code: match.OutOfReach}}, v.Problems...)
	v.Reasons = append(v.Reasons, match.Reason{Code: match.BeyondReach})
	return v
}
