package match

import (
	"slices"
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
	approved   bool // a person has said so
	mixed      bool
	owner      owner
}

// certain says that more than name and contact speak for the pupil.
func (p *pupilCandidate) certain() bool { return p.sameDOB || p.sameSNILS || p.approved }

type pupilResult struct {
	fits   []pupilCandidate // rule 2 holds, whoever they are bound to
	all    []pupilCandidate // ФИО equal
	misses []finding
}

// active says that a record is not closed; an empty status is active.
func active(status string) bool {
	s := strings.ToLower(strings.TrimSpace(status))
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
	// What was said of a record goes before the others for as long as the pupil is
	// there: who left and came back has another one.
	if said := func(p pupilCandidate) bool { return p.approved && c.ix.pupils.at(p.target).active }; slices.ContainsFunc(r.all, said) {
		r.all = slices.DeleteFunc(r.all, func(p pupilCandidate) bool { return !p.approved })
	}
	for _, p := range r.all {
		row := c.ix.pupils.at(p.target)
		switch {
		case p.contact == contactEqual && !row.active:
			r.misses = append(r.misses, miss(NotEnrolled, NoMatch, row.ref(), PupilLeft, ""))
		case p.contact == contactEqual && p.differsDOB:
			r.misses = append(r.misses, miss(DOBMismatch, Manual, row.ref(), PupilOtherBirth, ""))
		case p.contact == contactEqual:
			r.fits = append(r.fits, p)
		case p.contact == contactUnverified && row.active && !p.differsDOB:
			r.misses = append(r.misses, miss(ContactNotVerified, Manual, row.ref(), PupilUnverified, ""))
		case p.sameSNILS:
			r.misses = append(r.misses, miss(ContactMismatch, Manual, row.ref(), PupilSNILSOnly, ""))
		default:
			r.misses = append(r.misses, miss(ContactMismatch, NoMatch, row.ref(), PupilNameOnly, ""))
		}
	}
	return r
}

// pupilCandidates gives the records with the ФИО, one a target. The contact
// may stand on the record, on what it was merged into and on what was merged
// into it.
func (c *candidate) pupilCandidates() []pupilCandidate {
	var all []pupilCandidate
	byTarget := map[int]int{}
	walked := map[int]walk{}
	for _, i := range c.pupilRows() {
		target := c.ix.target(i)
		at, known := byTarget[target]
		if !known {
			at = len(all)
			byTarget[target] = at
			all = append(all, pupilCandidate{target: target})
		}
		all[at].mixed = all[at].mixed || c.ix.pupils.at(i).mixed
		all[at].nodes = c.ix.walkMerged(i, walked, all[at].nodes)
	}
	for i := range all {
		c.compare(&all[i])
		c.approve(&all[i])
		all[i].owner = c.pupilOwner(all[i].target)
	}
	return all
}

// pupilRows are the records with the ФИО, and those of which a person has said
// that they are this person's.
func (c *candidate) pupilRows() []int {
	rows := c.ix.pupilsByFIO.rows(c.fio)
	for ref := range c.b.approved[c.p.Subject] {
		if i, ok := c.ix.pupilsByID.first(ref.ID); ok && ref.Kind == person.RecordEnrolment && !slices.Contains(rows, i) {
			rows = append(rows, i)
		}
	}
	slices.Sort(rows)
	return rows
}

// approve puts what a person has said in the place of contacts and birth dates.
func (c *candidate) approve(p *pupilCandidate) {
	for _, i := range p.nodes {
		if row := c.ix.pupils.at(i); c.b.approved[c.p.Subject][row.ref()] {
			p.approved, p.contact, p.differsDOB = true, contactEqual, false
		}
	}
}

// walk says in which directions a merged record was gone by.
type walk uint8

const (
	walkDown walk = 1 << iota
	walkUp
)

// walkMerged adds the records down to the target and all those above. Where it
// went before it does not go again: a long chain may bear one ФИО all along.
func (ix *Index) walkMerged(at int, walked map[int]walk, nodes []int) []int {
	visit := func(i int, way walk) bool {
		before := walked[i]
		walked[i] = before | way
		if before == 0 {
			nodes = append(nodes, i)
		}
		return before&way == 0
	}
	for i := at; i >= 0 && visit(i, walkDown); i = int(ix.merged[i].next) {
	}
	for above := []int{at}; len(above) > 0; {
		i := above[len(above)-1]
		above = above[:len(above)-1]
		if visit(i, walkUp) {
			above = append(above, ix.sources.rows(i)...)
		}
	}
	return nodes
}

// compare holds contacts, СНИЛС and birth date against the profile's. The
// target's birth date is the valid one; those of the others stand in for it.
func (c *candidate) compare(p *pupilCandidate) {
	known := false
	date := func(d person.Date) {
		known = known || !d.IsZero()
		p.sameDOB = p.sameDOB || !d.IsZero() && d == c.p.BirthDate
	}
	date(c.ix.pupils.at(p.target).BirthDate)
	valid := known
	for _, i := range p.nodes {
		row := c.ix.pupils.at(i)
		p.contact = max(p.contact, c.contact(row.phones, row.emails))
		p.sameSNILS = p.sameSNILS || c.snils != "" && row.snils == c.snils
		if !valid {
			date(row.BirthDate)
		}
	}
	p.differsDOB = known && !c.p.BirthDate.IsZero() && !p.sameDOB
}

// mergedInto gives a record and all that was merged into it.
func (ix *Index) mergedInto(at int) []int {
	all := []int{at}
	for i := 0; i < len(all); i++ {
		all = append(all, ix.sources.rows(all[i])...)
	}
	return all
}

// pupilOwner says whose a target is: all records merged into it are one pupil.
func (c *candidate) pupilOwner(target int) owner {
	result := free
	for _, i := range c.ix.mergedInto(target) {
		row := c.ix.pupils.at(i)
		switch c.b.whose(row.ref(), c.p.Subject) {
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
