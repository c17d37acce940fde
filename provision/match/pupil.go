package match

import (
	"strings"

	"schoolbridge/internal/person"
)

// pupilCandidate is one pupil's record whose ФИО is the profile's, on itself
// or on a record that was merged into it.
type pupilCandidate struct {
	target     int   // the record that status and school stand on
	nodes      []int // the records that may carry ФИО and contact, the target included
	contact    contact
	sameSNILS  bool
	sameDOB    bool
	differsDOB bool
	mixed      bool
	owner      owner
}

// certain says that more than name and contact speak for the pupil.
func (p *pupilCandidate) certain() bool { return p.sameDOB || p.sameSNILS }

type pupilResult struct {
	fits   []pupilCandidate // rule 2 holds, whoever they are bound to
	all    []pupilCandidate // ФИО equal
	misses []finding
}

// active says that the record is not closed; an empty status is active.
func (r *pupilRow) active() bool {
	s := strings.ToLower(strings.TrimSpace(r.Status))
	return s == "" || s == "active"
}

func (r *pupilRow) ref() person.RecordRef {
	return person.RecordRef{Kind: person.RecordEnrolment, ID: r.ID}
}

// pupilRule is rule 2: ФИО and a contact equal, the record active, birth dates
// not different.
func (c *candidate) pupilRule() pupilResult {
	var r pupilResult
	r.all = c.pupilCandidates()
	for _, p := range r.all {
		row := &c.ix.pupils[p.target]
		switch {
		case p.contact == contactEqual && !row.active():
			r.misses = append(r.misses, miss(NotEnrolled, NoMatch, row.ref(),
				"запись Контингента %s закрыта: ученик отчислен", row.ID))
		case p.contact == contactEqual && p.differsDOB:
			r.misses = append(r.misses, miss(DOBMismatch, Manual, row.ref(),
				"запись Контингента %s: ФИО и контакт совпадают, но даты рождения разные", row.ID))
		case p.contact == contactEqual:
			r.fits = append(r.fits, p)
		case p.contact == contactUnverified && row.active() && !p.differsDOB:
			r.misses = append(r.misses, miss(ContactNotVerified, Manual, row.ref(),
				"запись Контингента %s: совпал только контакт, который mos.ru не подтвердил", row.ID))
		case p.sameSNILS:
			r.misses = append(r.misses, miss(ContactMismatch, Manual, row.ref(),
				"запись Контингента %s: ФИО и СНИЛС совпадают, но ни телефон, ни почта не совпали", row.ID))
		default:
			r.misses = append(r.misses, miss(ContactMismatch, NoMatch, row.ref(),
				"запись Контингента %s: ФИО совпадает, но ни телефон, ни почта не совпали", row.ID))
		}
	}
	return r
}

// pupilCandidates gives the records with the ФИО, one a target.
func (c *candidate) pupilCandidates() []pupilCandidate {
	var all []pupilCandidate
	byTarget := map[int]int{}
	for _, i := range c.ix.pupilsByFIO[c.fio] {
		p := c.pupilCandidate(i)
		if at, seen := byTarget[p.target]; seen {
			all[at].join(p)
			continue
		}
		byTarget[p.target] = len(all)
		all = append(all, p)
	}
	for i := range all {
		all[i].owner = c.pupilOwner(all[i].target)
	}
	return all
}

// pupilCandidate looks at the record, what it was merged into and what was
// merged into it: the contact may stand on any of them.
func (c *candidate) pupilCandidate(at int) pupilCandidate {
	p := pupilCandidate{target: at, mixed: c.ix.pupils[at].mixed}
	for i := at; i >= 0; i = c.ix.pupils[i].next {
		p.nodes = append(p.nodes, i)
		p.target = i
	}
	for _, s := range c.ix.pupils[at].sources {
		p.nodes = append(p.nodes, c.ix.mergedInto(s)...)
	}
	// The target's birth date is the valid one; others stand in for it.
	dob := c.ix.pupils[p.target].BirthDate
	for _, i := range p.nodes {
		row := &c.ix.pupils[i]
		p.contact = max(p.contact, c.contact(row.phones, row.emails))
		p.sameSNILS = p.sameSNILS || c.snils != "" && row.snils == c.snils
		if dob.IsZero() {
			dob = row.BirthDate
		}
	}
	if !dob.IsZero() && !c.p.BirthDate.IsZero() {
		p.sameDOB = dob == c.p.BirthDate
		p.differsDOB = !p.sameDOB
	}
	return p
}

// join adds another record of the same target.
func (p *pupilCandidate) join(o pupilCandidate) {
	p.nodes = append(p.nodes, o.nodes...)
	p.contact = max(p.contact, o.contact)
	p.sameSNILS = p.sameSNILS || o.sameSNILS
	p.sameDOB = p.sameDOB || o.sameDOB
	p.differsDOB = (p.differsDOB || o.differsDOB) && !p.sameDOB
	p.mixed = p.mixed || o.mixed
}

// mergedInto gives a record and all that was merged into it.
func (ix *Index) mergedInto(at int) []int {
	all := []int{at}
	for i := 0; i < len(all); i++ {
		all = append(all, ix.pupils[all[i]].sources...)
	}
	return all
}

// pupilOwner says whose a target is: all records merged into it are one pupil.
func (c *candidate) pupilOwner(target int) owner {
	result := free
	for _, i := range c.ix.mergedInto(target) {
		switch whose(c.b.pupils, c.ix.pupils[i].ID, c.p.Subject) {
		case own:
			if i == target {
				return own
			}
			if result == free {
				result = own
			}
		case others:
			result = others
		}
	}
	return result
}
