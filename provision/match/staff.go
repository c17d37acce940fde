package match

import (
	"slices"

	"schoolbridge/internal/person"
)

// employmentState says whether an employment row counts today.
type employmentState uint8

const (
	employmentActive employmentState = iota
	employmentEnded
	employmentNotStarted
	employmentIncomplete
)

// stateOf: an ended row is ended whatever else it lacks; a row without school
// or start date is incomplete before anything is said about its start.
func (r *staffRow) stateOf(today person.Date) employmentState {
	switch {
	case !r.live(today):
		return employmentEnded
	case textKey(string(r.School)) == "" || r.Start.IsZero():
		return employmentIncomplete
	case r.Start.After(today):
		return employmentNotStarted
	}
	return employmentActive
}

// live says that the row has not ended.
func (r *staffRow) live(today person.Date) bool { return r.End.IsZero() || !r.End.Before(today) }

func (r *staffRow) ref() person.RecordRef {
	return person.RecordRef{Kind: person.RecordEmployment, ID: r.ID}
}

// staffResult is what rule 1 finds.
type staffResult struct {
	same   []int // ФИО and СНИЛС equal, in any state
	active []int // those of them that are active
	taken  bool  // one of them is bound to another subject
	misses []finding
}

func (r *staffResult) matched() bool { return len(r.active) > 0 && !r.taken }

// staffRule is rule 1: ФИО equal and confirmed СНИЛС equal. Contacts and birth
// dates are not looked at.
func (c *candidate) staffRule() staffResult {
	var r staffResult
	rows := c.ix.staffByFIO.rows(c.fio)
	approved := c.approvedStaff()
	for _, i := range approved { // whatever ФИО and СНИЛС say
		r.same = append(r.same, i)
		c.sameStaff(&r, i)
	}
	rows = slices.DeleteFunc(rows, func(i int) bool { return slices.Contains(approved, i) })
	if c.snils == "" {
		r.misses = append(r.misses, c.notConfirmed(rows)...)
		c.second(&r)
		return r
	}
	for _, i := range rows {
		row := c.ix.staff.at(i)
		switch row.snils {
		case c.snils:
			r.same = append(r.same, i)
			c.sameStaff(&r, i)
		case "":
			r.misses = append(r.misses, miss(KadrySNILSInvalid, Manual, row.ref(), StaffNoSNILS, ""))
		default:
			r.misses = append(r.misses, miss(SNILSMismatch, NoMatch, row.ref(), StaffOtherSNILS, ""))
		}
	}
	c.second(&r)
	for _, i := range c.ix.staffBySSN.rows(c.snils) {
		if row := c.ix.staff.at(i); row.fio != c.fio && row.live(c.today) && len(r.active) == 0 && !slices.Contains(approved, i) {
			r.misses = append(r.misses, miss(FIOMismatch, Manual, row.ref(), StaffOtherName, ""))
		}
	}
	return r
}

// second says that the person has another city account.
func (c *candidate) second(r *staffResult) {
	if len(r.active) == 0 || !r.taken {
		return
	}
	f := finding{problem: Problem{Code: MultipleMosruAccounts}, decision: Manual}
	for _, i := range r.active {
		row := c.ix.staff.at(i)
		f.refs = append(f.refs, row.ref())
	}
	f.reason = Reason{Code: BoundElsewhere, Records: f.refs}
	r.misses = append(r.misses, f)
}

func (c *candidate) approvedStaff() []int {
	var rows []int
	for ref := range c.b.approved[c.p.Subject] {
		if ref.Kind == person.RecordEmployment {
			rows = append(rows, c.ix.staffByID.rows(ref.ID)...)
		}
	}
	slices.Sort(rows)
	return rows
}

// sameStaff sorts a row of the person by its state.
func (c *candidate) sameStaff(r *staffResult, i int) {
	row := c.ix.staff.at(i)
	// The rows are one person: a second city account of that person gets
	// nothing, whichever of the rows the first one is bound to.
	if c.b.whose(row.ref(), c.p.Subject) == others {
		r.taken = true
	}
	switch row.stateOf(c.today) {
	case employmentActive:
		r.active = append(r.active, i)
	case employmentEnded:
		r.misses = append(r.misses, miss(EmploymentEnded, NoMatch, row.ref(), StaffEnded, row.End.String()))
	case employmentNotStarted:
		r.misses = append(r.misses, miss(EmploymentNotStarted, NoMatch, row.ref(), StaffNotStarted, row.Start.String()))
	case employmentIncomplete:
		r.misses = append(r.misses, miss(EmploymentDataMissing, Manual, row.ref(), StaffIncomplete, ""))
	}
}

// notConfirmed tells people without a confirmed СНИЛС that they are looked
// for in Кадры: one place of work, or several with the same СНИЛС.
func (c *candidate) notConfirmed(rows []int) []finding {
	var groups [][]int
	at := map[person.SNILS]int{}
	for _, i := range rows {
		snils := c.ix.staff.at(i).snils
		if g, ok := at[snils]; ok && snils != "" {
			groups[g] = append(groups[g], i)
			continue
		}
		at[snils] = len(groups)
		groups = append(groups, []int{i})
	}
	var misses []finding
	for _, group := range groups {
		f := finding{problem: Problem{Code: SNILSNotConfirmed}, decision: NoMatch}
		for _, j := range group {
			row := c.ix.staff.at(j)
			f.refs = append(f.refs, row.ref())
		}
		f.reason = Reason{Code: StaffUnconfirmed, Records: f.refs}
		if c.ix.places(group, c.today) > 1 {
			f.problem.Code = MultiSNILSNotConfirmed
			f.reason.Code = StaffUnconfirmedIn
		}
		misses = append(misses, f)
	}
	return misses
}

// places counts the distinct schools of the active rows, of all rows where
// none is active.
func (ix *Index) places(rows []int, today person.Date) int {
	active, all := map[string]bool{}, map[string]bool{}
	for _, i := range rows {
		row := ix.staff.at(i)
		key := ix.schoolKey(row.School)
		if key == "" {
			continue
		}
		all[key] = true
		if row.stateOf(today) == employmentActive {
			active[key] = true
		}
	}
	if len(active) > 0 {
		return len(active)
	}
	return len(all)
}

// duplicates finds live rows with the matched person's СНИЛС under another ФИО.
func (c *candidate) duplicates() []finding {
	var found []finding
	for _, i := range c.ix.staffBySSN.rows(c.snils) {
		if row := c.ix.staff.at(i); row.fio != c.fio && row.live(c.today) && !c.b.approved[c.p.Subject][row.ref()] {
			found = append(found, beside(KadrySNILSDuplicate, "", Reason{Code: StaffSameSNILS, Records: []person.RecordRef{row.ref()}}))
		}
	}
	return found
}
