package match

import (
	"slices"

	"schoolbridge/internal/person"
)

// pupilOrParent tells the son from the father of the same name on the same
// phone. It gives the pupil's record, or the cards, or what is unclear.
//
// What is certain about the person comes first (birth date, СНИЛС, an earlier
// binding of this subject); only then do bindings of others narrow down who is
// left: whoever was told apart before leaves the other one.
func (c *candidate) pupilOrParent(pupils pupilResult, cards cardResult) (*pupilCandidate, []cardCandidate, []finding) {
	fits, kids := pupils.fits, cards.fits
	if len(fits) > 0 && len(kids) > 0 {
		switch {
		case slices.ContainsFunc(fits, func(p pupilCandidate) bool { return p.owner == own || p.certain() }):
			kids = nil
		case slices.ContainsFunc(kids, surely):
			fits = nil
		}
	}
	left := slices.DeleteFunc(slices.Clone(fits), func(p pupilCandidate) bool { return p.owner == others })
	leftKids := slices.DeleteFunc(slices.Clone(kids), func(k cardCandidate) bool { return k.owner == others })
	if c.secondAccount(fits, left) {
		left, leftKids = nil, nil
	}
	if i := slices.IndexFunc(left, func(p pupilCandidate) bool { return p.owner == own }); i >= 0 {
		left = left[i : i+1]
	}
	switch {
	case len(left) == 1 && len(leftKids) == 0:
		return &left[0], nil, nil
	case len(left) == 0 && len(leftKids) > 0:
		return nil, leftKids, nil
	case len(left) > 0:
		return nil, nil, []finding{c.ambiguous(left, leftKids)}
	}
	return nil, nil, c.multiple(fits, kids)
}

// surely says that more than name and contact speak for the parent.
func surely(k cardCandidate) bool { return k.owner == own || k.sameSNILS || k.approved }

// boundPupil says that the parent is a pupil, by the records bound to this subject:
// who left, or whose record was spoilt, is not taken for the father of the same name
// by the family's telephone, and the card stays the father's. Who has grown up and has
// children is the parent on the cards that are surely the own ones, and on no other.
func (c *candidate) boundPupil(parent []cardCandidate) ([]cardCandidate, []finding) {
	if len(parent) == 0 {
		return nil, nil
	}
	pupil := slices.DeleteFunc(c.b.of(c.p.Subject), func(r person.RecordRef) bool { return r.Kind != person.RecordEnrolment })
	if len(pupil) == 0 {
		return parent, nil
	}
	if sure := slices.DeleteFunc(slices.Clone(parent), func(k cardCandidate) bool { return !surely(k) }); len(sure) > 0 {
		return sure, nil
	}
	cards := c.refs(nil, parent)
	return nil, []finding{{Problem{Code: Ambiguous}, Manual, slices.Concat(pupil, cards),
		Reason{Code: WasPupilNowCard, Records: slices.Concat(pupil, cards)}}}
}

// secondOf says that what is certain about a person who is bound to nothing yet
// points to a record of another subject in another registry, or to a closed one:
// this is a second city account, and gets no second account here.
func (c *candidate) secondOf(staff staffResult, pupils pupilResult, pupil *pupilCandidate) []finding {
	bound := slices.ContainsFunc(c.b.of(c.p.Subject), func(r person.RecordRef) bool { return r.Kind != person.RecordCard })
	if bound || !staff.matched() && pupil == nil {
		return nil
	}
	var refs []person.RecordRef
	for _, i := range staff.same {
		if row := c.ix.staff.at(i); c.b.whose(row.ref(), c.p.Subject) == others {
			refs = append(refs, row.ref())
		}
	}
	for _, p := range pupils.all {
		if p.owner == others && p.contact == contactEqual && !p.differsDOB && p.certain() {
			row := c.ix.pupils.at(p.target)
			refs = append(refs, row.ref())
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return []finding{{Problem{Code: MultipleMosruAccounts}, Manual, refs,
		Reason{Code: BoundElsewhere, Records: refs}}}
}

// secondAccount says that what is certain about the person points to a record
// of another subject: this is a second city account of the same pupil, and
// what is left over is not theirs by elimination.
func (c *candidate) secondAccount(fits, left []pupilCandidate) bool {
	return slices.ContainsFunc(fits, func(p pupilCandidate) bool { return p.owner == others && p.certain() }) &&
		!slices.ContainsFunc(left, func(p pupilCandidate) bool { return p.owner == own || p.certain() })
}

func (c *candidate) refs(pupils []pupilCandidate, cards []cardCandidate) []person.RecordRef {
	var refs []person.RecordRef
	for _, p := range pupils {
		row := c.ix.pupils.at(p.target)
		refs = append(refs, row.ref())
	}
	for _, k := range cards {
		row := c.ix.cards.at(k.row)
		refs = append(refs, row.ref())
	}
	return refs
}

func (c *candidate) ambiguous(pupils []pupilCandidate, cards []cardCandidate) finding {
	f := finding{problem: Problem{Code: Ambiguous}, decision: Manual, refs: c.refs(pupils, cards)}
	if len(cards) > 0 {
		f.reason = Reason{Code: PupilOrParent, Records: f.refs}
	} else {
		f.reason = Reason{Code: PupilsAlike, Records: f.refs}
	}
	return f
}

func (c *candidate) multiple(pupils []pupilCandidate, cards []cardCandidate) []finding {
	refs := c.refs(pupils, cards)
	if len(refs) == 0 {
		return nil
	}
	return []finding{{Problem{Code: MultipleMosruAccounts}, Manual, refs,
		Reason{Code: BoundElsewhere, Records: refs}}}
}
